"""BSS Eval of estimated stems, version 4, by the museval package: the figures that papers state.

The package is wanted by few, so it is an extra, and only its file of metrics is loaded: the rest of it asks
for pandas, a data set and the program ffmpeg, none of which is needed to compare two arrays.

References
----------
F.-R. Stoeter, A. Liutkus, N. Ito, "The 2018 signal separation evaluation campaign", LVA/ICA 2018.
"""

import importlib.util
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import ParameterError
from engine.kernels.stem_figures import is_silent
from engine.units import F32, F64

HOW_TO_ADD = (
    "BSS Eval is left out: it needs the packages museval and scipy (pip install --no-deps museval scipy in "
    "Charon's environment)"
)


@dataclass(frozen=True, slots=True)
class BssFigures:
    """Medians over windows of a second, in dB; None where no window has a value.

    Parameters
    ----------
    sdr_db, isr_db, sir_db, sar_db : float or None
        Source to distortion, image to spatial distortion, source to interference, source to artefacts.
    """

    sdr_db: float | None
    isr_db: float | None
    sir_db: float | None
    sar_db: float | None


def has_bss_metrics() -> bool:
    """Whether the packages are here."""
    return _metrics_file() is not None and importlib.util.find_spec("scipy") is not None


def _metrics_file() -> Path | None:
    """Where museval's metrics lie, found without importing the package."""
    package = importlib.util.find_spec("museval")
    folders = [] if package is None else package.submodule_search_locations or []
    return next((path for folder in folders if (path := Path(folder) / "metrics.py").is_file()), None)


@cache
def _metrics() -> Any:
    path = _metrics_file()
    if path is None:
        raise ParameterError(HOW_TO_ADD)
    spec = importlib.util.spec_from_file_location("museval_metrics", path)
    if spec is None or spec.loader is None:
        raise ParameterError(f"{path} cannot be loaded; install museval again")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def bss_figures(truths: F32, estimates: F32, rate_hz: int) -> list[BssFigures | None]:
    """Compare stems with the true ones, after the best filter of 512 taps for each.

    Parameters
    ----------
    truths, estimates : float32 arrays, shape (stems, 2, frames)
    rate_hz : int

    Returns
    -------
    list of BssFigures or None
        None for a stem that is silent, truly or as estimated: nothing can be filtered to fit it.

    Notes
    -----
    About a second of work for four stems of six seconds; memory grows with the length.
    """
    heard = [
        k for k in range(len(truths)) if not is_silent(truths[k]) and float(np.abs(estimates[k]).max()) > 0.0
    ]
    found: list[BssFigures | None] = [None] * len(truths)
    if not heard:
        return found
    with warnings.catch_warnings():
        # Its own and its dependencies' about newer versions of one another: nobody here can act on them.
        warnings.simplefilter("ignore")
        values = _metrics().bss_eval(
            np.ascontiguousarray(truths[heard].transpose(0, 2, 1), np.float64),
            np.ascontiguousarray(estimates[heard].transpose(0, 2, 1), np.float64),
            window=rate_hz,
            hop=rate_hz,
        )
    for row, k in enumerate(heard):
        found[k] = BssFigures(*(_median(np.asarray(figure)[row]) for figure in values[:4]))
    return found


def _median(values: F64) -> float | None:
    """Median of what is a number."""
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else None
