"""Real audio devices through PortAudio: finding them, opening them, noticing that they went away.

The stream's callback is a C function pointer compiled beforehand (`engine/realtime/callback.py`), so
that the device thread never enters Python. This room is the only one that uses sounddevice, and the
only one that uses its private door for library authors, `_StreamBase`; the series is pinned for it.

Threads: everything here is called from a control thread; the device thread runs only the pointer.
"""

import atexit
import contextlib
import logging
import os
import sys
import threading
from collections.abc import Generator
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, Protocol

from engine.errors import DeviceError

_log = logging.getLogger(__name__)

INSTALL_PORTAUDIO = "install PortAudio (on Debian or Ubuntu: sudo apt-get install libportaudio2)"
CLOSE_TIMEOUT_S = 2.0
"""A driver whose hardware is gone can block in Pa_CloseStream; it is left behind after this time."""


_stuck = threading.Event()
"""Set once a driver hangs in closing. State of the module, because PortAudio's own state is the process's."""


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


class StreamOpener(Protocol):
    """Opens a stream once the callback and its memory exist."""

    def __call__(self, callback_address: int, userdata_address: int, rate_hz: int | None) -> OutputStream:
        """Open, do not start."""
        ...


@contextlib.contextmanager
def _quiet_stderr() -> Generator[None]:
    """Keep ALSA's and JACK's own chatter off the user's terminal while PortAudio probes.

    It is written by C code to descriptor 2, so only the descriptor can be turned away. Everything that
    matters comes back as a PortAudio error code.
    """
    if sys.platform == "win32":
        yield
        return
    sys.stderr.flush()
    saved = os.dup(2)
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(sink)


def _portaudio() -> ModuleType:
    """Import sounddevice, which loads and initialises PortAudio."""
    try:
        with _quiet_stderr():
            import sounddevice
    except OSError as err:
        raise DeviceError(f"the audio library PortAudio is not on this machine: {INSTALL_PORTAUDIO}") from err
    return sounddevice


def rescan_devices() -> None:
    """Make PortAudio look again for devices. No stream may be open.

    Raises
    ------
    DeviceError
        A driver never came back from closing a lost device, so PortAudio cannot be started afresh.
    """
    sd = _portaudio()
    if _stuck.is_set():
        raise DeviceError("the sound driver is stuck since its device went away: restart Charon to use it")
    with _quiet_stderr():
        sd._terminate()
        sd._initialize()


def list_devices() -> list[DeviceInfo]:
    """Every device of every host API, in PortAudio's order.

    Raises
    ------
    DeviceError
        PortAudio itself is missing. A machine without sound gives an empty list.
    """
    sd = _portaudio()
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
    if isinstance(wanted, int) or wanted.isdecimal():
        match = [d for d in outputs if d.index == int(wanted)]
    else:
        words = wanted.casefold()
        match = [d for d in outputs if d.name.casefold() == words]
        match = match or [d for d in outputs if f"{d.host_api}: {d.name}".casefold() == words]
        match = match or [d for d in outputs if words in f"{d.host_api}: {d.name}".casefold()]
    if len(match) == 1:
        return match[0]
    names = ", ".join(f"{d.index} {d.name!r}" for d in (match or outputs)[:6])
    problem = "fits several outputs" if match else "is not an output here"
    raise DeviceError(f"device {wanted!r} {problem}; choose one of {names}")


class PortAudioOutput:
    """An open PortAudio output whose callback is machine code.

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
        sd = _portaudio()
        info = find_output(request.device)
        rate_hz = request.rate_hz or info.default_rate_hz
        channels = min(request.channels, info.outputs)
        input_channels = min(request.input_channels, info.inputs)
        if request.input_channels > 0 and input_channels == 0:
            raise DeviceError(f"device {info.name!r} has no input: choose another one for the mic")
        ffi = sd._ffi
        finished = threading.Event()
        try:
            with _quiet_stderr():
                self._stream: Any = sd._StreamBase(
                    kind="duplex" if input_channels else "output",
                    samplerate=rate_hz,
                    blocksize=request.block_frames,
                    device=info.index,
                    channels=(input_channels, channels) if input_channels else channels,
                    dtype="float32",
                    latency="low" if request.latency_s is None else request.latency_s,
                    callback=ffi.cast("PaStreamCallback*", callback_address),
                    finished_callback=finished.set,
                    clip_off=True,
                    dither_off=True,
                    userdata=ffi.cast("void*", userdata_address),
                    wrap_callback=None,
                )
        except sd.PortAudioError as err:
            raise DeviceError(_explain(err, info, rate_hz)) from err
        self._sd = sd
        self._finished = finished
        self._closed = False
        # Asked for its time by one thread while another closes it, PortAudio would read freed memory.
        self._in_use = threading.Lock()
        self.name = f"{info.host_api}: {info.name}"
        self.rate_hz = round(float(self._stream.samplerate))
        self.channels = channels
        self.block_frames = request.block_frames
        latency: Any = self._stream.latency
        self.input_channels = input_channels
        self.input_latency_s = float(latency[0]) if input_channels else 0.0
        self.output_latency_s = float(latency[1]) if input_channels else float(latency)

    def start(self) -> None:
        """Let the callback run.

        Raises
        ------
        DeviceError
            The driver refuses to start, most often because the device went away meanwhile.
        """
        try:
            with _quiet_stderr():
                self._stream.start()
        except self._sd.PortAudioError as err:
            raise DeviceError(f"device {self.name!r} would not start: {_reason(err)}") from err

    def time_s(self) -> float:
        """Now, on the stream's own clock, in seconds; 0 once it is closed."""
        with self._in_use:
            return 0.0 if self._closed else float(self._stream.time)

    def is_running(self) -> bool:
        """Whether the driver still considers the stream active."""
        if self._closed or self._finished.is_set():
            return False
        try:
            return bool(self._stream.active)
        except self._sd.PortAudioError:
            return False

    def close(self) -> None:
        """Stop and release the device; one that hangs is left behind after CLOSE_TIMEOUT_S."""
        with self._in_use:
            if self._closed:
                return
            self._closed = True
        # A daemon thread, because a driver whose server or hardware is gone may never return from here.
        closer = threading.Thread(target=self._abort_and_close, name="close-device", daemon=True)
        with _quiet_stderr():
            closer.start()
            closer.join(CLOSE_TIMEOUT_S)
        if closer.is_alive():
            _stuck.set()
            # Its handler ends PortAudio when Python exits, and would wait for this same driver.
            atexit.unregister(self._sd._exit_handler)
            _log.warning(
                "device %r did not close within %.0f s and was left behind", self.name, CLOSE_TIMEOUT_S
            )

    def _abort_and_close(self) -> None:
        # A stream whose server has gone waits for ever for a last callback in Pa_AbortStream.
        if not self._finished.is_set() and self._stream.active:
            self._stream.abort(ignore_errors=True)
        self._stream.close(ignore_errors=True)


def portaudio_opener(request: StreamRequest) -> StreamOpener:
    """Bind a request, so that playback can open the stream when its memory is ready."""

    def opener(callback_address: int, userdata_address: int, rate_hz: int | None) -> OutputStream:
        wanted = request if rate_hz is None or request.rate_hz else replace(request, rate_hz=rate_hz)
        return PortAudioOutput(callback_address, userdata_address, wanted)

    return opener


def _reason(err: BaseException) -> str:
    """The driver's words without PortAudio's number."""
    text = str(err.args[0]) if err.args else str(err)
    return text.split(": ", 1)[-1].split(" [PaErrorCode", 1)[0].strip().rstrip(".")


def _explain(err: BaseException, info: DeviceInfo, rate_hz: int) -> str:
    """One line: which device, what it refused, what to do."""
    reason = _reason(err)
    lowered = reason.casefold()
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
    return f"device {info.name!r} cannot be opened at {rate_hz} Hz: {reason}; try another device"
