"""Dropped files and folders become songs to play and a list of what cannot be read, with reasons.

Runs in a job, because a folder may hold thousands of files on a slow disk. A file that was dropped by
itself is always tried, whatever its name; a folder is searched through to its end for names that sound
files have, in the order in which a person would list them. What is found is handed on at once, so that
the first song plays while the rest is still being looked at.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QCoreApplication

from app.jobs import Task
from engine.errors import DecodeError
from engine.io.sound_files import Unlisted, sound_files

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
        empty = True
        for item in sound_files(path):
            if task is not None:
                task.check()
            if item is None:
                continue
            empty = False
            if isinstance(item, Unlisted):
                yield Unreadable(item.path, _tr("cannot be opened: {}").format(item.reason))
            elif (key := os.path.realpath(item.path)) not in seen:
                seen.add(key)
                yield _look(item.path)
        if empty:
            yield Unreadable(path, _tr("holds no sound files"))


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


def _tr(text: str) -> str:
    return QCoreApplication.translate("Scan", text)
