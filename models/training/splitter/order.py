"""What is asked of a training run; plain values, so that nothing here imports torch."""

from dataclasses import dataclass
from pathlib import Path

from engine.errors import ParameterError
from models.training.splitter.sounds import SYSTEM_ROOT

MODEL_NAME = "charon-splitter.onnx"
HISTORY_NAME = "training_history.json"
LONGEST_FRAMES = 640
"""STFT frames of an example, 15 s: a song of 24 s must hold it also where it is played faster."""


@dataclass(frozen=True)
class Order:
    """A training run.

    Attributes
    ----------
    out : Path
        Folder for everything that the run makes.
    data : Path or None
        Folder of songs in POP909's form; None makes every song up.
    sounds : Path or None
        Root of Debian's sound packages; None computes every sound, which is poorer.
    songs : int, 2 to 100,000
        Songs to render and learn from.
    songs_folder : Path or None
        Where rendered songs are kept; None is `out`/songs.
    check : tuple of Path
        Songs with true stems that choose the best network; the rendered ones that are kept out do without.
    check_start_s, check_length_s : float
        What of them is used.
    steps : int, 1 to 1,000,000
    steps_an_epoch : int, >= 1
        Steps from one validation to the next.
    batch : int, 1 to 256
        Examples a step.
    frames : int, 16 to 640
        STFT frames an example; three times as many, at most 640, towards the end of a run.
    workers : int, 1 to 64
        Processes that render.
    threads : int, 1 to 256
        Of the network.
    device : str
        "cpu" or "cuda".
    precision : str
        "float32", or "bfloat16" for the convolutions: faster where the processor has it.
    seed : int, >= 0
    resume : bool
        Go on from the newest checkpoint in `out`.
    checkpoint_epochs : int, >= 1
    patience_epochs : int, >= 1
        Epochs without a better validation after which the run ends.
    """

    out: Path
    data: Path | None = None
    sounds: Path | None = SYSTEM_ROOT
    songs: int = 96
    songs_folder: Path | None = None
    check: tuple[Path, ...] = ()
    check_start_s: float = 0.0
    check_length_s: float = 30.0
    steps: int = 1200
    steps_an_epoch: int = 50
    batch: int = 4
    frames: int = 128
    workers: int = 2
    threads: int = 2
    device: str = "cpu"
    precision: str = "float32"
    seed: int = 1
    resume: bool = False
    checkpoint_epochs: int = 1
    patience_epochs: int = 20

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("songs", self.songs, 2, 100_000),
            ("steps", self.steps, 1, 1_000_000),
            ("steps-an-epoch", self.steps_an_epoch, 1, 100_000),
            ("batch", self.batch, 1, 256),
            ("frames", self.frames, 16, LONGEST_FRAMES),
            ("workers", self.workers, 1, 64),
            ("threads", self.threads, 1, 256),
            ("seed", self.seed, 0, 2**31 - 1),
            ("checkpoint-epochs", self.checkpoint_epochs, 1, 10_000),
            ("patience-epochs", self.patience_epochs, 1, 10_000),
        ):
            if not low <= value <= high:
                raise ParameterError(f"--{name} {value} is outside {low}..{high}")
        if self.device not in ("cpu", "cuda"):
            raise ParameterError(f"there is no device {self.device!r}; use cpu or cuda")
        if self.precision not in ("float32", "bfloat16"):
            raise ParameterError(f"there is no precision {self.precision!r}; use float32 or bfloat16")
        if self.data is not None and not self.data.is_dir():
            raise ParameterError(f"--data {self.data} is no folder; name one with songs in POP909's form")

    @property
    def n_kept_out(self) -> int:
        """Rendered songs that judge and are never learnt from."""
        return max(1, min(8, self.songs // 8))
