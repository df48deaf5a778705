"""Chroma of a stream: for meters and visuals, row after row as the sound arrives.

The thread that feeds it runs it; it takes Python for every hop, so it is not for the audio callback.
Memory is fixed at construction: each octave's last stretch of sound, 0.15 MB with seven at 22.05 kHz.
It equals `ChromaCqt` at one tuning; what it costs is time: a low note is only known after some of
its periods, and the fewer low octaves are heard, the sooner a row is there.
"""

import itertools
import math

import numpy as np

from engine.errors import ParameterError
from engine.kernels.constant_q import MAX_OCTAVES, N_CHROMA, chroma_rows, constant_q
from engine.kernels.halving import halve
from engine.units import F32

_LOUDEST = np.float32(1e6)  # beyond, squares of spectra would leave float32


class ChromaStream:
    """Constant-Q chroma of mono sound that arrives in blocks of any size.

    Parameters
    ----------
    rate_hz : int, 9500 to 192000
    hop_frames : int
        Frames from one row to the next; see `ChromaCqt`.
    tuning : float, -1.5 to 1.5
        Where the notes lie, in bins of a third of a semitone from A = 440 Hz.
    n_octaves : int, 1 to 7
        Octaves that are heard, from C8 down.

    Attributes
    ----------
    latency_frames : int
        Row t, centred on frame t * hop_frames, comes out with the block that brings frame
        t * hop_frames + latency_frames - 1: 1.65 s later with seven octaves at 22.05 kHz, 0.21 s with four.
    """

    def __init__(
        self, rate_hz: int, hop_frames: int = 512, tuning: float = 0.0, n_octaves: int = MAX_OCTAVES
    ) -> None:
        self._geometry = constant_q(rate_hz, hop_frames, n_octaves)
        self.hop_frames = hop_frames
        self.retune(tuning)
        self._plan_lines()
        self._block = np.zeros(hop_frames, np.float32)
        self.reset()

    def retune(self, tuning: float) -> None:
        """Take another tuning, -1.5 to 1.5 bins, from the next row on; sound and time go on."""
        self._kernels = self._geometry.kernels(tuning)

    def reset(self) -> None:
        """Forget all sound, as a new stream of the same tuning."""
        self._flat[:] = 0.0
        self._filled_frames = 0
        self._n_hops = 0

    def process(self, x: F32) -> F32:
        """Take the next block.

        Parameters
        ----------
        x : float32 array, shape (frames,)
            Mono, of any length.

        Returns
        -------
        float32 array, shape (n, 12), 0..1
            The rows that `x` completes, often none.
        """
        if x.ndim != 1 or x.dtype != np.float32:
            raise ParameterError(f"chroma is made of mono float32 sound, not {x.dtype} {x.shape}")
        n_hops = (self._filled_frames + x.shape[0]) // self.hop_frames
        first_hop = max(self._n_hops + 1, self._delay_hops)
        out = np.empty((max(0, self._n_hops + n_hops - first_hop + 1), N_CHROMA), np.float32)
        n_rows = 0
        at = 0
        while at < x.shape[0]:
            n = min(self.hop_frames - self._filled_frames, x.shape[0] - at)
            self._block[self._filled_frames : self._filled_frames + n] = x[at : at + n]
            self._filled_frames += n
            at += n
            if self._filled_frames == self.hop_frames:
                self._filled_frames = 0
                self._take_hop()
                if self._n_hops >= self._delay_hops:
                    self._measure(out[n_rows : n_rows + 1])
                    n_rows += 1
        return out

    def _plan_lines(self) -> None:
        """Lay out the delay lines: line s holds the newest sound after s halvings.

        After N hops, line s ends at frame N * hop - lag of its own rate: a filter of n weights looks
        2 n - 1 frames ahead, so each halving is behind by (lag + 2 n - 2) / 2 of its frames.
        """
        geometry = self._geometry
        half = geometry.tables.n_fft // 2
        lags = [0]
        for taps in geometry.filters:
            lags.append(-(-(lags[-1] + 2 * taps.size - 2) // 2))
        self._lags = lags
        self._hops = [self.hop_frames >> s for s in range(len(lags))]
        octaves = range(geometry.n_before, len(lags))
        self._delay_hops = max(math.ceil((half + lags[s]) / self._hops[s]) for s in octaves)
        self.latency_frames = self._delay_hops * self.hop_frames
        # How far a row's window starts, and a filter's input starts, before the end of a line.
        windows = {s: self._delay_hops * self._hops[s] - lags[s] + half for s in octaves}
        self._reaches = [
            self._hops[s] - lags[s] + 2 * (lags[s + 1] + taps.size) for s, taps in enumerate(geometry.filters)
        ]
        lengths = [
            max(windows.get(s, 0), self._reaches[s] if s < len(self._reaches) else 0, self._hops[s])
            for s in range(len(lags))
        ]
        edges = np.cumsum([0, *lengths])
        self._flat = np.zeros(edges[-1], np.float32)
        self._lines = [self._flat[a:b] for a, b in itertools.pairwise(edges)]
        self._starts = np.array([edges[s + 1] - windows[s] for s in octaves])
        # What a filter gives of its input and of the beginning that it only needs for its neighbours.
        self._halved = [
            np.empty((self._hops[s] - 1 + 4 * taps.size) // 2, np.float32)
            for s, taps in enumerate(geometry.filters)
        ]

    def _take_hop(self) -> None:
        """Move every line on by a hop."""
        self._n_hops += 1
        _append(self._lines[0], np.clip(self._block, -_LOUDEST, _LOUDEST))
        for s, taps in enumerate(self._geometry.filters):
            line, halved, hop = self._lines[s], self._halved[s], self._hops[s + 1]
            start = line.size - self._reaches[s]
            halve(line[start : start + self._hops[s] - 2 + 4 * taps.size], taps, halved)
            new = halved[taps.size : taps.size + hop]
            # Before its first frame the sound is silent at every rate, filters' echoes included.
            early = self._lags[s + 1] - (self._n_hops - 1) * hop
            new[: max(0, early)] = 0.0
            _append(self._lines[s + 1], new)

    def _measure(self, out: F32) -> None:
        geometry, kernels = self._geometry, self._kernels
        tables = geometry.tables
        chroma_rows(
            0, 1, self._flat, self._starts, geometry.hop_frames, geometry.half_window,
            tables.passes, tables.join, tables.split, kernels.first_bin, kernels.values, out,
        )  # fmt: skip


def _append(line: F32, new: F32) -> None:
    line[: -new.size] = line[new.size :]
    line[-new.size :] = new
