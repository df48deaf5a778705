"""Where a live separation listens: two channels of the device that plays, or an input device of its own.

A line, or the monitor of what another program plays. Called on the control thread that owns the output. It
exists apart because a playback and a session without a song (`live_stems.py`, `live_session.py`) listen
alike.
"""

import contextlib
from dataclasses import dataclass

from engine.errors import DeviceError
from engine.io.device import DuplexOpener, find_input
from engine.realtime.memory import EngineMemory
from engine.services.capture import Capture
from engine.services.feedback_risk import refuse_own_sound
from engine.services.live_mic import LiveMic
from engine.services.output import Output


@dataclass(frozen=True, slots=True)
class LiveSource:
    """An input that can be listened to.

    Parameters
    ----------
    name : str
        Of its device.
    device : str or None
        What to open beside the output; None where the output's own device has it.
    n_inputs : int
        Channels that the output's own device must be opened with; 0 beside it.
    """

    name: str
    device: str | None
    n_inputs: int


def find_source(output: Output, device: int | str | None, channel: int) -> LiveSource:
    """Look for an input before anything is touched.

    Parameters
    ----------
    output : Output
        Open.
    device : int, str or None
        Index or part of a name of an input; None takes the output's own input, or else the system's default.
    channel : int
        First of two input channels, from 0; an input with one is heard on both sides.

    Raises
    ------
    DeviceError
        There is none, it has no such channel, or it is what we play.
    """
    opener = output.opener
    if output.stream is None or not isinstance(opener, DuplexOpener):
        raise DeviceError("there is no sound device with an input: choose one in the settings")
    own = opener.device()
    source = own if device is None and own.inputs > 0 else find_input(device)
    if channel >= source.inputs:
        raise DeviceError(
            f"{source.name!r} has {source.inputs} input channels, there is no {channel + 1}: "
            "choose a lower one"
        )
    if source.index == own.index:
        return LiveSource(source.name, None, min(channel + 2, source.inputs))
    refuse_own_sound(source, own)
    # By name: the index changes when devices come and go.
    return LiveSource(source.name, f"{source.host_api}: {source.name}", 0)


def open_source(memory: EngineMemory, output: Output, mic: LiveMic, source: LiveSource, channel: int) -> None:
    """Open what `find_source` found.

    Parameters
    ----------
    memory : EngineMemory
        Who hears it.
    output : Output
        Opened again where its device has too few inputs open.
    mic : LiveMic
        With which the input may share a device.
    source : LiveSource
    channel : int
        First of two, from 0.

    Raises
    ------
    DeviceError
        It refuses; `close_source` sets everything right.
    """
    if source.device is not None:
        output.source = Capture(memory, source.device, channel, is_source=True)
        output.source.open()
        return
    mic.also_inputs = source.n_inputs
    stream, opener = output.stream, output.opener
    if stream is not None and stream.input_channels < source.n_inputs and isinstance(opener, DuplexOpener):
        output.change(opener.with_input(source.n_inputs))


def close_source(output: Output, mic: LiveMic) -> None:
    """Let go of the input; safe without one.

    Parameters
    ----------
    output : Output
    mic : LiveMic
        Keeps its own.
    """
    source, output.source = output.source, None
    if source is not None:
        source.close()
    had_inputs, mic.also_inputs = mic.also_inputs, 0
    opener = output.opener
    if had_inputs and mic.choice is None and isinstance(opener, DuplexOpener):
        # A device that stays in duplex would keep the system's "microphone in use" lit.
        with contextlib.suppress(DeviceError):
            output.change(opener.with_input(0))
