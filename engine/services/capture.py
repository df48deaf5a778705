"""An input on a device of its own: opened beside the output, watched, taken again when it returns.

It is a mic, or what is separated live.
Called on a control thread. Its voice reaches the output's callback over a ring with drift correction
(`engine/realtime/bridge.py`); losing it is silence in the voice and nothing in the song.
"""

import time
from typing import Final

from engine.errors import DeviceError
from engine.io.device import find_input
from engine.io.input_device import PortAudioInput
from engine.realtime.bridge import Bridge
from engine.realtime.capture import CaptureMemory, compile_capture_callback
from engine.realtime.memory import EngineMemory

SILENT_DEVICE_S: Final = 1.0
RETRY_DEVICE_S: Final = 2.0


class Capture:
    """A separate input device.

    Parameters
    ----------
    memory : EngineMemory
        Who hears it.
    device : int, str or None
        Index or part of a name; None is the system's default input.
    channel : int or None
        Channel from 0 that is heard on both sides; None takes the first two.
    is_source : bool
        It is what a live separation listens to, and no mic: `channel` is the first of two.

    Attributes
    ----------
    refusal : str
        Why it is not open, in one line; empty while it is.
    """

    def __init__(
        self, memory: EngineMemory, device: int | str | None, channel: int | None, *, is_source: bool = False
    ) -> None:
        self._is_source = is_source
        self._noun = "input" if is_source else "mic"
        self._attach = memory.source.attach_bridge if is_source else memory.mic.attach_bridge
        self._memory = memory
        self._device = device
        self._channel = channel
        self._callback = compile_capture_callback()
        # A driver that hangs in closing may call back late: what it writes to is never freed.
        self._kept: list[CaptureMemory] = []
        self._stream: PortAudioInput | None = None
        self._bridge: Bridge | None = None
        self._last_blocks = (0, 0.0)
        self._retry_at_s = 0.0
        self.refusal = "not opened yet"

    @property
    def name(self) -> str | None:
        """The device's name; None while it is gone."""
        return None if self._stream is None else self._stream.name

    @property
    def latency_s(self) -> float:
        """From the converter to the output's callback: the driver's and the bridge's; 0 while it is gone."""
        if self._stream is None or self._bridge is None:
            return 0.0
        return self._stream.input_latency_s + self._bridge.latency_s

    @property
    def drift_ppm(self) -> float:
        """What the two devices' clocks differ by, in parts in a million; positive: the mic's is faster."""
        return 0.0 if self._bridge is None else self._bridge.drift_ppm

    def open(self) -> None:
        """Open and start it beside the output, whose rate must be known.

        Raises
        ------
        DeviceError
            It is not there, or refuses.
        """
        self.close()
        capture = CaptureMemory()
        self._kept.append(capture)
        try:
            info = find_input(self._device)
            wanted = 2 if self._channel is None else self._channel + 1 + self._is_source
            stream = PortAudioInput(self._callback.address, capture.userdata_address, info, wanted)
            if self._is_source:
                capture.set_pair(stream.channels, self._channel or 0)
            else:
                capture.set_input(stream.channels, self._channel)
            try:
                stream.start()
            except DeviceError:
                stream.close()
                raise
        except DeviceError as err:
            self.refusal = str(err)
            raise
        self._bridge = Bridge(capture, stream.rate_hz, self._memory.rate_hz)
        self._attach(self._bridge)
        self._stream = stream
        self._last_blocks = (0, time.monotonic())
        self.refusal = ""

    def watch(self, now_s: float) -> str | None:
        """Look after it, some ten times a second; returns what the user should know, once."""
        stream = self._stream
        if stream is None:
            if now_s < self._retry_at_s:
                return None
            self._retry_at_s = now_s + RETRY_DEVICE_S
            try:
                self.open()
            except DeviceError:
                return None
            return f"the {self._noun} {self.name!r} is back"
        blocks = self._kept[-1].callbacks
        if blocks != self._last_blocks[0]:
            self._last_blocks = (blocks, now_s)
        if stream.is_running() and now_s - self._last_blocks[1] < SILENT_DEVICE_S:
            return None
        self._retry_at_s = now_s + RETRY_DEVICE_S
        self.close()
        self.refusal = f"the {self._noun} {stream.name!r} went away: waiting for it to come back"
        return self.refusal

    def close(self) -> None:
        """Let go of the device; the voice falls silent."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
