"""Sound files below a folder: what the library scans, and what is dropped on the window.

Any thread; nothing is opened, only listed. A single file's content decides whether it is sound; in a
folder of thousands the name must, or every picture and text in it would be opened and refused.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = frozenset(
    [
        ".aac",
        ".ac3",
        ".aif",
        ".aifc",
        ".aiff",
        ".alac",
        ".amr",
        ".ape",
        ".au",
        ".caf",
        ".dff",
        ".dsf",
        ".eac3",
        ".flac",
        ".m4a",
        ".m4b",
        ".m4r",
        ".mka",
        ".mp2",
        ".mp3",
        ".mp4",
        ".mpc",
        ".oga",
        ".ogg",
        ".opus",
        ".ra",
        ".shn",
        ".snd",
        ".spx",
        ".tak",
        ".tta",
        ".voc",
        ".w64",
        ".wav",
        ".wave",
        ".webm",
        ".wma",
        ".wv",
    ]
)
"""What sound files are called."""


@dataclass(frozen=True, slots=True)
class SoundFile:
    """A file that is called like sound.

    Parameters
    ----------
    path : Path
    size_bytes, mtime_ns : int
        As the file system has them.
    """

    path: Path
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Unlisted:
    """A file or folder that cannot be looked at.

    Parameters
    ----------
    path : Path
    reason : str
        In words, without the path.
    """

    path: Path
    reason: str


def sound_files(path: Path) -> Iterator[SoundFile | Unlisted | None]:
    """Sound files in a folder and below it, as a person would list them; hidden ones are left out.

    Parameters
    ----------
    path : Path
        A folder; or a file, which is taken whatever its name.

    Yields
    ------
    SoundFile, Unlisted or None
        None once a folder, so that a walk through a slow disk can be cancelled. A folder that is linked
        to from below itself is walked through once.
    """
    try:
        state = path.stat()
    except OSError as err:
        yield Unlisted(path, _words(err))
        return
    if path.is_dir():
        yield from _walk(path, frozenset())
    else:
        yield SoundFile(path, state.st_size, state.st_mtime_ns)


def _walk(folder: Path, above: frozenset[tuple[int, int]]) -> Iterator[SoundFile | Unlisted | None]:
    yield None
    try:
        state = folder.stat()
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: _natural(entry.name))
    except OSError as err:
        yield Unlisted(folder, _words(err))
        return
    here = (state.st_dev, state.st_ino)
    if here in above:
        return
    below: list[Path] = []
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = folder / entry.name
        try:
            if entry.is_dir():
                below.append(path)
            elif path.suffix.lower() in SUFFIXES:
                # Not the entry's own stat: Windows leaves sizes of linked files out of it.
                state = path.stat()
                yield SoundFile(path, state.st_size, state.st_mtime_ns)
        except OSError as err:
            yield Unlisted(path, _words(err))
    for path in below:
        yield from _walk(path, above | {here})


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Sort key that counts: "2 Intro" before "10 Outro"."""
    parts = re.split(r"(\d+)", name.casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


def _words(err: OSError) -> str:
    return (err.strerror or str(err)).lower()
