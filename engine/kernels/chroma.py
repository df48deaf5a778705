"""Chroma: how much of each of the twelve notes sounds, whatever the octave.

Analysis workers run it, with threads of the plan's own; never the audio callback. A constant-Q
transform of seven octaves, three bins a semitone: every octave halves the rate, so that one small
set of kernels, kept as a few Fourier bins each, serves all of them through a short transform.

References
----------
.. [1] C. Schoerkhuber and A. Klapuri, "Constant-Q transform toolbox for music processing", SMC 2010.
.. [2] J. C. Brown and M. S. Puckette, "An efficient algorithm for the calculation of a constant Q
   transform", JASA 92, 1992: kernels in the frequency domain.
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from engine.errors import ParameterError
from engine.kernels.fft import PAD, FftTables, fft_tables, rfft_frame
from engine.kernels.halving import half_band, halve
from engine.kernels.jit import RowPool, kernel
from engine.kernels.lanes import load8, splat8, store8, transpose8
from engine.kernels.tuning import estimate_tuning, tamed
from engine.units import F32, I64

N_CHROMA = 12
N_OCTAVES = 7
BINS_PER_OCTAVE = 36
LOWEST_HZ = 440.0 * 2.0 ** (-45 / 12)
"""C1, 32.7 Hz; the highest bin is a third of a semitone below C8, 4106 Hz."""

_Q = (2.0 ** (2.0 / BINS_PER_OCTAVE) + 1.0) / (2.0 ** (2.0 / BINS_PER_OCTAVE) - 1.0)
_HANN_BANDWIDTH = 1.5  # in Fourier bins
_TUNING_MAX = 1.5
"""Bins that the grid may be moved by: half a semitone."""
_HIGHEST = 2.0 ** (_TUNING_MAX / BINS_PER_OCTAVE)
_TOP_C_HZ = LOWEST_HZ * 2.0 ** (N_OCTAVES - 1)
_CUTOFF_HZ = 2.0 * _TOP_C_HZ * _HIGHEST * (1.0 + 0.5 * _HANN_BANDWIDTH / _Q)
"""Upper edge of the highest kernel at the highest tuning, 4371 Hz."""

_PADDED_BINS = 40  # kernels of an octave in whole groups of eight
_KERNEL_BINS = 24
"""Fourier bins kept of a kernel: 1.6 main lobes of the widest; what is left out is 60 dB below."""
_TUNING_RATE_HZ = 32_000.0
_TINY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class _Kernels:
    """The constant-Q kernels of one octave, which all octaves share.

    Attributes
    ----------
    first_bin : int64 array, shape (_PADDED_BINS,)
    values : float32 array, shape (_PADDED_BINS * 2 * _KERNEL_BINS,)
        Real spectra of the kernels, each value twice: for a spectrum of real and imaginary parts in turn.
    """

    first_bin: I64
    values: F32


def _octave_kernels(lowest_hz: float, rate_hz: float, n_fft: int) -> _Kernels:
    """Hann-windowed tones, centred in a frame so that their spectra are real."""
    k = np.arange(BINS_PER_OCTAVE)
    freqs_hz = lowest_hz * 2.0 ** (k / BINS_PER_OCTAVE)
    lengths = _Q * rate_hz / freqs_hz
    t = np.arange(n_fft) - n_fft // 2
    inside = np.abs(t) < lengths[:, None] / 2.0
    window = np.where(inside, 0.5 + 0.5 * np.cos(2.0 * np.pi * t / lengths[:, None]), 0.0)
    tones = window * np.exp(2j * np.pi * freqs_hz[:, None] / rate_hz * t)
    # Unit sum of magnitudes, then the square root of the length: white noise is level over all bins.
    tones *= np.sqrt(lengths)[:, None] / window.sum(axis=1, keepdims=True)
    spectra = np.fft.fft(tones, axis=1)[:, : n_fft // 2 + 1].real / n_fft  # even around n_fft / 2: real
    centre = np.round(freqs_hz * n_fft / rate_hz).astype(np.int64) - _KERNEL_BINS // 2
    first = np.clip(centre, 0, n_fft // 2 + 1 - _KERNEL_BINS)
    values = np.zeros((_PADDED_BINS, 2 * _KERNEL_BINS), np.float32)
    cut = np.take_along_axis(spectra, first[:, None] + np.arange(_KERNEL_BINS), axis=1)
    values[:BINS_PER_OCTAVE] = np.repeat(cut, 2, axis=1)
    first_bin = np.zeros(_PADDED_BINS, np.int64)
    first_bin[:BINS_PER_OCTAVE] = first
    return _Kernels(first_bin, values.reshape(-1))


@kernel
def _powers(spectrum: F32, first_bin: I64, values: F32, out: F32) -> None:
    """Squared magnitudes of the products of one spectrum with all kernels."""
    width = 2 * _KERNEL_BINS
    for group in range(0, _PADDED_BINS, 8):
        v0 = splat8(np.float32(0.0))
        v1 = v0
        v2 = v0
        v3 = v0
        v4 = v0
        v5 = v0
        v6 = v0
        v7 = v0
        k = group * width
        for i in range(0, width, 8):
            v0 = v0 + load8(spectrum, 2 * first_bin[group] + i) * load8(values, k + i)
            v1 = v1 + load8(spectrum, 2 * first_bin[group + 1] + i) * load8(values, k + width + i)
            v2 = v2 + load8(spectrum, 2 * first_bin[group + 2] + i) * load8(values, k + 2 * width + i)
            v3 = v3 + load8(spectrum, 2 * first_bin[group + 3] + i) * load8(values, k + 3 * width + i)
            v4 = v4 + load8(spectrum, 2 * first_bin[group + 4] + i) * load8(values, k + 4 * width + i)
            v5 = v5 + load8(spectrum, 2 * first_bin[group + 5] + i) * load8(values, k + 5 * width + i)
            v6 = v6 + load8(spectrum, 2 * first_bin[group + 6] + i) * load8(values, k + 6 * width + i)
            v7 = v7 + load8(spectrum, 2 * first_bin[group + 7] + i) * load8(values, k + 7 * width + i)
        r0, i0, r1, i1, r2, i2, r3, i3 = transpose8((v0, v1, v2, v3, v4, v5, v6, v7))
        re = (r0 + r1) + (r2 + r3)
        im = (i0 + i1) + (i2 + i3)
        store8(out, group, re * re + im * im)


@kernel
def _chroma_rows(
    first: int,
    last: int,
    signals: F32,
    starts: I64,
    hop_frames: int,
    half_window: F32,
    passes: F32,
    join: F32,
    split: F32,
    first_bin: I64,
    values: F32,
    out: F32,
) -> None:
    """Rows [first, last); `starts[o]` is where window 0 of octave o, counted from above, begins."""
    n_fft = half_window.shape[0]
    spectrum = np.empty(n_fft + 2, np.float32)
    work = np.empty((4, n_fft // 2 + PAD), np.float32)
    power = np.empty(_PADDED_BINS, np.float32)
    notes = np.empty(N_CHROMA, np.float32)
    for t in range(first, last):
        notes[:] = np.float32(0.0)
        weight = np.float32(1.0)
        for octave in range(starts.shape[0]):
            at = starts[octave] + t * (hop_frames >> octave)
            rfft_frame(signals[at : at + n_fft], half_window, passes, join, split, work, spectrum)
            _powers(spectrum, first_bin, values, power)
            for b in range(BINS_PER_OCTAVE):
                power[b] = weight * math.sqrt(power[b])
            for b in range(BINS_PER_OCTAVE):
                notes[(b + 1) // 3 % N_CHROMA] += power[b]
            # Kernels get longer by two an octave, and noise in them by the root of two.
            weight *= np.float32(math.sqrt(2.0))
        top = notes.max()
        if top < _TINY:
            top = np.float32(1.0)
        for c in range(N_CHROMA):
            out[t, c] = notes[c] / top


class ChromaCqt:
    """Constant-Q chroma of mono sound at one rate.

    Parameters
    ----------
    rate_hz : int, 9500 to 192000
    hop_frames : int
        Frames from one row to the next, a multiple of `hop_multiple(rate_hz)`: every octave needs a
        whole number of its own frames (64 at 22.05 kHz, 128 at 44.1 kHz).
    threads : int or None
        As `RowPool`.

    Notes
    -----
    Equal to librosa's `chroma_cqt` in its default settings, within what two ways of resampling differ
    by: the cosine of two rows is above 0.999 on music. Several threads may use one plan.
    Memory beyond the result: 8 bytes a frame at 22.05 kHz.
    """

    def __init__(self, rate_hz: int, hop_frames: int = 512, threads: int | None = None) -> None:
        multiple = hop_multiple(rate_hz)
        if hop_frames < 1 or hop_frames % multiple:
            raise ParameterError(
                f"a hop of {hop_frames} frames at {rate_hz} Hz is not a multiple of {multiple}"
            )
        self.rate_hz = rate_hz
        self.hop_frames = hop_frames
        self._n_before = _halvings(rate_hz)
        self._octave_hz = rate_hz / 2**self._n_before
        self._n_fft = max(64, 2 ** math.ceil(math.log2(_Q * self._octave_hz * _HIGHEST / _TOP_C_HZ)))
        self._tables: FftTables = fft_tables(self._n_fft)
        self._half_window = np.full(self._n_fft, 0.5, np.float32)
        # Before the octaves the whole range must pass, between them what the next octave needs.
        self._filters = [half_band(_CUTOFF_HZ * 2**i / rate_hz) for i in range(self._n_before)]
        self._octave_filter = half_band(_CUTOFF_HZ / 2.0 / self._octave_hz)
        self._kernels: dict[float, _Kernels] = {}
        self._pool = RowPool(threads)

    def n_rows(self, n_frames: int) -> int:
        """Rows of `n_frames` frames: row t is centred on frame t * hop_frames."""
        return 1 + n_frames // self.hop_frames

    def tuning(self, x: F32) -> float:
        """Estimate the tuning that `chroma` takes by default.

        Parameters
        ----------
        x : float32 array, shape (frames,)

        Returns
        -------
        float
            -0.5 up to 0.5, in bins of a third of a semitone.
        """
        x, rate_hz, i = tamed(x), float(self.rate_hz), 0
        while rate_hz > _TUNING_RATE_HZ:
            y = np.empty(-(-x.shape[0] // 2), np.float32)
            halve(x, self._filters[i], y, self._pool)
            x, rate_hz, i = y, rate_hz / 2, i + 1
        return estimate_tuning(x, rate_hz, BINS_PER_OCTAVE, self._pool)

    def chroma(self, x: F32, tuning: float | None = None, out: F32 | None = None) -> F32:
        """Measure every moment.

        Parameters
        ----------
        x : float32 array, shape (frames,)
            Mono, at least one frame; outside is silence.
        tuning : float or None, -1.5 to 1.5
            Where the notes lie, in bins of a third of a semitone from A = 440 Hz. None estimates it.
        out : float32 array, shape (n_rows, 12), or None
            None allocates.

        Returns
        -------
        float32 array, shape (n_rows, 12), 0..1
            C, C sharp, .. B. The highest of a moment is 1; silence is 0.
        """
        if x.ndim != 1 or x.dtype != np.float32 or x.shape[0] < 1:
            raise ParameterError(f"chroma is made of mono float32 sound, not {x.dtype} {x.shape}")
        if tuning is not None and not abs(tuning) <= _TUNING_MAX:
            raise ParameterError(f"a tuning of {tuning} bins is outside -1.5..1.5")
        shape = (self.n_rows(x.shape[0]), N_CHROMA)
        if out is None:
            out = np.empty(shape, np.float32)
        if out.shape != shape or out.dtype != np.float32:
            raise ParameterError(f"the result needs float32 {shape}, not {out.dtype} {out.shape}")
        x = tamed(x)
        kernels = self._kernels_at(self.tuning(x) if tuning is None else tuning)
        signals, starts = self._octaves(x)
        tables = self._tables
        self._pool.run(
            _chroma_rows, shape[0], signals, starts, self.hop_frames >> self._n_before,
            self._half_window, tables.passes, tables.join, tables.split,
            kernels.first_bin, kernels.values, out,
        )  # fmt: skip
        return out

    def close(self) -> None:
        """Stop the plan's threads."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _kernels_at(self, tuning: float) -> _Kernels:
        kernels = self._kernels.get(tuning)
        if kernels is None:
            top_c_hz = _TOP_C_HZ * 2.0 ** (tuning / BINS_PER_OCTAVE)
            kernels = _octave_kernels(top_c_hz, self._octave_hz, self._n_fft)
            self._kernels = {tuning: kernels}  # one song at a time: the last tuning is kept
        return kernels

    def _octaves(self, x: F32) -> tuple[F32, I64]:
        """The sound at every octave's rate, each with half a window of silence on both sides."""
        half = self._n_fft // 2
        for taps in self._filters:
            y = np.empty(-(-x.shape[0] // 2), np.float32)
            halve(x, taps, y, self._pool)
            x = y
        lengths = [-(-x.shape[0] // 2**octave) for octave in range(N_OCTAVES)]
        # One more window at each end: the last row of a lower octave may lie a frame beyond it.
        starts = np.cumsum([0] + [n + self._n_fft + 1 for n in lengths])
        signals = np.zeros(starts[-1], np.float32)
        signals[half : half + lengths[0]] = x
        for octave in range(1, N_OCTAVES):
            above = signals[starts[octave - 1] + half :][: lengths[octave - 1]]
            halve(above, self._octave_filter, signals[starts[octave] + half :][: lengths[octave]], self._pool)
        return signals, starts[:-1]


def _halvings(rate_hz: float) -> int:
    """How often the rate may be halved before the highest octave: 1 at 22.05 kHz, 2 at 44.1 and 48."""
    n = 0
    while rate_hz / 2 >= 2.5 * _CUTOFF_HZ:
        rate_hz /= 2
        n += 1
    return n


def hop_multiple(rate_hz: int) -> int:
    """Hops must be a multiple of this at `rate_hz`: 2 to the power of all halvings there are."""
    if not 9500 <= rate_hz <= 192_000:
        raise ParameterError(f"chroma of seven octaves needs a rate of 9500..192000 Hz, not {rate_hz} Hz")
    return 1 << (_halvings(rate_hz) + N_OCTAVES - 1)
