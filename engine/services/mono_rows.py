"""What is heard of a song in mono at 22.05 kHz, row after row: onsets, notes, pitch, spectrum.

On whichever thread analyses, with threads of its own. A song comes in blocks; rows are made in stretches
of 48 s, each with enough sound on both sides that its rows are those of the whole song. So memory is that
of a stretch (60 MB) and 80 bytes a row (12 MB an hour), whatever the song's length.

22.05 kHz because what is asked here lies below 11 kHz, because a lossy file has nothing reliable above,
and because songs of every rate become comparable.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from engine.kernels.chroma import ChromaCqt
from engine.kernels.hpss import hpss_masks
from engine.kernels.jit import RowPool
from engine.kernels.mel import MelSpectrum
from engine.kernels.pitch import Yin
from engine.kernels.spectra import FrameSpectra
from engine.kernels.spectral import rms, spectral_shape
from engine.units import F32

RATE_HZ = 22_050
HOP_FRAMES = 512
N_FFT = 2048
ROWS_PER_S = RATE_HZ / HOP_FRAMES

STRETCH_ROWS = 2048
"""48 s. Magnitudes, two medians and two masks of 1025 bins: 42 MB."""
CONTEXT_ROWS = 72
"""1.67 s on both sides: half the longest constant-Q window and its filters need 0.9 s."""
MOMENT_ROWS = 8
"""0.19 s, the finest that segments are told apart by; STRETCH_ROWS is a multiple of it."""
N_MOMENT_BANDS = 32
"""Four mel bands each: 38 numbers a second are kept of what 5,500 were."""
_MEL_BANDS = 128
_SPECTRA_CONTEXT_ROWS = 16  # of them: the median over time reaches 15 rows


@dataclass(frozen=True)
class MonoHeard:
    """Rows of a whole song, ROWS_PER_S of them a second; row t is centred on frame t * HOP_FRAMES.

    Attributes
    ----------
    onset : float32 array, shape (n,), dB
        As `MelSpectrum.onset_strength`, levels counted from the loudest of a stretch.
    chroma : float32 array, shape (n, 12), 0..1
    rms : float32 array, shape (n,)
        Full scale is 1.
    centroid_hz, rolloff_hz, flatness : float32 arrays, shape (n,)
        As `SpectralShape`.
    f0_hz, aperiodicity : float32 arrays, shape (n,)
        As `PitchTrack`.
    harmonic_energy, energy : float
        Sums of squared magnitudes of the harmonic part and of everything.
    tuning : float
        -0.5 to 0.5 bins of a third of a semitone from A = 440 Hz, weighed by the stretches' energies.
    moment_power : float32 array, shape (ceil(n / MOMENT_ROWS), N_MOMENT_BANDS)
        Mean power in bands of equal width in mel over every MOMENT_ROWS rows (the last may be fewer).
    """

    onset: F32
    chroma: F32
    rms: F32
    centroid_hz: F32
    rolloff_hz: F32
    flatness: F32
    f0_hz: F32
    aperiodicity: F32
    harmonic_energy: float
    energy: float
    tuning: float
    moment_power: F32


@dataclass(frozen=True)
class _Stretch:
    """One stretch's rows, fields as in `MonoHeard`; `columns` are the one-dimensional ones in order."""

    columns: F32
    chroma: F32
    harmonic_energy: float
    energy: float
    tuning: float
    moment_power: F32


class MonoRows:
    """Listen to mono sound at RATE_HZ that arrives in blocks of any size.

    Parameters
    ----------
    threads : int or None
        As `RowPool`.
    """

    def __init__(self, threads: int | None = None) -> None:
        self._pool = RowPool(threads)
        self._spectra = FrameSpectra(N_FFT, HOP_FRAMES, threads)
        self._mel = MelSpectrum(RATE_HZ, _MEL_BANDS, N_FFT, HOP_FRAMES, threads)
        self._chroma = ChromaCqt(RATE_HZ, HOP_FRAMES, threads)
        self._yin = Yin(RATE_HZ, frame_frames=N_FFT, hop_frames=HOP_FRAMES, threads=threads)
        self._held = np.zeros((STRETCH_ROWS + 2 * CONTEXT_ROWS) * HOP_FRAMES, np.float32)
        self._filled = 0
        self._before = 0  # rows of context at the beginning of what is held
        self._stretches: list[_Stretch] = []

    def push(self, x: F32) -> None:
        """Hear the next `x`, float32 array, shape (frames,)."""
        at = 0
        while at < x.shape[0]:
            room = (self._before + STRETCH_ROWS + CONTEXT_ROWS) * HOP_FRAMES - self._filled
            n = min(room, x.shape[0] - at)
            self._held[self._filled : self._filled + n] = x[at : at + n]
            self._filled += n
            at += n
            if n == room:
                self._listen(STRETCH_ROWS)
                kept = (self._before + STRETCH_ROWS - CONTEXT_ROWS) * HOP_FRAMES
                rest = self._held[kept : self._filled].copy()
                self._held[: rest.size] = rest
                self._filled, self._before = rest.size, CONTEXT_ROWS

    def finish(self) -> MonoHeard:
        """Hear the rest and give all rows: 1 + frames // HOP_FRAMES."""
        rows_left = 1 + self._filled // HOP_FRAMES - self._before
        self._listen(rows_left)
        stretches, self._stretches = self._stretches, []
        columns = np.concatenate([stretch.columns for stretch in stretches], axis=1)
        energies = np.array([stretch.energy for stretch in stretches])
        # On a circle of one bin: +0.49 and -0.49 are neighbours.
        turns = np.exp(2j * np.pi * np.array([stretch.tuning for stretch in stretches]))
        mean = complex(np.sum(turns * (energies / max(float(energies.sum()), 1e-30))))
        onset, level, centroid_hz, rolloff_hz, flatness, f0_hz, aperiodicity = columns
        return MonoHeard(
            onset=onset,
            chroma=np.concatenate([stretch.chroma for stretch in stretches]),
            rms=level,
            centroid_hz=centroid_hz,
            rolloff_hz=rolloff_hz,
            flatness=flatness,
            f0_hz=f0_hz,
            aperiodicity=aperiodicity,
            harmonic_energy=sum(stretch.harmonic_energy for stretch in stretches),
            energy=float(energies.sum()),
            tuning=float(np.angle(mean)) / (2.0 * np.pi),
            moment_power=np.concatenate([stretch.moment_power for stretch in stretches]),
        )

    def close(self) -> None:
        """Stop the threads."""
        for plan in (self._spectra, self._mel, self._chroma, self._yin, self._pool):
            plan.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _listen(self, n_rows: int) -> None:
        """Make `n_rows` rows behind the context."""
        x = self._held[: self._filled]
        rows = slice(self._before, self._before + n_rows)
        tuning = self._chroma.tuning(x)
        chroma = self._chroma.chroma(x, tuning)[rows].copy()
        near = max(0, self._before - _SPECTRA_CONTEXT_ROWS)
        heard = x[near * HOP_FRAMES : (rows.stop + _SPECTRA_CONTEXT_ROWS) * HOP_FRAMES]
        inner = slice(rows.start - near, rows.stop - near)
        levels = self._mel.levels_db(heard[None])
        onset = self._mel.rises_db(levels)[0, inner]
        track = self._yin.track(heard[None])
        level = rms(heard[None], N_FFT, HOP_FRAMES, self._pool)[0, inner]
        magnitudes = self._spectra.magnitudes(heard, 1 + heard.size // HOP_FRAMES, -N_FFT // 2)
        harmonic_mask, _ = hpss_masks(magnitudes, threads=self._pool)
        inside = magnitudes[inner]
        harmonic = np.multiply(inside, harmonic_mask[inner], out=harmonic_mask[inner])
        shape = spectral_shape(inside, RATE_HZ, threads=self._pool)
        columns = np.stack(
            [
                onset, level, shape.centroid_hz, shape.rolloff_hz, shape.flatness,
                track.f0_hz[0, inner], track.aperiodicity[0, inner],
            ]
        )  # fmt: skip
        energies = _energy(harmonic), _energy(inside)
        self._stretches.append(_Stretch(columns, chroma, *energies, tuning, _moments(levels[0, inner])))


def _moments(levels: F32) -> F32:
    """Mean power of every MOMENT_ROWS rows of mel levels in dB, four bands together."""
    bands = levels.reshape(levels.shape[0], N_MOMENT_BANDS, -1)
    power = (10.0 ** (bands * np.float32(0.1))).mean(axis=2)
    starts = np.arange(0, levels.shape[0], MOMENT_ROWS)
    rows = np.diff(starts, append=levels.shape[0])
    return (np.add.reduceat(power, starts, axis=0) / rows[:, None]).astype(np.float32)


def _energy(magnitudes: F32) -> float:
    """Sum of squares, row by row in single and over the rows in double precision."""
    return float(np.einsum("tk,tk->t", magnitudes, magnitudes).sum(dtype=np.float64))
