"""The stems of the library's songs are listened to: "songs with drums like these".

Runs on the thread that calls (a job of the window, the command line) and those of a `Listener`. What is in
the stem store and finished is analysed lane by lane, where it lies; every stem is committed when it is done,
so that a scan that is stopped goes on where it was.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.errors import StoreError
from engine.io.song_store import SongStore
from engine.kernels.true_peak import TruePeakMeter
from engine.services.analysis import ANALYSIS_VERSION, BLOCK_FRAMES, Analysis, describe
from engine.services.library import Library
from engine.services.library_process import analysis_record
from engine.services.library_records import WHOLE_SONG
from engine.services.listening import Listener


@dataclass(frozen=True, slots=True)
class StemReport:
    """What a scan of stems did.

    Attributes
    ----------
    found : int
        Finished stems of songs that are in the library.
    analysed : int
        Those that were listened to; the others were known.
    failed : tuple of (Path, str)
        Folders of stems that cannot be read, each with the reason.
    """

    found: int
    analysed: int
    failed: tuple[tuple[Path, str], ...]


def scan_stems(
    library: Library,
    stems: Path,
    *,
    progress: Callable[[float], None] | None = None,
    threads: int | None = None,
) -> StemReport:
    """Listen to every finished stem of the library's songs that is not known by the newest formulas.

    Parameters
    ----------
    library : Library
    stems : Path
        Folder of a `StemStore`; need not exist.
    progress : callable or None
        Called with the finished part, 0 to 1, every one or two seconds of sound; what it raises ends the
        scan, and what was finished is kept.
    threads : int or None
        As `RowPool`.

    Returns
    -------
    StemReport

    Raises
    ------
    LibraryError
        The data base cannot be written any more.
    """
    songs = {song.content_hash: song.song_id for song in library.songs()}
    todo: list[tuple[Path, str, str]] = []
    failed: list[tuple[Path, str]] = []
    n_found = n_analysed = 0
    for folder in _folders(stems):
        try:
            with SongStore.attach(folder) as store:
                song_hash = store.manifest.song_hash
                names = store.stems if song_hash in songs and store.is_complete else ()
        except StoreError as err:
            failed.append((folder, str(err)))
            continue
        names = [name for name in names if name != WHOLE_SONG]  # its place is taken
        n_found += len(names)
        wanted = [name for name in names if library.analysed_version(song_hash, name) != ANALYSIS_VERSION]
        # Of two models with a stem of one name, one is heard; which makes no difference to what it is.
        todo += [(folder, song_hash, name) for name in wanted if (song_hash, name) not in _pairs(todo)]
    for i, (folder, song_hash, name) in enumerate(todo):

        def report(part: float, done: int = i) -> None:
            if progress is not None:
                progress((done + part) / len(todo))

        try:
            found = analyse_stem(folder, name, progress=report, threads=threads)
        except StoreError as err:  # evicted or written anew meanwhile
            failed.append((folder, str(err)))
            continue
        library.put_analysis(songs[song_hash], analysis_record(found, ANALYSIS_VERSION, name))
        n_analysed += 1
    return StemReport(n_found, n_analysed, tuple(failed))


def analyse_stem(
    folder: Path,
    stem: str,
    *,
    progress: Callable[[float], None] | None = None,
    threads: int | None = None,
) -> Analysis:
    """Analyse a stem where it lies.

    Parameters
    ----------
    folder : Path
        A song's folder in the stem store, finished.
    stem : str
    progress, threads
        As `scan_stems`.

    Returns
    -------
    Analysis

    Raises
    ------
    StoreError
        There is no whole store in `folder`, or it is not finished.
    ParameterError
        No such stem.
    """
    with SongStore.attach(folder) as store, store.open_lane(stem) as lane:
        n_frames = store.total_frames
        if not n_frames or not store.is_complete:
            raise StoreError(f"{stem} of the song in {folder} is not finished: analyse it later")
        true_peak = TruePeakMeter(2)
        heard_frames = 0
        with Listener(store.rate_hz, threads) as listener:
            for block in lane.blocks(n_frames, BLOCK_FRAMES):
                listener.push(block)
                true_peak.push(block)
                heard_frames += block.shape[1]
                if progress is not None:
                    progress(heard_frames / n_frames)
            heard = listener.finish()
    return describe(heard, store.rate_hz, 2, n_frames / store.rate_hz, true_peak.true_peak_dbtp)


def _folders(stems: Path) -> Iterator[Path]:
    try:
        found = sorted(stems.iterdir())
    except FileNotFoundError:
        return
    except OSError as err:
        raise StoreError(f"the stems in {stems} cannot be listed: {err.strerror or err}") from err
    for folder in found:
        if folder.is_dir() and not folder.name.startswith("."):
            yield folder


def _pairs(todo: list[tuple[Path, str, str]]) -> set[tuple[str, str]]:
    return {(song_hash, name) for _, song_hash, name in todo}
