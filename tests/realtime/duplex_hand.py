"""A virtual device with an input, whose time a test moves, opened the way a real one is."""

from dataclasses import dataclass, field, replace

import numpy as np

from engine.io.device import DeviceInfo, OutputStream
from engine.io.virtual_device import VirtualOutput


def device_info(name: str = "Desk", index: int = 0, inputs: int = 2, outputs: int = 2) -> DeviceInfo:
    """A device that no system has to offer."""
    return DeviceInfo(index, name, "Virtual", inputs, outputs, 48_000, 5.0, 5.0, True, True)


@dataclass
class DuplexHand:
    """A `DuplexOpener` of virtual devices.

    Parameters
    ----------
    info : DeviceInfo
        What it says it is.
    rate_hz : int
    input_channels : int
        Asked for; set by `with_input`.
    opened : list of VirtualOutput
        Everything opened so far, by this one and those made of it.
    """

    info: DeviceInfo = field(default_factory=device_info)
    rate_hz: int = 48_000
    input_channels: int = 0
    opened: list[VirtualOutput] = field(default_factory=list)

    def __call__(self, callback_address: int, userdata_address: int, rate_hz: int | None) -> OutputStream:
        stream = VirtualOutput(
            callback_address, userdata_address, self.rate_hz, 128, input_channels=self.input_channels
        )
        self.opened.append(stream)
        return stream

    def device(self) -> DeviceInfo:
        return self.info

    def with_input(self, channels: int) -> "DuplexHand":
        return replace(self, input_channels=channels)

    @property
    def stream(self) -> VirtualOutput:
        """The newest device."""
        return self.opened[-1]

    def turn(self, n_frames: int, recorded: np.ndarray | None = None) -> np.ndarray:
        """Output of the next frames; the input's channels all hear the one row of `recorded`."""
        if recorded is not None:
            recorded = np.repeat(recorded, self.stream.input_channels, axis=0).astype(np.float32)
        return self.stream.advance(n_frames, recorded=recorded)
