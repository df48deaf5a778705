"""A device without hardware: the same interface as a real output, driven by hand.

It calls the very same C function that PortAudio would call, block by block, on the caller's thread,
and returns what that function wrote. Tests use it to look at every frame; a machine without sound can
run the whole engine on it. Its clock is the number of frames asked for so far.
"""

import ctypes

import numpy as np

from engine.errors import DeviceError, ParameterError
from engine.units import F32

_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_ulong,
    ctypes.c_void_p,
    ctypes.c_ulong,
    ctypes.c_void_p,
)


class VirtualOutput:
    """An output whose time moves only when `advance` is called.

    Parameters
    ----------
    callback_address, userdata_address : int
        As for a real device.
    rate_hz : int
        Frames a second of the imagined converter.
    block_frames : int
        Frames a callback, 1 to 65536.
    channels : int
        Output channels.
    input_channels : int
        Input channels; 0 for a device that only plays.
    """

    def __init__(
        self,
        callback_address: int,
        userdata_address: int,
        rate_hz: int = 48_000,
        block_frames: int = 128,
        channels: int = 2,
        input_channels: int = 0,
    ) -> None:
        if not 1 <= block_frames <= 65_536:
            raise ParameterError(f"a block of {block_frames} frames is outside 1..65536")
        self._callback = _CALLBACK(callback_address)
        self._userdata = userdata_address
        self._running = False
        self._times_s = np.zeros(3)
        self.name = "virtual"
        self.rate_hz = rate_hz
        self.block_frames = block_frames
        self.channels = channels
        self.output_latency_s = block_frames / rate_hz
        self.input_channels = input_channels
        self.input_latency_s = block_frames / rate_hz if input_channels else 0.0
        self.n_frames = 0

    def start(self) -> None:
        """Let `advance` call back."""
        self._running = True

    def time_s(self) -> float:
        """Frames asked for so far, in seconds."""
        return self.n_frames / self.rate_hz

    def is_running(self) -> bool:
        """Whether it was started, and neither closed nor unplugged."""
        return self._running

    def unplug(self) -> None:
        """Do what a pulled cable does: callbacks stop, nothing else is said."""
        self._running = False

    def close(self) -> None:
        """Stop; safe to call twice."""
        self._running = False

    def advance(
        self, n_frames: int, block_frames: int | None = None, status: int = 0, recorded: F32 | None = None
    ) -> F32:
        """Ask the callback for sound.

        Parameters
        ----------
        n_frames : int
            Frames in all.
        block_frames : int or None
            Frames a call, when they should differ from the device's block.
        status : int
            PortAudio's callback flags to pass on, e.g. 4 for an underflow.
        recorded : float32 array, shape (input channels, n_frames), or None
            What the input hears meanwhile; None is silence.

        Returns
        -------
        float32 array, shape (channels, n_frames)

        Raises
        ------
        DeviceError
            It is not running.
        """
        if not self._running:
            raise DeviceError("the virtual device is not running: call start() first")
        out = np.zeros((n_frames, self.channels), np.float32)
        heard = np.zeros((n_frames, self.input_channels), np.float32)
        if recorded is not None:
            if recorded.shape != (self.input_channels, n_frames):
                raise ParameterError(
                    f"the input takes {(self.input_channels, n_frames)}, not an array of {recorded.shape}"
                )
            heard[:] = recorded.T
        done = 0
        while done < n_frames:
            n = min(block_frames or self.block_frames, n_frames - done)
            now_s = self.time_s()
            self._times_s[1] = now_s
            self._times_s[2] = now_s + self.output_latency_s
            block = out[done : done + n]
            # As PortAudio does: no buffer at all where there is no input.
            taken = heard[done:].ctypes.data if self.input_channels else None
            self._callback(taken, block.ctypes.data, n, self._times_s.ctypes.data, status, self._userdata)
            done += n
            self.n_frames += n
        return np.ascontiguousarray(out.T)
