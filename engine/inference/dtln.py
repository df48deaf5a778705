"""DTLN: one network masks magnitudes, a second one mends the waveform; 32 ms blocks at 16 kHz.

Worker process, one thread; the two ONNX graphs take and give their LSTM states. See `Denoiser`.

References
----------
N. L. Westhausen and B. T. Meyer, "Dual-signal transformation LSTM network for real-time noise
suppression", Interspeech 2020.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.errors import ModelError
from engine.inference.cards import ModelCard
from engine.inference.denoise import denoiser_delay_frames
from engine.inference.sessions import BoundSession
from engine.units import F32

BLOCK_FRAMES = 512
_N_BINS = BLOCK_FRAMES // 2 + 1
_STATE = (1, 2, 128, 2)


class Dtln:
    """The `Denoiser` of DTLN; see there.

    Parameters
    ----------
    card : ModelCard
    paths : sequence of Path
        The graph of the spectrum and that of the waveform.
    """

    def __init__(self, card: ModelCard, paths: Sequence[Path]) -> None:
        self.rate_hz = card.rate_hz
        self.hop_frames = card.segment.window_frames
        self.latency_frames = denoiser_delay_frames(card)
        self._spectrum, self._waveform = (BoundSession(path, "live", "CPU", threads=1) for path in paths)
        for session, shape in ((self._spectrum, (1, 1, _N_BINS)), (self._waveform, (1, 1, BLOCK_FRAMES))):
            shapes = [array.shape for array in (*session.inputs, *session.outputs)]
            if shapes != [shape, _STATE, shape, _STATE]:
                raise ModelError(f"{card.name} has shapes {shapes}: not the graphs of DTLN; see its card")
        self._heard = np.zeros(BLOCK_FRAMES, np.float32)
        self._sum = np.zeros(BLOCK_FRAMES, np.float32)

    def process(self, hop: F32, out: F32) -> None:
        """Denoise one hop; see `Denoiser.process`."""
        n = self.hop_frames
        self._heard[:-n] = self._heard[n:]
        self._heard[-n:] = hop
        spectrum = np.fft.rfft(self._heard)
        self._spectrum.inputs[0][0, 0] = np.abs(spectrum)
        _step(self._spectrum)
        self._waveform.inputs[0][0, 0] = np.fft.irfft(spectrum * self._spectrum.outputs[0][0, 0])
        _step(self._waveform)
        self._sum[:-n] = self._sum[n:]
        self._sum[-n:] = 0.0
        self._sum += self._waveform.outputs[0][0, 0]
        out[:] = self._sum[:n]

    def reset(self) -> None:
        """Forget everything that was heard."""
        for array in (self._heard, self._sum, self._spectrum.inputs[1], self._waveform.inputs[1]):
            array[:] = 0.0

    def close(self) -> None:
        """Nothing is held that does not go with the object."""


def _step(session: BoundSession) -> None:
    """Run a graph and keep its states for the next hop."""
    session.run()
    session.inputs[1][:] = session.outputs[1]
