"""The curves of a song's lanes as files beside them, found again when the song is opened again.

Any thread, off the window's. The stem store neither knows nor checks these files: they count towards the
song's size and go with it. A file that is damaged, or of another version, counts as none.
"""

import contextlib
import json
import logging
import os
import tempfile
import zipfile
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import ParameterError
from engine.services.analysis import ANALYSIS_VERSION, Analysis
from engine.services.curves import CURVES_VERSION, SongCurves

_log = logging.getLogger(__name__)

_TEXT = "about"


def curve_path(folder: Path, lane: str) -> Path:
    """Where the curves of a lane are kept.

    Parameters
    ----------
    folder : Path
        The song's folder in the stem store.
    lane : str
        "original" or a stem.
    """
    return folder / f"curves-{lane}.npz"


def save_curves(folder: Path, lane: str, curves: SongCurves) -> bool:
    """Keep curves for the next time.

    Parameters
    ----------
    folder : Path
    lane : str
    curves : SongCurves

    Returns
    -------
    bool
        False when the folder cannot be written, or the disk is full: then they are made again.
    """
    arrays: dict[str, Any] = {}
    about: dict[str, Any] = {"version": CURVES_VERSION, "analysis": curves.analysis.to_dict()}
    for field in fields(SongCurves):
        value = getattr(curves, field.name)
        if isinstance(value, np.ndarray):
            arrays[field.name] = value
        elif isinstance(value, float):
            about[field.name] = value
    arrays[_TEXT] = np.frombuffer(json.dumps(about, allow_nan=False).encode(), np.uint8)
    path = curve_path(folder, lane)
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=".part", dir=folder)
    except OSError as err:
        _log.warning("curves of %s are not kept: %s", lane, err)
        return False
    try:
        with os.fdopen(descriptor, "wb") as file:
            np.savez(file, **arrays)
        Path(name).replace(path)
    except OSError as err:
        _log.warning("curves of %s are not kept: %s", lane, err)
        with contextlib.suppress(OSError):
            Path(name).unlink()
        return False
    return True


def load_curves(folder: Path, lane: str) -> SongCurves | None:
    """The curves that were kept, or None.

    Parameters
    ----------
    folder : Path
    lane : str
    """
    try:
        # A power cut may leave a file whose end was never written: each part has its check sum.
        with curve_path(folder, lane).open("rb") as file, np.load(file, allow_pickle=False) as parts:
            about: dict[str, Any] = json.loads(parts[_TEXT].tobytes())
            if about.pop("version") != CURVES_VERSION:
                return None
            analysis = Analysis.from_dict(about.pop("analysis"))
            if analysis.version != ANALYSIS_VERSION:
                return None
            arrays = {name: parts[name] for name in parts.files if name != _TEXT}
            return SongCurves(analysis=analysis, **arrays, **about)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, ParameterError) as err:
        _log.info("curves of %s are made again: %s", lane, err)
        return None
