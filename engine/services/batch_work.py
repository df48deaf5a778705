"""What is done with one song of a batch: it is analysed, or separated into files.

Runs in the processes of a crew on this machine or in the workers of a cluster, one song at a time in
each, with what one song leaves for the next: the loaded model. Everything that comes in and goes out is
plain and can be sent to another machine.
"""

import logging
import os
import socket
import time
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import CharonError, CharonWarning, EncodeError, JobCancelled, ParameterError, StoreBusy
from engine.io.home import Home, default_home

if TYPE_CHECKING:
    from engine.services.separation import Separator

BATCH_WORKSHOP = "engine.services.batch_work:workshop"
"""The workshop of a batch's crew."""

CHECKED_RATE_HZ = 44_100
"""Any rate that every format holds: the songs' own are not known yet."""

BUSY_LOOK_S = 0.5
BUSY_LIMIT_S = 1800.0
"""How long to wait for somebody else who writes the stems of the same song: that of separating an hour."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Analysing:
    """Tell what songs are like.

    Parameters
    ----------
    threads : int or None
        As `RowPool`; 1 where processes share the cores.
    """

    threads: int | None = 1

    @property
    def key(self) -> str:
        """Names everything that changes the result."""
        from engine.services.analysis import ANALYSIS_VERSION

        return f"analysis {ANALYSIS_VERSION}"


@dataclass(frozen=True, slots=True)
class Separating:
    """Write a file a stem.

    Parameters
    ----------
    folder : str
        Absolute; each song gets a folder of its own in it.
    model : str
        Name of a model card.
    container, bits
        As `engine.io.encode.OutputFormat`.
    shifts, overlap, provider
        As `engine.services.separation.Separator`.
    home : str or None
        Root of the home with models and stems; None is that of the machine that works.
    """

    folder: str
    model: str
    container: Any = "wav"
    bits: Any = None
    shifts: int = 1
    overlap: float | None = None
    provider: str | None = None
    home: str | None = None

    @property
    def key(self) -> str:
        """Names everything that changes the result, the model's own settings apart."""
        bits = self.bits or "default"
        overlap = "default" if self.overlap is None else f"{self.overlap:.6f}"
        return f"stems {self.model} {self.container} {bits} bits, {self.shifts} shifts, {overlap} overlap"


Doing = Analysing | Separating


@dataclass(frozen=True, slots=True)
class BatchSong:
    """A song to work on.

    Parameters
    ----------
    address : str
        See `engine.io.song_address`.
    name : str
        What its results are called.
    known_hash : str
        Content that there is a result of already; "" when there is none.
    """

    address: str
    name: str
    known_hash: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a song.

    Attributes
    ----------
    result : dict or None
        Plain values; None when it failed, or when the known result still holds.
    content_hash : str
    stamp : str
        See `engine.io.song_address.song_stamp`.
    known : bool
        Its content is what it was.
    failure : str
        In words; "" when it did not fail.
    notes : tuple of str
        What a listener should know though it went on.
    wall_s : float
    worker : str
        Machine and process that did it.
    """

    result: dict[str, Any] | None = None
    content_hash: str = ""
    stamp: str = ""
    known: bool = False
    failure: str = ""
    notes: tuple[str, ...] = ()
    wall_s: float = 0.0
    worker: str = field(default_factory=lambda: worker_name())


def worker_name() -> str:
    """Name of this machine, and number of this process."""
    return f"{socket.gethostname()}:{os.getpid()}"


@contextmanager
def workshop(doing: Doing) -> Generator[Callable[[BatchSong, Callable[[float], None]], Outcome]]:
    """Set a process of a crew up; see `engine.services.crew.Workshop`.

    Parameters
    ----------
    doing : Analysing or Separating

    Yields
    ------
    callable
        Makes an `Outcome` of a `BatchSong`.
    """
    with Bench(doing) as bench:
        yield bench.work_on


class Bench:
    """A process's place of work: what one song leaves for the next.

    Parameters
    ----------
    doing : Analysing or Separating
    """

    def __init__(self, doing: Doing) -> None:
        self.doing = doing
        self._separator: Separator | None = None

    def close(self) -> None:
        """Let go of the model."""
        if self._separator is not None:
            self._separator.close()
            self._separator = None

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def work_on(self, song: BatchSong, report: Callable[[float], None]) -> Outcome:
        """Work on one song.

        Parameters
        ----------
        song : BatchSong
        report : callable
            Told the finished part, 0 to 1; what it raises stops the work.

        Returns
        -------
        Outcome
            Whatever goes wrong with the song is its `failure`.

        Raises
        ------
        JobCancelled
            When `report` did.
        """
        from engine.io.song_address import local_song, shown, song_stamp

        started_s = time.monotonic()
        digest = failure = ""
        result: dict[str, Any] | None = None
        path = Path(song.address)
        # Before it is read: what changes while it is worked on shall be done again next time.
        stamp = song_stamp(song.address)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                with local_song(song.address) as path:
                    digest, result = self._result(song, path, report)
            except JobCancelled:
                raise
            except MemoryError:
                failure = "there is not enough memory for it: close other programs, or use fewer processes"
            except CharonError as err:
                failure = str(err)
            except Exception as err:  # noqa: BLE001  one bad song must not stop a batch of thousands
                _log.exception("%s failed", song.address)
                failure = f"it failed ({type(err).__name__}: {err})"

        def told(text: str) -> str:
            # What was fetched is called by the address that somebody knows.
            return " ".join(text.replace(str(path), shown(song.address)).split())

        notes = [told(str(w.message)) for w in caught if issubclass(w.category, CharonWarning)]
        return Outcome(
            result=result,
            content_hash=digest,
            stamp=stamp,
            known=not failure and result is None,
            failure=told(failure),
            notes=tuple(dict.fromkeys(notes)),
            wall_s=time.monotonic() - started_s,
        )

    def _result(
        self, song: BatchSong, path: Path, report: Callable[[float], None]
    ) -> tuple[str, dict[str, Any] | None]:
        """Content hash and result; no result when the known one still holds."""
        from engine.io.decode import content_hash

        report(0.0)
        digest = content_hash(path)
        if digest == song.known_hash:
            return digest, None
        if isinstance(self.doing, Analysing):
            from engine.services.analysis import analyse_song

            return digest, analyse_song(path, report, self.doing.threads).to_dict()
        return digest, self._separated(self.doing, song, path, report)

    def _separated(
        self, doing: Separating, song: BatchSong, path: Path, report: Callable[[float], None]
    ) -> dict[str, Any]:
        from dataclasses import asdict

        from engine.io.encode import OutputFormat

        folder = Path(doing.folder)
        if not folder.is_dir():
            raise EncodeError(
                f"{worker_name()} does not see the output folder {folder}: choose one that all machines share"
            )

        def tell(part: float, _what: str) -> None:
            report(part)

        separator = self._ready_separator(doing)
        separation = _when_free(lambda: separator.separate_file(path), report)
        with separation:
            saved = separation.save_all(
                folder,
                OutputFormat(doing.container, doing.bits),
                name=song.name,
                overwrite=True,
                progress=tell,
            )
        plain = asdict(saved)
        del plain["input"], plain["warnings"]
        plain["stems"] = {name: str(file.relative_to(folder)) for name, file in saved.stems.items()}
        plain["sizes_bytes"] = {name: file.stat().st_size for name, file in saved.stems.items()}
        return plain

    def _ready_separator(self, doing: Separating) -> "Separator":
        from engine.services.separation import Separator

        if self._separator is None:
            self._separator = Separator(
                doing.model,
                home=_home(doing),
                provider=doing.provider,
                shifts=doing.shifts,
                overlap=doing.overlap,
            )
        return self._separator


def _when_free(begin: Callable[[], Any], report: Callable[[float], None]) -> Any:
    """Begin with a song as soon as nobody else writes its stems: a batch may name a song twice."""
    until_s = time.monotonic() + BUSY_LIMIT_S
    while True:
        try:
            return begin()
        except StoreBusy:
            if time.monotonic() > until_s:
                raise
        report(0.0)
        time.sleep(BUSY_LOOK_S)


def check(doing: Doing) -> None:
    """Find out before the first song what would fail with every one of them; quick, loads nothing.

    Parameters
    ----------
    doing : Analysing or Separating

    Raises
    ------
    CharonError
        The model is missing, the folder cannot be written, there is no such provider.
    """
    if isinstance(doing, Analysing):
        return
    from engine.inference.model_store import ModelStore
    from engine.inference.sessions import choose_providers
    from engine.io.encode import OutputFormat, check_output

    folder = Path(doing.folder)
    if not folder.is_absolute():
        raise ParameterError(f"the output folder {folder} must be absolute: workers start elsewhere")
    check_output(folder, OutputFormat(doing.container, doing.bits), CHECKED_RATE_HZ, 0, 1)
    home = _home(doing)
    ModelStore(home.models, home.cards).files(doing.model)
    choose_providers(doing.provider)


def _home(doing: Separating) -> Home:
    return Home(Path(doing.home)) if doing.home is not None else default_home()
