"""Dropped files and folders become songs to play and a list of what cannot be read, with reasons.

Runs in a job, because a folder may hold thousands of files on a slow disk. A file that was dropped by
itself is always tried, whatever its name; a folder is searched through to its end for names that sound
files have, in the order in which a person would list them. What is found is handed on at once, so that
the first song plays while the rest is still being looked at.
"""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QCoreApplication

from app.jobs import Task
from engine.errors import DecodeError

SUFFIXES = frozenset(
    (
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
    )
)
"""What sound files are called; in a folder nothing else is opened."""

LOOK_FRAMES = 4096
"""A file is readable when this much of it decodes; cut-off ends are found, and kept, when it plays."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file that holds sound."""

    path: Path


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file or folder that gives no song.

    Parameters
    ----------
    path : Path
    reason : str
        In words, without the path.
    """

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Scan:
    """Everything that was found, in order."""

    songs: tuple[Path, ...]
    unreadable: tuple[Unreadable, ...]


def run_scan(paths: Iterable[Path], task: Task) -> Scan:
    """Look through what was dropped; for `JobPool.start`.

    Parameters
    ----------
    paths : iterable of Path
        Files and folders.
    task : Task
        Is handed every Found and Unreadable as it comes.
    """
    songs: list[Path] = []
    unreadable: list[Unreadable] = []
    for item in scan(paths, task):
        if isinstance(item, Found):
            songs.append(item.path)
        else:
            unreadable.append(item)
        task.post(item)
    return Scan(tuple(songs), tuple(unreadable))


def scan(paths: Iterable[Path], task: Task | None = None) -> Iterator[Found | Unreadable]:
    """Songs in files and folders, each once, lazily.

    Parameters
    ----------
    paths : iterable of Path
    task : Task or None
        May cancel it, also while nothing is found.

    Yields
    ------
    Found or Unreadable
    """
    seen: set[str] = set()
    for path in paths:
        items = _walk(path, set(), task) if path.is_dir() else iter([path])
        empty = True
        for item in items:
            empty = False
            if isinstance(item, Unreadable):
                yield item
                continue
            key = os.path.realpath(item)
            if key not in seen:
                seen.add(key)
                if task is not None:
                    task.check()
                yield _look(item)
        if empty:
            yield Unreadable(path, _tr("holds no sound files"))


def _walk(folder: Path, above: set[tuple[int, int]], task: Task | None) -> Iterator[Path | Unreadable]:
    """Sound files below a folder, its own first; hidden ones are left out."""
    if task is not None:
        task.check()
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: _natural(entry.name))
        status = folder.stat()
    except OSError as err:
        yield Unreadable(folder, _tr("cannot be opened: {}").format((err.strerror or str(err)).lower()))
        return
    here = (status.st_dev, status.st_ino)
    if here in above:
        return  # a link back up
    below: list[Path] = []
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = Path(entry.path)
        try:
            is_folder = entry.is_dir()
        except OSError:
            is_folder = False
        if is_folder:
            below.append(path)
        elif path.suffix.lower() in SUFFIXES:
            yield path
    for path in below:
        yield from _walk(path, above | {here}, task)


def _look(path: Path) -> Found | Unreadable:
    """Decode the beginning of a file."""
    from engine.io.decode import (
        decode_blocks,
    )  # takes half a second, and nobody drops before the window is up

    try:
        first = next(decode_blocks(path, LOOK_FRAMES), None)
    except DecodeError as err:
        reason = " ".join(str(err).split())
        return Unreadable(path, reason.removeprefix(str(path)).strip(" :").removeprefix("is "))
    return Found(path) if first is not None else Unreadable(path, _tr("holds no sound"))


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Sort key that counts: "2 Intro" before "10 Outro"."""
    parts = re.split(r"(\d+)", name.casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


def _tr(text: str) -> str:
    return QCoreApplication.translate("Scan", text)
