"""What everything that follows a level is made of: decibels at speed, a static curve, attack and release.

Pure functions of the audio callback: no allocation, no exceptions. A compressor needs a logarithm and a
power for every frame; those of the C library cost more than all the rest of it, and loops around them do
not vectorise. `fast_log2` and `fast_exp2` are right to 1e-6, which is 1e-5 dB.

References
----------
.. [1] D. Giannoulis, M. Massberg, J. D. Reiss, "Digital dynamic range compressor design - a tutorial and
   analysis", JAES 60(6), 2012: the soft knee (eq. 4), the smooth decoupled detector (eq. 17).
"""

import math
from typing import Final

import numpy as np

from engine.kernels.jit import kernel
from engine.units import F32, F64

DB_PER_OCTAVE: Final = 20.0 * math.log10(2.0)
"""A factor of two in amplitude."""
ROW_FRAMES: Final = 16
"""Frames that a gain computer works out at once: a length the compiler knows, so that it vectorises."""
SILENCE: Final = 1e-10
"""Amplitudes below, -200 dB, all read as this one, so that silence has a level."""

_NARROWEST_KNEE_DB: Final = 1e-3
_END_DB: Final = 1e-12  # taken off each frame, so that a release ends and leaves no denormals
_SQRT_HALF_BITS: Final = 0x3F3504F3  # of the float32 0.7071068
_MANTISSA_BITS: Final = 23
_EXPONENT_BIAS: Final = 127
_TWO_OVER_LN2: Final = 2.0 / math.log(2.0)
_LN2: Final = math.log(2.0)


@kernel
def fast_log2(x: np.float32) -> np.float32:
    """Logarithm to base 2 of a positive, normal float32, right to 3e-7 or to its own last bit.

    The mantissa is brought to 0.71 .. 1.41, where five terms of the series of artanh are enough; in a
    loop over an array it vectorises.
    """
    one = np.float32(1.0)
    bits = np.float32(x).view(np.int32)
    exponent = (bits - np.int32(_SQRT_HALF_BITS)) >> np.int32(_MANTISSA_BITS)
    mantissa = np.int32(bits - (exponent << np.int32(_MANTISSA_BITS))).view(np.float32)
    z = (mantissa - one) / (mantissa + one)
    square = z * z
    series = np.float32(1.0 / 7.0) + square * np.float32(1.0 / 9.0)
    series = np.float32(1.0 / 5.0) + square * series
    series = np.float32(1.0 / 3.0) + square * series
    series = one + square * series
    return np.float32(np.float32(exponent) + np.float32(_TWO_OVER_LN2) * z * series)


@kernel
def fast_exp2(x: np.float32) -> np.float32:
    """Two to the power of `x` (held to -126 .. 127), right to 3e-7 of the result.

    Seven terms of the exponential series on -0.5 .. 0.5; in a loop over an array it vectorises.
    """
    low, high = np.float32(-126.0), np.float32(127.0)
    held = x if x > low else low
    held = held if held < high else high
    # Biased, so that cutting off the fraction rounds to the nearest below zero too.
    whole = np.int32(held + np.float32(_EXPONENT_BIAS + 0.5))
    z = (held - np.float32(np.int32(whole - np.int32(_EXPONENT_BIAS)))) * np.float32(_LN2)
    series = np.float32(1.0 / 120.0) + z * np.float32(1.0 / 720.0)
    series = np.float32(1.0 / 24.0) + z * series
    series = np.float32(1.0 / 6.0) + z * series
    series = np.float32(0.5) + z * series
    series = np.float32(1.0) + z * series
    series = np.float32(1.0) + z * series
    return np.float32(series * np.int32(whole << np.int32(_MANTISSA_BITS)).view(np.float32))


@kernel
def fast_level_db(amplitude: float) -> float:
    """Level of an amplitude in dB, -200 at least, right to 1e-5 dB."""
    return float(np.float32(DB_PER_OCTAVE) * fast_log2(np.float32(max(amplitude, SILENCE))))


@kernel
def fast_gain(level_db: float) -> float:
    """Amplitude gain of a level in dB, right to 1e-5 dB; 0 dB is exactly 1."""
    return float(fast_exp2(np.float32(level_db * (1.0 / DB_PER_OCTAVE))))


@kernel
def reduction_db(level_db: float, threshold_db: float, slope: float, knee_db: float) -> float:
    """How far a static curve turns a level down.

    Parameters
    ----------
    level_db, threshold_db : float
    slope : float, 0 to 1
        1 - 1 / ratio.
    knee_db : float, >= 0
        Width of the parabola that joins both branches, centred on the threshold.

    Returns
    -------
    float
        In dB, >= 0: what eq. 4 of [1]_ takes off.
    """
    knee_db = max(knee_db, _NARROWEST_KNEE_DB)
    over_db = max(level_db - threshold_db + 0.5 * knee_db, 0.0)
    inside_db = min(over_db, knee_db)
    # Beyond the knee the parabola has reached its slope of one and goes straight on.
    return slope * (inside_db * inside_db / (2.0 * knee_db) + over_db - inside_db)


@kernel
def draw_reductions(row: F32, threshold_db: float, slope: float, knee_db: float) -> None:
    """From powers to what `reduction_db` says of them, frame by frame.

    Parameters
    ----------
    row : float32 array, shape (ROW_FRAMES,)
        Powers (squared amplitudes), always a whole row of them, and the result in dB.
    threshold_db, slope, knee_db : float
        As in `reduction_db`.
    """
    knee = np.float32(max(knee_db, _NARROWEST_KNEE_DB))
    start = np.float32(threshold_db) - np.float32(0.5) * knee
    steepness, per_knee = np.float32(slope), np.float32(0.5) / knee
    zero, silence = np.float32(0.0), np.float32(SILENCE * SILENCE)
    db_per_octave = np.float32(0.5 * DB_PER_OCTAVE)
    for i in range(ROW_FRAMES):
        power = row[i] if row[i] > silence else silence
        over = db_per_octave * fast_log2(power) - start
        over = over if over > zero else zero
        inside = over if over < knee else knee
        row[i] = steepness * (inside * inside * per_knee + (over - inside))


@kernel
def draw_levels(
    needed: F32, line: tuple[float, float], factors: tuple[float, float], cells: F64, at: int, out: F32
) -> None:
    """Smooth reductions, release first and then attack, and take them off a level that moves in a line.

    Parameters
    ----------
    needed : float32 array, shape (at least frames,)
        Of `draw_reductions`, in dB.
    line : tuple of float
        Level in dB just before the first frame, and what a frame adds.
    factors : tuple of float
        Of attack and release, see `keep_factor`.
    cells : float64 array, shape (at least at + 2,)
        The reduction after the release, then the one after the attack, in dB; advanced.
    at : int
        Where they lie.
    out : float32 array, shape (frames,)
        What is left, in octaves of gain, for `fast_exp2`.

    Notes
    -----
    The smooth decoupled detector (eq. 17 of [1]_): a steady tone settles at what the curve says of its
    peak, which a follower with one switched time constant does not.
    """
    attack, release = factors
    released, reduction = cells[at], cells[at + 1]
    for i in range(out.shape[0]):
        reduced = np.float64(needed[i])
        falling = release * released + ((1.0 - release) * reduced - _END_DB)
        released = reduced if reduced > falling else falling
        reduction = attack * reduction + (1.0 - attack) * released
        out[i] = (line[0] + line[1] * (i + 1) - reduction) * (1.0 / DB_PER_OCTAVE)
    cells[at], cells[at + 1] = released, reduction


@kernel
def drop_reduction(cells: F64, at: int) -> None:
    """End a release that is over. Call it at grid points, never where a block happens to end.

    Parameters
    ----------
    cells : float64 array, shape (at least at + 2,)
        Of `draw_levels`.
    at : int
        Where they lie.
    """
    if cells[at + 1] < _END_DB:
        cells[at + 1] = 0.0


@kernel
def keep_factor(time_ms: float, rate_hz: float) -> float:
    """What a one-pole follower keeps of its old value in a frame, for a time constant in ms."""
    return math.exp(-1000.0 / (max(time_ms, 1e-3) * rate_hz))
