"""Drums, bass and rest without a model: what signal processing alone makes of an accompaniment.

What every trained splitter has to beat. Percussive sound is drums, of the rest what is low is bass.
"""

import numpy as np

from engine.kernels.hpss import Hpss
from engine.units import F32

BASELINE = "baseline"
BASELINE_STEMS = ("drums", "bass", "other")
BASS_BELOW_HZ = 200.0
"""Fundamentals of a bass guitar, up to its twelfth fret, and little of anything else."""
_ORDER = 8


def split_without_model(accompaniment: F32, rate_hz: int) -> F32:
    """Split an accompaniment.

    Parameters
    ----------
    accompaniment : float32 array, shape (2, frames)
    rate_hz : int

    Returns
    -------
    float32 array, shape (3, 2, frames)
        In the order of `BASELINE_STEMS`; they sum to the accompaniment.
    """
    with Hpss() as plan:
        harmonic, percussive = plan.separate(accompaniment)
    spectrum = np.fft.rfft(harmonic)
    at_hz = np.fft.rfftfreq(harmonic.shape[1], 1.0 / rate_hz)
    # A Butterworth filter's magnitude without its phase: nothing has to be in real time here.
    spectrum /= np.sqrt(1.0 + (at_hz / BASS_BELOW_HZ) ** (2 * _ORDER))
    bass = np.fft.irfft(spectrum, harmonic.shape[1]).astype(np.float32)
    return np.stack([percussive, bass, accompaniment - percussive - bass])
