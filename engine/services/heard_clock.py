"""When a frame of a tap is heard: the device's clock, read from what the callback publishes.

The thread that reads the tap: the visuals', or the singer's. The callback writes the same frames into the
driver's buffer and into the tap ring, and says of each block how many frames went before it and when its
first one reaches the converter. This room ties the three together, so that light can be shown when its sound
is heard and not when it was computed.
"""

from typing import Final

from engine.realtime import layout as at
from engine.realtime.memory import EngineMemory
from engine.stream.ring import HEAD, Ring
from engine.units import F64

JUMP_S: Final = 0.03
"""A clock that is this far from where it should be was set anew (a device, an xrun), and is followed at once;
what is less is a driver's estimate that trembles, and is followed slowly."""
_FOLLOW: Final = 0.05


class HeardClock:
    """Ties one tap to the stream's clock.

    Parameters
    ----------
    memory : EngineMemory
    ring : Ring
        One of its taps, switched on throughout.
    """

    def __init__(self, memory: EngineMemory, ring: Ring) -> None:
        self._memory = memory
        self._ring = ring
        self.restart()

    def restart(self) -> None:
        """Another device, or the tap was off."""
        self._lead: int | None = None
        self._base_s: float | None = None
        self._newest = -1.0

    def look(self, meter: F64) -> bool:
        """Read the clock.

        Parameters
        ----------
        meter : float64 array, shape (N_METER,)
            The newest of `EngineMemory.meter`.

        Returns
        -------
        bool
            Whether frames can be told a time.

        Notes
        -----
        The head of the tap is never behind the callback's count of frames by more than what was lost, but
        ahead of it while a callback runs: the least difference seen is the true one.
        """
        counted = int(self._memory.counter[at.K_FRAMES])
        lead = int(self._ring.header[HEAD]) - counted
        self._lead = lead if self._lead is None else min(self._lead, lead)
        if meter[at.M_STREAM_FRAMES] != self._newest:
            self._newest = float(meter[at.M_STREAM_FRAMES])
            base_s = float(meter[at.M_DAC_S]) - self._newest / self._memory.rate_hz
            if self._base_s is None or abs(base_s - self._base_s) > JUMP_S:
                self._base_s = base_s
            else:
                self._base_s += _FOLLOW * (base_s - self._base_s)
        return self._base_s is not None

    def heard_s(self, tap_frame: int) -> float:
        """When a frame, counted as the tap's ring counts, reaches the converter: seconds, stream's clock."""
        lead = self._lead or 0
        return (self._base_s or 0.0) + (tap_frame - lead) / self._memory.rate_hz
