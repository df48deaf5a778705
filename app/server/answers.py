"""What the local API takes and gives, as its OpenAPI document shows it."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from engine.services.control_shelf import MAX_NAME_LENGTH, ControlNetwork
from engine.services.training_report import TrainingStatus
from engine.services.training_run import MAX_DATA, MAX_EPOCHS, MAX_WORKERS

Text = Annotated[str, Field(min_length=1, max_length=1000)]


class _Taken(BaseModel):
    """What is sent here: nothing is guessed from a wrong type or a misspelt name."""

    model_config = ConfigDict(strict=True, extra="forbid")


class StartRequest(_Taken):
    """What is to be trained on what."""

    data: list[Text] = Field(
        min_length=1,
        max_length=MAX_DATA,
        description="Folders of music, or files, of the machine that the server runs on; absolute paths.",
        examples=[["/music/albums"]],
    )
    epochs: int = Field(40, ge=1, le=MAX_EPOCHS, description="Passes over the music.")
    max_files: int | None = Field(None, ge=1, le=1_000_000, description="No more songs than these.")
    workers: int = Field(0, ge=0, le=MAX_WORKERS, description="Processes that prepare songs.")
    device: Literal["cpu", "cuda"] = Field("cpu", description="What computes.")
    seed: int = Field(0, ge=0, le=2**32 - 1, description="The same seed, the same network (on a CPU).")
    resume: bool = Field(False, description="Go on where the newest training was interrupted.")


class ChoiceRequest(_Taken):
    """The network to use."""

    name: str = Field(
        min_length=1,
        max_length=2 * MAX_NAME_LENGTH,
        description="One of GET /api/models; `rules` uses no network.",
        examples=["orbit-control"],
    )


class EpochAnswer(BaseModel):
    """The losses of one epoch; null is a number that was not finite."""

    epoch: int
    loss: dict[str, float | None] = Field(description="Training loss by part; `total` is the weighted sum.")
    validation: dict[str, float | None] = Field(description="The same on songs that are not trained on.")
    wall_s: float


class ProgressAnswer(BaseModel):
    """A training at one moment, without its history."""

    status: Literal["idle", "running", "stopping", "done", "failed"]
    progress: float = Field(ge=0, le=1, description="Finished part.")
    current_epoch: int = Field(description="From 1; 0 before the first.")
    total_epochs: int
    error: str | None = Field(description="Why it failed.")
    batch_loss: float | None = Field(description="Loss of the newest batch.")
    left_s: float | None = Field(description="Seconds to the end, at the speed so far.")
    folder: str | None = Field(description="Where checkpoints, history and network are.")
    network: str | None = Field(description="Name of the finished network in GET /api/models.")


class StatusAnswer(ProgressAnswer):
    """A training at one moment."""

    loss_history: list[EpochAnswer] = Field(description="Every finished epoch, oldest first.")


class NetworkAnswer(BaseModel):
    """One control network."""

    name: str
    origin: Literal["rules", "shipped", "own"]
    size_bytes: int
    sha256: str = Field(description="Of the ONNX file; empty for the rules.")
    in_use: bool = Field(description="The visuals follow this one.")


class ModelsAnswer(BaseModel):
    """All control networks."""

    models: list[NetworkAnswer]


class AboutAnswer(BaseModel):
    """What this server is."""

    version: str
    training_trouble: str | None = Field(description="Why it cannot train, and what helps.")


class Trouble(BaseModel):
    """What went wrong, in one line."""

    error: str


def progress_answer(status: TrainingStatus) -> ProgressAnswer:
    """A status without its history."""
    return ProgressAnswer(
        status=status.status,
        progress=status.progress,
        current_epoch=status.current_epoch,
        total_epochs=status.total_epochs,
        error=status.error,
        batch_loss=status.batch_loss,
        left_s=status.left_s,
        folder=None if status.folder is None else str(status.folder),
        network=status.network,
    )


def status_answer(status: TrainingStatus) -> StatusAnswer:
    """A whole status."""
    history = [
        EpochAnswer(epoch=one.epoch, loss=one.loss, validation=one.validation, wall_s=one.wall_s)
        for one in status.loss_history
    ]
    return StatusAnswer(**progress_answer(status).model_dump(), loss_history=history)


def network_answer(network: ControlNetwork, chosen: ControlNetwork) -> NetworkAnswer:
    """A network, and whether it is the one in use."""
    return NetworkAnswer(
        name=network.name,
        origin=network.origin,
        size_bytes=network.size_bytes,
        sha256=network.sha256,
        in_use=network.name == chosen.name,
    )
