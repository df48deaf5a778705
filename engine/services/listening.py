"""A whole song heard once: every series and sum that its fingerprint, tempo and key are read from.

On whichever thread analyses; a second one, of its own, takes the stereo side while the caller's resamples
and hears the mono side. Sound comes in blocks of any size and is not kept: see mono_rows.py for memory.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

import numpy as np

from engine.errors import ParameterError
from engine.kernels.jit import RowPool
from engine.kernels.loudness import highest
from engine.kernels.tempo import Tempo, estimate_tempo
from engine.services.mono_rows import RATE_HZ, ROWS_PER_S, MonoHeard, MonoRows
from engine.services.stereo_figures import StereoFigures, StereoHeard
from engine.stream.resampler import Resampler
from engine.units import F32

LOUDEST = 1e6
"""+120 dBFS: what is finite but beyond it counts as this, so that sums of squares stay finite."""

TEMPO_S = 600.0
"""Tempo is that of at most this much from the middle: 13 MB of autocorrelations."""

_LOWEST_RATE_HZ = 8000  # loudness is not defined below; such sound is raised to RATE_HZ first


@dataclass(frozen=True)
class Heard:
    """A song.

    Attributes
    ----------
    stereo : StereoHeard
    mono : MonoHeard
    tempo : Tempo
    """

    stereo: StereoHeard
    mono: MonoHeard
    tempo: Tempo


class Listener:
    """Listen to a song or a stem.

    Parameters
    ----------
    rate_hz : int, 1000 to 768000
    threads : int or None
        As `RowPool`; 1 leaves everything to the calling thread.

    Notes
    -----
    One thread at a time. 60 s of stereo at 44.1 kHz take about 0.25 s with two threads.
    """

    def __init__(self, rate_hz: int, threads: int | None = None) -> None:
        rate = rate_hz if rate_hz >= _LOWEST_RATE_HZ else RATE_HZ
        self._raised = _RateChange(2, rate_hz, rate)
        self._lowered = _RateChange(1, rate, RATE_HZ)
        self._pool = RowPool(threads)
        self._stereo = StereoFigures(rate, 1)
        self._mono = MonoRows(threads)
        self._aside = ThreadPoolExecutor(1, "stereo") if self._pool.threads > 1 else None
        self._pending: Future[None] | None = None
        self._n_frames = 0

    def push(self, x: F32) -> None:
        """Hear the next block.

        Parameters
        ----------
        x : float32 array, shape (2, frames)
            Finite; not changed, and not to be changed before the next call.
        """
        if x.ndim != 2 or x.shape[0] != 2 or x.dtype != np.float32:
            raise ParameterError(f"a song comes as float32 of shape (2, frames), not {x.dtype} {x.shape}")
        self._n_frames += x.shape[1]
        if highest(x) > LOUDEST:
            x = np.clip(x, -LOUDEST, LOUDEST)
        self._hear(self._raised.push(x))

    def finish(self) -> Heard:
        """Hear what is left in the filters and give everything.

        Returns
        -------
        Heard

        Raises
        ------
        ParameterError
            Not a single frame was heard.
        """
        if not self._n_frames:
            raise ParameterError("no sound was heard; push at least one frame")
        self._hear(self._raised.rest())
        self._mono.push(self._lowered.rest()[0])
        self._wait()
        mono = self._mono.finish()
        rows = round(TEMPO_S * ROWS_PER_S)
        first = max(0, (mono.onset.size - rows) // 2)
        tempo = estimate_tempo(mono.onset[first : first + rows], ROWS_PER_S, self._pool)
        return Heard(self._stereo.finish(), mono, tempo)

    def close(self) -> None:
        """Stop the threads."""
        if self._aside is not None:
            self._aside.shutdown()
        for part in (self._mono, self._stereo, self._pool):
            part.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _hear(self, x: F32) -> None:
        self._wait()
        if self._aside is None:
            self._stereo.push(x)
        else:
            self._pending = self._aside.submit(self._stereo.push, x)
        # Each half before they are added: two loud channels must not leave float32.
        middle = (np.float32(0.5) * x[:1] + np.float32(0.5) * x[1:]).astype(np.float32, copy=False)
        self._mono.push(self._lowered.push(middle)[0])

    def _wait(self) -> None:
        if self._pending is not None:
            self._pending.result()
            self._pending = None


class _RateChange:
    """A stream at another rate, aligned with the original: as long, and without the filter's delay."""

    def __init__(self, channels: int, from_hz: int, to_hz: int) -> None:
        self._resampler = Resampler(channels, from_hz, to_hz) if from_hz != to_hz else None
        self._channels = channels
        self._late = self._resampler.latency_frames if self._resampler is not None else 0
        self._early = self._late  # frames of silence still to be dropped at the beginning

    def push(self, x: F32) -> F32:
        """What the next (channels, n) frames complete, (channels, m)."""
        if self._resampler is None:
            return x
        out = self._resampler.process(x)
        dropped = min(self._early, out.shape[1])
        self._early -= dropped
        return out[:, dropped:]

    def rest(self) -> F32:
        """The end, (channels, m)."""
        if self._resampler is None:
            return np.zeros((self._channels, 0), np.float32)
        parts: list[F32] = []
        missing = self._late
        while missing > 0:
            block = self.push(np.zeros((self._channels, 64), np.float32))[:, :missing]
            missing -= block.shape[1]
            parts.append(block)
        return np.concatenate(parts, axis=1) if parts else np.zeros((self._channels, 0), np.float32)
