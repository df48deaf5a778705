"""Four stems: Spleeter takes the vocals away, a small network of our own splits what is left.

Runs in the thread that separates (the worker process), plus Spleeter's threads. The network gives masks of
drums, bass, other and of what Spleeter has left of the vocals, which joins the vocals. Three stems are
transformed back; the fourth is what they leave of the song, so that all sum to it.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from engine.errors import ModelError, ParameterError
from engine.inference.cards import ModelCard
from engine.inference.sessions import CPU, BoundSession, Profile
from engine.inference.spleeter import Spleeter
from engine.kernels.stft import Stft
from engine.kernels.warped_bins import (
    HOP_FRAMES,
    N_BINS,
    N_CHANNELS,
    N_FFT,
    N_WARPED,
    apply_warped_masks,
    frame_power,
    group_starts,
    warped_features,
)
from engine.units import F32

FILE_NAME: Final = "charon-splitter.onnx"
STEMS: Final = ("drums", "bass", "other", "vocals")
LOOK_AHEAD: Final = 4
"""STFT frames that the masks come after what they are about."""
LEVEL_FRAMES: Final = 128
"""STFT frames, 3 s, over which the level is measured: as many as the network's lessons have."""
LEAST_LEVEL: Final = 0.02
"""Root of a frame's power, -100 dBFS: silence must not be blown up."""
_WARM_UP: Final = 24
"""STFT frames, 0.6 s, for which the network must have listened before it is believed."""
_DRUMS, _BASS, _OTHER, _REST = range(4)


class Splitter:
    """The `Architecture` of Spleeter and our splitter behind it; see there for the attributes.

    Parameters
    ----------
    card : ModelCard
        Stems drums, bass, other, vocals; `segment` is Spleeter's.
    files : dict of str to Path
        charon-splitter.onnx, and the networks of Spleeter: vocals.onnx, accompaniment.onnx.
    profile, provider
        See `engine.inference.load.load_architecture`.

    Notes
    -----
    Memory of 512 frames beside Spleeter's: four spectra of 2 x 506 x 2049 x 8 bytes = 17 MB, features and
    masks of 4 + 8 rows of 506 x 576 x 4 bytes = 14 MB, the network's own some 60 MB.
    """

    def __init__(
        self, card: ModelCard, files: Mapping[str, Path], profile: Profile, provider: str | None = None
    ) -> None:
        if card.stems != STEMS or card.residual_stem != "other":
            raise ParameterError(f"card {card.name!r} must have the stems {STEMS}, other taking the rest")
        base = replace(
            card, architecture="spleeter", stems=("vocals", "accompaniment"), residual_stem="accompaniment"
        )
        networks = [files["vocals.onnx"], files["accompaniment.onnx"]]
        self._spleeter = Spleeter(base, networks, profile, provider)
        self.stems = card.stems
        self.residual_stem = card.residual_stem
        self.rate_hz = card.rate_hz
        self.default_overlap = card.segment.overlap
        self.mirrors_ends = False
        self.window_frames = self._spleeter.window_frames
        # What Spleeter gives, less the frames that are listened to first and those that wait for more.
        self._given = slice(self._spleeter.valid_start, self._spleeter.valid_stop)
        n_given = self._given.stop - self._given.start
        self._n_stft = (n_given - N_FFT) // HOP_FRAMES + 1
        self._first = _WARM_UP * HOP_FRAMES + N_FFT - HOP_FRAMES
        last = (self._n_stft - LOOK_AHEAD) * HOP_FRAMES
        self.valid_start = self._given.start + self._first
        self.valid_stop = self._given.start + last
        self._wanted = slice(self._first, last)
        self._inference_s = 0.0
        self._session = open_splitter(files[FILE_NAME], self._n_stft, profile, provider)
        self._stft = Stft(N_FFT, HOP_FRAMES)
        self._starts = group_starts()
        self._split = np.zeros((2, 2, n_given), np.float32)
        self._spectrum = np.zeros((2, self._n_stft, N_BINS), np.complex64)
        self._masked = np.zeros((2, self._n_stft, N_BINS), np.complex64)
        self._power = np.zeros(self._n_stft, np.float32)
        self._sound = np.zeros((2, self._stft.n_frames(self._n_stft)), np.float32)

    @property
    def provider(self) -> str:
        """What runs the networks; "CPU" as soon as one of them had to fall back."""
        names = [self._spleeter.provider, self._session.provider]
        return CPU if CPU in names else names[0]

    @property
    def notices(self) -> list[str]:
        """What the user must know."""
        return [*self._spleeter.notices, *self._session.notices]

    @property
    def inference_s(self) -> float:
        """Wall-clock seconds in the networks."""
        return self._spleeter.inference_s + self._inference_s

    def separate(self, window: F32, out: F32) -> None:
        """Separate one window; see `Architecture.separate`."""
        self._spleeter.separate(window, self._split)
        vocals, accompaniment = self._split
        self._stft.forward(np.ascontiguousarray(accompaniment), self._spectrum)
        rows = self._spectrum.view(np.float32)
        frame_power(rows, self._power)
        warped_features(rows, self._starts, _levels(self._power), self._session.inputs[0][0])
        # Every window is heard from silence on: which windows there are must not matter.
        for memory in self._session.inputs[1:]:
            memory[:] = 0.0
        started_s = time.perf_counter()
        self._session.run()
        self._inference_s += time.perf_counter() - started_s
        song = window[:, self._given][:, self._wanted]
        out[3] = vocals[:, self._wanted] + self._sound_of(_REST)
        out[0] = self._sound_of(_DRUMS)
        out[1] = self._sound_of(_BASS)
        np.subtract(song, out[0] + out[1] + out[3], out=out[2])

    def _sound_of(self, part: int) -> F32:
        """One part of the accompaniment, frames `_wanted`; a view that the next call overwrites."""
        masks = self._session.outputs[-1][0, 2 * part : 2 * part + 2]
        n = self._n_stft - LOOK_AHEAD
        heard, masked = (array.view(np.float32)[:, :n] for array in (self._spectrum, self._masked))
        apply_warped_masks(heard, self._starts, masks[:, LOOK_AHEAD:], masked)
        self._stft.inverse(self._masked, self._sound)
        return self._sound[:, self._wanted]

    def stop(self) -> None:
        """End the networks' run that is under way, if one is."""
        self._spleeter.stop()
        self._session.stop()

    def close(self) -> None:
        """Stop the threads."""
        self._stft.close()
        self._spleeter.close()


def open_splitter(
    path: Path, n_frames: int, profile: Profile, provider: str | None, threads: int | None = None
) -> BoundSession:
    """Open the network for a number of frames and check that it is one.

    Parameters
    ----------
    path : Path
    n_frames : int
        STFT frames a run.
    profile, provider, threads
        See `BoundSession`.

    Returns
    -------
    BoundSession
        First input and last output are features and masks; the other inputs are memories, the other outputs
        what becomes of them, in the same order.

    Raises
    ------
    ModelError
        The graph is another one.
    """
    session = BoundSession(path, profile, provider, threads=threads, dimensions={"n": n_frames})
    memories = [array.shape for array in session.inputs[1:]]
    fits = session.inputs[0].shape == (1, N_CHANNELS, n_frames, N_WARPED)
    fits = fits and session.outputs[-1].shape == (1, 2 * len(STEMS), n_frames, N_WARPED)
    if not fits or memories != [array.shape for array in session.outputs[:-1]]:
        raise ModelError(f"{path.name} is not Charon's splitter; fetch the model again")
    return session


def _levels(power: F32) -> F32:
    """Root of the mean power of the 3 s around each frame; fewer at the ends."""
    sums = np.concatenate([[0.0], np.cumsum(power, dtype=np.float64)])
    at = np.arange(len(power))
    low = np.maximum(0, at - LEVEL_FRAMES // 2)
    high = np.minimum(len(power), low + LEVEL_FRAMES)
    low = np.maximum(0, high - LEVEL_FRAMES)
    mean = (sums[high] - sums[low]) / (high - low)
    return np.maximum(np.sqrt(mean), LEAST_LEVEL).astype(np.float32)
