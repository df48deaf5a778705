"""The mic's effects in words: names of settings, values with units, notes; and how a value lies on a knob.

Any thread; made of what each effect tells about itself (`EffectKind`), so that a new effect needs nothing
here but, perhaps, a nicer name.
"""

import math
import re
from typing import Final

from PySide6.QtCore import QCoreApplication

from app.controls.knob import KnobScale
from engine.realtime.effects.kind import EffectKind, Parameter

_MINUS: Final = "\N{MINUS SIGN}"
_NOTES: Final = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
_SILENT_HZ: Final = 20.0
REDUCING: Final = frozenset({"gate", "de_esser", "compressor", "limiter_ahead"})
"""Effects that turn the sound down for a while: their cards have a second meter."""
_BANDS: Final = ("low_shelf", "bell_1", "bell_2", "bell_3", "bell_4", "high_shelf")
_UNITS: Final = ("db", "hz", "ms", "s", "cents", "lufs", "bpm")


def effect_title(kind: EffectKind) -> str:
    """What a card is called."""
    return QCoreApplication.translate("Effects", kind.title)


def unit_of(parameter: Parameter) -> str:
    """Unit of a setting, as its name ends: "db", "hz", ...; "part" for shares, "ratio", or ""."""
    last = parameter.name.rpartition("_")[2]
    if last in _UNITS:
        return last
    if parameter.name == "ratio":
        return "ratio"
    if parameter.taper == "linear" and parameter.low == 0.0 and parameter.high <= 1.0:
        return "part"
    return "q" if last == "q" else ""


def parameter_title(name: str) -> str:
    """The short name above a knob."""
    band = next((band for band in _BANDS if name.startswith(f"{band}_")), "")
    if band:
        rest = name.removeprefix(f"{band}_")
        titles = {"gain_db": _tr("Gain"), "q": _tr("Q")}
        return titles.get(rest) or _band_title(band)
    titles = {
        "gain_db": _tr("Gain"),
        "auto": _tr("Auto"),
        "target_lufs": _tr("Target"),
        "freq_hz": _tr("Frequency"),
        "side_chain_hz": _tr("Side-chain"),
        "auto_makeup": _tr("Auto gain"),
        "makeup_db": _tr("Make-up"),
        "auto_level": _tr("Same level"),
        "output_db": _tr("Output"),
        "low_cut_hz": _tr("Low cut"),
        "high_cut_hz": _tr("High cut"),
        "time_ms": _tr("Time"),
        "pre_delay_ms": _tr("Pre-delay"),
        "ping_pong": _tr("Ping-pong"),
        "wander_hz": _tr("Wander"),
        "tuning_hz": _tr("Tuning"),
    }
    if name in titles:
        return titles[name]
    stem, _, last = name.rpartition("_")
    return _tr((stem if last in _UNITS else name).replace("_", " ").capitalize())


def full_title(name: str) -> str:
    """A setting's name where its neighbours are not seen: "Bell 1 gain"."""
    band = next((band for band in _BANDS if name.startswith(f"{band}_")), "")
    if not band:
        return parameter_title(name)
    what = {"freq_hz": _tr("frequency"), "gain_db": _tr("gain"), "q": "Q"}
    return f"{_band_title(band)} {what.get(name.removeprefix(f'{band}_'), '')}".strip()


def _band_title(band: str) -> str:
    return _tr(band.replace("_", " ").capitalize())


def value_text(parameter: Parameter, value: float) -> str:
    """A value with its unit, as short as it is exact.

    Parameters
    ----------
    parameter : Parameter
        A number's: choices and switches have words of their own.
    value : float
    """
    unit = unit_of(parameter)
    value = _rounded(unit, value)
    if unit == "hz" and value >= 1000.0:
        text = f"{value / 1000.0:.2f} kHz" if value < 10_000.0 else f"{value / 1000.0:.1f} kHz"
    elif unit == "ms" and value >= 1000.0:
        text = f"{value / 1000.0:.2f} s"
    elif unit == "part":
        text = f"{100.0 * value:.0f} %"
    else:
        units = {"db": " dB", "hz": " Hz", "ms": " ms", "s": " s", "cents": " ct", "lufs": " LUFS"}
        units |= {"ratio": " : 1"}
        text = f"{value:.{_n_decimals(unit, value)}f}{units.get(unit, '')}"
    if re.fullmatch(r"-0\.?0*( .*)?", text):
        text = text[1:]
    return text.replace("-", _MINUS)


def _n_decimals(unit: str, value: float) -> int:
    """Digits behind the point: a tenth of a decibel, two to three figures of the rest."""
    if unit == "lufs":
        return 0
    if unit in ("db", "bpm", "cents"):
        return 1
    if unit == "part":
        return 2
    if unit in ("hz", "ms") and value >= 1000.0:
        # Written as kHz and as seconds, with two digits behind the point, or one.
        return -1 if value < 10_000.0 else -2
    if value >= 100.0 or (unit == "ratio" and value >= 10.0):
        return 0
    if value >= 10.0 or (unit in ("ms", "ratio") and value >= 2.0):
        return 1
    return 2 if value >= 0.1 else 3


def _rounded(unit: str, value: float) -> float:
    """A value as it is written; no zero with a sign."""
    return round(value, _n_decimals(unit, value)) + 0.0


def parse_value(parameter: Parameter, text: str) -> float | None:
    """Value that a user has typed, held to the setting's range; None when it is no number.

    Either sign of minus, either decimal mark, with a unit or without: "2.5k", "2,5 kHz", "2500".
    """
    plain = text.strip().lower().replace(_MINUS, "-").replace(",", ".").replace(": 1", "").replace(":1", "")
    match = re.fullmatch(r"([-+]?\d*\.?\d+)\s*([a-z%]*)", plain.strip())
    if match is None:
        return None
    value, said, unit = float(match[1]), match[2], unit_of(parameter)
    if (said.startswith("k") and unit == "hz") or (said == "s" and unit == "ms"):
        value *= 1000.0
    elif said == "ms" and unit == "s":
        value /= 1000.0
    elif unit == "part":
        value /= 100.0
    return min(max(value, parameter.low), parameter.high) if math.isfinite(value) else None


def fraction_of(parameter: Parameter, value: float) -> float:
    """Place of a value on its knob, 0 to 1."""
    low, high = parameter.low, parameter.high
    value = min(max(value, low), high)
    if parameter.taper == "log":
        return math.log(value / low) / math.log(high / low)
    return (value - low) / (high - low)


def value_at(parameter: Parameter, fraction: float) -> float:
    """Value at a place of a knob, as round as it is written."""
    low, high = parameter.low, parameter.high
    fraction = min(max(fraction, 0.0), 1.0)
    exact = low * (high / low) ** fraction if parameter.taper == "log" else low + fraction * (high - low)
    return min(max(_rounded(unit_of(parameter), exact), low), high)


def knob_scale(parameter: Parameter) -> KnobScale:
    """How a knob for a setting is divided."""
    texts = [value_text(parameter, value) for value in (parameter.low, parameter.high, parameter.default)]
    centred = parameter.low < 0.0 < parameter.high and unit_of(parameter) == "db"
    return KnobScale(
        fraction_of=lambda value: fraction_of(parameter, value),
        value_at=lambda place: value_at(parameter, place),
        text_of=lambda value: value_text(parameter, value),
        parse=lambda text: parse_value(parameter, text),
        neutral=parameter.default,
        origin=0.0 if centred else parameter.low,
        widest=max(texts, key=len),
    )


def note_of(freq_hz: float, tuning_hz: float = 440.0) -> tuple[str, float] | None:
    """The note nearest to a pitch, and by how many cents the pitch is above it.

    Parameters
    ----------
    freq_hz : float
        0 where nothing is sung.
    tuning_hz : float
        Concert pitch.

    Returns
    -------
    (str, float) or None
        "A4" and -50 to 50; None where there is no pitch.
    """
    if not freq_hz > _SILENT_HZ:
        return None
    place = 69.0 + 12.0 * math.log2(freq_hz / tuning_hz)
    nearest = round(place)
    return f"{_NOTES[nearest % 12]}{nearest // 12 - 1}", 100.0 * (place - nearest)


def duration_text(seconds: float) -> str:
    """How long a take is, as a clock: "0:07", "1:02:03"."""
    whole = int(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def duration_words(seconds: float) -> str:
    """How long a take is, for who hears it: "1 minute 2 seconds"."""
    minutes, rest = divmod(int(seconds), 60)
    words = _tr("{} s").format(rest)
    return _tr("{} min {}").format(minutes, words) if minutes else words


def _tr(text: str) -> str:
    return QCoreApplication.translate("Effects", text)
