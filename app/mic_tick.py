"""What the mic's views are told sixty times a second: one frozen snapshot. Made on the GUI thread."""

from dataclasses import dataclass

from engine.realtime.effects.plan import EffectMeters
from engine.services.denoising import DenoiseState
from engine.services.live_mic import MicLatency

SILENT_DB = (-200.0, -200.0)


@dataclass(frozen=True, slots=True)
class MicTick:
    """The mic at one moment.

    Parameters
    ----------
    has_engine : bool
        Whether there is one yet, with its effects compiled.
    is_open : bool
        The mic is heard.
    input_db, output_db : (float, float)
        Peak of the voice as it comes in and as it goes into the mix, dBFS.
    effects : tuple of EffectMeters or None
        What each effect of the chain does now, None where it is off; empty while that is not known.
    latency : MicLatency or None
        None while the mic is closed.
    effect_latencies_s : tuple of float
        What each effect adds.
    denoising : DenoiseState or None
        None without a denoiser.
    recording_s : float or None
        Length of the take under way.
    dt_s : float
        Time since the last one.
    """

    has_engine: bool = False
    is_open: bool = False
    input_db: tuple[float, float] = SILENT_DB
    output_db: tuple[float, float] = SILENT_DB
    effects: tuple[EffectMeters | None, ...] = ()
    latency: MicLatency | None = None
    effect_latencies_s: tuple[float, ...] = ()
    denoising: DenoiseState | None = None
    recording_s: float | None = None
    dt_s: float = 0.0
