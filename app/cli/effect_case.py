"""What `charon bench realtime` sets an effect to, and what it is timed against.

The references are calls of pedalboard, a test dependency under another licence: imported only when a bench
asks for it, never shipped. Main thread.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.units import F32

Plugin = Callable[[Any], Any]


@dataclass(frozen=True)
class EffectCase:
    """One effect at work.

    Attributes
    ----------
    kind : str
        Name of the effect.
    values : dict
        Parameters by name, as in a preset; such that the effect has something to do.
    reference : str
        What it is compared with, empty where pedalboard has nothing like it.
    make : callable or None
        Builds the reference out of the module `pedalboard`.
    times_rate : int
        How many times faster the reference's sound runs than ours.
    """

    kind: str
    values: dict[str, float | bool | str]
    reference: str = ""
    make: Plugin | None = None
    times_rate: int = 1


def _six_bands(pedalboard: Any) -> Any:
    peaks = [pedalboard.PeakFilter(f_hz, 4.0, 1.0) for f_hz in (250.0, 800.0, 2500.0, 6000.0)]
    return pedalboard.Pedalboard(
        [pedalboard.LowShelfFilter(100.0, 3.0, 0.7), *peaks, pedalboard.HighShelfFilter(10_000.0, 3.0, 0.7)]
    )


_BANDS: dict[str, float | bool | str] = {
    "low_shelf_gain_db": 3.0, "bell_1_gain_db": 4.0, "bell_2_gain_db": 4.0, "bell_3_gain_db": 4.0,
    "bell_4_gain_db": 4.0, "high_shelf_gain_db": 3.0,
}  # fmt: skip

CASES: tuple[EffectCase, ...] = (
    EffectCase(
        "high_pass", {}, "HighpassFilter, twice",
        # One of them falls by 6 dB an octave, ours by 12.
        lambda p: p.Pedalboard([p.HighpassFilter(80.0), p.HighpassFilter(80.0)]),
    ),
    EffectCase("gate", {}, "NoiseGate", lambda p: p.NoiseGate(-40.0, 10.0, 1.0, 100.0)),
    EffectCase("equaliser", _BANDS, "six filters", _six_bands),
    EffectCase(
        "compressor", {"threshold_db": -30.0}, "Compressor", lambda p: p.Compressor(-30.0, 4.0, 5.0, 100.0)
    ),
    EffectCase(
        "saturator", {"drive_db": 12.0}, "Distortion at 4 x the rate", lambda p: p.Distortion(12.0), 4
    ),
    EffectCase("pitch_correction", {}, "PitchShift", lambda p: p.PitchShift(0.5)),
    EffectCase("doubler", {}, "Chorus", lambda p: p.Chorus()),
    EffectCase("delay", {}, "Delay", lambda p: p.Delay(0.35, 0.35, 0.25)),
    EffectCase("reverb", {}, "Reverb", lambda p: p.Reverb()),
    EffectCase("limiter_ahead", {}, "Limiter", lambda p: p.Limiter(-6.0, 100.0)),
)  # fmt: skip


def find_case(kind: str) -> EffectCase:
    """How an effect is set, its defaults where nothing is said."""
    return next((case for case in CASES if case.kind == kind), EffectCase(kind, {}))


def bench_voice(seconds: float, rate_hz: int) -> F32:
    """Something like a voice: sung phrases with vibrato, breath, consonants and pauses.

    Returns
    -------
    float32 array, shape (2, frames)
        Both channels equal, as a microphone's; peaks at about -6 dBFS.
    """
    rng = np.random.default_rng(0)
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    phase = 2.0 * np.pi * (180.0 * t - 1.2 * np.cos(2.0 * np.pi * 5.5 * t))
    sung = sum(np.sin(k * phase) / k for k in range(1, 25))
    phrase = np.clip(4.0 * np.sin(2.0 * np.pi * 0.4 * t), 0.0, 1.0)
    hiss = rng.standard_normal(t.size) * (np.sin(2.0 * np.pi * 1.7 * t) > 0.95)
    voice = 0.2 * sung * phrase + 0.1 * hiss + 0.001 * rng.standard_normal(t.size)
    return np.tile(voice.astype(np.float32), (2, 1))
