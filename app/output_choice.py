"""Which sound output to open: the one of the settings, another when that is gone, or none yet.

Any thread but the GUI's: asking the sound system takes some milliseconds to some hundred.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from app.settings import AudioSettings
from engine.errors import DeviceError

if TYPE_CHECKING:
    from engine.io.device import OutputStream, StreamOpener


@dataclass(frozen=True, slots=True)
class Output:
    """What to open.

    Parameters
    ----------
    opener : StreamOpener
    note : str
        What the user should know of the choice; empty when it is the one that was wanted.
    """

    opener: "StreamOpener"
    note: str = ""


class OutputChoice(Protocol):
    """Chooses an output each time it is asked, because devices come and go."""

    def choose(self, *, afresh: bool) -> Output:
        """Look what there is; DeviceError when there is nothing.

        Parameters
        ----------
        afresh : bool
            Let the sound system look for new devices; only while none is open.
        """
        ...


class SettingsOutput:
    """The output of the settings, or the system's default where that one is gone.

    Parameters
    ----------
    audio : AudioSettings
    """

    def __init__(self, audio: AudioSettings) -> None:
        self._audio = audio

    def choose(self, *, afresh: bool) -> Output:
        """See `OutputChoice.choose`."""
        from engine.io.device import StreamRequest, find_output, portaudio_opener, rescan_devices

        if afresh:
            rescan_devices()
        try:
            find_output(self._audio.device or None)
        except DeviceError:
            chosen = find_output(None)
            if not self._audio.device:
                raise
            # Rate and buffer were chosen for the other device.
            note = f"{self._audio.device} is not there: playing on {chosen.name}"
            return Output(portaudio_opener(StreamRequest()), note)
        return Output(portaudio_opener(self._audio.request))


class GivenOutput:
    """One output, whatever there is.

    Parameters
    ----------
    opener : StreamOpener
    """

    def __init__(self, opener: "StreamOpener") -> None:
        self._opener = opener

    def choose(self, *, afresh: bool) -> Output:
        """See `OutputChoice.choose`."""
        del afresh
        return Output(self._opener)


def open_nothing(callback_address: int, userdata_address: int, rate_hz: int | None) -> "OutputStream":
    """Open a device that makes no sound and keeps no time: songs are separated and exported, not heard.

    Parameters
    ----------
    callback_address, userdata_address : int
    rate_hz : int or None
        As for a `StreamOpener`.
    """
    from engine.io.virtual_device import VirtualOutput

    return VirtualOutput(callback_address, userdata_address, rate_hz or 48_000)
