"""What is asked of a training run; plain values, so that nothing here imports torch."""

from dataclasses import dataclass
from pathlib import Path

from engine.errors import ParameterError

MODEL_NAME = "orbit-control.onnx"
HISTORY_NAME = "training_history.json"


@dataclass(frozen=True)
class Order:
    """A training run.

    Attributes
    ----------
    data : tuple of Path
        Sound files, and folders of them.
    out : Path
        Folder for everything that the run makes.
    epochs : int, 1 to 10,000
    tests : tuple of Path
        Songs that the finished network is compared with the rules on; never trained on.
    max_files : int or None, >= 1
        Songs of `data` that are used, the first ones.
    workers : int, 0 to 64
        Processes that read songs; 0 reads in the run's own.
    device : str
        "cpu" or "cuda".
    seed : int, >= 0
        Of the weights, the split, the stretches and the surrogate.
    resume : bool
        Go on from the newest checkpoint in `out`.
    checkpoint_epochs : int, >= 1
        Epochs from one checkpoint to the next.
    surrogate_steps : int, >= 1
        See `fit_surrogate`.
    patience_epochs : int, >= 1
        Epochs without a better validation after which the run ends.
    """

    data: tuple[Path, ...]
    out: Path
    epochs: int = 60
    tests: tuple[Path, ...] = ()
    max_files: int | None = None
    workers: int = 0
    device: str = "cpu"
    seed: int = 0
    resume: bool = False
    checkpoint_epochs: int = 10
    surrogate_steps: int = 1500
    patience_epochs: int = 20

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("epochs", self.epochs, 1, 10_000),
            ("max-files", self.max_files, 1, 1_000_000),
            ("workers", self.workers, 0, 64),
            ("seed", self.seed, 0, 2**31 - 1),
            ("checkpoint-epochs", self.checkpoint_epochs, 1, 10_000),
            ("surrogate-steps", self.surrogate_steps, 1, 1_000_000),
            ("patience-epochs", self.patience_epochs, 1, 10_000),
        ):
            if value is not None and not low <= value <= high:
                raise ParameterError(f"--{name} {value} is outside {low}..{high}")
        if not self.data:
            raise ParameterError("no songs were named: give --data FOLDER")
        if self.device not in ("cpu", "cuda"):
            raise ParameterError(f"there is no device {self.device!r}; use cpu or cuda")
