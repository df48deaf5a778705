"""Which microphone, and what it costs in time to hear it: plain values, for any thread."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MicChoice:
    """Which microphone.

    Parameters
    ----------
    device : int, str or None
        Index or part of a name; None takes the output's own input, or else the system's default.
    channel : int or None
        Channel from 0 that is heard on both sides; None takes the first two as stereo.
    confirmed : bool
        The user said that a built-in mic on built-in speakers is wanted.
    """

    device: int | str | None = None
    channel: int | None = 0
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class MicLatency:
    """From the mouth to the ear, by stage, in seconds.

    Parameters
    ----------
    input_s, output_s : float
        As the driver reports them; with the bridge, where the mic is on a device of its own.
    insert_s : float
        The worker's exchange (denoising).
    chain_s : float
        The effects' own.
    limiter_s : float
        The look-ahead of the master's limiter.
    """

    input_s: float
    output_s: float
    insert_s: float
    chain_s: float
    limiter_s: float

    @property
    def algorithmic_s(self) -> float:
        """What our own processing adds."""
        return self.insert_s + self.chain_s + self.limiter_s

    @property
    def round_trip_s(self) -> float:
        """All of it."""
        return self.input_s + self.output_s + self.algorithmic_s
