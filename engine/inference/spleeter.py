"""Spleeter, 2 stems: two U-Nets on STFT magnitudes, one soft mask, one inverse transform.

Runs in the thread that separates (the worker process), plus threads of its own. On the CPU the two
networks run side by side, each with half of the threads: a network alone leaves a core idle in the
layers that onnxruntime does not share out (joins, pixel shuffles), which is a sixth of its time.

Only the vocals are transformed back. The masks of the two stems sum to one and the transform is
linear, so the accompaniment is the song minus the vocals, and the stems sum to the song exactly.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from engine.errors import ModelError, ParameterError
from engine.inference.cards import ModelCard
from engine.inference.sessions import CPU, BoundSession, Profile, n_threads
from engine.inference.spleeter_convert import N_BINS
from engine.inference.spleeter_masks import apply_mask, magnitudes, split
from engine.kernels.jit import RowPool
from engine.kernels.stft import Stft
from engine.units import F32

N_FFT = 4096
HOP_FRAMES = 1024
_COVERED_FROM = N_FFT - HOP_FRAMES  # the first frame that as many STFT frames cover as any other


class Spleeter:
    """The `Architecture` of Spleeter's 2 stems; see there for the attributes.

    Parameters
    ----------
    card : ModelCard
        Its `segment.window_frames` says how many STFT frames a run takes: a multiple of 64, 512 as
        trained (527360 frames, 11.96 s). Stems are "wanted, rest": vocals, accompaniment.
    paths : sequence of Path
        The network of the first stem and that of the second, or one graph that gives both.
    profile, provider
        See `engine.inference.load.load_architecture`.

    Notes
    -----
    Memory of 512 frames: spectrum 2 x 512 x 2049 x 8 bytes = 17 MB, four magnitude arrays of
    2 x 512 x 1024 x 4 bytes = 4 MB each, the inverse 4 MB.
    """

    def __init__(
        self, card: ModelCard, paths: Sequence[Path], profile: Profile, provider: str | None = None
    ) -> None:
        n_stft, rest = divmod(card.segment.window_frames - N_FFT + HOP_FRAMES, HOP_FRAMES)
        if rest or n_stft < 64 or n_stft % 64:
            raise ParameterError(
                f"window_frames {card.segment.window_frames} is not (64 n - 1) * 1024 + 4096; correct it"
            )
        self.stems = card.stems
        self.residual_stem = card.residual_stem
        self.rate_hz = card.rate_hz
        self.default_overlap = card.segment.overlap
        self.mirrors_ends = False
        self.window_frames = card.segment.window_frames
        self.valid_start = _COVERED_FROM
        self.valid_stop = n_stft * HOP_FRAMES
        self._inference_s = 0.0

        threads = n_threads(profile)
        self._sessions = _open(paths, profile, provider, threads, n_stft)
        side_by_side = len(self._sessions) == 2 and threads > 1 and self.provider == CPU
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="spleeter") if side_by_side else None
        self._rows = RowPool(min(threads, 8))
        self._stft = Stft(N_FFT, HOP_FRAMES, threads=self._rows.threads)
        self._estimates = [array.reshape(2 * n_stft, N_BINS) for s in self._sessions for array in s.outputs]
        n_bins = N_FFT // 2 + 1
        self._spectrum = np.zeros((2, n_stft, n_bins), np.complex64)
        self._spectrum_rows = self._spectrum.view(np.float32).reshape(2 * n_stft, 2 * n_bins)
        self._vocals = np.zeros((2, self.window_frames), np.float32)

    @property
    def provider(self) -> str:
        """What runs the networks; "CPU" as soon as one of them had to fall back."""
        names = [session.provider for session in self._sessions]
        return CPU if CPU in names else names[0]

    @property
    def notices(self) -> list[str]:
        """What the user must know."""
        return [notice for session in self._sessions for notice in session.notices]

    @property
    def inference_s(self) -> float:
        """Wall-clock seconds in the networks; while both run at once they count once."""
        return self._inference_s

    def separate(self, window: F32, out: F32) -> None:
        """Separate one window; see `Architecture.separate`."""
        n_rows = self._spectrum_rows.shape[0]
        self._stft.forward(window, self._spectrum)
        first = self._sessions[0].inputs[0].reshape(n_rows, N_BINS)
        self._rows.run(magnitudes, n_rows, self._spectrum_rows, first)
        for session in self._sessions[1:]:
            np.copyto(session.inputs[0], self._sessions[0].inputs[0])
        self._run_networks()
        wanted, rest = self._estimates
        self._rows.run(apply_mask, n_rows, self._spectrum_rows, wanted, rest, self._spectrum.shape[2], 2.0)
        self._stft.inverse(self._spectrum, self._vocals)
        valid = slice(self.valid_start, self.valid_stop)
        self._rows.run(split, 2, window[:, valid], self._vocals[:, valid], out[0], out[1])

    def _run_networks(self) -> None:
        started_s = time.perf_counter()
        if self._pool is None:
            for session in self._sessions:
                session.run()
        else:
            second = self._pool.submit(self._sessions[1].run)
            try:
                self._sessions[0].run()
            finally:
                second.exception()  # both have ended before anybody touches their arrays
            second.result()
        self._inference_s += time.perf_counter() - started_s

    def stop(self) -> None:
        """End the networks' run that is under way, if one is."""
        for session in self._sessions:
            session.stop()

    def close(self) -> None:
        """Stop the threads."""
        self._stft.close()
        self._rows.close()
        if self._pool is not None:
            self._pool.shutdown()


def _open(
    paths: Sequence[Path], profile: Profile, provider: str | None, threads: int, n_stft: int
) -> list[BoundSession]:
    """Open the networks, sharing the threads, and check that they are Spleeter's."""
    shares = [threads] if len(paths) == 1 else [max(1, threads // 2), max(1, threads - threads // 2)]
    shape = (1, 2, n_stft, N_BINS)
    sessions: list[BoundSession] = []
    for path, share in zip(paths, shares, strict=True):
        session = BoundSession(path, profile, provider, threads=share, dimensions={"T": n_stft})
        arrays = [*session.inputs, *session.outputs]
        if len(session.inputs) != 1 or any(array.shape != shape for array in arrays):
            found = [array.shape for array in arrays]
            raise ModelError(
                f"{path.name} has shapes {found}, Spleeter's networks have {shape}; see its card"
            )
        sessions.append(session)
    if sum(len(session.outputs) for session in sessions) != 2:
        raise ModelError(f"{paths[0].name} gives one estimate, Spleeter needs two (vocals, accompaniment)")
    return sessions
