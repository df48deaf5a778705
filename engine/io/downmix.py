"""Folding any channel layout to the stereo pair that Charon plays and separates.

Pure functions, called by `engine/io/decode.py` on whichever thread decodes. They exist because
models, lanes and speakers here are stereo while files hold anything from mono to 7.1 and beyond.
"""

from collections.abc import Sequence

import numpy as np

from engine.errors import ParameterError
from engine.units import F32

_MINUS_3_DB = 0.5**0.5

# (gain to the left, gain to the right) of each loudspeaker. BS.775 gives front, centre and
# surrounds; what it does not name (heights, wides, a single rear) takes the gain of its nearest
# named neighbour. The low-frequency effects channel is left out, as BS.775 says: its content is
# 10 dB hot and repeats what the main channels hold.
_SPEAKERS: dict[str, tuple[float, float]] = {
    "FL": (1.0, 0.0),
    "FR": (0.0, 1.0),
    "FC": (_MINUS_3_DB, _MINUS_3_DB),
    "LFE": (0.0, 0.0),
    "LFE2": (0.0, 0.0),
    "BL": (_MINUS_3_DB, 0.0),
    "BR": (0.0, _MINUS_3_DB),
    "SL": (_MINUS_3_DB, 0.0),
    "SR": (0.0, _MINUS_3_DB),
    "SSL": (_MINUS_3_DB, 0.0),
    "SSR": (0.0, _MINUS_3_DB),
    "BC": (0.5, 0.5),
    "FLC": (1.0, 0.0),
    "FRC": (0.0, 1.0),
    "WL": (1.0, 0.0),
    "WR": (0.0, 1.0),
    "DL": (1.0, 0.0),
    "DR": (0.0, 1.0),
    "TC": (0.5, 0.5),
    "TFL": (_MINUS_3_DB, 0.0),
    "TFC": (0.5, 0.5),
    "TFR": (0.0, _MINUS_3_DB),
    "TBL": (_MINUS_3_DB, 0.0),
    "TBC": (0.5, 0.5),
    "TBR": (0.0, _MINUS_3_DB),
    "TSL": (_MINUS_3_DB, 0.0),
    "TSR": (0.0, _MINUS_3_DB),
}

# What a file means that states only how many channels it has: the order of WAVE_FORMAT_EXTENSIBLE.
_BY_COUNT: dict[int, tuple[str, ...]] = {
    1: ("FC",),
    2: ("FL", "FR"),
    3: ("FL", "FR", "FC"),
    4: ("FL", "FR", "BL", "BR"),
    5: ("FL", "FR", "FC", "BL", "BR"),
    6: ("FL", "FR", "FC", "LFE", "BL", "BR"),
    7: ("FL", "FR", "FC", "LFE", "BC", "SL", "SR"),
    8: ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
}


def downmix_matrix(speakers: Sequence[str]) -> F32:
    """Gains that fold channels to stereo.

    Parameters
    ----------
    speakers : sequence of str, length = channels, 1 to 64
        Loudspeaker names in channel order, as ffmpeg writes them (``FL FR FC LFE BL BR SL SR``).
        When any name is unknown the names are ignored and the order is guessed from their number.

    Returns
    -------
    float32 array, shape (2, channels)
        Linear gains, left row first. Mono goes to both sides at full gain. Rows are not scaled
        down: a loud 5.1 file may exceed full scale by up to 7.7 dB, which float lanes hold and the
        limiter before the loudspeakers catches; scaling would make every such file quiet instead.

    Raises
    ------
    ParameterError
        When there are no channels.

    References
    ----------
    ITU-R BS.775-4, annex 4, table 2 (downward mixing to 2/0).
    """
    if not speakers:
        raise ParameterError("0 channels cannot be folded to stereo; give at least one")
    names = tuple(speakers)
    if not all(name in _SPEAKERS for name in names):
        names = _BY_COUNT.get(len(names), ())
    if not names:
        return _alternating(len(speakers))
    if len(names) == 1:
        return np.ones((2, 1), np.float32)
    return np.array([_SPEAKERS[name] for name in names], np.float32).T.copy()


def _alternating(channels: int) -> F32:
    """Mean of the even channels to the left, of the odd ones to the right, shape (2, channels)."""
    matrix = np.zeros((2, channels), np.float32)
    matrix[0, 0::2] = 1.0 / len(range(0, channels, 2))
    matrix[1, 1::2] = 1.0 / len(range(1, channels, 2))
    return matrix


def fold_to_stereo(x: F32, matrix: F32, out: F32) -> None:
    """Apply a down-mix matrix.

    Parameters
    ----------
    x : float32 array, shape (channels, frames)
        Any strides.
    matrix : float32 array, shape (2, channels)
        From `downmix_matrix`.
    out : float32 array, shape (2, frames)
        Result; must not overlap `x`.
    """
    if x.shape[0] == 1:
        out[:] = x
    elif x.shape[0] == 2 and matrix[0, 0] == matrix[1, 1] == 1.0 and not matrix[0, 1] and not matrix[1, 0]:
        # Bit-identical for stereo, denormals and negative zeros included.
        out[:] = x
    else:
        # 0 x infinity is no news here: the caller looks for NaN and infinity in the result.
        with np.errstate(invalid="ignore"):
            np.matmul(matrix, x, out=out)
