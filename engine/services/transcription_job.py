"""What is asked of a transcription and what is known of it: plain values, for whoever shows them.

Apart from `engine.services.transcription`, which does the work, so that a panel can be drawn before the
libraries of the network are imported.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal

from engine.lyrics import Lyrics, Segment

DEFAULT_MODEL = "whisper-base"
DRAFT_MODEL = "whisper-tiny-en"
DEFAULT_SEPARATOR = "spleeter-2stems"

Hearing = Literal["both", "mix", "vocals"]
"""What Whisper listens to: the song, its vocals, or both, of which the surer wins line by line."""


class JobState(StrEnum):
    """Where a transcription stands."""

    WAITING = "waiting"
    PREPARING = "preparing"
    TRANSCRIBING = "transcribing"
    ALIGNING = "aligning"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come by itself."""
        return self in (JobState.READY, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True, slots=True)
class TranscriptionOrder:
    """What is wanted.

    Parameters
    ----------
    model : str
        Card of the task "transcribe".
    language : str
        As ISO 639-1 has it; empty to detect it.
    hearing : Hearing
    precision, device : str
        "auto", or as `engine.inference.whisper.choose_plan` has them.
    separator : str
        Card of the model that takes the vocals out where that is not done yet.
    """

    model: str = DEFAULT_MODEL
    language: str = ""
    hearing: Hearing = "both"
    precision: str = "auto"
    device: str = "auto"
    separator: str = DEFAULT_SEPARATOR


@dataclass(frozen=True, slots=True)
class TranscriptionJob:
    """One song, as far as its words are known.

    Parameters
    ----------
    song : Path
    state : JobState
    part : float, 0 to 1
        What is done of the present state.
    segments : tuple of Segment
        So far, in time order.
    language : str
        Empty until it is known.
    model : str
    ran_on : str
        "CPU, int8"; empty until it is loaded.
    speed : float or None
        Seconds of song transcribed in a second; None before that can be said.
    message : str
        Why it failed, in one line.
    warnings : tuple of str
        What the user should know though it went on.
    lyrics : Lyrics or None
        When it is ready.
    """

    song: Path
    state: JobState = JobState.WAITING
    part: float = 0.0
    segments: tuple[Segment, ...] = ()
    language: str = ""
    model: str = DEFAULT_MODEL
    ran_on: str = ""
    speed: float | None = None
    message: str = ""
    warnings: tuple[str, ...] = ()
    lyrics: Lyrics | None = None
