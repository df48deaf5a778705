"""What a user can set, with default, range and meaning of each; kept as TOML in the config folder.

Any thread; no Qt, so that a command can read settings too. Only `app` does: the engine gets plain
values. Reading never fails: what cannot be understood is said in one line and its default is used.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, cast

from app.paths import config_folder
from app.write_behind import replace_file
from engine.errors import name_hint
from engine.io.device import StreamRequest

VERSION = 1

Values = dict[str, Any]
Migration = Callable[[Values], Values]

MIGRATIONS: Mapping[int, Migration] = {}
"""How values of an older version become those of the next one, by the older one's number."""


def _item(default: Any, doc: str, *, low: float | None = None, high: float | None = None) -> Any:
    """A setting; numbers with a range, all with a line that says what it does."""
    return field(default=default, metadata={"doc": doc, "low": low, "high": high})


def _choice(default: str, doc: str, *choices: str) -> Any:
    """A setting that is one of some words."""
    return field(default=default, metadata={"doc": doc, "choices": choices})


@dataclass(frozen=True, slots=True)
class AudioSettings:
    """The device that plays."""

    device: str = _item("", 'Output, as "SYSTEM: NAME"; empty is the system\'s default output.')
    rate_hz: int = _item(0, "Frames a second to ask for; 0 is the device's own rate.", low=0, high=384_000)
    block_frames: int = _item(0, "Frames a callback; 0 leaves it to the driver.", low=0, high=8192)

    @property
    def request(self) -> StreamRequest:
        """What to open the device with."""
        return StreamRequest(self.device or None, self.rate_hz or None, self.block_frames)


@dataclass(frozen=True, slots=True)
class StemSettings:
    """How songs are separated and how much of that is kept."""

    model: str = _item("", "Model that separates; empty is the best of those that come with set-up.")
    limit_gb: float = _item(20.0, "Disk space for separated songs, GB.", low=1.0, high=10_000.0)

    @property
    def limit_bytes(self) -> int:
        """For the stem store."""
        return round(self.limit_gb * 1000**3)


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """What the export dialog starts with."""

    container: str = _choice("wav", "Kind of file.", "wav", "flac", "mp3")
    bits: str = _choice("24", "Sample format; MP3 has none.", "16", "24", "32f")
    folder: str = _item("", "Folder for exported files; empty is beside the song.")


@dataclass(frozen=True, slots=True)
class WindowSettings:
    """How the window looks and where it was."""

    motion: str = _choice("system", "Motion: as the system says, always, none.", "system", "full", "none")
    geometry: str = _item("", "Size and place of the window, as Qt gives them, in base64.")
    layout: str = _item("", "Docks of the window, as Qt gives them, in base64.")
    help_seen: bool = _item(False, "Whether the first-run help was closed.")

    @property
    def reduced_motion(self) -> bool | None:
        """For `app.theme.set_reduced_motion`; None follows the system."""
        return {"system": None, "full": False, "none": True}[self.motion]


@dataclass(frozen=True, slots=True)
class MixerSettings:
    """What the mixer starts with."""

    master_gain_db: float = _item(0.0, "Volume, dB.", low=-72.0, high=12.0)


@dataclass(frozen=True, slots=True)
class LibrarySettings:
    """How the library lists songs."""

    sort: str = _choice(
        "title",
        "What songs are sorted by.",
        *("title", "artist", "album", "duration", "tempo", "key", "loudness", "added"),
    )
    descending: bool = _item(False, "Whether the order is turned round.")
    hidden_columns: str = _item("", "Columns that are not wanted, with commas between them.")
    folder: str = _item("", "Where the last folder was added from.")


@dataclass(frozen=True, slots=True)
class AnalysisSettings:
    """What the analysis panel shows."""

    hidden_plots: str = _item("", "Plots that are not wanted, with commas between them.")


@dataclass(frozen=True, slots=True)
class MicSettings:
    """The microphone: which, how loud, and what is recorded of it. It is never on by itself."""

    device: str = _item("", "Input; empty is the one of the device that plays, or else the system's.")
    channel: int = _item(0, "Channel from 0; -1 is the first two as stereo.", low=-1, high=255)
    gain_db: float = _item(0.0, "Level of the voice in the mix, dB.", low=-72.0, high=12.0)
    denoiser: str = _item("", "Model that takes the noise away; empty for none.")
    record: str = _choice(
        "both", "What a take holds: the bare voice, the finished one.", "dry", "wet", "both"
    )
    with_song: bool = _item(True, "Whether recording starts the song, too.")
    pan: float = _item(0.0, "Balance of the voice, -1 (left) to 1 (right).", low=-1.0, high=1.0)
    song_tempo: bool = _item(True, "Whether the delay follows the tempo of the song.")


@dataclass(frozen=True, slots=True)
class LiveInputSettings:
    """What is separated while it comes in. It is never on by itself."""

    device: str = _item("", "Input; empty is the one of the device that plays, or else the system's.")
    channel: int = _item(0, "First of two channels, from 0.", low=0, high=254)
    model: str = _item("", "Model that separates it; empty is the best of those that come with set-up.")
    mode: str = _choice("tight", "As little delay as can be, or cleaner.", "tight", "clean")


@dataclass(frozen=True, slots=True)
class VisualSettings:
    """How the Julia set looks."""

    scene: str = _item("lagoon", "Scene.")
    palette: str = _item("", "Palette; empty is the scene's own.")
    limit_flashes: bool = _item(True, "Whether flashes are kept below three a second (WCAG 2.3.1).")


@dataclass(frozen=True, slots=True)
class LyricsSettings:
    """How lyrics are found and shown. How far a song's are moved is kept with the song."""

    model: str = _item("whisper-base", "Model that transcribes.")
    language: str = _item("", "Language of the songs, such as en or de; empty is what is heard.")
    hearing: str = _choice("both", "What is listened to.", "both", "mix", "vocals")
    font_px: int = _item(27, "Size of the sung line, pixels.", low=14, high=96)
    karaoke_font_px: int = _item(56, "The same on the whole screen.", low=14, high=96)
    guide_db: float = _item(-18.0, "Level of the vocals in karaoke, dB.", low=-72.0, high=12.0)
    folder: str = _item("", "Where lyrics were opened or saved last.")


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """What was asked of the last training."""

    folder: str = _item("", "Folder of music.")
    epochs: int = _item(40, "Rounds through all songs.", low=1, high=10_000)
    device: str = _choice("cpu", "What it is trained on.", "cpu", "cuda")


@dataclass(frozen=True, slots=True)
class Settings:
    """All of them, by section."""

    audio: AudioSettings = AudioSettings()
    stems: StemSettings = StemSettings()
    export: ExportSettings = ExportSettings()
    window: WindowSettings = WindowSettings()
    mixer: MixerSettings = MixerSettings()
    library: LibrarySettings = LibrarySettings()
    analysis: AnalysisSettings = AnalysisSettings()
    mic: MicSettings = MicSettings()
    live: LiveInputSettings = LiveInputSettings()
    visual: VisualSettings = VisualSettings()
    lyrics: LyricsSettings = LyricsSettings()
    training: TrainingSettings = TrainingSettings()


def settings_file() -> Path:
    """Where the settings of this user are."""
    return config_folder() / "settings.toml"


def load_settings(
    path: Path | None = None, *, version: int = VERSION, migrations: Mapping[int, Migration] = MIGRATIONS
) -> tuple[Settings, list[str]]:
    """Read settings; a missing file gives the defaults.

    Parameters
    ----------
    path : Path or None
        None is the user's own file.
    version : int
        What the values are brought to.
    migrations : mapping of int to callable
        From each older version to the next.

    Returns
    -------
    settings : Settings
    notes : list of str
        A line for each thing that was not as it should be, with what was done about it.
    """
    path = path or settings_file()
    try:
        values: Values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings(), []
    except (OSError, ValueError) as err:
        return Settings(), [_set_aside(path, ".bad", f"cannot be read ({err}): defaults are used")]
    found = values.pop("version", version)
    notes: list[str] = []
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        notes.append(f"{path.name}: version = {found!r} is not a number: taken as {version}")
    elif found > version:
        what = f"was written by a newer Charon (version {found}): what this one knows is used"
        notes.append(_set_aside(path, f".v{found}", what))
    else:
        for step in range(found, version):
            values = migrations[step](values) if step in migrations else values
    return _sections(values, notes, path.name), notes


def save_settings(settings: Settings, path: Path | None = None) -> None:
    """Write settings, replacing the file in one step; OSError when that is not possible."""
    replace_file(path or settings_file(), to_toml(settings).encode())


def to_toml(settings: Settings) -> str:
    """The file's text: every setting with its meaning above it."""
    lines = ["# Settings of Charon. Change them here while it is closed, or in the window.", ""]
    lines += [f"version = {VERSION}"]
    for section in fields(settings):
        part = getattr(settings, section.name)
        lines += ["", f"[{section.name}]"]
        for item in fields(part):
            lines += [f"# {_meaning(item.metadata)}", f"{item.name} = {_toml(getattr(part, item.name))}"]
    return "\n".join(lines) + "\n"


def _meaning(metadata: Mapping[str, Any]) -> str:
    if metadata.get("low") is not None:
        return f"{metadata['doc']} From {metadata['low']:g} to {metadata['high']:g}."
    if "choices" in metadata:
        return f"{metadata['doc']} One of {', '.join(metadata['choices'])}."
    return str(metadata["doc"])


def _toml(value: str | bool | float) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    # A basic string of TOML: quote, backslash and control characters are escaped.
    escaped = "".join(f"\\u{ord(c):04X}" if c in '"\\' or ord(c) < 32 or ord(c) == 127 else c for c in value)
    return f'"{escaped}"'


def _set_aside(path: Path, suffix: str, what: str) -> str:
    """Keep a copy of a file that the next save would replace; the line to tell."""
    kept = path.with_name(path.name + suffix)
    try:
        replace_file(kept, path.read_bytes())
    except OSError as err:
        return f"{path} {what}; no copy could be kept ({err.strerror or err})"
    return f"{path} {what}; it is kept as {kept.name}"


def _sections(values: Values, notes: list[str], name: str) -> Settings:
    known = {item.name: item for item in fields(Settings)}
    parts: Values = {}
    for key, value in values.items():
        if key not in known:
            notes.append(_unknown(name, key, known))
        elif not isinstance(value, dict):
            notes.append(f"{name}: {key} is not a section: its defaults are used")
        else:
            part_type = type(getattr(Settings(), key))
            parts[key] = part_type(**_items(part_type, cast("Values", value), notes, f"{name}: {key}"))
    return Settings(**parts)


def _items(part_type: type[Any], values: Values, notes: list[str], where: str) -> Values:
    known = {item.name: item for item in fields(part_type)}
    good: Values = {}
    for key, value in values.items():
        if key not in known:
            notes.append(_unknown(where, key, known))
            continue
        default = known[key].default
        wrong = _wrong(value, default, known[key].metadata)
        if wrong:
            notes.append(f"{where}.{key} = {value!r} {wrong}: {default!r} is used")
        else:
            good[key] = type(default)(value)
    return good


def _unknown(where: str, key: str, known: Mapping[str, Any]) -> str:
    return f"{where}: {key!r} is not a setting; {name_hint(key, known)}"


def _wrong(value: object, default: object, metadata: Mapping[str, Any]) -> str:
    """What is wrong with a value, or nothing."""
    if isinstance(default, bool):
        return "" if isinstance(value, bool) else "is not true or false"
    if isinstance(default, str):
        # A file name that is not UTF-8 would make the whole file unwritable.
        if not isinstance(value, str) or value != value.encode("utf-8", "replace").decode():
            return "is not a text"
        choices = metadata.get("choices")
        return f"is not one of {', '.join(choices)}" if choices and value not in choices else ""
    numbers = int | float if isinstance(default, float) else int
    # True is a number to Python, but not to a reader.
    if isinstance(value, bool) or not isinstance(value, numbers):
        return "is not a number" if isinstance(default, float) else "is not a whole number"
    low, high = metadata.get("low"), metadata.get("high")
    # Written so that "nan" is outside too.
    if low is not None and high is not None and not low <= value <= high:
        return f"is outside {low:g} to {high:g}"
    return ""


def checked(section: Any, name: str, **values: Any) -> Any:
    """A section with other values.

    Parameters
    ----------
    section : a section of `Settings`
    name : str
        Of the section, for the message.
    **values
        By the name of the setting.

    Raises
    ------
    ValueError
        A value is out of range or of another type, or there is no such setting.
    """
    notes: list[str] = []
    good = _items(cast("type[Any]", type(section)), values, notes, name)
    if notes:
        raise ValueError(notes[0])
    present = {item.name: getattr(section, item.name) for item in fields(section)}
    return type(section)(**{**present, **good})
