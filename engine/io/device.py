"""Real audio devices through PortAudio: finding them, opening them, noticing that they went away.

The stream's callback is a C function pointer compiled beforehand (`engine/realtime/callback.py`), so
that the device thread never enters Python.

Threads: everything here is called from a control thread; the device thread runs only the pointer.
"""

from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

from engine.errors import DeviceError
from engine.io.portaudio import INSTALL_PORTAUDIO as INSTALL_PORTAUDIO
from engine.io.portaudio import CompiledStream, portaudio, reason, scanning, stated_latency_s
from engine.io.portaudio import rescan_devices as rescan_devices


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """One device as a host API offers it.

    Parameters
    ----------
    index : int
        PortAudio's index; it changes when devices come and go.
    name, host_api : str
        As the system calls them.
    inputs, outputs : int
        Greatest number of channels each way; 0 means that the direction is not offered.
    default_rate_hz : int
        The rate that the device runs at unless asked otherwise.
    low_output_latency_ms, low_input_latency_ms : float
        What the driver promises for interactive use.
    is_default_output, is_default_input : bool
        Whether the system would choose it.
    """

    index: int
    name: str
    host_api: str
    inputs: int
    outputs: int
    default_rate_hz: int
    low_output_latency_ms: float
    low_input_latency_ms: float
    is_default_output: bool
    is_default_input: bool


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """What to ask a device for.

    Parameters
    ----------
    device : int, str or None
        Index, part of a name, or None for the system's default output.
    rate_hz : int or None
        None takes the device's own rate, which avoids a second resampler below us.
    block_frames : int
        Frames a callback; 0 leaves the choice to the driver.
    channels : int
        Output channels, 1 to 64.
    latency_s : float or None
        None asks for the driver's low latency.
    input_channels : int
        Input channels to open on the same device, in one full-duplex stream; 0 for none. A device that
        has fewer gives what it has.
    """

    device: int | str | None = None
    rate_hz: int | None = None
    block_frames: int = 0
    channels: int = 2
    latency_s: float | None = None
    input_channels: int = 0


class OutputStream(Protocol):
    """What playback needs of a device, real or virtual."""

    name: str
    rate_hz: int
    block_frames: int
    channels: int
    output_latency_s: float
    input_channels: int
    input_latency_s: float

    def start(self) -> None:
        """Let the callback run."""
        ...

    def time_s(self) -> float:
        """Now, on the clock that the callback's DAC times are given in."""
        ...

    def is_running(self) -> bool:
        """Whether the driver still calls back."""
        ...

    def close(self) -> None:
        """Stop and release the device; safe to call twice."""
        ...


@runtime_checkable
class DuplexOpener(Protocol):
    """A `StreamOpener` whose device may have an input too."""

    def __call__(self, callback_address: int, userdata_address: int, rate_hz: int | None) -> OutputStream:
        """Open, do not start."""
        ...

    def device(self) -> DeviceInfo:
        """The device that would be opened now."""
        ...

    def with_input(self, channels: int) -> "DuplexOpener":
        """The same with so many input channels, 0 for none."""
        ...


class StreamOpener(Protocol):
    """Opens a stream once the callback and its memory exist."""

    def __call__(self, callback_address: int, userdata_address: int, rate_hz: int | None) -> OutputStream:
        """Open, do not start."""
        ...


def list_devices() -> list[DeviceInfo]:
    """Every device of every host API, in PortAudio's order.

    Raises
    ------
    DeviceError
        PortAudio itself is missing, or does not answer. A machine without sound gives an empty list.
    """
    sd = portaudio()
    with scanning:
        try:
            return _listed(sd)
        except sd.PortAudioError as err:
            raise DeviceError(f"the sound system does not answer: {reason(err)}; try again") from err


def _listed(sd: Any) -> list[DeviceInfo]:
    apis: list[dict[str, Any]] = list(sd.query_hostapis())
    default_in, default_out = (int(i) for i in sd.default.device)
    if default_out < 0:
        default_out = next(
            (int(a["default_output_device"]) for a in apis if a["default_output_device"] >= 0), -1
        )
    if default_in < 0:
        default_in = next(
            (int(a["default_input_device"]) for a in apis if a["default_input_device"] >= 0), -1
        )
    found: list[DeviceInfo] = []
    for index, raw in enumerate(sd.query_devices()):
        found.append(
            DeviceInfo(
                index=index,
                name=str(raw["name"]),
                host_api=str(apis[int(raw["hostapi"])]["name"]),
                inputs=int(raw["max_input_channels"]),
                outputs=int(raw["max_output_channels"]),
                default_rate_hz=round(float(raw["default_samplerate"])),
                low_output_latency_ms=1000.0 * float(raw["default_low_output_latency"]),
                low_input_latency_ms=1000.0 * float(raw["default_low_input_latency"]),
                is_default_output=index == default_out,
                is_default_input=index == default_in,
            )
        )
    return found


def find_output(wanted: int | str | None) -> DeviceInfo:
    """The output device meant by an index, a part of a name (or "host api: name"), or None.

    Raises
    ------
    DeviceError
        There is none, or the words fit none or several.
    """
    outputs = [d for d in list_devices() if d.outputs > 0]
    if not outputs:
        raise DeviceError(
            "no sound device: this machine offers no audio output; connect one, then run 'charon devices'"
        )
    if wanted is None:
        return next((d for d in outputs if d.is_default_output), outputs[0])
    return _named(outputs, wanted, "output")


def find_input(wanted: int | str | None) -> DeviceInfo:
    """The input device meant by an index, a part of a name (or "host api: name"), or None.

    Raises
    ------
    DeviceError
        There is none, or the words fit none or several.
    """
    inputs = [d for d in list_devices() if d.inputs > 0]
    if not inputs:
        raise DeviceError(
            "no microphone: this machine offers no audio input; connect one, then run 'charon devices'"
        )
    if wanted is None:
        return next((d for d in inputs if d.is_default_input), inputs[0])
    return _named(inputs, wanted, "input")


def _named(offered: list[DeviceInfo], wanted: int | str, direction: str) -> DeviceInfo:
    if isinstance(wanted, int) or wanted.isdecimal():
        match = [d for d in offered if d.index == int(wanted)]
    else:
        words = wanted.casefold()
        match = [d for d in offered if d.name.casefold() == words]
        match = match or [d for d in offered if f"{d.host_api}: {d.name}".casefold() == words]
        match = match or [d for d in offered if words in f"{d.host_api}: {d.name}".casefold()]
    if len(match) == 1:
        return match[0]
    names = ", ".join(f"{d.index} {d.name!r}" for d in (match or offered)[:6])
    problem = f"fits several {direction}s" if match else f"is not an {direction} here"
    raise DeviceError(f"device {wanted!r} {problem}; choose one of {names}")


class PortAudioOutput(CompiledStream):
    """An open PortAudio output, or output and input of one device, whose callback is machine code.

    Parameters
    ----------
    callback_address : int
        Address of a function with the signature of PaStreamCallback.
    userdata_address : int
        Passed to it unchanged; the memory behind it must outlive the stream.
    request : StreamRequest
        Device, rate, block and latency wanted.

    Raises
    ------
    DeviceError
        The device is missing or busy, or refuses the rate, block or channels.
    """

    def __init__(self, callback_address: int, userdata_address: int, request: StreamRequest) -> None:
        info = find_output(request.device)
        rate_hz = request.rate_hz or info.default_rate_hz
        channels = min(request.channels, info.outputs)
        input_channels = min(request.input_channels, info.inputs)
        if request.input_channels > 0 and input_channels == 0:
            raise DeviceError(f"device {info.name!r} has no input: choose another one for the mic")
        super().__init__(
            (callback_address, userdata_address),
            f"{info.host_api}: {info.name}",
            lambda refusal: explain(refusal, info, rate_hz),
            kind="duplex" if input_channels else "output",
            samplerate=rate_hz,
            blocksize=request.block_frames,
            device=info.index,
            channels=(input_channels, channels) if input_channels else channels,
            latency="low" if request.latency_s is None else request.latency_s,
        )
        self.channels = channels
        self.block_frames = request.block_frames
        self.input_channels = input_channels
        latency: Any = self.latency
        self.input_latency_s = stated_latency_s(float(latency[0])) if input_channels else 0.0
        self.output_latency_s = stated_latency_s(float(latency[1] if input_channels else latency))


@dataclass(frozen=True, slots=True)
class PortAudioOpener:
    """Opens what was asked for, once playback's memory is ready.

    Parameters
    ----------
    request : StreamRequest
        Device, rate, block, latency and input wanted.
    """

    request: StreamRequest

    def __call__(self, callback_address: int, userdata_address: int, rate_hz: int | None) -> OutputStream:
        """Open, do not start; `rate_hz` counts where the request leaves the rate open."""
        rate_hz = self.request.rate_hz or rate_hz
        return PortAudioOutput(callback_address, userdata_address, replace(self.request, rate_hz=rate_hz))

    def device(self) -> DeviceInfo:
        """The device that would be opened now; DeviceError when it is not there."""
        return find_output(self.request.device)

    def with_input(self, channels: int) -> "PortAudioOpener":
        """The same with so many input channels on the same device, 0 for none."""
        return PortAudioOpener(replace(self.request, input_channels=channels))


def portaudio_opener(request: StreamRequest) -> PortAudioOpener:
    """Bind a request, so that playback can open the stream when its memory is ready."""
    return PortAudioOpener(request)


def explain(err: BaseException, info: DeviceInfo, rate_hz: int) -> str:
    """One line: which device, what it refused, what to do."""
    words = reason(err)
    lowered = words.casefold()
    if "sample rate" in lowered:
        return (
            f"device {info.name!r} refuses {rate_hz} Hz; it runs at {info.default_rate_hz} Hz: "
            "leave the rate out, songs are converted"
        )
    if "unavailable" in lowered or "busy" in lowered:
        return (
            f"device {info.name!r} is busy: another program holds it; close that one or choose another device"
        )
    if "channels" in lowered:
        return (
            f"device {info.name!r} refuses {info.outputs} channels: choose another device ('charon devices')"
        )
    return f"device {info.name!r} cannot be opened at {rate_hz} Hz: {words}; try another device"
