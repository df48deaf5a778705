"""Tempogram: how well a stretch of onsets repeats after every lag, as time goes on.

Analysis workers run it; the kernels release the GIL. It is what tempo is read from and what the
analysis panel draws; it holds lags rather than tempi, because lags are what is measured.

References
----------
.. [1] P. Grosche, M. Mueller and F. Kurth, "Cyclic tempogram - a mid-level tempo representation for
   music signals", ICASSP 2010: the autocorrelation tempogram.
"""

import math

import numpy as np

from engine.errors import ParameterError
from engine.kernels.fft import MAX_N_FFT, MIN_N_FFT, PAD, fft_tables, irfft_frame, rfft_frame
from engine.kernels.jit import RowPool, kernel, run_rows
from engine.kernels.windows import hann
from engine.units import F32

N_LAGS = 384
"""8.9 s at 43 values a second (22.05 kHz, hop 512): two bars of the slowest songs."""

_SHARED_ROWS = 64  # 5 us each: fewer are done before another thread has started
_TINY = float(np.finfo(np.float32).tiny)


@kernel
def _correlate_rows(
    first: int,
    last: int,
    padded: F32,
    hop: int,
    half_window: F32,
    inverse_window: F32,
    passes: F32,
    join: F32,
    split: F32,
    out: F32,
) -> None:
    """Rows [first, last) of `out`; row t is of the window at t * hop."""
    n_fft = half_window.shape[0]
    n_lags = out.shape[1]
    work = np.empty((4, n_fft // 2 + PAD), np.float32)
    frame = np.zeros(n_fft, np.float32)
    spectrum = np.empty(n_fft + 2, np.float32)
    for t in range(first, last):
        frame[:] = np.float32(0.0)
        frame[:n_lags] = padded[t * hop : t * hop + n_lags]
        rfft_frame(frame, half_window, passes, join, split, work, spectrum)
        for i in range(0, n_fft + 2, 2):
            spectrum[i] = spectrum[i] * spectrum[i] + spectrum[i + 1] * spectrum[i + 1]
            spectrum[i + 1] = 0.0
        irfft_frame(spectrum, inverse_window, passes, join, split, work, frame)
        top = frame[0]  # no autocorrelation is higher than that at lag 0
        scale = np.float32(1.0) / top if top >= _TINY else np.float32(0.0)
        for i in range(n_lags):
            out[t, i] = frame[i] * scale


def checked_onset(onset: F32) -> F32:
    """An onset envelope as kernels take it: contiguous, and scaled so that squares fit float32.

    Parameters
    ----------
    onset : float32 array, shape (n,), n >= 1

    Returns
    -------
    float32 array, shape (n,)
        The largest magnitude is 1, or 0 throughout.
    """
    if onset.ndim != 1 or onset.dtype != np.float32 or onset.shape[0] < 1:
        raise ParameterError(f"an onset envelope is float32 of shape (n,), not {onset.dtype} {onset.shape}")
    top = float(np.abs(onset).max())
    if not math.isfinite(top):
        raise ParameterError(f"an onset envelope must be finite, its largest magnitude is {top}")
    return np.ascontiguousarray(onset / np.float32(top)) if top >= _TINY else np.zeros_like(onset)


def tempogram(
    onset: F32,
    n_lags: int = N_LAGS,
    hop: int = 1,
    out: F32 | None = None,
    threads: RowPool | None = None,
) -> F32:
    """Autocorrelation of the onset envelope around every moment.

    Parameters
    ----------
    onset : float32 array, shape (n,), n >= 1
        Onset strength, finite.
    n_lags : int, 2 to 8192
        Length of the Hann window around a moment, and lags measured.
    hop : int, >= 1
        Envelope values from one row to the next.
    out : float32 array, shape (ceil(n / hop), n_lags), or None
        None allocates.
    threads : RowPool or None

    Returns
    -------
    float32 array, shape (ceil(n / hop), n_lags), at most 1
        Similarity after 0, 1, .. envelope values; 1 after none, in silence 0 throughout.

    Notes
    -----
    Beyond its ends the envelope falls to zero in a straight line, as in librosa's `tempogram`, which
    this equals within 1e-5.
    """
    onset = checked_onset(onset)
    if not 2 <= n_lags <= MAX_N_FFT // 2 or hop < 1:
        raise ParameterError(f"{n_lags} lags (2..{MAX_N_FFT // 2}) every {hop} values is not possible")
    shape = (-(-onset.shape[0] // hop), n_lags)
    if out is None:
        out = np.empty(shape, np.float32)
    if out.shape != shape or out.dtype != np.float32 or not out.flags.c_contiguous:
        raise ParameterError(f"the result needs contiguous float32 {shape}, not {out.dtype} {out.shape}")
    n_fft = max(MIN_N_FFT, 2 ** math.ceil(math.log2(2 * n_lags - 1)))
    tables = fft_tables(n_fft)
    half_window = np.zeros(n_fft, np.float32)
    half_window[:n_lags] = 0.5 * hann(n_lags)
    inverse_window = np.full(n_fft, 1.0 / n_fft, np.float32)
    ramp = np.arange(n_lags // 2, dtype=np.float32) / np.float32(n_lags // 2)
    padded = np.concatenate(
        [onset[0] * ramp, onset, onset[-1] * ramp[::-1], np.zeros(n_lags, np.float32)]
    )  # fmt: skip
    run_rows(
        _correlate_rows, shape[0], padded, hop, half_window, inverse_window,
        tables.passes, tables.join, tables.split, out,
        threads=threads if shape[0] >= _SHARED_ROWS else None,
    )  # fmt: skip
    return out
