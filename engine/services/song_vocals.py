"""The vocals of a song for whoever transcribes it: from the stem store, or separated now.

The thread that transcribes, in its own process. A song is separated once: stems that are there are used,
stems that another process is just making are waited for, and only then a separation is begun.
"""

import time
import warnings
from collections.abc import Callable
from pathlib import Path

from engine.errors import JobCancelled, ModelMissing, StoreBusy, StoreError
from engine.inference.sessions import Profile
from engine.io.home import Home
from engine.io.song_store import Progress, SongStore

VOCALS = "vocals"
LOOK_S = 0.25
MAX_SEPARATED_S = 1800.0
"""Longer than any song: a talk or a set. Its stems would take gigabytes, so the mix alone is heard."""


def stored_vocals(home: Home, song_hash: str) -> SongStore | None:
    """A finished separation with vocals in it, by whatever model made it.

    Parameters
    ----------
    home : Home
    song_hash : str
        Content hash of the song.
    """
    for folder in sorted(home.stems.glob(f"{song_hash[:32]}-*")):
        try:
            store = SongStore.attach(folder)
        except StoreError:
            continue
        if store.is_complete and VOCALS in store.stems:
            return store
        store.close()
    return None


def song_vocals(
    home: Home,
    song: Path,
    song_hash: str,
    separator: str,
    profile: Profile,
    report: Callable[[float], None],
) -> SongStore:
    """The store with a song's vocals; made when it is not there.

    Parameters
    ----------
    home : Home
    song : Path
    song_hash : str
        Of its content.
    separator : str
        Card of a model of the task "separate" that has a stem "vocals".
    profile : Profile
        As of `engine.services.separation.Separator`.
    report : callable
        Told the part that is done, 0 to 1, or -1 when only asked whether to go on: raises JobCancelled
        to stop.

    Returns
    -------
    SongStore
        Complete.

    Raises
    ------
    CharonError
        There is no such model here, the song cannot be read, or the disk is full.
    """
    from engine.services.separation import Separator

    while (store := stored_vocals(home, song_hash)) is None:
        with warnings.catch_warnings():
            # What the decoder has to say it says again to whoever reads the mix.
            warnings.simplefilter("ignore")
            try:
                with (
                    Separator(separator, home=home, profile=profile) as model,
                    model.separate_file(song) as separation,
                ):
                    if VOCALS not in model.card.stems:
                        raise ModelMissing(f"model {separator!r} has no stem for vocals")
                    for segment in separation.segments(interrupted=_Stop(report)):
                        report(segment.n_done / segment.n_total)
            except StoreBusy:
                _watch(home, song_hash, report)
        report(1.0)
    return store


class _Stop:
    """Asked by the separation between two looks at its network."""

    def __init__(self, report: Callable[[float], None]) -> None:
        self._report = report

    def __call__(self) -> bool:
        try:
            self._report(-1.0)
        except JobCancelled:
            return True
        return False


def _watch(home: Home, song_hash: str, report: Callable[[float], None]) -> None:
    """Another process separates this song: look at its progress for a moment."""
    for folder in home.stems.glob(f"{song_hash[:32]}-*"):
        try:
            with SongStore.attach(folder) as store:
                total = int(store.progress[Progress.TOTAL_SEGMENTS])
                report(int(store.progress[Progress.SEGMENTS_DONE]) / total if total else 0.0)
        except StoreError:
            continue
    time.sleep(LOOK_S)
