"""Loudness as broadcasters measure it: momentary, short-term, integrated, its range; and the sample peak.

Runs on whoever writes or analyses a song, block by block; its memory is 8 bytes a
hundredth of a second. It exists so that a table of stems can say how loud each one is, and not only how high.

References
----------
.. [1] ITU-R BS.1770-4, "Algorithms to measure audio programme loudness and true-peak audio level",
   2015: K-weighting, 400 ms blocks overlapping by 75 %, gates at -70 LUFS and 10 LU below.
.. [2] B. De Man, "Evaluation of implementations of the EBU R128 loudness measurement", AES 145,
   2018: the analogue prototypes that give [1]'s coefficients at 48 kHz and serve any rate.
.. [3] EBU Tech 3341 and 3342, 2016 and 2023: momentary and short-term meters, loudness range.
"""

import math
from array import array

import numpy as np

from engine.errors import ParameterError
from engine.kernels.jit import fast_kernel, kernel
from engine.units import F32, F64

SILENCE_LUFS = -70.0
"""What a meter shows when no block was above the absolute gate."""

STEPS_PER_S = 100
"""Windows start every 10 ms: whatever lies 400 ms long in a song, one covers all but 5 ms of it (0.05 LU)."""
MOMENTARY_STEPS = 40
SHORT_TERM_STEPS = 300
_GATING_STEPS = 10  # gated blocks of 400 ms overlap by 75 %: one every 100 ms

_OFFSET_DB = -0.691
_RELATIVE_GATE_DB = -10.0
_RANGE_GATE_DB = -20.0
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


@fast_kernel
def _one_energy(x: F32, coefficients: F64, state: F64) -> float:
    """`weighted_energy` with sums in any order: half the time."""
    b0, b1, b2, a1, a2 = coefficients[0]
    _, _, _, d1, d2 = coefficients[1]
    s0, s1, s2, s3 = state
    total = 0.0
    for i in range(x.shape[0]):
        u = np.float64(x[i])
        v = b0 * u + s0
        s0 = b1 * u - a1 * v + s1
        s1 = b2 * u - a2 * v
        w = v + s2
        s2 = s3 - 2.0 * v - d1 * w
        s3 = v - d2 * w
        total += w * w
    _keep(state, s0, s1, s2, s3)
    return total


@fast_kernel
def _two_energies(x: F32, y: F32, coefficients: F64, x_state: F64, y_state: F64) -> tuple[float, float]:
    """`_one_energy` of two channels: each waits for its own feedback, so two take as long as one."""
    b0, b1, b2, a1, a2 = coefficients[0]
    _, _, _, d1, d2 = coefficients[1]
    s0, s1, s2, s3 = x_state
    t0, t1, t2, t3 = y_state
    x_total = 0.0
    y_total = 0.0
    for i in range(x.shape[0]):
        u = np.float64(x[i])
        p = np.float64(y[i])
        v = b0 * u + s0
        q = b0 * p + t0
        s0 = b1 * u - a1 * v + s1
        t0 = b1 * p - a1 * q + t1
        s1 = b2 * u - a2 * v
        t1 = b2 * p - a2 * q
        w = v + s2
        r = q + t2
        s2 = s3 - 2.0 * v - d1 * w
        t2 = t3 - 2.0 * q - d1 * r
        s3 = v - d2 * w
        t3 = q - d2 * r
        x_total += w * w
        y_total += r * r
    _keep(x_state, s0, s1, s2, s3)
    _keep(y_state, t0, t1, t2, t3)
    return x_total, y_total


@kernel
def _keep(state: F64, s0: float, s1: float, s2: float, s3: float) -> None:
    """Carry a filter's state on; decaying silence must not end in denormals, many times slower."""
    state[0] = s0 if abs(s0) >= _TINY else 0.0
    state[1] = s1 if abs(s1) >= _TINY else 0.0
    state[2] = s2 if abs(s2) >= _TINY else 0.0
    state[3] = s3 if abs(s3) >= _TINY else 0.0


@kernel
def _measure_steps(
    x: F32,
    coefficients: F64,
    weights: F64,
    rate_hz: int,
    position: int,
    states: F64,
    open_step: F64,
    out: F64,
) -> int:
    """Energies of the steps that `x` finishes; `position` frames were measured before it.

    Step j ends at frame (j + 1) * rate_hz // STEPS_PER_S: whole frames at any rate, no drift.
    """
    done = 0
    at = 0
    while at < x.shape[1]:
        step = ((position + at + 1) * STEPS_PER_S - 1) // rate_hz  # the one that this frame belongs to
        stop = min(x.shape[1], (step + 1) * rate_hz // STEPS_PER_S - position)
        c = 0
        while c + 1 < x.shape[0]:
            first, second = _two_energies(
                x[c, at:stop], x[c + 1, at:stop], coefficients, states[c], states[c + 1]
            )
            open_step[0] += weights[c] * first + weights[c + 1] * second
            c += 2
        if c < x.shape[0]:
            open_step[0] += weights[c] * _one_energy(x[c, at:stop], coefficients, states[c])
        at = stop
        if position + stop == (step + 1) * rate_hz // STEPS_PER_S:
            out[done] = open_step[0]
            open_step[0] = 0.0
            done += 1
    return done


class LoudnessMeter:
    """Loudness of a song that arrives in blocks of any size.

    Parameters
    ----------
    rate_hz : int, 8000 to 768000
    channels : int, 1 to 5
        In the order left, right, centre, left surround, right surround.

    Attributes
    ----------
    peak : float
        Largest sample magnitude so far.

    Notes
    -----
    Keeps 800 bytes a second, 2.9 MB an hour. `push` releases the GIL; one thread at a time.
    `momentary_lufs` and `short_term_lufs` cost a few microseconds, the others grow with the song.
    """

    def __init__(self, rate_hz: int, channels: int = 2) -> None:
        if not 1 <= channels <= 5:
            raise ParameterError(f"loudness of {channels} channels is not defined, 1..5 are")
        self._coefficients = k_weighting(rate_hz)
        self._weights = np.array([1.0, 1.0, 1.0, _SURROUND_WEIGHT, _SURROUND_WEIGHT][:channels])
        self._rate_hz = rate_hz
        self.reset()

    def reset(self) -> None:
        """Forget everything, as a new meter."""
        self.peak = 0.0
        self._states = np.zeros((len(self._weights), 4))
        self._steps = array("d")  # weighted energy of every finished step
        self._open_step = np.zeros(1)
        self._position = 0

    def push(self, x: F32) -> None:
        """Measure the next `x`, float32 array, shape (channels, frames)."""
        if x.ndim != 2 or x.shape[0] != len(self._weights) or x.dtype != np.float32:
            raise ParameterError(
                f"the meter takes float32 of shape ({len(self._weights)}, n), not {x.dtype} {x.shape}"
            )
        x = np.ascontiguousarray(x)
        self.peak = max(self.peak, float(highest(x)))
        steps = np.empty(x.shape[1] * STEPS_PER_S // self._rate_hz + 1)
        n = _measure_steps(
            x, self._coefficients, self._weights, self._rate_hz, self._position,
            self._states, self._open_step, steps,
        )  # fmt: skip
        self._steps.frombytes(steps[:n].tobytes())
        self._position += x.shape[1]

    @property
    def integrated_lufs(self) -> float:
        """Gated loudness so far in LUFS; SILENCE_LUFS below the gate or before 0.4 s."""
        power = self._windows(MOMENTARY_STEPS, _GATING_STEPS)
        power = power[power > _power(SILENCE_LUFS)]
        if power.size == 0:
            return SILENCE_LUFS
        power = power[power > float(power.mean()) * 10.0 ** (_RELATIVE_GATE_DB / 10.0)]
        return _lufs(float(power.mean()))

    @property
    def momentary_lufs(self) -> float:
        """Loudness of the newest 400 ms; what was not heard yet counts as silence, SILENCE_LUFS at least."""
        return self._newest(MOMENTARY_STEPS)

    @property
    def short_term_lufs(self) -> float:
        """Loudness of the newest 3 s; as `momentary_lufs`."""
        return self._newest(SHORT_TERM_STEPS)

    @property
    def max_momentary_lufs(self) -> float:
        """Highest loudness of any 400 ms so far, SILENCE_LUFS at least."""
        return _lufs(float(self._windows(MOMENTARY_STEPS).max(initial=0.0)))

    @property
    def max_short_term_lufs(self) -> float:
        """Highest loudness of any 3 s so far, SILENCE_LUFS at least."""
        return _lufs(float(self._windows(SHORT_TERM_STEPS).max(initial=0.0)))

    @property
    def range_lu(self) -> float:
        """Loudness range [3]_ in LU: from the 10th to the 95th percentile of short-term loudness.

        3 s windows ten times a second, those below SILENCE_LUFS or 20 LU below the mean of the rest left
        out; 0 when there is none, as before 3 s.
        """
        power = self._windows(SHORT_TERM_STEPS, _GATING_STEPS)
        power = power[power >= _power(SILENCE_LUFS)]
        if power.size == 0:
            return 0.0
        power = power[power >= float(power.mean()) * 10.0 ** (_RANGE_GATE_DB / 10.0)]
        low, high = np.percentile(10.0 * np.log10(power), [10.0, 95.0])
        return float(high - low)

    def short_term_curve(self) -> F32:
        """Short-term loudness over time.

        Returns
        -------
        float32 array, shape (n,), LUFS
            Ten values a second, value i of the 3 s that end at (i + 1) / 10 s (what lies before the
            song is silence), SILENCE_LUFS at least.
        """
        return self._curve(SHORT_TERM_STEPS)

    def momentary_curve(self) -> F32:
        """Momentary loudness over time.

        Returns
        -------
        float32 array, shape (n,), LUFS
            As `short_term_curve`, value i of the 400 ms that end at (i + 1) / 10 s.
        """
        return self._curve(MOMENTARY_STEPS)

    def _curve(self, n_steps: int) -> F32:
        """Loudness of the newest `n_steps` at every tenth of a second."""
        steps = np.concatenate([np.zeros(n_steps - _GATING_STEPS), np.array(self._steps)])
        power = self._mean_power(steps, n_steps)[::_GATING_STEPS]
        floor = _power(SILENCE_LUFS)
        return (_OFFSET_DB + 10.0 * np.log10(np.maximum(power, floor))).astype(np.float32)

    def _newest(self, n_steps: int) -> float:
        return _lufs(sum(self._steps[-n_steps:]) * STEPS_PER_S / (n_steps * self._rate_hz))

    def _windows(self, n_steps: int, hop_steps: int = 1) -> F64:
        """Mean power of every whole window of `n_steps`."""
        return self._mean_power(np.array(self._steps), n_steps)[::hop_steps]

    def _mean_power(self, steps: F64, n_steps: int) -> F64:
        if steps.size < n_steps:
            return np.zeros(0)
        sums = np.concatenate([[0.0], np.cumsum(steps)])
        # A difference of sums may fall below zero by rounding where there is silence after sound.
        power = np.maximum(sums[n_steps:] - sums[:-n_steps], 0.0)
        return power * (STEPS_PER_S / (n_steps * self._rate_hz))


def _lufs(power: float) -> float:
    floor = _power(SILENCE_LUFS)
    return _OFFSET_DB + 10.0 * math.log10(power) if power > floor else SILENCE_LUFS


def _power(level_lufs: float) -> float:
    return 10.0 ** ((level_lufs - _OFFSET_DB) / 10.0)
