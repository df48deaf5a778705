"""Chroma: how much of each of the twelve notes sounds, whatever the octave.

Analysis workers run it, with threads of the plan's own; never the audio callback. It is a
constant-Q transform of three bins a semitone (constant_q.py), its octaves folded into one.

References
----------
.. [1] T. Fujishima, "Realtime chord recognition of musical sound", ICMC 1999: chroma.
"""

from typing import Self

import numpy as np

from engine.errors import ParameterError
from engine.kernels.constant_q import (
    BINS_PER_OCTAVE,
    MAX_OCTAVES,
    N_CHROMA,
    OctaveKernels,
    chroma_rows,
    constant_q,
)
from engine.kernels.halving import halve
from engine.kernels.jit import RowPool
from engine.kernels.tuning import estimate_tuning, tamed
from engine.units import F32, I64

_TUNING_RATE_HZ = 32_000.0


class ChromaCqt:
    """Constant-Q chroma of mono sound at one rate.

    Parameters
    ----------
    rate_hz : int, 9500 to 192000
    hop_frames : int
        Frames from one row to the next, a multiple of `hop_multiple(rate_hz, n_octaves)`: with seven
        octaves 128 at 22.05 kHz, 256 at 44.1 and 48 kHz.
    threads : int or None
        As `RowPool`.
    n_octaves : int, 1 to 7
        Octaves that are heard, from C8 down; seven reach C1.

    Notes
    -----
    Equal to librosa's `chroma_cqt` in its default settings, within what two ways of resampling differ
    by: the cosine of two rows is above 0.999 on music. Several threads may use one plan.
    Memory beyond the result: 8 bytes a frame at 22.05 kHz.
    """

    def __init__(
        self,
        rate_hz: int,
        hop_frames: int = 512,
        threads: int | None = None,
        n_octaves: int = MAX_OCTAVES,
    ) -> None:
        self._geometry = constant_q(rate_hz, hop_frames, n_octaves)
        self.rate_hz = rate_hz
        self.hop_frames = hop_frames
        self._kernels: dict[float, OctaveKernels] = {}
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
            halve(x, self._geometry.filters[i], y, self._pool)
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
        shape = (self.n_rows(x.shape[0]), N_CHROMA)
        if out is None:
            out = np.empty(shape, np.float32)
        if out.shape != shape or out.dtype != np.float32 or not out.flags.c_contiguous:
            raise ParameterError(f"the result needs contiguous float32 {shape}, not {out.dtype} {out.shape}")
        x = tamed(x)
        kernels = self._kernels_at(self.tuning(x) if tuning is None else tuning)
        signals, starts = self._octaves(x)
        geometry = self._geometry
        tables = geometry.tables
        self._pool.run(
            chroma_rows, shape[0], signals, starts, geometry.hop_frames, geometry.half_window,
            tables.passes, tables.join, tables.split, kernels.first_bin, kernels.values, out,
        )  # fmt: skip
        return out

    def close(self) -> None:
        """Stop the plan's threads."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _kernels_at(self, tuning: float) -> OctaveKernels:
        kernels = self._kernels.get(tuning)
        if kernels is None:
            kernels = self._geometry.kernels(tuning)
            self._kernels = {tuning: kernels}  # one song at a time: the last tuning is kept
        return kernels

    def _octaves(self, x: F32) -> tuple[F32, I64]:
        """The sound at every octave's rate, each with half a window of silence on both sides."""
        geometry = self._geometry
        n_fft, n_before = geometry.tables.n_fft, geometry.n_before
        for taps in geometry.filters[:n_before]:
            y = np.empty(-(-x.shape[0] // 2), np.float32)
            halve(x, taps, y, self._pool)
            x = y
        lengths = [-(-x.shape[0] // 2**octave) for octave in range(geometry.n_octaves)]
        # One frame more: the last row of a lower octave may lie beyond what was rounded up.
        starts = np.cumsum([0] + [n + n_fft + 1 for n in lengths])
        signals = np.zeros(starts[-1], np.float32)
        bodies = [signals[start + n_fft // 2 :][:n] for start, n in zip(starts[:-1], lengths, strict=True)]
        bodies[0][:] = x
        for above, below, taps in zip(bodies[:-1], bodies[1:], geometry.filters[n_before:], strict=True):
            halve(above, taps, below, self._pool)
        return signals, starts[:-1]
