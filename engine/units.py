"""Units and array aliases: the one place for conversions between dB and gain, frames and seconds.

A *sample* is one number; a *frame* is one number a channel. Audio arrays are `(channels, frames)`
float32, C order, full scale +-1.0; interleaved only at the device's edge and in rings.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import ParameterError

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
C64 = NDArray[np.complex64]
AnyArray = NDArray[Any]

MIN_DB = -200.0
"""Floor of every level in dB, so that silence prints as a number and never as -inf."""


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Rate and channel count of a stream.

    Parameters
    ----------
    rate_hz : int
        Frames a second, 1000 to 768000.
    channels : int
        1 to 64.
    """

    rate_hz: int
    channels: int

    def __post_init__(self) -> None:
        if not 1000 <= self.rate_hz <= 768_000:
            raise ParameterError(f"sample rate {self.rate_hz} Hz is outside 1000..768000 Hz")
        if not 1 <= self.channels <= 64:
            raise ParameterError(f"{self.channels} channels is outside 1..64")


def db_to_gain(level_db: float) -> float:
    """Amplitude gain of a level in dB; MIN_DB and below is exactly 0."""
    return 0.0 if level_db <= MIN_DB else 10.0 ** (level_db / 20.0)


def gain_to_db(gain: float) -> float:
    """Level in dB of an amplitude, floored at MIN_DB."""
    return max(MIN_DB, 20.0 * math.log10(gain)) if gain > 0.0 else MIN_DB


def power_to_db(power: float) -> float:
    """Level in dB of a power (mean square), floored at MIN_DB."""
    return max(MIN_DB, 10.0 * math.log10(power)) if power > 0.0 else MIN_DB


def frames_to_s(frames: float, rate_hz: float) -> float:
    """Seconds that `frames` last at `rate_hz`."""
    return frames / rate_hz


def s_to_frames(seconds: float, rate_hz: float) -> int:
    """Nearest whole number of frames in `seconds` at `rate_hz`."""
    return round(seconds * rate_hz)


def rescale_frames(frames: int, from_hz: int, to_hz: int) -> int:
    """Frame count at `to_hz` of what lasts `frames` at `from_hz`, rounded up: ceil(frames*to/from)."""
    return -(-frames * to_hz // from_hz)


def energy_ratio_db(reference: AnyArray, error: AnyArray) -> float:
    """10 log10 of the energy of `reference` over that of `error`, clipped to +-200 dB."""
    ref = float(np.sum(np.square(reference, dtype=np.float64)))
    err = float(np.sum(np.square(error, dtype=np.float64)))
    if err <= 0.0:
        return -MIN_DB
    return float(np.clip(power_to_db(ref / err), MIN_DB, -MIN_DB))
