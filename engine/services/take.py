"""A take: what was recorded from the mic, and where in the song it belongs.

A take is up to two WAV files, dry and wet, and a line-by-line log beside them. The log says once how the take
was made, and then, whenever the song jumped (play, pause, seek, loop), which song frame went out beside
which frame of the take. It only grows, so a kill -9 costs a line at most.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal, cast

from engine.errors import StoreError

TAKE_VERSION: Final = 1
SUFFIX: Final = ".take"
Kind = Literal["dry", "wet"]
KINDS: Final[tuple[Kind, ...]] = ("dry", "wet")


@dataclass(frozen=True, slots=True)
class TakeHead:
    """How a take was made.

    Parameters
    ----------
    rate_hz : int
        Of its WAV files.
    latency_frames : int
        At `rate_hz`: from a frame's way out to the speaker, through the singer, to its way in. A frame of the
        take belongs to the song frame that went out so much earlier.
    song : str
        Path of the song that was loaded when it began; empty without one.
    song_rate_hz : int
        Rate that song frames are counted in; 0 without a song.
    """

    rate_hz: int
    latency_frames: int
    song: str = ""
    song_rate_hz: int = 0


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of the take beside one straight stretch of the song.

    Parameters
    ----------
    take_frame : int
        Where it begins in the take.
    song_frame : int
        Song frame that went out at that moment; -1 where no song sounded.
    """

    take_frame: int
    song_frame: int


@dataclass(frozen=True, slots=True)
class Take:
    """A take as it lies on disk.

    Parameters
    ----------
    log : Path
        Its log.
    head : TakeHead
    passages : tuple of Passage
        In the order of the take; each ends where the next begins.
    """

    log: Path
    head: TakeHead
    passages: tuple[Passage, ...]

    def path(self, kind: Kind) -> Path:
        """The WAV file of one kind; it need not exist."""
        return wav_path(self.log, kind)


def wav_path(log: Path, kind: Kind) -> Path:
    """The WAV file beside a take's log."""
    return log.with_name(f"{log.name.removesuffix(SUFFIX)} ({kind}).wav")


class TakeLog:
    """The growing log of a take.

    Parameters
    ----------
    path : Path
        Must not exist.
    head : TakeHead

    Raises
    ------
    StoreError
        It cannot be written.
    """

    def __init__(self, path: Path, head: TakeHead) -> None:
        self.path = path
        try:
            self._file = path.open("xb", buffering=0)
        except OSError as err:
            raise StoreError(
                f"{path} cannot be created: {err.strerror or err}; choose another folder"
            ) from err
        self._append({"version": TAKE_VERSION, **asdict(head)})

    def add(self, passage: Passage) -> None:
        """A new passage begins."""
        self._append({"take": passage.take_frame, "song": passage.song_frame})

    def _append(self, line: dict[str, Any]) -> None:
        try:
            self._file.write((json.dumps(line) + "\n").encode())
        except OSError as err:
            raise StoreError(f"{self.path} cannot be written: {err.strerror or err}; the take stays") from err

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def read_take(log: Path) -> Take:
    """Read a take's log; a line torn by a kill is left out.

    Parameters
    ----------
    log : Path
        The ``.take`` file.

    Raises
    ------
    StoreError
        It is not there, or no log of a take.
    """
    try:
        text = log.read_bytes()
    except OSError as err:
        raise StoreError(f"take {log} cannot be read: {err.strerror or err}; choose its .take file") from err
    try:
        lines = [json.loads(line) for line in text[: text.rfind(b"\n") + 1].splitlines()]
        head = cast("dict[str, Any]", lines[0])
        version = head.pop("version")
        take = Take(log, TakeHead(**head), tuple(_passages(lines[1:])))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as err:
        raise StoreError(f"{log} is no take: choose a .take file that Charon recorded") from err
    if version != TAKE_VERSION:
        raise StoreError(f"{log} is a take of version {version}, this Charon reads version {TAKE_VERSION}")
    return take


def _passages(lines: Iterable[dict[str, Any]]) -> Iterable[Passage]:
    for line in lines:
        yield Passage(int(line["take"]), int(line["song"]))
