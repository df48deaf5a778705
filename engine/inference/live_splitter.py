"""Four stems of a stream: live Spleeter, and the splitter behind it on the same spectra.

Runs in the worker process of a live separation, on the one thread that owns it. The splitter reads what
Spleeter leaves of a frame as soon as it is known, remembers (its state goes in and out with every call), and
answers four frames later. One forward transform serves both networks, so that four stems come only those
93 ms later than two.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from engine.errors import ParameterError
from engine.inference.cards import ModelCard
from engine.inference.live_spleeter import BLOCK_FRAMES, N_NEW, STFT_HOP_FRAMES, LiveMode, LiveSpleeter
from engine.inference.sessions import CPU
from engine.inference.splitter import FILE_NAME, LEAST_LEVEL, LEVEL_FRAMES, LOOK_AHEAD, STEMS, open_splitter
from engine.kernels.warped_bins import (
    N_BINS,
    apply_warped_masks,
    frame_power,
    group_starts,
    warped_features,
)
from engine.units import F32

EXTRA_FRAMES: Final = LOOK_AHEAD * STFT_HOP_FRAMES
"""4096 frames, 93 ms at 44.1 kHz, beyond Spleeter's own latency."""
_MASKED: Final = (("drums", 0), ("bass", 1), ("vocals", 3))
"""Stems that are transformed back, and the network's part of each; other is what they leave."""


class LiveSplitter(LiveSpleeter):
    """Four stems of a stream, block by block; see `LiveSpleeter` for the attributes.

    Parameters
    ----------
    card : ModelCard
        Of a splitter, with stems drums, bass, other, vocals.
    files : dict of str to Path
        charon-splitter.onnx, and the networks of Spleeter: vocals.onnx, accompaniment.onnx.
    mode : LiveMode
    provider : str or None

    Notes
    -----
    Memory beside Spleeter's: spectra of 6 frames, twice 0.2 MB; the network's own some 20 MB. The level is
    that of the last 3 s, so that the first seconds after silence are split by what little was heard.
    """

    def __init__(
        self, card: ModelCard, files: Mapping[str, Path], mode: LiveMode, provider: str | None = None
    ) -> None:
        if card.architecture != "splitter" or card.stems != STEMS:
            raise ParameterError(f"model {card.name!r} cannot separate live: choose charon-4stems")
        base = replace(
            card, architecture="spleeter", stems=("vocals", "accompaniment"), residual_stem="accompaniment"
        )
        super().__init__(base, [files["vocals.onnx"], files["accompaniment.onnx"]], mode, provider)
        self.stems = card.stems
        self.residual_stem = card.residual_stem
        self.latency_frames = mode.latency_frames + EXTRA_FRAMES
        self._session = open_splitter(files[FILE_NAME], N_NEW, "live", provider, threads=1)
        self._starts = group_starts()
        self._delay = np.zeros((2, self.latency_frames), np.float32)
        # Vocals and accompaniment of the frames that wait for their masks, and of the newest ones.
        self._known = np.zeros((2, 2, LOOK_AHEAD + N_NEW, 2 * N_BINS), np.float32)
        self._powers = np.zeros(LEVEL_FRAMES)
        self._n_powers = 0
        self._power = np.zeros(N_NEW, np.float32)
        self._stem_rows = np.zeros((2, N_NEW, 2 * N_BINS), np.float32)
        self._tails = np.zeros((len(_MASKED), *self._tail.shape), np.float32)

    @property
    def provider(self) -> str:
        """What runs the networks; "CPU" as soon as one of them had to fall back."""
        names = [super().provider, self._session.provider]
        return CPU if CPU in names else names[0]

    @property
    def notices(self) -> list[str]:
        """What the user must know."""
        return [*super().notices, *self._session.notices]

    def process(self, block: F32, out: F32) -> None:
        """Take a block and give back the stems of one that came `latency_frames - BLOCK_FRAMES` before.

        Parameters
        ----------
        block : float32 array, shape (2, BLOCK_FRAMES)
        out : float32 array, shape (4, 2, BLOCK_FRAMES)
            Stems in the order of `stems`; overwritten. They sum to the delayed input.

        Raises
        ------
        ModelError
            A network failed or returned NaN, on the CPU as well.
        """
        self._find_vocals(block)
        vocals = self._masked.reshape(2, N_NEW, -1)
        self._known[:, :, :-N_NEW] = self._known[:, :, N_NEW:]
        self._known[0, :, -N_NEW:] = vocals
        whole = self._spectra[:, :N_NEW].view(np.float32).reshape(2, N_NEW, -1)
        np.subtract(whole, vocals, out=self._known[1, :, -N_NEW:])
        self._run_splitter()
        oldest = self._known[:, :, :N_NEW]
        for k, (stem, part) in enumerate(_MASKED):
            masks = self._session.outputs[-1][0, 2 * part : 2 * part + 2]
            apply_warped_masks(oldest[1], self._starts, masks, self._stem_rows)
            if stem == "vocals":
                self._stem_rows += oldest[0]
            rows = self._stem_rows.reshape(2 * N_NEW, -1)
            self._overlap_add(rows, self._tails[k], out[STEMS.index(stem)])
        self._keep(block)
        np.subtract(self._delay[:, :BLOCK_FRAMES], out[0] + out[1] + out[3], out=out[2])

    def _run_splitter(self) -> None:
        """From the newest accompaniment to masks of the oldest, and the state to the next call."""
        session = self._session
        newest = np.ascontiguousarray(self._known[1, :, -N_NEW:])
        frame_power(newest, self._power)
        level = np.empty(N_NEW, np.float32)
        for t, power in enumerate(self._power):
            self._powers[self._n_powers % LEVEL_FRAMES] = power
            self._n_powers += 1
            heard = self._powers[: min(self._n_powers, LEVEL_FRAMES)]
            level[t] = max(float(np.sqrt(heard.mean())), LEAST_LEVEL)
        warped_features(newest, self._starts, level, session.inputs[0][0])
        session.run()
        for memory, now in zip(session.inputs[1:], session.outputs[:-1], strict=True):
            np.copyto(memory, now)

    def reset(self) -> None:
        """Forget everything that was heard."""
        super().reset()
        self._n_powers = 0
        for array in (self._known, self._powers, self._tails, *self._session.inputs):
            array[:] = 0.0
