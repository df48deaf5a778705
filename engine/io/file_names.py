"""File names for results: safe on every file system, short enough, not taken.

Called once a song before writing, on whichever thread writes. It exists because song names hold
slashes, colons and two hundred characters, and because nobody's file may be overwritten.
"""

import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from engine.errors import EncodeError

MAX_NAME_BYTES = 255
"""Longest file name of ext4, APFS and NTFS alike, counting UTF-8 bytes (the strictest reading)."""

_ROOM_BYTES = len(".part") + len(" (9999)")
_FORBIDDEN = set('<>:"/\\|?*')
_RESERVED = {"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10)}


def safe_name(song_name: str, max_bytes: int = MAX_NAME_BYTES) -> str:
    """Turn any text into one file name that Linux, macOS and Windows take.

    Parameters
    ----------
    song_name : str
        Any text, path separators and undecodable bytes included.
    max_bytes : int, 8 to 255
        Longest result in UTF-8 bytes.

    Returns
    -------
    str
        Never empty; cut between characters.
    """
    text = unicodedata.normalize("NFC", song_name.encode("utf-8", "replace").decode())
    text = "".join("_" if c in _FORBIDDEN or unicodedata.category(c) in ("Cc", "Cs") else c for c in text)
    text = text.strip().lstrip(".")
    text = text.encode()[:max_bytes].decode("utf-8", "ignore").rstrip(". ") or "song"
    if text.split(".")[0].strip().casefold() in _RESERVED:
        text = f"_{text}".encode()[:max_bytes].decode("utf-8", "ignore")
    return text


def free_name(folder: Path, song_name: str, suffixes: Sequence[str] = ("",)) -> str:
    """Find a name that nothing in a folder has.

    Parameters
    ----------
    folder : Path
        Where the files shall go; may not exist yet.
    song_name : str
        What they are called after, any text.
    suffixes : sequence of str
        What will be appended, such as " (vocals).wav": with every one of them the name is free and at
        most 255 bytes long.

    Returns
    -------
    str
        The safe name, or with " (2)", " (3)", ... where it is taken. Capitals do not make a difference,
        since they do not on macOS and Windows.

    Raises
    ------
    EncodeError
        When the folder cannot be listed or 9999 names are taken.
    """
    longest = max(len(suffix.encode()) for suffix in suffixes)
    name = safe_name(song_name, MAX_NAME_BYTES - _ROOM_BYTES - longest)
    try:
        taken = {unicodedata.normalize("NFC", entry).casefold() for entry in os.listdir(folder)}
    except FileNotFoundError:
        return name
    except OSError as err:
        raise EncodeError(f"output folder {folder} cannot be listed: {(err.strerror or '').lower()}") from err
    for attempt in range(1, 10_000):
        candidate = name if attempt == 1 else f"{name} ({attempt})"
        if not any(f"{candidate}{suffix}".casefold() in taken for suffix in suffixes):
            return candidate
    raise EncodeError(f"9999 results named {name} are in {folder} already; choose another folder with -o")
