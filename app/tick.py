"""What the bridge tells the views sixty times a second: one frozen snapshot of the engine.

Made on the GUI thread from mailboxes; no view asks the engine anything itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DeviceLine:
    """The open device, in the words of the engine light.

    Parameters
    ----------
    name : str
    rate_hz, block_frames : int
    latency_ms : float
        Output latency as the driver states it.
    """

    name: str
    rate_hz: int
    block_frames: int
    latency_ms: float


@dataclass(frozen=True, slots=True)
class Tick:
    """The engine at one moment.

    Parameters
    ----------
    song : Path or None
        The song that is loaded, and the two lines that name it.
    title, artist : str
    song_rate_hz : int
        0 until the song is open.
    folder : Path or None
        Its folder in the stem store, as soon as there is one.
    position_s : float
        Song time that is heard now.
    duration_s : float or None
        None until the song is decoded.
    playing, ended, waiting : bool
        `waiting`: the song or a seek waits for its first frames.
    stems_ready : bool
        Every stem is there at the play-head.
    pending : tuple of str
        Stems whose mute, solo or gain waits for the separation.
    segments_done, segments_total : int
        Progress of this song's separation; total is 0 until it is known.
    lane_peaks_db : dict of str to (float, float)
        Peak of each lane ("original" and stems), left and right, dBFS, after its fader.
    master_peak_db, master_rms_db : (float, float)
        Of what goes to the device.
    limiter_gain_db : float
        0 or less: what the safety limiter takes away.
    device : DeviceLine or None
        None while the engine starts or the device is gone.
    dropouts : int
        Late blocks since the device was opened.
    live : str
        Name of the input that is heard in the song's place; empty without one.
    trouble : str
        Why the engine light is amber, in one line; empty while all is well.
    """

    song: Path | None = None
    title: str = ""
    artist: str = ""
    song_rate_hz: int = 0
    folder: Path | None = None
    position_s: float = 0.0
    duration_s: float | None = None
    playing: bool = False
    ended: bool = False
    waiting: bool = False
    stems_ready: bool = False
    pending: tuple[str, ...] = ()
    segments_done: int = 0
    segments_total: int = 0
    lane_peaks_db: Mapping[str, tuple[float, float]] = field(default_factory=lambda: {})
    master_peak_db: tuple[float, float] = (-200.0, -200.0)
    master_rms_db: tuple[float, float] = (-200.0, -200.0)
    limiter_gain_db: float = 0.0
    device: DeviceLine | None = None
    dropouts: int = 0
    live: str = ""
    trouble: str = ""
