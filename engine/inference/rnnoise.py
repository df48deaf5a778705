"""RNNoise: a small recurrent network on 22 bands and the pitch, in its authors' own library.

Worker process, one thread. See `Denoiser`.

References
----------
J.-M. Valin, "A hybrid DSP/deep learning approach to real-time full-band speech enhancement", MMSP 2018.
"""

import ctypes
from pathlib import Path

import numpy as np

from engine.errors import ModelError
from engine.inference.cards import ModelCard
from engine.inference.denoise import denoiser_delay_frames
from engine.inference.native_library import open_library, pointer
from engine.units import F32

_FULL_SCALE = 32768.0
"""The library wants samples as 16-bit numbers, though as floats."""
_FUNCTIONS = {
    "rnnoise_create": (ctypes.c_void_p, (ctypes.c_void_p,)),
    "rnnoise_destroy": (None, (ctypes.c_void_p,)),
    "rnnoise_get_frame_size": (ctypes.c_int, ()),
    "rnnoise_process_frame": (ctypes.c_float, (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)),
}


class RNNoise:
    """The `Denoiser` of RNNoise; see there.

    Parameters
    ----------
    card : ModelCard
    path : Path
        The library.

    Attributes
    ----------
    voice_probability : float
        What the network thinks of the last hop, 0 to 1.
    """

    def __init__(self, card: ModelCard, path: Path) -> None:
        self.rate_hz = card.rate_hz
        self.hop_frames = card.segment.window_frames
        self.latency_frames = denoiser_delay_frames(card)
        self.voice_probability = 0.0
        self._library = open_library(path, _FUNCTIONS)
        if self._library.rnnoise_get_frame_size() != self.hop_frames:
            raise ModelError(f"{path.name} wants another hop than {self.hop_frames} frames; see its card")
        self._work = np.zeros(self.hop_frames, np.float32)
        self._state: int | None = None
        self.reset()

    def process(self, hop: F32, out: F32) -> None:
        """Denoise one hop; see `Denoiser.process`."""
        np.multiply(hop, np.float32(_FULL_SCALE), out=self._work)
        at = pointer(self._work)
        self.voice_probability = float(self._library.rnnoise_process_frame(self._state, at, at))
        np.multiply(self._work, np.float32(1.0 / _FULL_SCALE), out=out)

    def reset(self) -> None:
        """Forget everything that was heard."""
        self.close()
        self._state = self._library.rnnoise_create(None)

    def close(self) -> None:
        """Free the network's state."""
        if self._state is not None:
            self._library.rnnoise_destroy(self._state)
            self._state = None
