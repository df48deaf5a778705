"""PortAudio itself: loaded once, kept quiet, started afresh, and its errors in words.

What both directions of sound need of the library (`device.py`, `input_device.py`). sounddevice is imported
only here; the series is pinned, because the streams use its private door for library authors,
`_StreamBase`.
"""

import atexit
import contextlib
import logging
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from types import ModuleType
from typing import Any

from engine.errors import DeviceError

_log = logging.getLogger(__name__)

CLOSE_TIMEOUT_S = 2.0
"""A driver whose hardware is gone can block in Pa_CloseStream; it is left behind after this time."""

INSTALL_PORTAUDIO = "install PortAudio (on Debian or Ubuntu: sudo apt-get install libportaudio2)"

stuck = threading.Event()
"""Set once a driver hangs in closing. State of the module, because PortAudio's own state is the process's."""

scanning = threading.RLock()
"""Held by who asks for devices or lets PortAudio look anew: between end and start it knows none, and says so
with an error."""

_left_behind: list[Any] = []
"""Copies of PortAudio in which a thread still waits: unloaded, its code would be gone when it wakes."""


@contextlib.contextmanager
def quiet_stderr() -> Generator[None]:
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


def portaudio() -> ModuleType:
    """Import sounddevice, which loads and initialises PortAudio."""
    try:
        with quiet_stderr():
            import sounddevice
    except OSError as err:
        raise DeviceError(f"the audio library PortAudio is not on this machine: {INSTALL_PORTAUDIO}") from err
    return sounddevice


def rescan_devices() -> None:
    """Make PortAudio look again for devices. No stream may be open.

    Raises
    ------
    DeviceError
        A driver never came back from closing a lost device, and PortAudio cannot be started beside it.
    """
    sd = portaudio()
    with scanning, quiet_stderr():
        if stuck.is_set():
            _start_another_copy(sd)
        else:
            sd._terminate()
            sd._initialize()


def stated_latency_s(latency_s: float) -> float:
    """A latency as PortAudio states it, or 0 where that is no time at all.

    It takes one buffer off what JACK says without asking whether that is as long: minus one buffer as an
    unsigned number is a day.
    """
    return latency_s if 0.0 <= latency_s < 10.0 else 0.0


def _start_another_copy(sd: Any) -> None:
    """Leave the PortAudio that hangs in a driver behind, and go on with another copy of the library.

    Closing a stream whose JACK server is gone, it waits ten minutes for a callback that cannot come, and it
    cannot be ended meanwhile. Its state belongs to the loaded file, so the same file under another name is a
    PortAudio of its own.
    """
    try:
        source = _library_file(sd)
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(shutil.copy(source, Path(folder, f"again-{source.name}")))
            library = sd._ffi.dlopen(str(copy))
        refused = library.Pa_Initialize()
    except OSError as err:
        raise DeviceError(
            "the sound driver is stuck since its device went away: restart Charon to use it"
        ) from err
    if refused != 0:
        raise DeviceError("the sound system does not answer: waiting for it to come back")
    _left_behind.append(sd._lib)
    sd._lib = library
    stuck.clear()
    atexit.register(sd._exit_handler)


def _library_file(sd: Any) -> Path:
    """The file that PortAudio was loaded from."""
    maps = Path("/proc/self/maps")
    if maps.exists():
        for line in maps.read_text().splitlines():
            path = line.split(maxsplit=5)[-1]
            if "portaudio" in Path(path).name and Path(path).exists():
                return Path(path)
    return Path(sd._libname)


class CompiledStream:
    """An open PortAudio stream whose callback is machine code.

    Parameters
    ----------
    callback : pair of int
        Address of a function with the signature of PaStreamCallback, and what is passed to it; the memory
        behind both must outlive the stream.
    name : str
        Of the device, for people.
    explain : callable
        Makes one line of PortAudio's refusal.
    **options
        Of `sounddevice._StreamBase`: kind, samplerate, blocksize, device, channels, latency.

    Raises
    ------
    DeviceError
        The device refuses.
    """

    def __init__(
        self, callback: tuple[int, int], name: str, explain: Callable[[BaseException], str], **options: Any
    ) -> None:
        sd: Any = portaudio()
        finished = threading.Event()
        try:
            with quiet_stderr():
                self._stream: Any = sd._StreamBase(
                    **options,
                    dtype="float32",
                    callback=sd._ffi.cast("PaStreamCallback*", callback[0]),
                    finished_callback=finished.set,
                    clip_off=True,
                    dither_off=True,
                    userdata=sd._ffi.cast("void*", callback[1]),
                    wrap_callback=None,
                )
        except sd.PortAudioError as err:
            raise DeviceError(explain(err)) from err
        self._sd = sd
        self._finished = finished
        self._closed = False
        # Asked for its time by one thread while another closes it, PortAudio would read freed memory.
        self._in_use = threading.Lock()
        self.name = name
        self.rate_hz = round(float(self._stream.samplerate))
        self.latency: float | tuple[float, float] = self._stream.latency

    def start(self) -> None:
        """Let the callback run.

        Raises
        ------
        DeviceError
            The driver refuses to start, most often because the device went away meanwhile.
        """
        try:
            with quiet_stderr():
                self._stream.start()
        except self._sd.PortAudioError as err:
            raise DeviceError(f"device {self.name!r} would not start: {reason(err)}") from err

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
        with quiet_stderr():
            closer.start()
            closer.join(CLOSE_TIMEOUT_S)
        if closer.is_alive():
            stuck.set()
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


def reason(err: BaseException) -> str:
    """The driver's words without PortAudio's number."""
    text = str(err.args[0]) if err.args else str(err)
    return text.split(": ", 1)[-1].split(" [PaErrorCode", 1)[0].strip().rstrip(".")
