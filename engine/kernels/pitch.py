"""Fundamental frequency by the YIN estimator.

Analysis threads, and the streaming form for meters and visuals (engine/stream/pitch.py). Equivalent to
librosa.yin. It exists because there each frame costs two Fourier transforms of twice its length. Here
frames that overlap share the correlation of the hops they have in common.

A frame of q hops is cut into its hops. For all but its last ones (as many as the longest period needs),
a hop is correlated with itself and what follows it, the same for every frame that contains it; the last
ones are correlated with themselves alone. The sums are taken in the spectrum, so that a frame costs one
inverse transform, and all transforms are as short as a hop and a period together.

References
----------
.. [1] A. de Cheveigne, H. Kawahara, "YIN, a fundamental frequency estimator for speech and music",
   J. Acoust. Soc. Am. 111 (4), 2002: difference function (6), cumulative mean (8), threshold (step 4),
   parabolic interpolation (step 5).
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from engine.errors import ParameterError
from engine.kernels.fft import MAX_N_FFT, MIN_N_FFT, PAD, fft_tables, irfft_frame, rfft_frame
from engine.kernels.frames import cut_frame
from engine.kernels.jit import RowPool, fast_kernel, kernel, run_rows
from engine.units import F32

_TINY = float(np.finfo(np.float32).tiny)
_SHARE_FROM = 64  # frames: 0.4 ms of work; a share also transforms some of its neighbour's hops
_Sizes = tuple[int, int, int, int, int]


@dataclass(frozen=True)
class PitchTrack:
    """Pitch over time.

    Attributes
    ----------
    f0_hz : float32 array, shape (channels, n)
        Fundamental frequency, always inside the range asked for (a period more at most).
    aperiodicity : float32 array, shape (channels, n), 0..1
        Depth of the trough it was found in: near 0 one clear pitch, above about 0.2 rather none.
        1 in silence.
    """

    f0_hz: F32
    aperiodicity: F32


@fast_kernel
def _cross_power(a: F32, b: F32, out: F32) -> None:
    """conj(a) b, spectra of (re, im) in turn."""
    for k in range(a.shape[0] // 2):
        ar, ai, br, bi = a[2 * k], a[2 * k + 1], b[2 * k], b[2 * k + 1]
        out[2 * k] = ar * br + ai * bi
        out[2 * k + 1] = ar * bi - ai * br


@fast_kernel
def _add(a: F32, out: F32) -> None:
    for k in range(a.shape[0]):
        out[k] += a[k]


@kernel
def _best_period(
    correlation: F32, frame: F32, shortest: int, longest: int, threshold: float, trough: F32
) -> tuple[float, float]:
    """Period in frames, and depth of its trough.

    Parameters
    ----------
    correlation : float32 array, shape (> longest,)
        Sum over the frame of x[i] x[i + k].
    frame : float32 array, shape (>= longest,)
        Its samples.
    shortest, longest : int
        Periods to choose from.
    threshold : float
    trough : float32 array, shape (longest - shortest + 1,)
        Work: the cumulative mean normalised difference.
    """
    energy = 0.0
    total = 0.0
    for k in range(1, longest + 1):
        energy += np.float64(frame[k - 1]) ** 2
        difference = 2.0 * (np.float64(correlation[0]) - np.float64(correlation[k])) - energy
        total += difference
        if k >= shortest:
            trough[k - shortest] = difference / (total / k + _TINY)
    last = longest - shortest
    best = -1
    lowest = 0
    for i in range(last + 1):
        here = trough[i]
        if here < trough[lowest]:
            lowest = i
        falls = i == 0 or here < trough[i - 1]
        rises = i == last or here <= trough[i + 1]
        if i == 0:
            rises = here < trough[1]
        if falls and rises and here < threshold:
            best = i
            break
    if best < 0:
        best = lowest
    shift = 0.0
    if 0 < best < last:
        curve = np.float64(trough[best + 1]) + trough[best - 1] - 2.0 * trough[best]
        slope = 0.5 * (np.float64(trough[best + 1]) - trough[best - 1])
        if abs(slope) < abs(curve):
            shift = -slope / curve
    depth = min(max(np.float64(trough[best]), 0.0), 1.0)
    # Silence has the deepest of troughs everywhere.
    if total <= longest * _TINY:
        depth = 1.0
    return shortest + best + shift, depth


@kernel
def _track_rows(
    first: int,
    last: int,
    x: F32,
    origin: int,
    sizes: _Sizes,
    numbers: tuple[float, float],
    half_ones: F32,
    scaled_ones: F32,
    tables: tuple[F32, F32, F32],
    f0_hz: F32,
    aperiodicity: F32,
) -> None:
    """Rows [first, last) of all channels' frames in turn.

    Frame t begins at frame t * hop + origin of `x`; before and after `x` is silence. `sizes`, `numbers`
    and the rest are those of `Yin`.
    """
    hop_frames, n_shared, tail_frames, shortest, longest = sizes
    rate_hz, threshold = numbers
    n_frames = f0_hz.shape[1]
    n_fft = half_ones.shape[0]
    passes, join, split = tables
    work = np.empty((4, n_fft // 2 + PAD), np.float32)
    sound = np.zeros(n_fft, np.float32)
    hop_spec = np.empty(n_fft + 2, np.float32)
    long_spec = np.empty(n_fft + 2, np.float32)
    total = np.empty(n_fft + 2, np.float32)
    shared = np.empty((max(n_shared, 1), n_fft + 2), np.float32)
    correlation = np.empty(n_fft, np.float32)
    head = np.empty(longest, np.float32)
    trough = np.empty(longest - shortest + 1, np.float32)
    row = first
    while row < last:
        channel = row // n_frames
        t0 = row - channel * n_frames
        t1 = min(n_frames, t0 + last - row)
        row += t1 - t0
        # Hop j of a frame is hop j - 1 of the next one, so each is transformed once; the first
        # n_shared steps only fill the ring.
        for j in range(t0, t1 + n_shared):
            start = j * hop_frames + origin
            t = j - n_shared
            if n_shared > 0:
                cut_frame(x[channel], start, hop_frames, sound)
                rfft_frame(sound, half_ones, passes, join, split, work, hop_spec)
            if t >= t0:
                if n_shared == 0 or tail_frames != hop_frames:
                    cut_frame(x[channel], start, tail_frames, sound)
                    rfft_frame(sound, half_ones, passes, join, split, work, long_spec)
                    _cross_power(long_spec, long_spec, total)
                else:
                    _cross_power(hop_spec, hop_spec, total)
                for i in range(n_shared):
                    _add(shared[(t + i) % n_shared], total)
                irfft_frame(total, scaled_ones, passes, join, split, work, correlation)
                cut_frame(x[channel], t * hop_frames + origin, longest, head)
                period, depth = _best_period(correlation, head, shortest, longest, threshold, trough)
                f0_hz[channel, t] = rate_hz / period
                aperiodicity[channel, t] = depth
            if n_shared > 0:
                cut_frame(x[channel], start, hop_frames + longest, sound)
                rfft_frame(sound, half_ones, passes, join, split, work, long_spec)
                _cross_power(hop_spec, long_spec, shared[j % n_shared])


def _power_of_two(n: int) -> int:
    return max(MIN_N_FFT, 1 << (n - 1).bit_length())


class Yin:
    """Pitch of monophonic sound, frame by frame, with threads of its own.

    Parameters
    ----------
    rate_hz : int, 1000 to 768000
    range_hz : (float, float)
        Lowest and highest pitch looked for, 0 < lowest < highest <= rate_hz / 2. The default is
        C2 to C7. More than one period of the lowest must fit into a frame; two are better.
    frame_frames : int, even, 64 to 8192
    hop_frames : int, 1 to frame_frames
    threshold : float, > 0
        The first trough below it wins; without one, the deepest does.
    threads : int or None
        Threads that share a call, see `RowPool`; None takes the number of cores.

    Notes
    -----
    Several threads may use one plan. Results do not depend on the number of threads, bit for bit.
    Fastest when hop_frames divides frame_frames and is not below the longest period. 2048/512 at
    22.05 kHz costs three transforms of 1024 a frame.
    """

    def __init__(
        self,
        rate_hz: int,
        range_hz: tuple[float, float] = (65.40639, 2093.0045),
        frame_frames: int = 2048,
        hop_frames: int = 512,
        threshold: float = 0.1,
        threads: int | None = None,
    ) -> None:
        lowest_hz, highest_hz = range_hz
        if not 1000 <= rate_hz <= 768_000:
            raise ParameterError(f"sample rate {rate_hz} Hz is outside 1000..768000 Hz")
        if not 0.0 < lowest_hz < highest_hz <= rate_hz / 2:
            raise ParameterError(
                f"pitches from {lowest_hz} to {highest_hz} Hz are not in rising order in 0..{rate_hz / 2} Hz"
            )
        if frame_frames % 2 or not 64 <= frame_frames <= MAX_N_FFT // 2:
            raise ParameterError(f"a frame of {frame_frames} is not an even number in 64..{MAX_N_FFT // 2}")
        if not 1 <= hop_frames <= frame_frames:
            raise ParameterError(f"a hop of {hop_frames} frames is outside 1..{frame_frames}")
        if rate_hz / lowest_hz >= frame_frames - 1:
            raise ParameterError(
                f"a period of {lowest_hz} Hz does not fit into {frame_frames} frames; the lowest pitch that "
                f"does is {rate_hz / (frame_frames - 1):.1f} Hz"
            )
        if not 0.0 < threshold < math.inf:
            raise ParameterError(f"a threshold of {threshold} is not above 0")
        self.rate_hz = rate_hz
        self.frame_frames = frame_frames
        self.hop_frames = hop_frames
        shortest = math.floor(rate_hz / highest_hz)
        longest = min(math.ceil(rate_hz / lowest_hz), frame_frames - 1)
        n_shared, tail_frames = _shared_hops(frame_frames, hop_frames, longest)
        n_fft = _power_of_two(tail_frames + longest)
        tables = fft_tables(n_fft)
        self._sizes = (hop_frames, n_shared, tail_frames, shortest, longest)
        self._numbers = (float(rate_hz), float(threshold))
        self._half_ones = np.full(n_fft, 0.5, np.float32)
        self._scaled_ones = np.full(n_fft, 1.0 / n_fft, np.float32)
        self._tables = (tables.passes, tables.join, tables.split)
        self._pool = RowPool(threads)

    def n_frames(self, n: int) -> int:
        """Frames that `track` gives for `n` frames of sound."""
        return 1 + n // self.hop_frames

    def track(self, x: F32, out: PitchTrack | None = None) -> PitchTrack:
        """Pitch of the frames that are centred at 0, hop_frames, 2 * hop_frames, ..

        Parameters
        ----------
        x : float32 array, shape (channels, frames)
            Any length; silence around it.
        out : PitchTrack or None
            Arrays of shape (channels, 1 + frames // hop_frames). None allocates.

        Returns
        -------
        PitchTrack
        """
        if x.ndim != 2 or x.dtype != np.float32:
            raise ParameterError(f"sound must be float32 (channels, frames), not {x.dtype} {x.shape}")
        x = np.ascontiguousarray(x)
        shape = (x.shape[0], self.n_frames(x.shape[1]))
        if out is None:
            out = PitchTrack(np.empty(shape, np.float32), np.empty(shape, np.float32))
        for part in (out.f0_hz, out.aperiodicity):
            if part.shape != shape or part.dtype != np.float32:
                raise ParameterError(
                    f"a track needs float32 arrays of shape {shape}, not {part.dtype} {part.shape}"
                )
        self._run(x, -(self.frame_frames // 2), out)
        return out

    def of_frame(self, x: F32, out: PitchTrack) -> None:
        """Pitch of one frame: what `track` gives where a frame covers just `x`, bit for bit.

        Parameters
        ----------
        x : float32 array, shape (channels, frame_frames), C order
        out : PitchTrack
            Arrays of shape (channels, 1).
        """
        self._run(x, 0, out)

    def _run(self, x: F32, origin: int, out: PitchTrack) -> None:
        pool = self._pool if out.f0_hz.size >= _SHARE_FROM else None
        run_rows(
            _track_rows,
            out.f0_hz.size,
            x,
            origin,
            self._sizes,
            self._numbers,
            self._half_ones,
            self._scaled_ones,
            self._tables,
            out.f0_hz,
            out.aperiodicity,
            threads=pool,
        )

    def close(self) -> None:
        """Stop the plan's threads."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _shared_hops(frame_frames: int, hop_frames: int, longest: int) -> tuple[int, int]:
    """Leading hops of a frame whose correlations are shared, and the frames of the tail that is not.

    (0, frame_frames), one long transform a frame, when nothing can be shared or sharing costs more.
    """
    tail_hops = -(-longest // hop_frames)
    n_shared = frame_frames // hop_frames - tail_hops
    if frame_frames % hop_frames or n_shared < 1:
        return 0, frame_frames
    transforms = 3 if tail_hops == 1 else 4
    if transforms * _power_of_two(tail_hops * hop_frames + longest) >= 2 * _power_of_two(
        frame_frames + longest
    ):
        return 0, frame_frames
    return n_shared, tail_hops * hop_frames
