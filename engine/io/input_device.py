"""A real input device of its own, for a mic that is not on the device that plays.

Its callback is machine code as well (`engine/realtime/capture.py`) and does nothing but fill a ring.
"""

from engine.io.device import DeviceInfo, explain
from engine.io.portaudio import CompiledStream, stated_latency_s


class PortAudioInput(CompiledStream):
    """An open PortAudio input whose callback is machine code.

    Parameters
    ----------
    callback_address, userdata_address : int
        As for `PortAudioOutput`.
    info : DeviceInfo
        Which device.
    channels : int
        Channels wanted; a device that has fewer gives what it has.
    rate_hz : int or None
        None takes the device's own rate.

    Raises
    ------
    DeviceError
        The device is busy, or refuses the rate or the channels.
    """

    def __init__(
        self,
        callback_address: int,
        userdata_address: int,
        info: DeviceInfo,
        channels: int = 2,
        rate_hz: int | None = None,
    ) -> None:
        wanted_hz = rate_hz or info.default_rate_hz
        self.channels = min(channels, info.inputs)
        super().__init__(
            (callback_address, userdata_address),
            f"{info.host_api}: {info.name}",
            lambda refusal: explain(refusal, info, wanted_hz),
            kind="input",
            samplerate=wanted_hz,
            blocksize=0,
            device=info.index,
            channels=self.channels,
            latency="low",
        )
        self.input_latency_s = stated_latency_s(float(self._stream.latency))
