"""What is measured of a song at its own rate and in stereo: level, loudness, width, bands.

On whichever thread analyses. It exists because bands reach to 20 kHz and stereo is gone in mono; all else
is heard at 22.05 kHz (mono_rows.py). Memory beyond a block: a few kB a minute.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from engine.errors import ParameterError
from engine.kernels.loudness import LoudnessMeter
from engine.kernels.spectra import FrameSpectra, flat_bands
from engine.kernels.stereo import stereo_sums
from engine.units import F32, F64, s_to_frames

BAND_EDGES_HZ = (20.0, 60.0, 250.0, 500.0, 2000.0, 4000.0, 6000.0, 20_000.0)
"""Sub-bass, bass, low mid, mid, upper mid, presence, air."""

_WINDOW_S = 0.0929  # 4096 frames at 44.1 kHz: bins of 10.8 Hz, four of them in the sub-bass
_LAST_SECOND_PART = 0.5  # a shorter rest at the end is left out of the seconds


@dataclass(frozen=True)
class StereoHeard:
    """Levels of a whole song.

    Attributes
    ----------
    n_frames, rate_hz : int
    energy, product : float
        Sum of squares of both channels; sum of left times right.
    left, right : float
        Sums of squares of each channel.
    peak : float
        Largest magnitude of a sample.
    second_power, second_peak : float64 arrays, shape (n_seconds,)
        Mean square of both channels and largest magnitude of each second. A rest shorter than half a
        second counts only when it is all there is.
    band_power : float64 array, shape (7,)
        Mean square in each of the bands between BAND_EDGES_HZ, both channels added.
    lufs, momentary_max_lufs, range_lu : float
        As `LoudnessMeter`.
    short_term_lufs : float32 array, shape (n,)
        Ten values a second, of 3 s each, all of them inside the song.
    momentary_curve_lufs, short_term_curve_lufs : float32 arrays, shape (n_tenths,)
        What a meter shows at the end of every tenth of a second; before the song is silence.
    """

    n_frames: int
    rate_hz: int
    left: float
    right: float
    product: float
    peak: float
    second_power: F64
    second_peak: F64
    band_power: F64
    lufs: float
    momentary_max_lufs: float
    range_lu: float
    short_term_lufs: F32
    momentary_curve_lufs: F32
    short_term_curve_lufs: F32

    @property
    def energy(self) -> float:
        """Sum of squares of both channels."""
        return self.left + self.right


class StereoFigures:
    """Measure a song that arrives in blocks of any size.

    Parameters
    ----------
    rate_hz : int, 8000 to 768000
    threads : int or None
        As `RowPool`.
    """

    def __init__(self, rate_hz: int, threads: int | None = None) -> None:
        if not 8000 <= rate_hz <= 768_000:
            raise ParameterError(f"levels are measured at 8000..768000 Hz, not at {rate_hz} Hz")
        self.rate_hz = rate_hz
        n_fft = min(16_384, 2 ** round(np.log2(_WINDOW_S * rate_hz)))
        self._spectra = FrameSpectra(n_fft, n_fft // 2, threads)
        self._bands = flat_bands(BAND_EDGES_HZ, rate_hz, n_fft)
        self._meter = LoudnessMeter(rate_hz, 2)
        self._held = np.zeros((2, n_fft // 2), np.float32)  # half a window of silence before the song
        self._band_sums = np.zeros(len(BAND_EDGES_HZ) - 1)
        self._n_rows = 0
        self._sums = np.zeros(3)
        self._peak = 0.0
        self._second_frames = 0
        self._second = (0.0, 0.0)
        self._seconds: list[tuple[float, float]] = []
        self._n_frames = 0

    def push(self, x: F32) -> None:
        """Measure the next `x`, float32 array, shape (2, frames)."""
        self._meter.push(x)
        at = 0
        while at < x.shape[1]:
            n = min(self.rate_hz - self._second_frames, x.shape[1] - at)
            self._add(x[:, at : at + n])
            at += n
        held = np.concatenate([self._held, x], axis=1)
        hop, n_fft = self._spectra.hop_frames, self._spectra.n_fft
        n_rows = max(0, 1 + (held.shape[1] - n_fft) // hop)
        self._add_bands(held, n_rows)
        self._held = held[:, n_rows * hop :]

    def finish(self) -> StereoHeard:
        """Close the last window and give what was measured."""
        hop, n_fft = self._spectra.hop_frames, self._spectra.n_fft
        self._add_bands(self._held, -(-self._held.shape[1] // hop))
        if self._second_frames >= _LAST_SECOND_PART * self.rate_hz or not self._seconds:
            self._close_second()
        seconds = np.array(self._seconds).reshape(-1, 2)
        # A periodic Hann window passes 3/8 of the power; two halves of the spectrum are added.
        scale = 2.0 / (0.375 * n_fft**2 * max(self._n_rows, 1))
        curve = self._meter.short_term_curve()
        left, right, product = self._sums.tolist()
        return StereoHeard(
            n_frames=self._n_frames,
            rate_hz=self.rate_hz,
            left=left,
            right=right,
            product=product,
            peak=self._peak,
            second_power=seconds[:, 0],
            second_peak=seconds[:, 1],
            band_power=self._band_sums * scale,
            lufs=self._meter.integrated_lufs,
            momentary_max_lufs=self._meter.max_momentary_lufs,
            range_lu=self._meter.range_lu,
            short_term_lufs=curve[s_to_frames(3.0, 10) - 1 :],
            momentary_curve_lufs=self._meter.momentary_curve(),
            short_term_curve_lufs=curve,
        )

    def close(self) -> None:
        """Stop the threads."""
        self._spectra.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _add(self, x: F32) -> None:
        """A stretch that lies inside one second."""
        sums = stereo_sums(x)
        self._sums += (sums.left, sums.right, sums.product)
        self._peak = max(self._peak, sums.peak)
        self._n_frames += x.shape[1]
        self._second_frames += x.shape[1]
        energy, peak = self._second
        self._second = (energy + sums.left + sums.right, max(peak, sums.peak))
        if self._second_frames == self.rate_hz:
            self._close_second()

    def _close_second(self) -> None:
        energy, peak = self._second
        if self._second_frames:
            self._seconds.append((energy / (2 * self._second_frames), peak))
        self._second, self._second_frames = (0.0, 0.0), 0

    def _add_bands(self, held: F32, n_rows: int) -> None:
        if n_rows:
            powers = self._spectra.band_powers(held, self._bands, n_rows)
            self._band_sums += powers.sum(axis=(0, 1), dtype=np.float64)
            self._n_rows += n_rows
