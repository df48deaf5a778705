"""Integrated loudness as broadcasters measure it, and the sample peak.

Runs on whoever writes or analyses a song, block by block; its memory is 8 bytes a tenth of a
second. It exists so that a table of stems can say how loud each one is, and not only how high.

References
----------
.. [1] ITU-R BS.1770-4, "Algorithms to measure audio programme loudness and true-peak audio level",
   2015: K-weighting, 400 ms blocks overlapping by 75 %, gates at -70 LUFS and 10 LU below.
.. [2] B. De Man, "Evaluation of implementations of the EBU R128 loudness measurement", AES 145,
   2018: the analogue prototypes that give [1]'s coefficients at 48 kHz and serve any rate.
"""

import math
from array import array

import numpy as np

from engine.errors import ParameterError
from engine.kernels.jit import kernel
from engine.units import F32, F64

SILENCE_LUFS = -70.0
"""What a meter shows when no block was above the absolute gate."""

_OFFSET_DB = -0.691
_RELATIVE_GATE_DB = -10.0
_STEPS_A_BLOCK = 4
_SURROUND_WEIGHT = 1.41
_TINY = 1e-30  # far above float64's denormals, far below anything audible


def k_weighting(rate_hz: int) -> F64:
    """Coefficients of the K-weighting filter.

    Parameters
    ----------
    rate_hz : int, 8000 to 768000

    Returns
    -------
    float64 array, shape (2, 5)
        b0, b1, b2, a1, a2 of the shelf (the head) and of the high-pass.
    """
    if not 8000 <= rate_hz <= 768_000:
        raise ParameterError(f"loudness is defined for 8000..768000 Hz, not {rate_hz} Hz")
    k = math.tan(math.pi * min(1681.974450955533, 0.49 * rate_hz) / rate_hz)
    q, gain = 0.7071752369554196, 10.0 ** (3.999843853973347 / 20.0)
    band = gain**0.4996667741545416
    a0 = 1.0 + k / q + k * k
    shelf = [
        (gain + band * k / q + k * k) / a0,
        2.0 * (k * k - gain) / a0,
        (gain - band * k / q + k * k) / a0,
        2.0 * (k * k - 1.0) / a0,
        (1.0 - k / q + k * k) / a0,
    ]
    k = math.tan(math.pi * 38.13547087602444 / rate_hz)
    q = 0.5003270373238773
    a0 = 1.0 + k / q + k * k
    return np.array([shelf, [1.0, -2.0, 1.0, 2.0 * (k * k - 1.0) / a0, (1.0 - k / q + k * k) / a0]])


@kernel
def weighted_energy(x: F32, coefficients: F64, state: F64) -> float:
    """Filter one channel and sum the squares.

    Parameters
    ----------
    x : float32 array, shape (frames,)
    coefficients : float64 array, shape (2, 5)
        Of `k_weighting`.
    state : float64 array, shape (4,)
        Carried from call to call; zeros at the start of a song.

    Returns
    -------
    float
        Sum of squared filtered samples.
    """
    b0, b1, b2, a1, a2 = coefficients[0]
    c0, c1, c2, d1, d2 = coefficients[1]
    s0, s1, s2, s3 = state
    total = 0.0
    for i in range(x.shape[0]):
        u = np.float64(x[i])
        v = b0 * u + s0
        s0 = b1 * u - a1 * v + s1
        s1 = b2 * u - a2 * v
        w = c0 * v + s2
        s2 = c1 * v - d1 * w + s3
        s3 = c2 * v - d2 * w
        total += w * w
    state[0] = s0
    state[1] = s1
    state[2] = s2
    state[3] = s3
    for i in range(4):
        # Decaying silence must not end in denormals, which are many times slower.
        if abs(state[i]) < _TINY:
            state[i] = 0.0
    return total


@kernel
def highest(x: F32) -> float:
    """Largest magnitude in a float32 array of shape (channels, frames); NaN is passed over."""
    top = np.float32(0.0)
    for c in range(x.shape[0]):
        row = x[c]
        for i in range(row.shape[0]):
            top = max(top, abs(row[i]))
    return float(top)


class LoudnessMeter:
    """Integrated loudness of a song that arrives in blocks of any size.

    Parameters
    ----------
    rate_hz : int, 8000 to 768000
    channels : int, 1 to 5
        In the order left, right, centre, left surround, right surround.

    Attributes
    ----------
    peak : float
        Largest sample magnitude so far.
    """

    def __init__(self, rate_hz: int, channels: int = 2) -> None:
        if not 1 <= channels <= 5:
            raise ParameterError(f"loudness of {channels} channels is not defined, 1..5 are")
        self._coefficients = k_weighting(rate_hz)
        self._weights = [1.0, 1.0, 1.0, _SURROUND_WEIGHT, _SURROUND_WEIGHT][:channels]
        self._step_frames = round(rate_hz / 10)
        self.reset()

    def reset(self) -> None:
        """Forget everything, as a new meter."""
        self.peak = 0.0
        self._state = np.zeros((len(self._weights), 4))
        self._steps = array("d")  # weighted energy of every finished tenth of a second
        self._filled_frames = 0
        self._energy = 0.0

    def push(self, x: F32) -> None:
        """Measure the next `x`, float32 array, shape (channels, frames)."""
        if x.ndim != 2 or x.shape[0] != len(self._weights) or x.dtype != np.float32:
            raise ParameterError(
                f"the meter takes float32 of shape ({len(self._weights)}, n), not {x.dtype} {x.shape}"
            )
        x = np.ascontiguousarray(x)
        self.peak = max(self.peak, float(highest(x)))
        at = 0
        while at < x.shape[1]:
            n = min(self._step_frames - self._filled_frames, x.shape[1] - at)
            for c, weight in enumerate(self._weights):
                energy = weighted_energy(x[c, at : at + n], self._coefficients, self._state[c])
                self._energy += weight * energy
            at += n
            self._filled_frames += n
            if self._filled_frames == self._step_frames:
                self._steps.append(self._energy)
                self._filled_frames = 0
                self._energy = 0.0

    @property
    def integrated_lufs(self) -> float:
        """Gated loudness so far in LUFS; SILENCE_LUFS below the gate or before 0.4 s."""
        if len(self._steps) < _STEPS_A_BLOCK:
            return SILENCE_LUFS
        steps = np.frombuffer(self._steps, np.float64)
        power = np.convolve(steps, np.ones(_STEPS_A_BLOCK), "valid") / (_STEPS_A_BLOCK * self._step_frames)
        for gate_lufs in (SILENCE_LUFS, None):
            if power.size == 0:
                return SILENCE_LUFS
            if gate_lufs is None:
                gate_lufs = _lufs(float(power.mean())) + _RELATIVE_GATE_DB
            power = power[power > 10.0 ** ((gate_lufs - _OFFSET_DB) / 10.0)]
        return _lufs(float(power.mean())) if power.size else SILENCE_LUFS


def _lufs(power: float) -> float:
    return _OFFSET_DB + 10.0 * math.log10(power)
