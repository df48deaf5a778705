"""Power in mel bands over time, and the onset envelope that is read off it.

Analysis threads. Equivalent to librosa.feature.melspectrogram and librosa.onset.onset_strength with
their defaults (Slaney's mel scale, bands of equal area), but with time first and without a whole
spectrogram in memory: each frame goes from sound to bands while it lies in the first cache.

References
----------
.. [1] M. Slaney, "Auditory Toolbox", Interval Research 1998-010, 1998: the scale, linear below 1 kHz.
.. [2] S. Boeck, G. Widmer, "Maximum filter vibrato suppression for onset detection", DAFx-13, 2013: the
   rise of the log spectrum, here with a filter of 1 as its reference has it.
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from engine.errors import ParameterError
from engine.kernels.fft import PAD, fft_tables, rfft_frame
from engine.kernels.frames import cut_frame
from engine.kernels.jit import RowPool, fast_kernel, kernel, run_rows
from engine.kernels.results import result_array
from engine.kernels.windows import hann
from engine.units import F32, F64, I64

LEAST_POWER = 1e-10
"""Power that silence counts as, -100 dB."""

RANGE_DB = 80.0
"""What lies further below a song's loudest band raises no onset."""

_LEAST_BITS = int(np.float32(LEAST_POWER).view(np.int32))
_ROOT_HALF_BITS = int(np.float32(math.sqrt(0.5)).view(np.int32))
_DB_PER_OCTAVE = 10.0 * math.log10(2.0)
_DB_PER_NEPER = 20.0 / math.log(10.0)
_LARGEST = float(np.finfo(np.float32).max)
_BREAK_HZ = 1000.0
_HZ_A_MEL = 200.0 / 3.0
_LOG_STEP = math.log(6.4) / 27.0


def hz_to_mel(hz: F64) -> F64:
    """Slaney's mel of frequencies in Hz, float64 array of any shape: 15 at 1 kHz, logarithmic above."""
    above = _BREAK_HZ / _HZ_A_MEL + np.log(np.maximum(hz, _BREAK_HZ) / _BREAK_HZ) / _LOG_STEP
    return np.where(hz < _BREAK_HZ, hz / _HZ_A_MEL, above)


def mel_to_hz(mel: F64) -> F64:
    """The reverse of `hz_to_mel`, float64 array of any shape."""
    break_mel = _BREAK_HZ / _HZ_A_MEL
    above = _BREAK_HZ * np.exp(_LOG_STEP * (np.maximum(mel, break_mel) - break_mel))
    return np.where(mel < break_mel, mel * _HZ_A_MEL, above)


@dataclass(frozen=True)
class MelBands:
    """Triangles over the bins of a spectrum, without their zeros.

    Attributes
    ----------
    edges : int64 array, shape (n_bands, 3)
        First bin, number of bins, and place of the first weight of each band.
    weights : float32 array
        One band's weights after the other's.
    """

    edges: I64
    weights: F32


def mel_bands(rate_hz: int, n_fft: int, n_bands: int = 128) -> MelBands:
    """Bands from 0 Hz to half the rate, each of area 2 / its width in Hz.

    Parameters
    ----------
    rate_hz : int, 1000 to 768000
    n_fft : int
        Length of the transform whose bins are weighed.
    n_bands : int, 1 to 512

    Returns
    -------
    MelBands
        A band between two bins has no weights and no power.
    """
    if not 1000 <= rate_hz <= 768_000:
        raise ParameterError(f"sample rate {rate_hz} Hz is outside 1000..768000 Hz")
    if not 1 <= n_bands <= 512:
        raise ParameterError(f"{n_bands} mel bands is outside 1..512")
    top = hz_to_mel(np.array([rate_hz / 2.0]))[0]
    corners_hz = mel_to_hz(np.linspace(0.0, top, n_bands + 2))
    bins_hz = np.arange(n_fft // 2 + 1) * (rate_hz / n_fft)
    edges = np.zeros((n_bands, 3), np.int64)
    weights: list[F64] = []
    place = 0
    for band in range(n_bands):
        low_hz, centre_hz, high_hz = corners_hz[band : band + 3]
        first, stop = np.searchsorted(bins_hz, [low_hz, high_hz])
        inside_hz = bins_hz[first:stop]
        rise = (inside_hz - low_hz) / (centre_hz - low_hz)
        fall = (high_hz - inside_hz) / (high_hz - centre_hz)
        triangle = np.maximum(0.0, np.minimum(rise, fall)) * (2.0 / (high_hz - low_hz))
        used = np.flatnonzero(triangle)
        if used.size:
            edges[band] = first + used[0], used.size, place
            weights.append(triangle[used[0] : used[0] + used.size])
        else:
            edges[band, 2] = place
        place += used.size
    return MelBands(edges, np.concatenate(weights).astype(np.float32))


@fast_kernel
def power_row(spec: F32, out: F32) -> None:
    """Squared magnitudes, shape (bins,), of a spectrum of (re, im) in turn, shape (2 * bins,)."""
    for k in range(out.shape[0]):
        re = spec[2 * k]
        im = spec[2 * k + 1]
        out[k] = re * re + im * im


@fast_kernel
def mel_row(power: F32, edges: I64, weights: F32, out: F32) -> None:
    """Power in each band.

    Parameters
    ----------
    power : float32 array, shape (bins,)
    edges, weights
        Arrays of `MelBands`.
    out : float32 array, shape (n_bands,)
    """
    for band in range(out.shape[0]):
        # Indices and not views: bands are narrow, and a view costs as much as ten products.
        bin_ = np.uint64(edges[band, 0])
        place = np.uint64(edges[band, 2])
        total = np.float32(0.0)
        for k in range(np.uint64(edges[band, 1])):
            total += power[bin_ + k] * weights[place + k]
        out[band] = total


@fast_kernel
def level_row(row: F32) -> None:
    """Turn powers, shape (n,), into their levels in dB, none below LEAST_POWER's.

    Within a rounding of float32, NaN and infinity as they come. The logarithm is written out so that it
    works on vectors: a mantissa m of 0.7..1.4 has log m = 2 artanh s with s = (m - 1) / (m + 1), whose
    series is short; what follows its last term is below 1e-11.
    """
    bits = row.view(np.int32)
    for k in range(row.shape[0]):
        value = row[k]
        # Positive floats are in the order of their bits, and so every negative number is below the least.
        raised = max(bits[k], np.int32(_LEAST_BITS))
        exponent = (raised - np.int32(_ROOT_HALF_BITS)) >> 23
        bits[k] = raised - (exponent << 23)
        m = np.float64(row[k])
        s = (m - 1.0) / (m + 1.0)
        q = s * s
        series = 1.0 + q * (1 / 3 + q * (1 / 5 + q * (1 / 7 + q * (1 / 9 + q * (1 / 11 + q * (1 / 13))))))
        level = np.float32(_DB_PER_OCTAVE * exponent + _DB_PER_NEPER * s * series)
        row[k] = level if value <= _LARGEST else value


@kernel
def mel_rows(
    first: int,
    last: int,
    x: F32,
    place: tuple[int, int],
    half_window: F32,
    tables: tuple[F32, F32, F32],
    edges: I64,
    weights: F32,
    in_db: bool,
    out: F32,
) -> None:
    """Mel power of rows [first, last) of all channels' frames: channel c's frame t is row t of `out[c]`.

    Parameters
    ----------
    first, last : int
    x : float32 array, shape (channels, frames)
    place : tuple of int
        Hop in frames, and where frame 0 begins (before the sound for centred frames).
    half_window : float32 array, shape (n_fft,)
        Half the window, as the real FFT wants it.
    tables : tuple of three float32 arrays
        Of the real FFT.
    edges : int64 array, shape (bands, 3)
    weights : float32 array, shape (n_weights,)
        The filters, see `MelBands`.
    in_db : bool
        Levels instead of power.
    out : float32 array, shape (channels, rows, bands)
    """
    n_fft = half_window.shape[0]
    n_frames = out.shape[1]
    work = np.empty((4, n_fft // 2 + PAD), np.float32)
    frame = np.empty(n_fft, np.float32)
    spec = np.empty(n_fft + 2, np.float32)
    power = np.empty(n_fft // 2 + 1, np.float32)
    for row in range(first, last):
        channel = row // n_frames
        t = row - channel * n_frames
        cut_frame(x[channel], t * place[0] + place[1], n_fft, frame)
        rfft_frame(frame, half_window, tables[0], tables[1], tables[2], work, spec)
        power_row(spec, power)
        target = out[channel, t]
        mel_row(power, edges, weights, target)
        if in_db:
            level_row(target)


@fast_kernel
def mean_rise(before: F32, after: F32, floor: float) -> float:
    """Mean rise from one row of levels to the next, shape (n_bands,), `floor` the least that counts."""
    least = np.float32(floor)
    total = np.float32(0.0)
    for k in range(after.shape[0]):
        total += max(max(after[k], least) - max(before[k], least), np.float32(0.0))
    return float(total / np.float32(after.shape[0]))


@kernel
def _rise_rows(first: int, last: int, levels: F32, floor: float, shift: int, out: F32) -> None:
    for t in range(first, last):
        before = t - shift
        out[t] = mean_rise(levels[before], levels[before + 1], floor) if before >= 0 else 0.0


class MelSpectrum:
    """Mel bands of whole sounds, with threads of its own.

    Parameters
    ----------
    rate_hz : int, 1000 to 768000
    n_bands : int, 1 to 512
    n_fft : int
        Frames a window, a power of two, 64 to 16384; a periodic Hann window.
    hop_frames : int, 1 to n_fft
    threads : int or None
        Threads that share a call, see `RowPool`; None takes the number of cores.

    Notes
    -----
    Frame t is centred at t * hop_frames, silence around the sound. Several threads may use one plan;
    their number changes no bit of a result.
    """

    def __init__(
        self,
        rate_hz: int,
        n_bands: int = 128,
        n_fft: int = 2048,
        hop_frames: int = 512,
        threads: int | None = None,
    ) -> None:
        tables = fft_tables(n_fft)
        if not 1 <= hop_frames <= n_fft:
            raise ParameterError(f"a hop of {hop_frames} frames is outside 1..{n_fft}")
        self.rate_hz = rate_hz
        self.n_bands = n_bands
        self.n_fft = n_fft
        self.hop_frames = hop_frames
        self.bands = mel_bands(rate_hz, n_fft, n_bands)
        self._half_window = hann(n_fft) * np.float32(0.5)
        self._tables = (tables.passes, tables.join, tables.split)
        self._pool = RowPool(threads)

    def n_frames(self, n: int) -> int:
        """Frames of the result for `n` frames of sound."""
        return 1 + n // self.hop_frames

    def power(self, x: F32, out: F32 | None = None) -> F32:
        """Power in each band.

        Parameters
        ----------
        x : float32 array, shape (channels, frames)
            Any length.
        out : float32 array, shape (channels, 1 + frames // hop_frames, n_bands), or None
            None allocates.

        Returns
        -------
        float32 array, shape (channels, 1 + frames // hop_frames, n_bands)
        """
        return self._bands(x, False, out)

    def levels_db(self, x: F32, out: F32 | None = None) -> F32:
        """What `power` gives, shapes as there, in dB: at least 10 log10 LEAST_POWER."""
        return self._bands(x, True, out)

    def onset_strength(self, x: F32, out: F32 | None = None) -> F32:
        """How much the bands rise from frame to frame.

        Parameters
        ----------
        x : float32 array, shape (channels, frames)
            Any length.
        out : float32 array, shape (channels, 1 + frames // hop_frames), or None
            Result; None makes one.

        Returns
        -------
        float32 array, shape (channels, 1 + frames // hop_frames), in dB, >= 0
            Mean over the bands of the rise, bands more than RANGE_DB below a channel's loudest counting
            as just that far below. Late by half a window, as its reference has it, so that a value
            stands at the frame where the rise is heard rather than where a window first touches it.
        """
        return self.rises_db(self.levels_db(x), out)

    def rises_db(self, levels: F32, out: F32 | None = None) -> F32:
        """The onset strength of levels that are known already.

        Parameters
        ----------
        levels : float32 array, shape (channels, rows, n_bands), dB
            From `levels_db`.
        out : float32 array, shape (channels, rows), or None
            Result; None makes one.

        Returns
        -------
        float32 array, shape (channels, rows), in dB, >= 0
            As `onset_strength`.
        """
        n = levels.shape[1]
        out = result_array(out, (levels.shape[0], n))
        shift = 1 + self.n_fft // (2 * self.hop_frames)
        for channel in range(levels.shape[0]):
            floor = float(levels[channel].max()) - RANGE_DB
            run_rows(_rise_rows, n, levels[channel], floor, shift, out[channel], threads=self._pool)
        return out

    def close(self) -> None:
        """Stop the plan's threads."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _bands(self, x: F32, in_db: bool, out: F32 | None) -> F32:
        if x.ndim != 2 or x.dtype != np.float32:
            raise ParameterError(f"sound must be float32 (channels, frames), not {x.dtype} {x.shape}")
        x = np.ascontiguousarray(x)
        shape = (x.shape[0], self.n_frames(x.shape[1]), self.n_bands)
        out = result_array(out, shape)
        self._pool.run(
            mel_rows,
            shape[0] * shape[1],
            x,
            (self.hop_frames, -(self.n_fft // 2)),
            self._half_window,
            self._tables,
            self.bands.edges,
            self.bands.weights,
            in_db,
            out,
        )
        return out
