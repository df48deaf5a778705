"""What must be there before tests run in several processes at once, and the song that many are judged by."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

_CALLS = """
import librosa
import numpy as np
for kind in (np.float32, np.float64):
    x = np.random.default_rng(0).standard_normal(22050).astype(kind)
    librosa.yin(x, fmin=65.0, fmax=2000.0)
    librosa.zero_crossings(x)
"""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Have librosa's compiled functions in its cache.

    Two processes that compile one of them at the same time, for arrays of two types, give both results
    one file name (numba's `IndexDataCacheFile.save`): every later process that loads it crashes.
    """
    subprocess.run([sys.executable, "-c", _CALLS], check=True)


@pytest.fixture(scope="session")
def stem_mp4() -> Path:
    """Falcon 69 of MUSDB18's test set, 6.1 s, in the stempeg package: mixture, drums, bass, other, vocals."""
    spec = importlib.util.find_spec("stempeg")
    assert spec is not None
    assert spec.submodule_search_locations
    return next(Path(spec.submodule_search_locations[0]).rglob("*Falcon 69.stem.mp4"))
