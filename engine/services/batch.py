"""Many songs, analysed or separated: by processes of this machine, or by a Dask cluster.

Runs on the thread that calls; the songs are worked on elsewhere (`engine.services.crew` here,
`engine.services.batch_dask` on a cluster). A song that is done is kept at once and never done again:
a batch that was cancelled, killed or lost its cluster goes on where it was when it is started again,
and a worker that dies costs the song in its hands some time and nothing else.

    addresses, unlisted = song_addresses(["music", "https://example.com/song.mp3"])
    with open_hands(Analysing(), len(addresses)) as hands:
        report = run_batch(addresses, Analysing(), Path("analyses"), hands)
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self

from engine.errors import EncodeError
from engine.io.song_address import result_name, shown, song_addresses, song_stamp
from engine.services.batch_records import Record, Records
from engine.services.batch_work import (
    BATCH_WORKSHOP,
    Analysing,
    BatchSong,
    Doing,
    Outcome,
    Separating,
    check,
)
from engine.services.crew import Crew, Done, Lost, Part

STAMP_THREADS = 16
"""Questions to servers at once, each of which is waiting only."""

News = Done[BatchSong, Outcome] | Lost[BatchSong] | Part[BatchSong] | None


class Hands(Protocol):
    """Whoever works on songs."""

    def __enter__(self) -> Self:
        """Begin."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Stop whatever is in work."""
        ...

    def work_through(self, items: Iterable[BatchSong], /) -> Iterator[News]:
        """Work on songs; see `engine.services.crew.Crew.work_through`."""
        ...


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """How far a batch is.

    Parameters
    ----------
    done, total : int
        Songs, those that were done before included.
    part : float, 0 to 1
        Of everything, songs in work included.
    newest : SongReport or None
        A song that was done just now.
    """

    done: int
    total: int
    part: float
    newest: "SongReport | None"


@dataclass(frozen=True, slots=True)
class SongReport:
    """What became of a song.

    Attributes
    ----------
    input : str
        Its address.
    state : "done", "known" or "failed"
        Known: there was a result of this very content with these settings.
    file : Path or None
        The record of its result; None when it failed.
    error : str
    notes : tuple of str
    wall_s : float
        Of the work on it.
    worker : str
        Machine and process that did it; "" when nobody had to.
    """

    input: str
    state: Literal["done", "known", "failed"]
    file: Path | None = None
    error: str = ""
    notes: tuple[str, ...] = ()
    wall_s: float = 0.0
    worker: str = ""


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What a batch did.

    Attributes
    ----------
    songs : tuple of SongReport
        In the order that was asked for.
    done, known, failed : int
        How many of each.
    wall_s : float
    """

    songs: tuple[SongReport, ...]
    done: int
    known: int
    failed: int
    wall_s: float


def _no_progress(_progress: BatchProgress) -> None:
    pass


def open_hands(
    doing: Doing, n_songs: int, *, processes: int | None = None, cluster: str | None = None
) -> Hands:
    """Somebody to work on songs.

    Parameters
    ----------
    doing : Analysing or Separating
    n_songs : int
        How many songs there are.
    processes : int or None, 1 to 64
        Processes on this machine; None is one a core for analysis, and one for separation, whose
        network takes every core.
    cluster : str or None
        Address of a Dask scheduler, such as ``tcp://host:8786``; None is this machine.

    Returns
    -------
    Hands
        To be entered.

    Raises
    ------
    CharonError
        What would fail with every song: see `engine.services.batch_work.check`.
    """
    if cluster is not None:
        from engine.services.batch_dask import ClusterHands

        return ClusterHands(cluster, doing)
    check(doing)
    wanted = processes or (1 if isinstance(doing, Separating) else os.cpu_count() or 1)
    return Crew[BatchSong, Outcome](BATCH_WORKSHOP, (doing,), max(1, min(wanted, n_songs)))


def run_batch(
    addresses: Sequence[str],
    doing: Doing,
    folder: Path,
    hands: Hands,
    progress: Callable[[BatchProgress], None] = _no_progress,
) -> BatchReport:
    """Work on many songs and keep what comes of each.

    Parameters
    ----------
    addresses : sequence of str
        See `engine.io.song_address.song_addresses`.
    doing : Analysing or Separating
    folder : Path
        Where results go; made when missing.
    hands : Hands
        Entered.
    progress : callable
        Told at least five times a second; what it raises ends the batch, and what is done is kept.

    Returns
    -------
    BatchReport

    Raises
    ------
    EncodeError
        The folder cannot be written.
    BatchError
        Nobody is left to work on songs.
    """
    started_s = time.monotonic()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        reason = (err.strerror or str(err)).lower()
        raise EncodeError(f"output folder {folder} cannot be made: {reason}; choose another with -o") from err
    batch = _Batch(list(dict.fromkeys(addresses)), Records(folder, doing.key), progress)
    batch.look_up()
    for news in hands.work_through(batch.to_do):
        batch.hear(news)
    return batch.report(time.monotonic() - started_s)


class _Batch:
    """One batch: what is left to do, and what became of the rest."""

    def __init__(
        self, addresses: list[str], records: Records, progress: Callable[[BatchProgress], None]
    ) -> None:
        self._addresses = addresses
        self._records = records
        self._progress = progress
        self._reports: dict[str, SongReport] = {}
        self._parts: dict[str, float] = {}
        self._known: dict[str, Record] = {}
        self.to_do: list[BatchSong] = []

    def look_up(self) -> None:
        """Find out what is done already; a song that may have changed is compared by its content."""
        self._tell(None)
        for address in self._addresses:
            record = self._records.known(address)
            if record is not None:
                self._known[address] = record
        with ThreadPoolExecutor(STAMP_THREADS, "stamps") as pool:
            stamps = dict(zip(self._known, pool.map(song_stamp, self._known), strict=True))
        for address in self._addresses:
            record = self._known.get(address)
            if record is not None and record.stamp and stamps[address] == record.stamp:
                self._finish(
                    address,
                    SongReport(shown(address), "known", self._records.file(address), "", record.notes),
                )
            else:
                digest = record.content_hash if record is not None else ""
                self.to_do.append(BatchSong(address, result_name(address), digest))

    def hear(self, news: News) -> None:
        """Take in what somebody who works has to say."""
        if isinstance(news, Done):
            self._finish(news.item.address, self._kept(news.item.address, news.result))
        elif isinstance(news, Lost):
            told = "" if news.exit_code is None else f" (exit code {news.exit_code})"
            error = f"it ended every process that worked on it{told}; is the file damaged?"
            self._finish(news.item.address, SongReport(shown(news.item.address), "failed", None, error))
        else:
            if news is not None:
                self._parts[news.item.address] = news.part
            self._tell(None)

    def _kept(self, address: str, outcome: Outcome) -> SongReport:
        report = SongReport(
            input=shown(address),
            state="done",
            file=self._records.file(address),
            notes=outcome.notes,
            wall_s=outcome.wall_s,
            worker=outcome.worker,
        )
        if outcome.failure:
            return replace(report, state="failed", file=None, error=outcome.failure)
        if outcome.known:
            known = self._known[address]
            self._records.stamp_again(address, known, outcome.stamp)
            return replace(report, state="known", notes=known.notes)
        self._records.keep(address, outcome)
        return report

    def _finish(self, address: str, report: SongReport) -> None:
        self._parts.pop(address, None)
        self._reports[address] = report
        self._tell(report)

    def _tell(self, newest: SongReport | None) -> None:
        done, total = len(self._reports), len(self._addresses)
        part = (done + sum(self._parts.values())) / max(1, total)
        self._progress(BatchProgress(done, total, part, newest))

    def report(self, wall_s: float) -> BatchReport:
        """What was done."""
        songs = tuple(self._reports[address] for address in self._addresses)
        states = [song.state for song in songs]
        return BatchReport(songs, states.count("done"), states.count("known"), states.count("failed"), wall_s)


__all__ = [
    "Analysing",
    "BatchProgress",
    "BatchReport",
    "Hands",
    "Separating",
    "SongReport",
    "open_hands",
    "run_batch",
    "song_addresses",
]
