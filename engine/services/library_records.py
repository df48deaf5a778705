"""What goes into the library and what comes out of it, as plain frozen records.

Any thread, any process: a scan's processes send them to the one that writes. The library holds no
NaN and no infinity, and this is where they are refused.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import ParameterError
from engine.units import F32

WHOLE_SONG = "song"
"""Source of an analysis of the song itself; a stem's is the stem's name."""


@dataclass(frozen=True, slots=True)
class FileState:
    """What tells whether a file must be looked at again.

    Parameters
    ----------
    size_bytes, mtime_ns : int
        As the file system has them.
    version : int
        Version of the analysis that it was looked at with.
    failure : str
        Why it gives no song; "" when it does.
    """

    size_bytes: int
    mtime_ns: int
    version: int
    failure: str = ""


@dataclass(frozen=True, slots=True)
class SongRecord:
    """A song as it is put into the library.

    Parameters
    ----------
    content_hash : str
        64 hexadecimal digits, see `engine.io.decode.content_hash`.
    title : str
        From the tags, or the file's name.
    duration_s : float
    rate_hz, channels : int
    tags : mapping of str to str
        Text tags under ffmpeg's names.
    """

    content_hash: str
    title: str
    duration_s: float
    rate_hz: int
    channels: int
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AnalysisRecord:
    """What was measured of a song, or of one of its stems.

    Parameters
    ----------
    version : int
        Version of the formulas.
    tempo_bpm, lufs : float or None
        Finite; None where there is no beat, no sound.
    key : str or None
        Such as "A minor".
    fingerprint : float32 array, shape (dimensions,)
        Finite.
    measures : mapping
        Everything that was measured; finite numbers, text, None, lists and mappings of these.
    source : str
        WHOLE_SONG or the name of a stem.
    portrait : float32 array, shape (n,), or None
        Finite; see `engine.services.portrait`.
    moments : float32 array, shape (moments, n), or None
        Finite; what its segments are made of.

    Raises
    ------
    ParameterError
        A number is NaN or infinite: the library holds none.
    """

    version: int
    tempo_bpm: float | None
    key: str | None
    lufs: float | None
    fingerprint: F32
    measures: Mapping[str, Any]
    source: str = WHOLE_SONG
    portrait: F32 | None = None
    moments: F32 | None = None

    def __post_init__(self) -> None:
        for name, value in (("tempo", self.tempo_bpm), ("loudness", self.lufs)):
            if value is not None and not math.isfinite(value):
                raise ParameterError(f"the {name} of a song is {value}; it must be a finite number or None")
        if self.fingerprint.ndim != 1 or not np.all(np.isfinite(self.fingerprint)):
            raise ParameterError(f"a fingerprint is a row of finite numbers, not {self.fingerprint}")
        for name, x, ndim in (("portrait", self.portrait, 1), ("moments", self.moments, 2)):
            if x is not None and (x.ndim != ndim or not x.size or not np.all(np.isfinite(x))):
                raise ParameterError(f"the {name} of a song must be finite numbers, not {x}")
        try:
            json.dumps(self.measures, allow_nan=False)
        except (TypeError, ValueError) as err:
            raise ParameterError(f"what was measured cannot be stored: {err}") from err


@dataclass(frozen=True, slots=True)
class Song:
    """A song as the library lists it.

    Attributes
    ----------
    song_id : int
    content_hash, title, artist, album : str
    duration_s : float
    tempo_bpm, lufs : float or None
    key : str or None
    added_s : float
        Seconds since 1970.
    paths : tuple of Path
        Where it lies; empty when its file is gone.
    """

    song_id: int
    content_hash: str
    title: str
    artist: str
    album: str
    duration_s: float
    tempo_bpm: float | None
    key: str | None
    lufs: float | None
    added_s: float
    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """How much there is in a library.

    Attributes
    ----------
    songs : int
    duration_s : float
        Of all of them.
    missing : int
        Songs whose files are gone from every place where they were.
    unreadable : int
        Files that give no song.
    """

    songs: int
    duration_s: float
    missing: int
    unreadable: int
