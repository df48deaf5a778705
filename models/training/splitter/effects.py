"""What happens to sound between instrument and mix: equalisers, amplifiers, rooms, compressors.

Pure functions on float32 arrays of shape (2, frames) at 44.1 kHz; randomness only from the generator given.
"""

from functools import lru_cache

import numpy as np
from scipy import fft, signal

from engine.units import F32

RATE_HZ = 44_100


def normalised(x: F32, rms: float = 0.1) -> F32:
    """Bring what sounds (frames above -50 dB of the peak) to a root mean square; silence stays."""
    level = np.abs(x).max()
    if level < 1e-6:
        return x
    heard = np.abs(x).max(axis=0) > 0.003 * level
    return (x * (rms / max(1e-6, float(np.sqrt(np.mean(np.square(x[:, heard]))))))).astype(np.float32)


def _shaped(x: F32, gain_db: np.ndarray, at_hz: np.ndarray) -> F32:
    """Linear-phase filter from gains at frequencies, joined on a logarithmic axis."""
    n = fft.next_fast_len(x.shape[1] + 4096, real=True)
    bins_hz = np.maximum(fft.rfftfreq(n, 1.0 / RATE_HZ), 10.0).astype(np.float32)
    curve = 10.0 ** (np.interp(np.log(bins_hz), np.log(at_hz), gain_db) / 20.0)
    spectrum = fft.rfft(x, n) * curve.astype(np.float32)
    return fft.irfft(spectrum, n)[:, : x.shape[1]].astype(np.float32)


def random_tone(rng: np.random.Generator, x: F32, depth_db: float = 5.0) -> F32:
    """A smooth random equaliser of seven bands; at times with the lows or highs cut."""
    at_hz = np.array([40.0, 110.0, 300.0, 800.0, 2200.0, 6000.0, 15000.0])
    gain_db = rng.normal(0.0, depth_db / 2.0, 7)
    if rng.random() < 0.15:
        gain_db[5:] -= rng.uniform(6.0, 24.0)
    return _shaped(x, gain_db, at_hz)


def dulled(rng: np.random.Generator, x: F32) -> F32:
    """Highs taken away from 200 to 600 Hz on: flat strings, the tone knob closed."""
    corner_hz, slope_db = float(rng.uniform(200.0, 600.0)), float(rng.uniform(6.0, 18.0))
    at_hz = np.array([40.0, *(corner_hz * 2.0 ** np.arange(5.0)), 22_050.0])
    return _shaped(x, -slope_db * np.array([0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 4.0]), at_hz)


def lows_cut(x: F32, below_hz: float) -> F32:
    """High-pass, 24 dB an octave."""
    sos = signal.butter(2, below_hz, "highpass", fs=RATE_HZ, output="sos")
    return signal.sosfilt(sos, x, axis=1).astype(np.float32)


def amplifier(rng: np.random.Generator, x: F32, drive_db: float) -> F32:
    """Overdrive between two tone stages, then a loudspeaker's cabinet.

    Parameters
    ----------
    rng : Generator
    x : float32 array, shape (2, frames)
        Both channels alike are one guitar.
    drive_db : float
        0 is almost clean, 40 a wall.
    """
    peak = max(1e-6, float(np.abs(x).max()))
    tight = lows_cut(x / peak, float(rng.uniform(60.0, 160.0)))
    wide = signal.resample_poly(tight, 2, 1, axis=1)
    bias = float(rng.uniform(0.0, 0.25))
    bent = np.tanh(10.0 ** (drive_db / 20.0) * wide + bias) - np.tanh(bias)
    dirty = signal.resample_poly(bent, 1, 2, axis=1)[:, : x.shape[1]].astype(np.float32)
    return _cabinet(rng, dirty)


def _cabinet(rng: np.random.Generator, x: F32) -> F32:
    """A closed box: nothing below 80 Hz, a bump at 2-4 kHz, little above 5 kHz."""
    at_hz = np.array([40.0, 90.0, 200.0, 500.0, 1500.0, 3000.0, 5000.0, 8000.0, 16000.0])
    gain_db = np.array([-18.0, 0.0, 1.0, -2.0, 0.0, 4.0, -3.0, -22.0, -45.0]) + rng.normal(0.0, 2.0, 9)
    return _shaped(x, gain_db, at_hz)


@lru_cache(maxsize=24)
def _room(kind: int) -> tuple[F32, float]:
    """One of 24 rooms: exponentially decaying noise, darker as it dies."""
    rng = np.random.default_rng([77, kind])
    decay_s = float(np.exp(rng.uniform(np.log(0.15), np.log(2.2))))
    n = int(RATE_HZ * min(1.6, decay_s))
    at_s = np.arange(n) / RATE_HZ
    bright = rng.normal(size=(2, n)) * np.exp(-6.9 * at_s / (0.5 * decay_s))
    dark = signal.sosfilt(signal.butter(1, 2500.0, fs=RATE_HZ, output="sos"), rng.normal(size=(2, n)), axis=1)
    tail = (bright + 2.0 * dark * np.exp(-6.9 * at_s / decay_s)).astype(np.float32)
    before = int(rng.uniform(0.0, 0.03) * RATE_HZ)
    tail = np.pad(tail, ((0, 0), (before, 0)))
    return tail / np.sqrt(np.sum(np.square(tail), axis=1, keepdims=True)), decay_s


def reverb(rng: np.random.Generator, x: F32, wet: float) -> F32:
    """Put into a room; `wet` is the room's part beside the direct sound."""
    tail, _ = _room(int(rng.integers(24)))
    wet_sound = signal.fftconvolve(x, tail, axes=1)[:, : x.shape[1]]
    return (x + wet * wet_sound).astype(np.float32)


def compressor_gain(x: F32, threshold_db: float, ratio: float, release_ms: float) -> F32:
    """Gain of a compressor over time.

    Parameters
    ----------
    x : float32 array, shape (2, frames)
    threshold_db : float
        Below the sound's own peak.
    ratio : float, > 1
    release_ms : float

    Returns
    -------
    float32 array, shape (frames,)
        For any number of stems at once: what a bus does to a mix keeps their sum.
    """
    block = 64
    n = x.shape[1] // block
    power = np.square(x[:, : n * block]).mean(axis=0).reshape(n, block).mean(axis=1)
    level_db = 10.0 * np.log10(power + 1e-10)
    over_db = np.maximum(0.0, level_db - level_db.max() - threshold_db)
    a = np.exp(-block / (RATE_HZ * 1e-3 * release_ms))
    held = np.maximum(over_db, signal.lfilter([1.0 - a], [1.0, -a], over_db))
    gain_db = -(1.0 - 1.0 / ratio) * held
    knots = (np.arange(n) + 0.5) * block
    return (10.0 ** (np.interp(np.arange(x.shape[1]), knots, gain_db) / 20.0)).astype(np.float32)


def panned(x: F32, pan: float) -> F32:
    """Place in the panorama with constant power; -1 is left, 1 right."""
    angle = 0.25 * np.pi * (1.0 + pan)
    gains = np.sqrt(2.0) * np.array([[np.cos(angle)], [np.sin(angle)]], np.float32)
    return x * gains
