"""Examples to learn from: crops of songs, mixed, coloured and sped up anew for every step.

Each is three sums a warped bin, from which the loss of any real mask is exact: |X|^2, Re(S X*), |S|^2.
Everything of an example follows from the numbers of run, step and place, so that a run that is resumed sees
what it would have seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from scipy import fft

from engine.kernels.jit import fast_kernel
from engine.kernels.stft import Stft
from engine.kernels.warped_bins import EXPONENT, HOP_FRAMES, N_BINS, N_CHANNELS, N_FFT, N_WARPED, group_starts
from engine.units import F32

N_SPLIT: Final = 4
"""Drums, bass, other, and what of the vocals Spleeter has left behind."""
LOOK_AHEAD: Final = 4
"""Frames that the network sees beyond the one that it answers for."""
_STARTS: Final = group_starts()
_BINS_HZ: Final = np.maximum(np.arange(N_BINS) * 44_100 / N_FFT, 10.0)


@dataclass(frozen=True)
class Batch:
    """Examples of `n` frames.

    Attributes
    ----------
    seen : float32 array, shape (batch, 4, n + LOOK_AHEAD, 576)
        See `engine.kernels.warped_bins.warped_features`.
    mixed : float32 array, shape (batch, 2, n, 576)
        Sum over the group of |X|^2.
    shared : float32 array, shape (batch, 4, 2, n, 576)
        Re(S X*) of each part.
    alone : float32 array, shape (batch, 4, 2, n, 576)
        |S|^2 of each part.
    """

    seen: F32
    mixed: F32
    shared: F32
    alone: F32


@dataclass(frozen=True, slots=True)
class Changes:
    """How much examples are changed; all False or 0 for validation.

    Attributes
    ----------
    mixes : bool
        Half of the examples take their stems from several songs.
    residue : float
        Share of the examples that hold what Spleeter really leaves, vocals and damage; the rest are clean.
    colours : bool
        Gains, equalisers, speed, swapped channels, missing stems.
    """

    mixes: bool = True
    residue: float = 0.6
    colours: bool = True


@fast_kernel
def _sums(
    parts: F32, gains: F32, starts: np.ndarray, first: int, mixed: F32, shared: F32, alone: F32, heard: F32
) -> None:
    """From spectra to sums; `parts` (4, 2, n, 2 * 2049), `gains` (4, 2049), `heard` (4, n, 576)."""
    half = np.float32(0.5)
    n_parts, _, n, _ = parts.shape
    s = np.empty((n_parts, 2, 2), np.float32)
    for t in range(n):
        for k in range(starts.shape[0] - 1):
            for f in range(starts[k], starts[k + 1]):
                lr = li = rr = ri = np.float32(0.0)
                for p in range(n_parts):
                    g = gains[p, f]
                    for c in range(2):
                        s[p, c, 0] = g * parts[p, c, t, 2 * f]
                        s[p, c, 1] = g * parts[p, c, t, 2 * f + 1]
                    lr += s[p, 0, 0]
                    li += s[p, 0, 1]
                    rr += s[p, 1, 0]
                    ri += s[p, 1, 1]
                if t < n - first:
                    mixed[0, t, k] += lr * lr + li * li
                    mixed[1, t, k] += rr * rr + ri * ri
                    for p in range(n_parts):
                        shared[p, 0, t, k] += s[p, 0, 0] * lr + s[p, 0, 1] * li
                        shared[p, 1, t, k] += s[p, 1, 0] * rr + s[p, 1, 1] * ri
                        for c in range(2):
                            alone[p, c, t, k] += s[p, c, 0] * s[p, c, 0] + s[p, c, 1] * s[p, c, 1]
                mr, mi, sr, si = half * (lr + rr), half * (li + ri), half * (lr - rr), half * (li - ri)
                heard[0, t, k] += np.sqrt(lr * lr + li * li)
                heard[1, t, k] += np.sqrt(rr * rr + ri * ri)
                heard[2, t, k] += np.sqrt(mr * mr + mi * mi)
                heard[3, t, k] += np.sqrt(sr * sr + si * si)


def measure(parts: F32, gains: F32, level_db: float = 0.0) -> Batch:
    """Make one example of four parts that sum to what is heard.

    Parameters
    ----------
    parts : float32 array, shape (4, 2, frames)
        Drums, bass, other, vocal residue; (n + LOOK_AHEAD - 1) * 1024 + 4096 frames.
    gains : float32 array, shape (4, 2049)
        Of each part in each bin.
    level_db : float
        How wrong the level is that the network is told.

    Returns
    -------
    Batch
        Of one.
    """
    with Stft(N_FFT, HOP_FRAMES, threads=1) as plan:
        spectra = plan.forward(parts.reshape(2 * N_SPLIT, -1))
    n = spectra.shape[1]
    rows = spectra.view(np.float32).reshape(N_SPLIT, 2, n, 2 * N_BINS)
    n_out = n - LOOK_AHEAD
    mixed = np.zeros((2, n_out, N_WARPED), np.float32)
    shared = np.zeros((N_SPLIT, 2, n_out, N_WARPED), np.float32)
    alone = np.zeros_like(shared)
    heard = np.zeros((N_CHANNELS, n, N_WARPED), np.float32)
    _sums(rows, gains, _STARTS, LOOK_AHEAD, mixed, shared, alone, heard)
    power = float(mixed.sum(dtype=np.float64)) / (2 * n_out)
    level = np.sqrt(power + 1e-9) * 10.0 ** (level_db / 20.0)
    seen = (heard / (level * np.diff(_STARTS)).astype(np.float32)) ** np.float32(EXPONENT)
    return Batch(seen[None], mixed[None], shared[None], alone[None])


def crop_frames(n_stft: int) -> int:
    """Frames of sound behind `n_stft` answers and the look-ahead."""
    return (n_stft + LOOK_AHEAD - 1) * HOP_FRAMES + N_FFT


class ExampleDraw:
    """Draws batches from songs on disk.

    Parameters
    ----------
    songs : sequence of Path
        As `make_songs` gave them; mapped, not read whole.
    changes : Changes
    """

    def __init__(self, songs: Sequence[Path], changes: Changes) -> None:
        self._songs = [np.load(path, mmap_mode="r") for path in songs]
        self._changes = changes

    def batch(self, seed: list[int], size: int, n_stft: int) -> Batch:
        """Draw a batch; the same for the same seed."""
        drawn = [self._one(np.random.default_rng([*seed, k]), n_stft) for k in range(size)]
        return Batch(
            *(np.concatenate([getattr(one, name) for one in drawn]) for name in Batch.__annotations__)
        )

    def _one(self, rng: np.random.Generator, n_stft: int) -> Batch:
        changes, frames = self._changes, crop_frames(n_stft)
        mixes = changes.mixes and rng.random() < 0.5
        ratio = (
            float(np.exp(rng.uniform(np.log(0.88), np.log(1.13))))
            if changes.colours and rng.random() < 0.5
            else 1.0
        )
        taken = fft.next_fast_len(int(frames * ratio) + 16, real=True)
        parts = np.zeros((N_SPLIT, 2, taken), np.float32)
        residue = rng.random() < changes.residue
        song = self._crop(rng, taken)
        for part in range(3):
            parts[part] = (self._crop(rng, taken) if mixes and part < 2 else song)[part]
        if residue:
            parts[3] = song[4] - song[0] - song[1] - song[2]
        if ratio != 1.0:
            n = fft.next_fast_len(int(taken / ratio), real=True)
            parts = _resampled(parts, n)
        parts = np.ascontiguousarray(parts[:, :, :frames])
        gains = np.ones((N_SPLIT, N_BINS), np.float32)
        level_db = 0.0
        if changes.colours:
            parts, gains = _coloured(rng, parts)
            level_db = float(rng.normal(0.0, 2.0))
        return measure(parts, gains, level_db)

    def _crop(self, rng: np.random.Generator, frames: int) -> F32:
        """A stretch of any song that is not nearly silent, if three tries find one."""
        crop = np.zeros((5, 2, frames), np.float32)
        for _ in range(3):
            song = self._songs[int(rng.integers(len(self._songs)))]
            at = int(rng.integers(song.shape[2] - frames))
            crop = song[:, :, at : at + frames].astype(np.float32)
            if float(np.square(crop[:3]).mean()) > 1e-6:
                break
        return crop


def _resampled(x: F32, n: int) -> F32:
    """Bring to `n` frames; what does not fit under the new Nyquist frequency is cut off."""
    spectrum = fft.rfft(x)
    kept = np.zeros((*x.shape[:2], n // 2 + 1), spectrum.dtype)
    m = min(kept.shape[2], spectrum.shape[2])
    kept[:, :, :m] = spectrum[:, :, :m]
    return (fft.irfft(kept, n) * np.float32(n / x.shape[2])).astype(np.float32)


def _coloured(rng: np.random.Generator, parts: F32) -> tuple[F32, F32]:
    """Gains of +-4 dB (drums down to -12), smooth equalisers, swapped channels, missing stems."""
    gains_db = rng.normal(0.0, 3.0, N_SPLIT)
    if rng.random() < 0.25:
        gains_db[0] -= rng.uniform(3.0, 10.0)
    curve_db = np.zeros((N_SPLIT, N_BINS))
    for part in range(N_SPLIT):
        if rng.random() < 0.6:
            at_hz = np.array([40.0, 150.0, 500.0, 1500.0, 5000.0, 15000.0])
            curve_db[part] = np.interp(np.log(_BINS_HZ), np.log(at_hz), rng.normal(0.0, 2.5, 6))
        if rng.random() < 0.04 and part < 3:
            gains_db[part] = -120.0
    for part in range(N_SPLIT):
        if rng.random() < 0.5:
            parts[part] = parts[part, ::-1].copy()
        if rng.random() < 0.15 and part < 3:
            parts[part] = parts[part].mean(axis=0)
    if rng.random() < 0.1:
        # The whole song through an old loudspeaker or a low bit rate.
        curve_db -= np.clip((np.log2(_BINS_HZ) - np.log2(rng.uniform(5000.0, 16000.0))) * 40.0, 0.0, 80.0)
    return parts, (10.0 ** ((curve_db + gains_db[:, None]) / 20.0)).astype(np.float32)
