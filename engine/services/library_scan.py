"""A scan: what lies in some folders comes into the library, and what is there already stays as it is.

Runs on the thread that calls (a job of the window, the command line); the listening is done by the
processes of a `Crew`. Every file is committed when it is done, so that a scan that was cancelled,
killed, or ran out of disk goes on where it was when it is started again. A file is looked at again when
its size or time has changed; a song that is known by its content is not analysed again, wherever it has
been moved to; a file that is no song is remembered with the reason.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import BatchError, LibraryError
from engine.io.sound_files import SoundFile, Unlisted, sound_files
from engine.services.crew import Crew, Done, Lost
from engine.services.library import Library
from engine.services.library_folders import begin_folders, finish_folders
from engine.services.library_process import ANALYSER, EXAMINER, Examined, analyser_version
from engine.services.library_records import FileState

WALK_TICK_FILES = 100


@dataclass(frozen=True, slots=True)
class ScanProgress:
    """How far a scan is.

    Parameters
    ----------
    done, total : int
        Files that had to be looked at; total is 0 while folders are still being listed.
    found : int
        Sound files so far, those that need nothing included.
    path : Path or None
        The newest file that is done.
    """

    done: int
    total: int
    found: int
    path: Path | None


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What a scan did.

    Attributes
    ----------
    found : int
        Sound files in the folders: added + changed + moved + copies + unchanged + failed.
    added, changed, moved, copies, unchanged : int
        New songs; files with new content; songs found at another place; other places of a song that
        is known; files that nothing had to be done for.
    analysed : int
        Files that were listened to.
    missing : int
        Files that were there at an earlier scan; their songs stay in the library.
    failed : tuple of (Path, str)
        Files and folders that give no song, each with the reason; unchanged ones included.
    notes : tuple of (Path, str)
        What should be known of a file that was read.
    wall_s : float
    """

    found: int
    added: int
    changed: int
    moved: int
    copies: int
    unchanged: int
    analysed: int
    missing: int
    failed: tuple[tuple[Path, str], ...]
    notes: tuple[tuple[Path, str], ...]
    wall_s: float


def _no_progress(_progress: ScanProgress) -> None:
    pass


def scan_folders(
    library: Library,
    folders: Sequence[Path],
    *,
    progress: Callable[[ScanProgress], None] = _no_progress,
    processes: int | None = None,
    analyser: str = ANALYSER,
) -> ScanReport:
    """Bring everything in some folders into the library.

    Parameters
    ----------
    library : Library
    folders : sequence of Path
        Walked through to their ends; a file is taken as it is.
    progress : callable
        Told at least five times a second; what it raises ends the scan, and what was finished is kept.
    processes : int or None, 1 to 64
        Processes that listen; None is one a core.
    analyser : str
        ``module:function`` that listens, see `engine.services.library_process`.

    Returns
    -------
    ScanReport

    Raises
    ------
    LibraryError
        The data base cannot be written any more (the disk is full), or no process stays alive.

    Notes
    -----
    Memory: about 1 kB a file that is known or found, and what one analysis takes in each process.
    """
    started_s = time.monotonic()
    scan = _Scan(library, analyser_version(analyser), progress)
    roots = [Path(os.path.abspath(folder)) for folder in folders]
    begin_folders(library, roots)
    scan.walk(roots)
    if scan.todo:
        n_processes = min(processes or os.cpu_count() or 1, len(scan.todo))
        arguments = (str(library.file), analyser)
        crew = Crew[Path, Examined](EXAMINER, arguments, n_processes, low_priority=True)
        try:
            with crew:
                scan.listen(crew)
        except BatchError as err:
            raise LibraryError(str(err)) from err
    scan.forget_missing()
    finish_folders(library, roots)
    return scan.report(time.monotonic() - started_s)


class _Scan:
    """One scan: what it knows, what is left to do, what it has counted."""

    def __init__(self, library: Library, version: int, progress: Callable[[ScanProgress], None]) -> None:
        self._library = library
        self._version = version
        self._progress = progress
        self._known = library.files()
        self._roots: list[Path] = []
        self._seen: set[bytes] = set()
        self._moved_from: set[bytes] = set()
        self._unlisted: list[Path] = []
        self._failed: list[tuple[Path, str]] = []
        self._notes: list[tuple[Path, str]] = []
        self._counts: Counter[str] = Counter()
        self.todo: dict[Path, SoundFile] = {}

    def walk(self, roots: Sequence[Path]) -> None:
        """List the folders and choose what must be looked at."""
        self._roots = list(roots)
        for root in roots:
            for item in sound_files(root):
                if item is None or self._counts["found"] % WALK_TICK_FILES == 0:
                    self._progress(ScanProgress(0, 0, self._counts["found"], None))
                if isinstance(item, Unlisted):
                    self._unlisted.append(item.path)
                    self._failed.append((item.path, item.reason))
                elif item is not None:
                    self._choose(item)

    def _choose(self, file: SoundFile) -> None:
        name = os.fsencode(file.path)
        if name in self._seen:
            return
        self._seen.add(name)
        self._counts["found"] += 1
        state = self._known.get(name)
        seen_before = (file.size_bytes, file.mtime_ns, self._version)
        if state is None or (state.size_bytes, state.mtime_ns, state.version) != seen_before:
            self.todo[file.path] = file
        elif state.failure:
            self._failed.append((file.path, state.failure))
        else:
            self._counts["unchanged"] += 1

    def listen(self, crew: Crew[Path, Examined]) -> None:
        """Let the crew look at what must be looked at, and keep what comes of it."""
        done = 0
        paths = list(self.todo)
        again: list[Path] = []
        for result in _results(crew, paths):
            path = None
            if result is not None:
                path = result[0]
                if self._keep(*result):
                    done += 1
                else:
                    again.append(path)
            self._progress(ScanProgress(done, len(paths), self._counts["found"], path))
        # Known to the process that looked, then taken out of the library before it was written.
        for result in _results(crew, again):
            if result is not None:
                self._keep(*result)

    def _keep(self, path: Path, examined: Examined) -> bool:
        """Commit what a file turned out to be; False when it must be looked at again."""
        file = self.todo[path]
        state = FileState(file.size_bytes, file.mtime_ns, self._version, examined.failure)
        self._notes.extend((path, note) for note in examined.notes)
        if examined.failure:
            # What could not even be read (permissions, a disk that is gone) may be readable next time.
            if examined.content_hash:
                self._library.put_failure(path, state)
            self._failed.append((path, examined.failure))
            return True
        before = self._library.paths_of(examined.content_hash)
        known = bool(before) or self._library.analysed_version(examined.content_hash) is not None
        if examined.song is not None and examined.analysis is not None:
            self._library.put_song(path, state, examined.song, examined.analysis)
            self._counts["analysed"] += 1
        elif not self._library.put_path(path, state, examined.content_hash):
            return False
        gone = [other for other in before if other != path and not os.path.lexists(other)]
        if gone:
            self._library.forget_paths(gone)
            self._moved_from.update(os.fsencode(other) for other in gone)
        self._counts[self._kind(path, known, before, gone)] += 1
        return True

    def _kind(self, path: Path, known: bool, before: Sequence[Path], gone: Sequence[Path]) -> str:
        """What a file counts as; `before` is where its song was known to lie, `gone` what is not there."""
        if path in before:
            return "unchanged"  # touched, or analysed anew
        old = self._known.get(os.fsencode(path))
        if old is not None and not old.failure:
            return "changed"
        if not known:
            return "added"
        return "moved" if gone or not before else "copies"

    def forget_missing(self) -> None:
        """Drop the places where nothing lies any more, but none in a folder that cannot be looked into."""
        roots = [os.fsencode(root) for root in self._roots]
        blind = [os.fsencode(path) for path in self._unlisted]
        gone: list[Path] = []
        for name, state in self._known.items():
            if name in self._seen or name in self._moved_from:
                continue
            if not _is_below(name, roots) or _is_below(name, blind):
                continue
            if not os.path.lexists(name):
                gone.append(Path(os.fsdecode(name)))
                self._counts["missing"] += not state.failure
        if gone:
            self._library.forget_paths(gone)

    def report(self, wall_s: float) -> ScanReport:
        """What was done."""
        count = self._counts
        return ScanReport(
            found=count["found"],
            added=count["added"],
            changed=count["changed"],
            moved=count["moved"],
            copies=count["copies"],
            unchanged=count["unchanged"],
            analysed=count["analysed"],
            missing=count["missing"],
            failed=tuple(self._failed),
            notes=tuple(self._notes),
            wall_s=wall_s,
        )


def _results(crew: Crew[Path, Examined], paths: Sequence[Path]) -> Iterator[tuple[Path, Examined] | None]:
    """What became of each file; None now and then while nothing does."""
    for news in crew.work_through(paths):
        if isinstance(news, Done):
            yield news.item, news.result
        elif isinstance(news, Lost):
            reason = f"analysing it ended the process (exit code {news.exit_code})"
            yield news.item, Examined(failure=reason)
        else:
            yield None


def _is_below(name: bytes, roots: Sequence[bytes]) -> bool:
    separator = os.fsencode(os.sep)
    return any(name == root or name.startswith(root.rstrip(separator) + separator) for root in roots)
