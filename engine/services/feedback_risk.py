"""Whether a microphone hears the loudspeaker that it is played on: a question of what the devices are.

A built-in microphone a hand's breadth from built-in speakers howls as soon as the voice is turned up. The
guard in the callback ducks a howl (`engine/realtime/howl.py`); this room keeps it from beginning.
"""

from typing import Final

from engine.errors import DeviceError
from engine.io.device import DeviceInfo

SAFE_GAIN_DB: Final = -18.0
"""Below this a built-in pair stays silent: speaker to microphone loses some 10 to 20 dB on laptops."""
_BUILT_IN: Final = ("built-in", "builtin", "internal", "macbook", "imac", "laptop", "notebook", "array")
_SPEAKER: Final = ("speaker", "lautsprecher", "haut-parleur", "altavo")
_HEADPHONES: Final = ("headphone", "headset", "earphone", "airpods", "line out", "usb", "jack", "bluetooth")


class FeedbackRisk(DeviceError):
    """A mic would howl on its speakers; whoever knows better may confirm it (`MicChoice.confirmed`)."""


def is_open_air(microphone: DeviceInfo, output: DeviceInfo) -> bool:
    """Whether both are, by their names, parts of one machine with nothing but air between them.

    Parameters
    ----------
    microphone, output : DeviceInfo
        What is to be heard, and on what.
    """
    mic_name, output_name = microphone.name.casefold(), output.name.casefold()
    if any(word in output_name for word in _HEADPHONES):
        return False
    built_in = any(word in mic_name for word in _BUILT_IN) or "realtek" in mic_name
    speaker = any(word in output_name for word in (*_SPEAKER, *_BUILT_IN)) or "realtek" in output_name
    return built_in and speaker


def refuse_feedback(microphone: DeviceInfo, output: DeviceInfo, gain_db: float, confirmed: bool) -> None:
    """Refuse a built-in microphone on built-in speakers at a gain that would howl.

    Parameters
    ----------
    microphone, output : DeviceInfo
    gain_db : float
        Gain of the voice in the mix.
    confirmed : bool
        The user knows, or wears headphones that the system calls speakers.

    Raises
    ------
    FeedbackRisk
        In one line, with both ways out.
    """
    if confirmed or gain_db <= SAFE_GAIN_DB or not is_open_air(microphone, output):
        return
    raise FeedbackRisk(
        f"{microphone.name!r} would hear {output.name!r} and howl at {gain_db:+.0f} dB: use headphones and "
        f"confirm it, or turn the mic down to {SAFE_GAIN_DB:.0f} dB"
    )
