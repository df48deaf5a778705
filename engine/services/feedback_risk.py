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
_PLAYED: Final = ("monitor of", "loopback", ".monitor")
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


def hears_output(source: DeviceInfo, output: DeviceInfo) -> bool:
    """Whether an input is, by its name, what another device plays: "Monitor of X", "X [Loopback]".

    Parameters
    ----------
    source, output : DeviceInfo
        What is to be listened to, and what plays.
    """
    name, played = source.name.casefold(), output.name.casefold()
    return any(word in name for word in _PLAYED) and (played in name or name.split(" [")[0] in played)


def refuse_own_sound(source: DeviceInfo, output: DeviceInfo) -> None:
    """Refuse to separate what we play ourselves: it would come round again and again.

    Raises
    ------
    DeviceError
        In one line, with the way out.
    """
    if hears_output(source, output):
        raise DeviceError(
            f"{source.name!r} is what Charon itself plays on {output.name!r}: let the other program play on "
            "another device, or choose another output for Charon"
        )


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
