"""The song of a session, found again: where it was, beside the session file, or by its content.

Any thread but the GUI's: it reads folders and files. A song that was moved or renamed is the usual
case after a year or on another machine, so each answer says in words what happened.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from app.session import SessionError, SongReference
from engine.errors import DecodeError
from engine.io.decode import content_hash

MAX_LOOKED_AT = 20_000
"""Directory entries that a search looks at: about a second on a slow disk, then it gives up."""
MAX_DEPTH = 4


class SongMissing(SessionError):
    """The song of a session is nowhere that was looked at."""


@dataclass(frozen=True, slots=True)
class FoundSong:
    """The song of a session.

    Parameters
    ----------
    path : Path
        Where it is now.
    note : str
        What a user should know (it was moved, its content is another); empty when all is as it was.
    """

    path: Path
    note: str = ""


def find_song(song: SongReference, session_file: Path, also_look_in: Iterable[Path] = ()) -> FoundSong:
    """Find the song of a session.

    Parameters
    ----------
    song : SongReference
        As the session file has it.
    session_file : Path
        That file; its folder is searched.
    also_look_in : iterable of Path
        More folders, e.g. those of recent songs. The song's old folder is searched anyway.

    Returns
    -------
    FoundSong

    Raises
    ------
    SongMissing
        With the place where it was.
    """
    if song.path.is_file():
        return FoundSong(song.path, _if_changed(song, song.path))
    beside = session_file.absolute().parent
    named: Path | None = None
    for path in _by_name(song, beside):
        if not song.sha256 or _same_content(song, path):
            return FoundSong(path, _moved(song, path))
        named = named or path
    folders = dict.fromkeys([beside, song.path.parent, *(folder.absolute() for folder in also_look_in)])
    if song.sha256:
        for path in _by_size(song.size_bytes, folders):
            if _same_content(song, path):
                return FoundSong(path, _moved(song, path))
    if named is not None:
        return FoundSong(named, f"{named.name} was found in {named.parent}, but it is not the same recording")
    raise SongMissing(
        f"the song of this session was at {song.path} and is not there any more: "
        "put it beside the session file, or choose it"
    )


def _if_changed(song: SongReference, path: Path) -> str:
    if not song.sha256 or _same_content(song, path):
        return ""
    return f"{path.name} has changed since the session was saved: the loop may be elsewhere in it"


def _moved(song: SongReference, path: Path) -> str:
    if path.name == _name(song.path):
        return f"{path.name} was moved: found in {path.parent}"
    return f"{_name(song.path)} is called {path.name} now: found in {path.parent}"


def _name(path: Path) -> str:
    """Last part of a path, whatever system wrote it."""
    text = str(path)
    pure = (
        PureWindowsPath(text) if "\\" in text and "/" not in text else PurePosixPath(text.replace("\\", "/"))
    )
    return pure.name


def _by_name(song: SongReference, beside: Path) -> Iterator[Path]:
    """Files that have the song's way or name, seen from the session file."""
    wanted = [beside / song.relative] if song.relative else []
    wanted.append(beside / _name(song.path))
    for path in dict.fromkeys(wanted):
        with contextlib.suppress(OSError, ValueError):
            if path.is_file():
                yield path.resolve()


def _same_content(song: SongReference, path: Path) -> bool:
    try:
        if song.size_bytes and path.stat().st_size != song.size_bytes:
            return False
        return content_hash(path) == song.sha256
    except (OSError, DecodeError):
        return False


def _by_size(size_bytes: int, folders: Iterable[Path]) -> Iterator[Path]:
    """Files of a size in some folders: only they can have the content, so only they are read."""
    budget = MAX_LOOKED_AT
    level = [folder for folder in folders if folder != Path(folder.anchor)]
    for _ in range(MAX_DEPTH):
        deeper: list[Path] = []
        for folder in level:
            for entry in _entries(folder):
                budget -= 1
                if budget < 0:
                    return
                with contextlib.suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        deeper += [] if entry.name.startswith(".") else [Path(entry.path)]
                    elif entry.is_file() and entry.stat().st_size == size_bytes:
                        yield Path(entry.path)
        level = deeper


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []
