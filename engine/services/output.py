"""The output device of a playback: opened, watched, left when it goes away, taken again when it returns.

Called by playback under its lock, on the caller's or the supervisor's thread; the driver's own thread
runs only the compiled callback. It exists apart so that playback is about songs.
"""

import contextlib
import gc
import time
from collections.abc import Callable
from enum import Enum

from engine.errors import DeviceError
from engine.io.device import OutputStream, StreamOpener, rescan_devices
from engine.realtime.callback import compile_callback
from engine.realtime.memory import EngineMemory
from engine.services.capture import Capture

SILENT_DEVICE_S = 1.0
"""A device that has not called back for this long is gone, whatever it says of itself."""
RETRY_DEVICE_S = 2.0
MAX_FADE_S = 0.5


def _nothing() -> None:
    pass


class DeviceEvent(Enum):
    """What `Output.watch` saw."""

    LOST = "lost"
    BACK = "back"
    REFUSED = "refused"


class Output:
    """One device around one compiled callback.

    Parameters
    ----------
    memory : EngineMemory
        What the callback works on; must outlive this object.
    opener : StreamOpener
        Opens the device.

    Attributes
    ----------
    stream : OutputStream or None
        None while the device is gone. Replaced whole, so any thread may look.
    opener : StreamOpener
        What opened it, and will again.
    before_start : callable
        Called whenever a device was opened, before its first block: the rate may be another one.
    companion, source : Capture or None
        Input devices of their own, the mic's and a live separation's: opened after the output and closed
        before it, because the sound system can be started afresh only while nothing is open.
    refusal : str
        Why the device could not be taken again, in one line.

    Notes
    -----
    The constructor compiles, or loads, the callback; nothing is opened before `open`.
    """

    def __init__(self, memory: EngineMemory, opener: StreamOpener) -> None:
        self._memory = memory
        self.opener = opener
        self.before_start: Callable[[], None] = _nothing
        self.companion: Capture | None = None
        self.source: Capture | None = None
        self._callback = compile_callback()
        self.stream: OutputStream | None = None
        self.refusal = ""
        self._last_callbacks = (0, time.monotonic())
        self._retry_at_s = 0.0

    def open(self) -> None:
        """Open the device and start it.

        Raises
        ------
        DeviceError
            There is none, or it refuses.
        """
        stream = self.opener(self._callback.address, self._memory.userdata_address, None)
        try:
            self._memory.set_stream(stream.rate_hz, stream.channels, stream.output_latency_s)
            self._memory.mic.set_input(stream.input_channels)
            self.before_start()
            # A collection over the many objects that numba and onnx leave behind takes up to 77 ms.
            gc.collect()
            gc.freeze()
            self._last_callbacks = (int(self._memory.read_counters().callbacks), time.monotonic())
            stream.start()
        except DeviceError:
            stream.close()
            raise
        self.stream = stream
        for capture in (self.companion, self.source):
            if capture is not None:
                # The song goes on without a mic; who opened it looks at its refusal.
                with contextlib.suppress(DeviceError):
                    capture.open()

    def change(self, opener: StreamOpener) -> None:
        """Go over to another device, block or rate.

        Raises
        ------
        DeviceError
            The new one refuses; the old one is open again, if it can be.
        """
        before, self.opener = self.opener, opener
        was_open = self.stream is not None
        self.close()
        try:
            rescan_devices()
            self.open()
        except DeviceError:
            self.opener = before
            if was_open:
                self._retry_at_s = 0.0
                self.watch(time.monotonic())
            raise
        self.refusal = ""

    def watch(self, now_s: float) -> DeviceEvent | None:
        """Look after the device; to be called some ten times a second."""
        stream = self.stream
        if stream is None:
            if now_s < self._retry_at_s:
                return None
            self._retry_at_s = now_s + RETRY_DEVICE_S
            return self._retake()
        callbacks = self._memory.read_counters().callbacks
        if callbacks != self._last_callbacks[0]:
            self._last_callbacks = (callbacks, now_s)
        silent_s = now_s - self._last_callbacks[1]
        if stream.is_running() and (silent_s < SILENT_DEVICE_S or stream.name == "virtual"):
            return None
        self._retry_at_s = now_s + RETRY_DEVICE_S
        self.close()
        self.refusal = f"audio device {stream.name!r} went away: waiting for it to come back"
        return DeviceEvent.LOST

    def _retake(self) -> DeviceEvent | None:
        try:
            rescan_devices()
            self.open()
        except DeviceError as err:
            if str(err) == self.refusal:
                return None
            self.refusal = str(err)
            return DeviceEvent.REFUSED
        self.refusal = ""
        return DeviceEvent.BACK

    def wait_for_fade(self) -> None:
        """Wait until what the callback fades out now has left the driver's buffer."""
        if self.stream is not None and self.stream.name != "virtual":
            time.sleep(min(0.02 + self.stream.output_latency_s, MAX_FADE_S))

    def close(self) -> None:
        """Stop and release the device."""
        for capture in (self.companion, self.source):
            if capture is not None:
                capture.close()
        stream, self.stream = self.stream, None
        if stream is not None:
            stream.close()
