"""HTDemucs, 4 stems: a network with two branches, one on the waveform, one on its spectrogram.

Runs in the thread that separates. The export leaves both transforms to its caller, so they are
done here: the network gets the waveform beside its spectrogram, gives a waveform and a spectrogram
for every stem, and a stem is the sum of the two branches.

References
----------
S. Rouard, F. Massa, A. Defossez, "Hybrid Transformers for Music Source Separation", ICASSP 2023.
"""

from pathlib import Path

import numpy as np

from engine.errors import ModelError
from engine.inference.cards import ModelCard
from engine.inference.sessions import BoundSession, Profile, SingleNetwork, n_threads
from engine.kernels.jit import RowPool, kernel
from engine.kernels.stft import Stft
from engine.units import C64, F32

N_FFT = 4096
HOP_FRAMES = 1024
_N_BINS = N_FFT // 2  # the network leaves out the bin at half the rate
_N_CHANNELS = 4  # left real, left imaginary, right real, right imaginary
# The waveform is reflected by 1.5 hops in front, so that frame t of the transform is centred on
# frame 1024 t + 512 of the song.
_PAD_FRAMES = 3 * HOP_FRAMES // 2
_SCALE = 1.0 / 64.0  # a transform normalised by 1 / sqrt(4096)
# Frames of silence put before and after a stem's spectrogram: the inverse must divide by the
# windows of the frames that the network does not give, or its edges come out louder than trained.
_EDGE = 2


@kernel
def _to_channels(row_start: int, row_stop: int, spectrum: C64, out: F32) -> None:
    """Spectrogram (2, frames, bins) to real channels (4, bins, frames), scaled; rows are bins."""
    scale = np.float32(_SCALE)
    for channel in range(2):
        for i in range(row_start, row_stop):
            for t in range(out.shape[2]):
                value = spectrum[channel, t, i]
                out[2 * channel, i, t] = value.real * scale
                out[2 * channel + 1, i, t] = value.imag * scale


@kernel
def _from_channels(row_start: int, row_stop: int, channels: F32, out: C64) -> None:
    """Real channels (4, bins, frames) back to a spectrogram (2, edge + frames + edge, bins + 1)."""
    scale = np.float32(1.0 / _SCALE)
    for channel in range(2):
        for t in range(row_start, row_stop):
            for i in range(channels.shape[1]):
                real, imag = channels[2 * channel, i, t], channels[2 * channel + 1, i, t]
                out[channel, t + _EDGE, i] = np.complex64(complex(real * scale, imag * scale))


@kernel
def _add_branches(
    row_start: int, row_stop: int, waveform: F32, from_spectrum: F32, start: int, out: F32
) -> None:
    """Sum of the two branches of a stem; rows are channels."""
    for row in range(row_start, row_stop):
        for i in range(out.shape[1]):
            out[row, i] = waveform[row, i] + from_spectrum[row, start + i]


class HTDemucs(SingleNetwork):
    """The `Architecture` of HTDemucs; see there for the attributes.

    Parameters
    ----------
    card : ModelCard
        Its window is what the network was trained on: 343980 frames, 7.8 s.
    path : Path
        The network: [1, 2, N] and [1, 4, 2048, T] -> [1, S, 4, 2048, T] and [1, S, 2, N].
    profile, provider
        See `engine.inference.load.load_architecture`.

    Notes
    -----
    Memory besides the network's own: spectra of 2 x 340 x 2049 x 8 bytes = 11 MB each, the
    network's outputs 4 x 4 x 2048 x 336 x 4 bytes = 44 MB and 11 MB.
    """

    def __init__(self, card: ModelCard, path: Path, profile: Profile, provider: str | None = None) -> None:
        self.stems = card.stems
        self.residual_stem = card.residual_stem
        self.rate_hz = card.rate_hz
        self.default_overlap = card.segment.overlap
        self.mirrors_ends = True
        self.window_frames = card.segment.window_frames
        self.valid_start, self.valid_stop = 0, self.window_frames
        n_stft = -(-self.window_frames // HOP_FRAMES)
        super().__init__(BoundSession(path, profile, provider))
        n_stems = len(self.stems)
        waves, spectra = (1, 2, self.window_frames), (1, _N_CHANNELS, _N_BINS, n_stft)
        wanted = [waves, spectra], [(1, n_stems, *spectra[1:]), (1, n_stems, *waves[1:])]
        found = [array.shape for array in self._session.inputs], [a.shape for a in self._session.outputs]
        if found != wanted:
            raise ModelError(f"{path.name} has shapes {found}, HTDemucs has {wanted}; see its card")
        self._rows = RowPool(min(n_threads(profile), 8))
        self._stft = Stft(N_FFT, HOP_FRAMES, threads=self._rows.threads)
        self._padded = np.zeros((2, (n_stft - 1) * HOP_FRAMES + N_FFT), np.float32)
        self._spectrum = np.zeros((2, n_stft, _N_BINS + 1), np.complex64)
        self._stem_spectrum = np.zeros((2, n_stft + 2 * _EDGE, _N_BINS + 1), np.complex64)
        self._stem = np.zeros((2, (n_stft + 2 * _EDGE - 1) * HOP_FRAMES + N_FFT), np.float32)

    def separate(self, window: F32, out: F32) -> None:
        """Separate one window; see `Architecture.separate`."""
        waveform, channels = self._session.inputs
        self._reflect(window)
        self._stft.forward(self._padded, self._spectrum)
        np.copyto(waveform[0], window)
        self._rows.run(_to_channels, _N_BINS, self._spectrum, channels[0])
        self._session.run()
        spectra, waveforms = self._session.outputs
        start = _EDGE * HOP_FRAMES + _PAD_FRAMES
        for i in range(len(self.stems)):
            self._rows.run(_from_channels, spectra.shape[-1], spectra[0, i], self._stem_spectrum)
            self._stft.inverse(self._stem_spectrum, self._stem)
            self._rows.run(_add_branches, 2, waveforms[0, i], self._stem, start, out[i])

    def _reflect(self, window: F32) -> None:
        """Mirror the window's ends (without repeating the end frames) into the padding."""
        n, padded = self.window_frames, self._padded
        n_after = padded.shape[1] - _PAD_FRAMES - n
        padded[:, _PAD_FRAMES : _PAD_FRAMES + n] = window
        padded[:, :_PAD_FRAMES] = window[:, _PAD_FRAMES:0:-1]
        padded[:, _PAD_FRAMES + n :] = window[:, n - 2 : n - 2 - n_after : -1]

    def close(self) -> None:
        """Stop the threads."""
        self._stft.close()
        self._rows.close()
