"""Any network that takes a waveform and gives the stems' waveforms: [1, 2, N] -> [1, S, 2, N].

Runs in the thread that separates. For exports that hold their spectrogram inside the graph, and for
models of the user's own.
"""

from pathlib import Path

import numpy as np

from engine.errors import ModelError
from engine.inference.cards import ModelCard
from engine.inference.sessions import BoundSession, Profile, SingleNetwork
from engine.units import F32


class WaveformModel(SingleNetwork):
    """The `Architecture` of waveform-in, waveform-out graphs; see there for the attributes.

    Parameters
    ----------
    card : ModelCard
        `segment.window_frames` is N where the graph leaves it free.
    path : Path
        The graph: one float32 input [1, 2, N], one output [1, S, 2, N].
    profile, provider
        See `engine.inference.load.load_architecture`.
    """

    def __init__(self, card: ModelCard, path: Path, profile: Profile, provider: str | None = None) -> None:
        self.stems = card.stems
        self.residual_stem = card.residual_stem
        self.rate_hz = card.rate_hz
        self.default_overlap = card.segment.overlap
        self.mirrors_ends = False
        self.window_frames = card.segment.window_frames
        self.valid_start, self.valid_stop = 0, self.window_frames
        super().__init__(BoundSession(path, profile, provider, free_size=self.window_frames))
        shapes = [array.shape for array in (*self._session.inputs, *self._session.outputs)]
        wanted = [(1, 2, self.window_frames), (1, len(self.stems), 2, self.window_frames)]
        if shapes != wanted:
            raise ModelError(f"{path.name} has shapes {shapes}, its card says {wanted}; correct the card")

    def separate(self, window: F32, out: F32) -> None:
        """Separate one window; see `Architecture.separate`."""
        np.copyto(self._session.inputs[0][0], window)
        self._session.run()
        np.copyto(out, self._session.outputs[0][0])

    def close(self) -> None:
        """Nothing to stop: the network has its own threads."""
