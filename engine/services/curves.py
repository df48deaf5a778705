"""What happens in a song over time: pitch, notes, onsets, loudness and spectrum, for whoever draws them.

Jobs of the window and the command line run it, on their own thread and those of a `Listener`. One pass
gives the curves and the song's `Analysis`, so that the two always agree. Sound comes block by block: memory
is that of a stretch (60 MB) and of the curves (35 MB an hour, most of it the spectrum in single bytes).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.errors import DecodeError, StoreError
from engine.io.decode import decode_blocks, probe
from engine.io.song_store import ORIGINAL, SongStore
from engine.kernels.spectra import FrameSpectra, log_bands
from engine.kernels.true_peak import TruePeakMeter
from engine.services.analysis import BLOCK_FRAMES, Analysis, describe
from engine.services.fingerprint import sounding, voiced
from engine.services.listening import LOUDEST, Listener
from engine.services.mono_rows import ROWS_PER_S
from engine.units import F32, F64, U8

CURVES_VERSION = 1
"""Raised when any curve changes its meaning: what was kept under another is made again."""

TENTHS_PER_S = 10
"""Values a second of the loudness curves."""

LOWEST_BAND_HZ = 27.5
"""A0, the lowest note of a piano."""
BANDS_PER_OCTAVE = 16
N_BANDS = 152
"""To 19 kHz."""
FLOOR_DB = -120.0
DB_A_STEP = 0.5
"""Levels of the spectrum are kept in steps of half a dB above FLOOR_DB, one byte each."""

_WINDOW_S = 0.0929  # 4096 frames at 44.1 kHz, 11 Hz a bin
_SINE_POWER = 0.5
_WARM_S = 8


@dataclass(frozen=True)
class SongCurves:
    """A song or a stem over time.

    Attributes
    ----------
    analysis : Analysis
        What is said of the whole.
    rows_per_s : float
        Rows a second of the next four; row t stands for the time t / rows_per_s.
    pitch_hz : float32 array, shape (n_rows,)
        Fundamental frequency; 0 where it is silent or nothing has a clear pitch.
    clarity : uint8 array, shape (n_rows,)
        How periodic the sound is, 255 entirely.
    onset_db : float32 array, shape (n_rows,)
        How much the spectrum rises.
    notes : uint8 array, shape (n_rows, 12)
        Chroma, C to B; a row's strongest note is 255.
    momentary_lufs, short_term_lufs : float32 arrays, shape (n_tenths,)
        Of the 0.4 s and 3 s that end at (i + 1) / TENTHS_PER_S; -70 and more.
    spectrum : uint8 array, shape (n_frames, N_BANDS)
        Levels in steps of DB_A_STEP above FLOOR_DB, 0 dB being a sine at full scale.
    spectrum_per_s : float
        Frames a second of `spectrum`; frame t is centred on t / spectrum_per_s.
    bands_hz : float64 array, shape (N_BANDS,)
        Centres of its bands.
    """

    analysis: Analysis
    rows_per_s: float
    pitch_hz: F32
    clarity: U8
    onset_db: F32
    notes: U8
    momentary_lufs: F32
    short_term_lufs: F32
    spectrum: U8
    spectrum_per_s: float
    bands_hz: F64

    @property
    def duration_s(self) -> float:
        """Length of the song."""
        return self.analysis.duration_s


def song_curves(
    path: Path, progress: Callable[[float], None] | None = None, threads: int | None = None
) -> SongCurves:
    """Listen to a file.

    Parameters
    ----------
    path : Path
        Any file that decodes.
    progress : callable or None
        Called with the finished part, 0 to 1, every one or two seconds of sound; what it raises stops the
        work.
    threads : int or None
        As `RowPool`.

    Returns
    -------
    SongCurves

    Raises
    ------
    DecodeError
        As `analyse_song`.
    """
    info = probe(Path(path))
    blocks = decode_blocks(info.path, BLOCK_FRAMES)
    curves = _listen(blocks, (info.rate_hz, info.channels, info.max_frames), progress, threads)
    if curves is None:
        raise DecodeError(f"{path} holds no frame of sound")
    return curves


def lane_curves(
    folder: Path, lane: str, progress: Callable[[float], None] | None = None, threads: int | None = None
) -> SongCurves:
    """Listen to a lane of a song in the stem store.

    Parameters
    ----------
    folder : Path
        The song's folder; it may still be written.
    lane : str
        "original" or a stem.
    progress, threads
        As `song_curves`.

    Returns
    -------
    SongCurves

    Raises
    ------
    StoreError
        There is no whole store in `folder`, or the lane is not finished (`lane_is_ready`).
    ParameterError
        No such lane.
    """
    with SongStore.attach(folder) as store:
        file = store.open_lane(lane)
        n_frames = store.total_frames
        with file:
            if n_frames is None or not _is_ready(store, lane):
                raise StoreError(f"{lane} of the song in {folder} is not finished: analyse it later")
            source = (store.rate_hz, 2, n_frames)
            curves = _listen(file.blocks(n_frames, BLOCK_FRAMES), source, progress, threads)
    if curves is None:
        raise StoreError(f"{lane} in {folder} holds no frame of sound")
    return curves


def lane_is_ready(folder: Path, lane: str) -> bool:
    """Whether `lane_curves` can listen to a lane from beginning to end.

    Parameters
    ----------
    folder : Path
    lane : str

    Raises
    ------
    StoreError
        There is no whole store in `folder`.
    """
    with SongStore.attach(folder) as store:
        return _is_ready(store, lane)


def _is_ready(store: SongStore, lane: str) -> bool:
    return store.total_frames is not None if lane == ORIGINAL else store.is_complete


def _listen(
    blocks: Iterable[F32],
    source: tuple[int, int, int],
    progress: Callable[[float], None] | None,
    threads: int | None,
) -> SongCurves | None:
    """Hear blocks of (rate, channels, frames at most); None when there are none."""
    rate_hz, channels, most_frames = source
    true_peak = TruePeakMeter(2)
    n_frames = 0
    with Listener(rate_hz, threads) as listener, SpectrumRows(rate_hz, threads) as rows:
        for block in blocks:
            listener.push(block)
            true_peak.push(block)
            rows.push(block)
            n_frames += block.shape[1]
            if progress is not None:
                progress(min(0.99, n_frames / max(most_frames, 1)))
        if not n_frames:
            return None
        heard = listener.finish()
        spectrum = rows.finish()
    mono, stereo = heard.mono, heard.stereo
    pitched = voiced(mono) & sounding(np.square(mono.rms))
    if progress is not None:
        progress(1.0)
    return SongCurves(
        analysis=describe(heard, rate_hz, channels, n_frames / rate_hz, true_peak.true_peak_dbtp),
        rows_per_s=ROWS_PER_S,
        pitch_hz=np.where(pitched, mono.f0_hz, np.float32(0.0)),
        clarity=_bytes(255.0 * (1.0 - mono.aperiodicity)),
        onset_db=mono.onset,
        notes=_bytes(255.0 * mono.chroma),
        momentary_lufs=stereo.momentary_curve_lufs,
        short_term_lufs=stereo.short_term_curve_lufs,
        spectrum=spectrum,
        spectrum_per_s=rate_hz / rows.hop_frames,
        bands_hz=rows.bands_hz,
    )


class SpectrumRows:
    """The spectrum of a song that arrives in blocks of any size, both channels' power together.

    Parameters
    ----------
    rate_hz : int, 1000 to 768000
    threads : int or None
        As `RowPool`.

    Attributes
    ----------
    hop_frames : int
        From one row to the next, about ROWS_PER_S of them a second.
    bands_hz : float64 array, shape (N_BANDS,)
        Centres of the bands.
    """

    def __init__(self, rate_hz: int, threads: int | None = None) -> None:
        n_fft = min(16_384, max(64, 2 ** round(np.log2(_WINDOW_S * rate_hz))))
        self.hop_frames = min(n_fft, max(1, round(rate_hz / ROWS_PER_S)))
        self._spectra = FrameSpectra(n_fft, self.hop_frames, threads)
        self._bands, self.bands_hz = log_bands(LOWEST_BAND_HZ, N_BANDS, BANDS_PER_OCTAVE, rate_hz, n_fft)
        # Half a window of silence before the song: rows are centred.
        self._held = np.zeros((2, n_fft // 2), np.float32)
        self._rows: list[U8] = []

    def push(self, x: F32) -> None:
        """Take the next `x`, float32 array, shape (2, frames)."""
        n_fft = self._spectra.n_fft
        self._held = np.concatenate([self._held, np.clip(x, -LOUDEST, LOUDEST)], axis=1)
        self._measure(max(0, 1 + (self._held.shape[1] - n_fft) // self.hop_frames))

    def finish(self) -> U8:
        """Close the last window and give all rows, uint8 of shape (n, N_BANDS), as `SongCurves.spectrum`."""
        # Rows that are centred inside the song.
        self._measure(max(0, -(-(self._held.shape[1] - self._spectra.n_fft // 2) // self.hop_frames)))
        return np.concatenate(self._rows) if self._rows else np.zeros((0, N_BANDS), np.uint8)

    def close(self) -> None:
        """Stop the threads."""
        self._spectra.close()

    def __enter__(self) -> "SpectrumRows":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _measure(self, n_rows: int) -> None:
        if not n_rows:
            return
        powers = self._spectra.band_powers(self._held, self._bands, n_rows)
        # A periodic Hann window passes 3/8 of the power; two halves of the spectrum are added, the two
        # channels averaged.
        n_fft = self._spectra.n_fft
        power = (powers[0] + powers[1]) * np.float32(1.0 / (0.375 * n_fft**2 * _SINE_POWER))
        floor = 10.0 ** (FLOOR_DB / 10.0)
        level_db = 10.0 * np.log10(np.maximum(power, np.float32(floor)))
        self._rows.append(_bytes((level_db - FLOOR_DB) / DB_A_STEP))
        self._held = self._held[:, n_rows * self.hop_frames :]


def warm_curves() -> None:
    """Compile (or load) what listening needs: the compiler holds the GIL, and the window would wait."""
    rng = np.random.default_rng(0)
    for rate_hz in (44_100, 48_000):
        # A beat in noise: without one, beats would not be looked for.
        x = rng.normal(0.0, 0.01, (2, _WARM_S * rate_hz)).astype(np.float32)
        x[:, :: rate_hz // 2] = 0.9
        _listen((x,), (rate_hz, 2, x.shape[1]), None, 1)


def _bytes(x: F32) -> U8:
    return np.rint(np.clip(x, 0.0, 255.0)).astype(np.uint8)
