"""Spleeter on a stream: a sliding context, of which only the newest frames are used.

Runs in the worker process of a live separation, on the one thread that owns it. The network sees the
last 64 STFT frames (1.49 s) every time; what it says of frames in the middle was decided long ago, so
that only the newest few are computed (`spleeter_crop`) and masked.

Two things keep the latency low. A sample goes out one quarter of a window before the last STFT frame
that covers it exists: there a Hann window has fallen to a half, and leaving it out costs 0.01 dB.
And masks are nearly ratios of magnitudes, not of energies: 0.1 dB better where little of the future is
known.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.errors import ModelError, ParameterError
from engine.inference.cards import ModelCard
from engine.inference.sessions import CPU, BoundSession
from engine.inference.spleeter_convert import N_BINS
from engine.inference.spleeter_crop import crop_decoder
from engine.inference.spleeter_masks import apply_mask, magnitudes
from engine.kernels.fft import PAD, fft_tables, irfft_frame
from engine.kernels.jit import kernel
from engine.kernels.stft import Stft
from engine.kernels.windows import hann
from engine.units import F32

N_FFT = 4096
STFT_HOP_FRAMES = 1024
N_CONTEXT = 64
"""STFT frames that the network sees, 1.49 s: 128 are no better and cost twice as much."""
N_NEW = 2
"""STFT frames a call. On two cores a call takes a fifth of the time to the next one; four frames a call with
as much delay know less of the future, 0.1 dB."""
BLOCK_FRAMES = N_NEW * STFT_HOP_FRAMES
"""2048 frames, 46 ms at 44.1 kHz."""
MASK_EXPONENT = 1.1
TARGET_RMS = 0.19
"""-14 dBFS, about that of the masters it was trained on: 6 dB less already cost it 0.9 dB. What comes in is
brought there over the length of the context; masks are ratios, so the stems keep their level."""
LARGEST_GAIN = 32.0
_HEARD_MS = 1e-6
"""Mean square (-60 dBFS) below which a frame says nothing about the level."""
_N_LATE_HOPS = 2
"""Hops that a sample waits for its last STFT frame: four cover it, the last quarter goes without."""


@dataclass(frozen=True, slots=True)
class LiveMode:
    """How far a live separation looks ahead.

    Parameters
    ----------
    name : str
    n_ahead : int
        STFT frames of look-ahead.
    """

    name: str
    n_ahead: int

    @property
    def latency_frames(self) -> int:
        """Frames from a sample's arrival to its stems, without the time to compute them."""
        return (N_NEW + self.n_ahead + _N_LATE_HOPS) * STFT_HOP_FRAMES


TIGHT = LiveMode("tight", 2)
"""6144 frames, 139 ms at 44.1 kHz."""
CLEAN = LiveMode("clean", 6)
"""10240 frames, 232 ms at 44.1 kHz."""
LIVE_MODES = {mode.name: mode for mode in (TIGHT, CLEAN)}


@kernel
def _add_frames(
    spectrum: F32, scaled_window: F32, passes: F32, join: F32, split: F32, norm: F32, tail: F32, out: F32
) -> None:
    """Add N_NEW masked frames to what earlier ones left, and give out what no later one will touch.

    `tail` (channels, 2 hops) holds the sums that are not complete; `out` is (channels, BLOCK_FRAMES). The
    window's first quarter is zero, so that frame t reaches from t + 1 to t + 4 hops.
    """
    hop = STFT_HOP_FRAMES
    work = np.empty((4, N_FFT // 2 + PAD), np.float32)
    frame = np.empty(N_FFT, np.float32)
    total = np.empty((N_NEW + 2) * hop, np.float32)
    for c in range(out.shape[0]):
        total[: 2 * hop] = tail[c]
        total[2 * hop :] = 0.0
        for t in range(N_NEW):
            irfft_frame(spectrum[c, t], scaled_window, passes, join, split, work, frame)
            part = total[t * hop : (t + 3) * hop]
            for i in range(3 * hop):
                part[i] += frame[hop + i]
        for i in range(N_NEW * hop):
            out[c, i] = total[i] * norm[i % hop]
        tail[c] = total[N_NEW * hop :]


class LiveSpleeter:
    """Two stems of a stream, block by block.

    Parameters
    ----------
    card : ModelCard
        Of a Spleeter with two stems.
    paths : sequence of Path
        The network of the first stem and that of the second.
    mode : LiveMode
        TIGHT or CLEAN.
    provider : str or None
        Execution provider; None chooses.

    Attributes
    ----------
    stems : tuple of str
    residual_stem : str
        The one that is what the others leave of the input.
    rate_hz : int
    latency_frames : int
        Output k is input k - latency_frames, separated; includes the block that has to be full.

    Notes
    -----
    Memory: context 2 x 64 x 1024 x 4 bytes = 0.5 MB a network, the networks' own some 60 MB. A call
    allocates 70 kB (a frame's work space). One thread at a time; two cores are used, one a network.
    """

    def __init__(
        self, card: ModelCard, paths: Sequence[Path], mode: LiveMode, provider: str | None = None
    ) -> None:
        if card.architecture != "spleeter" or len(paths) != 2:
            raise ParameterError(f"model {card.name!r} cannot separate live: choose spleeter-2stems")
        self.stems = card.stems
        self.residual_stem = card.residual_stem
        self.rate_hz = card.rate_hz
        self.latency_frames = mode.latency_frames
        n_wanted = N_NEW + mode.n_ahead
        self._sessions = [_open(path, n_wanted, provider) for path in paths]
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="spleeter")
        self._stft = Stft(N_FFT, STFT_HOP_FRAMES, threads=1)
        self._tables = fft_tables(N_FFT)
        window = hann(N_FFT)
        synthesis = window.copy()
        synthesis[:STFT_HOP_FRAMES] = 0.0
        self._scaled_window = synthesis * np.float32(1.0 / N_FFT)
        covered = (window.astype(np.float64) * synthesis).reshape(-1, STFT_HOP_FRAMES).sum(axis=0)
        self._norm = (1.0 / covered).astype(np.float32)
        n_bins = N_FFT // 2 + 1
        # The last three hops of the block before, and the block: what four new STFT frames cover.
        self._heard = np.zeros((2, N_FFT - STFT_HOP_FRAMES + BLOCK_FRAMES), np.float32)
        self._fresh = np.zeros((2, N_NEW, n_bins), np.complex64)
        self._spectra = np.zeros((2, n_wanted, n_bins), np.complex64)
        self._masked = np.zeros((2 * N_NEW, 2 * n_bins), np.float32)
        self._magnitudes = np.zeros((2 * N_NEW, N_BINS), np.float32)
        self._estimates = np.zeros((2, 2 * N_NEW, N_BINS), np.float32)
        self._context = np.zeros((2, N_CONTEXT, N_BINS), np.float32)
        self._mean_squares = np.zeros(N_CONTEXT)
        self._tail = np.zeros((2, 2 * STFT_HOP_FRAMES), np.float32)
        # Input that waits until its vocals are known: block, look-ahead and the late hops.
        self._delay = np.zeros((2, mode.latency_frames), np.float32)

    @property
    def provider(self) -> str:
        """What runs the networks; "CPU" as soon as one of them had to fall back."""
        names = [session.provider for session in self._sessions]
        return CPU if CPU in names else names[0]

    @property
    def notices(self) -> list[str]:
        """What the user must know."""
        return [notice for session in self._sessions for notice in session.notices]

    def process(self, block: F32, out: F32) -> None:
        """Take a block and give back the stems of one that came `latency_frames - BLOCK_FRAMES` before.

        Parameters
        ----------
        block : float32 array, shape (2, BLOCK_FRAMES)
        out : float32 array, shape (2, 2, BLOCK_FRAMES)
            Stems in the order of `stems`; overwritten. They sum to the delayed input.

        Raises
        ------
        ModelError
            The network failed or returned NaN, on the CPU as well.
        """
        self._find_vocals(block)
        self._overlap_add(self._masked, self._tail, out[0])
        self._keep(block)
        np.subtract(self._delay[:, :BLOCK_FRAMES], out[0], out=out[1])

    def _find_vocals(self, block: F32) -> None:
        """Listen to a block, and leave the vocals' spectrum of the oldest frames in `_masked`."""
        kept = N_FFT - STFT_HOP_FRAMES
        self._heard[:, :kept] = self._heard[:, -kept:]
        self._heard[:, kept:] = block
        self._stft.forward(self._heard, self._fresh)
        self._spectra[:, :-N_NEW] = self._spectra[:, N_NEW:]
        self._spectra[:, -N_NEW:] = self._fresh
        self._run_networks()
        oldest = self._spectra[:, :N_NEW].reshape(2 * N_NEW, -1)
        self._masked[:] = oldest.view(np.float32)
        n_bins = self._fresh.shape[2]
        apply_mask(0, 2 * N_NEW, self._masked, self._estimates[0], self._estimates[1], n_bins, MASK_EXPONENT)

    def _overlap_add(self, rows: F32, tail: F32, out: F32) -> None:
        """Turn spectra of N_NEW frames, (2 * N_NEW, 2 * bins), into the next block of a stem."""
        tables = self._tables
        _add_frames(
            rows.reshape(2, N_NEW, -1), self._scaled_window, tables.passes, tables.join,
            tables.split, self._norm, tail, out,
        )  # fmt: skip

    def _keep(self, block: F32) -> None:
        """Put a block behind the input that waits for its stems."""
        self._delay[:, :-BLOCK_FRAMES] = self._delay[:, BLOCK_FRAMES:]
        self._delay[:, -BLOCK_FRAMES:] = block

    def _run_networks(self) -> None:
        rows = self._fresh.reshape(2 * N_NEW, -1).view(np.float32)
        magnitudes(0, 2 * N_NEW, rows, self._magnitudes)
        self._context[:, :-N_NEW] = self._context[:, N_NEW:]
        self._context[:, -N_NEW:] = self._magnitudes.reshape(2, N_NEW, N_BINS)
        gain = self._level_gain()
        for session in self._sessions:
            np.multiply(self._context, gain, out=session.inputs[0][0])
        second = self._pool.submit(self._sessions[1].run)
        try:
            self._sessions[0].run()
        finally:
            second.exception()  # both have ended before anybody touches their arrays
        second.result()
        for stem, session in enumerate(self._sessions):
            self._estimates[stem] = session.outputs[0][0, :, :N_NEW].reshape(2 * N_NEW, N_BINS)

    def _level_gain(self) -> np.float32:
        """What brings the context to TARGET_RMS; pauses do not count."""
        squares = np.square(self._context[:, -N_NEW:], dtype=np.float64).sum(axis=(0, 2))
        self._mean_squares[:-N_NEW] = self._mean_squares[N_NEW:]
        # Parseval on half a spectrum of two channels, under a window whose mean square is 3/8.
        self._mean_squares[-N_NEW:] = squares / (0.375 * N_FFT**2)
        heard = self._mean_squares[self._mean_squares > _HEARD_MS]
        if not heard.size:
            return np.float32(1.0)
        gain = TARGET_RMS / np.sqrt(heard.mean())
        return np.float32(np.clip(gain, 1.0 / LARGEST_GAIN, LARGEST_GAIN))

    def reset(self) -> None:
        """Forget everything that was heard."""
        self._mean_squares[:] = 0.0
        for array in (self._heard, self._fresh, self._spectra, self._tail, self._delay, self._context):
            array[:] = 0.0

    def close(self) -> None:
        """Stop the threads; the model cannot be used afterwards."""
        self._stft.close()
        self._pool.shutdown()


def _open(path: Path, n_wanted: int, provider: str | None) -> BoundSession:
    graph = crop_decoder(path.read_bytes(), N_CONTEXT, n_wanted)
    session = BoundSession(path, "live", provider, threads=1, dimensions={"T": N_CONTEXT}, graph=graph)
    shapes = [array.shape for array in (*session.inputs, *session.outputs)]
    if shapes != [(1, 2, N_CONTEXT, N_BINS), (1, 2, n_wanted, N_BINS)]:
        raise ModelError(f"{path.name} has shapes {shapes}: it is not Spleeter's network; see its card")
    return session
