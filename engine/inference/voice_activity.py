"""Where there is a voice, by the Silero network that comes with faster-whisper.

The thread that owns the detector; a song goes through in blocks, and what the network remembers goes
from one to the next. Found to be certain of speech and of most singing; held notes it loses after a
second or two, which is why the rooms above close gaps.
"""

from typing import Any

import numpy as np

from engine.units import F32

STEP_FRAMES = 512
"""32 ms at 16 kHz: what one probability is about."""
_CONTEXT_FRAMES = 64


class VoiceActivity:
    """The detector, for one stream of sound.

    Notes
    -----
    One thread of one core, about 400 times real time.
    """

    def __init__(self) -> None:
        from faster_whisper.vad import get_vad_model

        self._session: Any = get_vad_model().session
        self.reset()

    def reset(self) -> None:
        """Begin with another song."""
        self._h = np.zeros((1, 1, 128), np.float32)
        self._c = np.zeros((1, 1, 128), np.float32)
        self._tail = np.zeros(_CONTEXT_FRAMES, np.float32)

    def process(self, sound: F32) -> F32:
        """Probabilities of the next frames.

        Parameters
        ----------
        sound : float32 array, shape (n * 512,), 16 kHz mono

        Returns
        -------
        float32 array, shape (n,), 0 to 1
        """
        steps = sound.reshape(-1, STEP_FRAMES)
        if not len(steps):
            return np.zeros(0, np.float32)
        given = np.empty((len(steps), _CONTEXT_FRAMES + STEP_FRAMES), np.float32)
        given[:, _CONTEXT_FRAMES:] = steps
        given[0, :_CONTEXT_FRAMES] = self._tail
        given[1:, :_CONTEXT_FRAMES] = steps[:-1, -_CONTEXT_FRAMES:]
        self._tail = steps[-1, -_CONTEXT_FRAMES:].copy()
        out, self._h, self._c = self._session.run(None, {"input": given, "h": self._h, "c": self._c})
        return np.asarray(out, np.float32).reshape(-1)
