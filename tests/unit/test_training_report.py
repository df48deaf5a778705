"""Lines of a training become one status."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from engine.services.training_report import TrainingStatus, fold

EPOCH = {
    "event": "epoch",
    "epoch": 2,
    "total_epochs": 4,
    "loss": {"total": 0.5},
    "validation": {},
    "wall_s": 1,
}


def test_progress_is_that_of_epochs_and_batches() -> None:
    status = fold(TrainingStatus(), {"event": "start", "total_epochs": 4})
    assert (status.progress, status.total_epochs) == (0.0, 4)
    status = fold(status, {"event": "batch", "epoch": 2, "batch": 1, "n_batches": 2, "loss": 0.25})
    assert (status.progress, status.current_epoch, status.batch_loss) == (0.375, 2, 0.25)
    assert fold(status, EPOCH).progress == 0.5


def test_epoch_that_is_told_again_replaces_itself_and_what_followed() -> None:
    status = TrainingStatus()
    for epoch in (1, 2, 3, 2):
        status = fold(status, EPOCH | {"epoch": epoch})
    assert [one.epoch for one in status.loss_history] == [1, 2]


def test_numbers_that_are_not_finite_become_none() -> None:
    status = fold(TrainingStatus(), EPOCH | {"loss": {"total": float("nan"), "a": float("inf"), "b": "x"}})
    assert status.loss_history[0].loss == {"total": None, "a": None, "b": None}


def test_model_lies_in_the_folder_of_the_training() -> None:
    status = fold(TrainingStatus(folder=Path("/runs/one")), {"event": "done", "model": "net.onnx"})
    assert status.model == Path("/runs/one/net.onnx")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=5,
    ),
    st.sampled_from(["start", "batch", "epoch", "done", "error"]),
    st.dictionaries(
        st.sampled_from(
            ["epoch", "total_epochs", "batch", "n_batches", "loss", "validation", "wall_s", "model"]
        ),
        st.none() | st.integers() | st.floats() | st.text() | st.dictionaries(st.text(), st.floats()),
    ),
)
def test_nothing_that_is_said_breaks_it(anything: object, event: str, values: dict) -> None:
    assert fold(TrainingStatus(), anything) == TrainingStatus()
    status = fold(TrainingStatus(total_epochs=3), values | {"event": event})
    assert 0.0 <= status.progress <= 1.0
