"""What the views of a live input are told sixty times a second: one frozen snapshot.

Made on the GUI thread.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.realtime.scope import Scope
from engine.services.live_stems import LiveLatency


@dataclass(frozen=True, slots=True)
class LiveTick:
    """A live separation at one moment.

    Parameters
    ----------
    is_on : bool
        The lanes are an input's.
    is_ready : bool
        The stems are there; before, the input is heard as it is.
    source : str
        The input's name.
    trouble : str
        Why nothing comes in, in one line; empty while all is well.
    latency : LiveLatency or None
        None while it is off.
    peaks_db : mapping of str to (float, float)
        Peak of each lane ("original" is the input itself), left and right, dBFS, after its fader.
    scope : Scope or None
        The picture of what goes by.
    dt_s : float
        Time since the last one.
    """

    is_on: bool = False
    is_ready: bool = False
    source: str = ""
    trouble: str = ""
    latency: LiveLatency | None = None
    peaks_db: Mapping[str, tuple[float, float]] = field(default_factory=lambda: {})
    scope: Scope | None = None
    dt_s: float = 0.0
