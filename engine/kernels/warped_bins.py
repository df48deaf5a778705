"""Frequency bins on a warped axis: single below 2.8 kHz, wider and wider above, as ears have it.

Worker processes and training run it. A small network reads 576 bins instead of 2049 and loses nothing that
it could use; its masks hold for every bin of a group.
"""

from typing import Final

import numpy as np

from engine.kernels.jit import fast_kernel
from engine.units import F32

N_FFT: Final = 4096
HOP_FRAMES: Final = 1024
N_BINS: Final = N_FFT // 2 + 1
N_WARPED: Final = 576
N_CHANNELS: Final = 4
"""Left, right, middle, side."""
_GROUPS: Final = ((256, 1), (128, 2), (128, 4), (64, 16))
"""How many groups of how many bins: 256 + 256 + 512 + 1024 = 2048; the last takes the bin at 22 kHz too."""
EXPONENT: Final = 0.3
"""Magnitudes are read to this power: quiet partials count beside loud ones."""


def group_starts() -> np.ndarray:
    """First bin of each group, and the end of the last: int64 array, shape (577,)."""
    widths = np.repeat([width for _, width in _GROUPS], [count for count, _ in _GROUPS])
    starts = np.concatenate([[0], np.cumsum(widths)])
    starts[-1] = N_BINS
    return starts.astype(np.int64)


@fast_kernel
def frame_power(spectrum: F32, out: F32) -> None:
    """Power of each STFT frame.

    Parameters
    ----------
    spectrum : float32 array, shape (2, n, 2 * 2049)
        Real and imaginary parts in turn.
    out : float32 array, shape (n,)
        Sum over the bins, mean of the channels.
    """
    for t in range(spectrum.shape[1]):
        total = np.float32(0.0)
        for c in range(2):
            row = spectrum[c, t]
            for i in range(row.shape[0]):
                total += row[i] * row[i]
        out[t] = np.float32(0.5) * total


@fast_kernel
def warped_features(spectrum: F32, starts: np.ndarray, level: F32, out: F32) -> None:
    """What the network reads of a spectrum.

    Parameters
    ----------
    spectrum : float32 array, shape (2, n, 2 * 2049)
        Real and imaginary parts in turn.
    starts : int64 array, shape (577,)
        See `group_starts`.
    level : float32 array, shape (n,)
        What magnitudes are divided by, frame by frame; > 0.
    out : float32 array, shape (4, n, 576)
        Mean magnitude of each group over the level, to the power `EXPONENT`: left, right, middle, side.
    """
    half = np.float32(0.5)
    for t in range(spectrum.shape[1]):
        left = spectrum[0, t]
        right = spectrum[1, t]
        for k in range(starts.shape[0] - 1):
            sums = (np.float32(0.0), np.float32(0.0), np.float32(0.0), np.float32(0.0))
            for f in range(starts[k], starts[k + 1]):
                lr, li, rr, ri = left[2 * f], left[2 * f + 1], right[2 * f], right[2 * f + 1]
                mr, mi, sr, si = half * (lr + rr), half * (li + ri), half * (lr - rr), half * (li - ri)
                sums = (
                    sums[0] + np.sqrt(lr * lr + li * li),
                    sums[1] + np.sqrt(rr * rr + ri * ri),
                    sums[2] + np.sqrt(mr * mr + mi * mi),
                    sums[3] + np.sqrt(sr * sr + si * si),
                )
            scale = np.float32(1.0) / (level[t] * np.float32(starts[k + 1] - starts[k]))
            for c in range(4):
                out[c, t, k] = (sums[c] * scale) ** np.float32(EXPONENT)


@fast_kernel
def apply_warped_masks(spectrum: F32, starts: np.ndarray, masks: F32, out: F32) -> None:
    """Multiply each bin with the mask of its group.

    Parameters
    ----------
    spectrum : float32 array, shape (2, n, 2 * 2049)
    starts : int64 array, shape (577,)
    masks : float32 array, shape (2, n, 576)
    out : float32 array, shape (2, n, 2 * 2049)
    """
    for c in range(2):
        for t in range(spectrum.shape[1]):
            for k in range(starts.shape[0] - 1):
                gain = masks[c, t, k]
                for i in range(2 * starts[k], 2 * starts[k + 1]):
                    out[c, t, i] = gain * spectrum[c, t, i]
