"""The desk of the demo song: filters, compression, reverb, master. Pure functions on (2, frames) float64."""

import numpy as np
import pyloudnorm
from scipy.ndimage import maximum_filter1d, minimum_filter1d, uniform_filter1d
from scipy.signal import butter, fftconvolve, resample_poly, sosfilt, tf2sos

RATE_HZ = 44_100


def high_pass(x: np.ndarray, cutoff_hz: float) -> np.ndarray:
    """Second-order Butterworth high-pass."""
    return sosfilt(butter(2, cutoff_hz, "high", fs=RATE_HZ, output="sos"), x)


def bell(x: np.ndarray, centre_hz: float, gain_db: float, q: float = 0.9) -> np.ndarray:
    """Peaking equaliser (R. Bristow-Johnson, "Audio EQ Cookbook")."""
    a, w = 10 ** (gain_db / 40), 2 * np.pi * centre_hz / RATE_HZ
    alpha = np.sin(w) / (2 * q)
    b = [1 + alpha * a, -2 * np.cos(w), 1 - alpha * a]
    return sosfilt(tf2sos(b, [1 + alpha / a, -2 * np.cos(w), 1 - alpha / a]), x)


def shelf(x: np.ndarray, corner_hz: float, gain_db: float) -> np.ndarray:
    """First-order high shelf: the part above the corner, scaled and added."""
    above = sosfilt(butter(1, corner_hz, "high", fs=RATE_HZ, output="sos"), x)
    return x + (10 ** (gain_db / 20) - 1) * above


def pan(x: np.ndarray, position: float) -> np.ndarray:
    """Place a mono signal between -1 (left) and 1 (right) at constant power; returns (2, frames)."""
    angle = (position + 1) * np.pi / 4
    return np.stack([np.cos(angle) * x, np.sin(angle) * x]) * np.sqrt(2)


def compress(
    x: np.ndarray, threshold_db: float, ratio: float, window_ms: float = 30.0, makeup_db: float = 0.0
) -> np.ndarray:
    """Compress by the level of the louder side over a centred window (so that it needs no attack)."""
    size = int(window_ms * 1e-3 * RATE_HZ)
    power = uniform_filter1d(np.max(np.square(x), axis=0), size)
    over_db = np.maximum(0, 10 * np.log10(power + 1e-12) - threshold_db)
    gain_db = uniform_filter1d(-over_db * (1 - 1 / ratio), size) + makeup_db
    return x * 10 ** (gain_db / 20)


def hall(seconds: float, rng: np.random.Generator, pre_delay_s: float = 0.02) -> np.ndarray:
    """Impulse response of a room, (2, frames), unit energy: noise that dies away, the highs first."""
    n = int(1.4 * seconds * RATE_HZ)
    t = np.arange(n) / RATE_HZ
    response = np.zeros((2, n))
    for low_hz, high_hz, share in ((150, 800, 1.0), (800, 3000, 0.85), (3000, 9000, 0.5)):
        band = butter(2, (low_hz, high_hz), "band", fs=RATE_HZ, output="sos")
        noise = sosfilt(band, rng.standard_normal((2, n)))
        response += share * noise * 10 ** (-3 * t / (seconds * share**0.5))
    response *= np.clip(t / 0.012, 0, 1)
    response = np.pad(response, ((0, 0), (int(pre_delay_s * RATE_HZ), 0)))
    return response / np.sqrt(np.sum(np.square(response), axis=1, keepdims=True))


def reverb(x: np.ndarray, response: np.ndarray) -> np.ndarray:
    """The room's answer alone, as long as `x`."""
    return fftconvolve(x, response, axes=1)[:, : x.shape[1]]


def echo(x: np.ndarray, delay_s: float, feedback: float, n_echoes: int = 4) -> np.ndarray:
    """Repeats alone, darker each time and from alternating sides."""
    out = np.zeros_like(x)
    repeat = x.copy()
    low = butter(1, 2500, fs=RATE_HZ, output="sos")
    step = int(delay_s * RATE_HZ)
    for _ in range(n_echoes):
        repeat = sosfilt(low, feedback * np.pad(repeat, ((0, 0), (step, 0)))[::-1, : x.shape[1]])
        out += repeat
    return out


def limit(x: np.ndarray, ceiling_db: float, look_ms: float = 4.0) -> np.ndarray:
    """Keep true peaks (4 times oversampled) under a ceiling, by a gain that moves smoothly."""
    over = np.abs(resample_poly(x, 4, 1, axis=1)).max(axis=0)
    peak = over[: 4 * x.shape[1]].reshape(-1, 4).max(axis=1)
    size = int(look_ms * 1e-3 * RATE_HZ) | 1
    wanted = np.minimum(1, 10 ** (ceiling_db / 20) / (maximum_filter1d(peak, 3) + 1e-12))
    # The least of a window twice as wide, averaged: never above what any peak needs.
    return x * uniform_filter1d(minimum_filter1d(wanted, 2 * size + 1), size)


def master(mix: np.ndarray, loudness_lufs: float, ceiling_db: float) -> np.ndarray:
    """Bring a mix to a loudness under a true-peak ceiling."""
    meter = pyloudnorm.Meter(RATE_HZ)
    out, gain = mix, 1.0
    for _ in range(6):
        gain *= 10 ** ((loudness_lufs - meter.integrated_loudness(out.T)) / 20)
        out = limit(gain * mix, ceiling_db)
    return out
