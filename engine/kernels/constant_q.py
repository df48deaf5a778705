"""Constant-Q octaves: what a transform of any number of them is made of, offline or live.

Any worker thread; tables are made once a tuning, kernels allocate nothing or a few kilobytes and release
the GIL. Every octave halves the rate, so that one small set of kernels, kept as a few Fourier bins
each, serves all of them through a short transform.

References
----------
.. [1] C. Schoerkhuber and A. Klapuri, "Constant-Q transform toolbox for music processing", SMC 2010.
.. [2] J. C. Brown and M. S. Puckette, "An efficient algorithm for the calculation of a constant Q
   transform", JASA 92, 1992: kernels in the frequency domain.
"""

import math
from dataclasses import dataclass

import numpy as np

from engine.errors import ParameterError
from engine.kernels.fft import PAD, FftTables, fft_tables, rfft_frame
from engine.kernels.halving import half_band
from engine.kernels.jit import kernel
from engine.kernels.lanes import load8, splat8, store8, transpose8
from engine.units import F32, I64

N_CHROMA = 12
MAX_OCTAVES = 7
BINS_PER_OCTAVE = 36
LOWEST_HZ = 440.0 * 2.0 ** (-45 / 12)
"""C1, 32.7 Hz; the highest bin is a third of a semitone below C8, 4106 Hz."""

_Q = (2.0 ** (2.0 / BINS_PER_OCTAVE) + 1.0) / (2.0 ** (2.0 / BINS_PER_OCTAVE) - 1.0)
_HANN_BANDWIDTH = 1.5  # in Fourier bins
TUNING_MAX = 1.5
"""Bins that the grid may be moved by: half a semitone."""
_HIGHEST = 2.0 ** (TUNING_MAX / BINS_PER_OCTAVE)
_TOP_C_HZ = LOWEST_HZ * 2.0 ** (MAX_OCTAVES - 1)
_CUTOFF_HZ = 2.0 * _TOP_C_HZ * _HIGHEST * (1.0 + 0.5 * _HANN_BANDWIDTH / _Q)
"""Upper edge of the highest kernel at the highest tuning, 4371 Hz."""

_PADDED_BINS = 40  # kernels of an octave in whole groups of eight
_KERNEL_BINS = 24
"""Fourier bins kept of a kernel: 1.6 main lobes of the widest; what is left out is 60 dB below."""
_TINY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class OctaveKernels:
    """The constant-Q kernels of one octave, which all octaves share.

    Attributes
    ----------
    first_bin : int64 array, shape (40,)
    values : float32 array, shape (40 * 48,)
        Real spectra of the kernels, each value twice: for a spectrum of real and imaginary parts in turn.
    """

    first_bin: I64
    values: F32


@dataclass(frozen=True)
class ConstantQ:
    """Geometry and filters of a constant-Q transform.

    Attributes
    ----------
    n_octaves : int
        Counted from the highest, which always ends at C8.
    n_before : int
        How often the rate is halved before the highest octave.
    octave_hz : float
        Rate of the highest octave.
    hop_frames : int
        From row to row in the highest octave.
    filters : list of float32 arrays, shape (n,)
        Half-band taps of every halving, those before the octaves first.
    tables : FftTables
    half_window : float32 array, shape (n_fft,)
        A rectangle: the kernels have the windows.
    """

    n_octaves: int
    n_before: int
    octave_hz: float
    hop_frames: int
    filters: list[F32]
    tables: FftTables
    half_window: F32

    def kernels(self, tuning: float) -> OctaveKernels:
        """Kernels for notes that lie `tuning` bins, -TUNING_MAX to TUNING_MAX, from A = 440 Hz."""
        if not abs(tuning) <= TUNING_MAX:
            raise ParameterError(f"a tuning of {tuning} bins is outside -{TUNING_MAX}..{TUNING_MAX}")
        top_c_hz = _TOP_C_HZ * 2.0 ** (tuning / BINS_PER_OCTAVE)
        return _octave_kernels(top_c_hz, self.octave_hz, self.tables.n_fft)


def hop_multiple(rate_hz: int, n_octaves: int = MAX_OCTAVES) -> int:
    """Hops must be a multiple of this: 2 to the power of all halvings there are.

    Parameters
    ----------
    rate_hz : int, 9500 to 192000
    n_octaves : int, 1 to 7
    """
    if not 9500 <= rate_hz <= 192_000:
        raise ParameterError(f"octaves up to C8 need a rate of 9500..192000 Hz, not {rate_hz} Hz")
    if not 1 <= n_octaves <= MAX_OCTAVES:
        raise ParameterError(f"{n_octaves} octaves is outside 1..{MAX_OCTAVES}")
    return 1 << (_halvings(rate_hz) + n_octaves - 1)


def constant_q(rate_hz: int, hop_frames: int, n_octaves: int = MAX_OCTAVES) -> ConstantQ:
    """Make a transform's geometry.

    Parameters
    ----------
    rate_hz : int, 9500 to 192000
    hop_frames : int
        A multiple of `hop_multiple(rate_hz, n_octaves)`: every octave needs a whole number of its own
        frames from row to row.
    n_octaves : int, 1 to 7
    """
    multiple = hop_multiple(rate_hz, n_octaves)
    if hop_frames < 1 or hop_frames % multiple:
        raise ParameterError(f"a hop of {hop_frames} frames at {rate_hz} Hz is not a multiple of {multiple}")
    n_before = _halvings(rate_hz)
    octave_hz = rate_hz / 2**n_before
    n_fft = max(64, 2 ** math.ceil(math.log2(_Q * octave_hz * _HIGHEST / _TOP_C_HZ)))
    # Before the octaves the whole range must pass, between them what the next octave needs.
    filters = [half_band(_CUTOFF_HZ * 2**i / rate_hz) for i in range(n_before)]
    filters += [half_band(_CUTOFF_HZ / 2.0 / octave_hz)] * (n_octaves - 1)
    half_window = np.full(n_fft, 0.5, np.float32)
    return ConstantQ(
        n_octaves, n_before, octave_hz, hop_frames >> n_before, filters, fft_tables(n_fft), half_window
    )


def _halvings(rate_hz: float) -> int:
    """How often the rate may be halved before the highest octave: 1 at 22.05 kHz, 2 at 44.1 and 48."""
    n = 0
    while rate_hz / 2 >= 2.5 * _CUTOFF_HZ:
        rate_hz /= 2
        n += 1
    return n


def _octave_kernels(lowest_hz: float, rate_hz: float, n_fft: int) -> OctaveKernels:
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
    return OctaveKernels(first_bin, values.reshape(-1))


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
def chroma_rows(
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
    """Chroma of rows [first, last).

    Parameters
    ----------
    first, last : int
    signals : float32 array, shape (n,)
        The sound at every octave's rate, one after the other.
    starts : int64 array, shape (n_octaves,)
        Where row 0's window of each octave begins in it, from the highest octave down.
    hop_frames : int
        From row to row in the highest octave.
    half_window, passes, join, split
        Of `ConstantQ`.
    first_bin, values
        Of `OctaveKernels`.
    out : float32 array, shape (>= last, 12)
    """
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
