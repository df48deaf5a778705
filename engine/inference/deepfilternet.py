"""DeepFilterNet 3: gains for the bands of hearing, then filters across time for the harmonics.

Worker process, one thread; in its authors' own library, which carries the states of the network from hop
to hop (the network's plain ONNX files know only whole recordings). See `Denoiser`.

References
----------
H. Schroeter et al., "DeepFilterNet: Perceptually motivated real-time speech enhancement", Interspeech 2023.
"""

import ctypes
from pathlib import Path

import numpy as np

from engine.errors import ModelError
from engine.inference.cards import ModelCard
from engine.inference.denoise import denoiser_delay_frames
from engine.inference.native_library import open_library, pointer
from engine.units import F32

NO_LIMIT_DB = 100.0
_FUNCTIONS = {
    "df_create": (ctypes.c_void_p, (ctypes.c_char_p, ctypes.c_float, ctypes.c_char_p)),
    "df_free": (None, (ctypes.c_void_p,)),
    "df_get_frame_length": (ctypes.c_size_t, (ctypes.c_void_p,)),
    "df_process_frame": (ctypes.c_float, (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)),
}


class DeepFilterNet:
    """The `Denoiser` of DeepFilterNet 3; see there.

    Parameters
    ----------
    card : ModelCard
    weights : Path
        The networks, as the library wants them (a .tar.gz).
    library : Path
    limit_db : float, > 0
        How much noise is taken away at most.
    """

    def __init__(self, card: ModelCard, weights: Path, library: Path, limit_db: float = NO_LIMIT_DB) -> None:
        self.rate_hz = card.rate_hz
        self.hop_frames = card.segment.window_frames
        self.latency_frames = denoiser_delay_frames(card)
        self._library = open_library(library, _FUNCTIONS)
        self._weights = weights
        self._limit_db = limit_db
        self._work = np.zeros((2, self.hop_frames), np.float32)
        self._state: int | None = None
        self.reset()
        if self._library.df_get_frame_length(self._state) != self.hop_frames:
            raise ModelError(f"{weights.name} wants another hop than {self.hop_frames} frames; see its card")

    def process(self, hop: F32, out: F32) -> None:
        """Denoise one hop; see `Denoiser.process`."""
        self._work[0] = hop
        self._library.df_process_frame(self._state, pointer(self._work[0]), pointer(self._work[1]))
        out[:] = self._work[1]

    def reset(self) -> None:
        """Forget everything that was heard; loads the network anew, half a second."""
        self.close()
        self._state = self._library.df_create(str(self._weights).encode(), self._limit_db, None)
        if not self._state:
            raise ModelError(f"{self._weights.name} cannot be loaded; verify it with: charon models verify")

    def close(self) -> None:
        """Free the network."""
        if self._state:
            self._library.df_free(self._state)
            self._state = None
