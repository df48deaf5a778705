"""Presets of the mic chain: which effects in which order, with every setting, as a TOML file.

    title = "Pop vocal"
    description = "Close, bright and held together"

    [[effect]]
    kind = "compressor"
    threshold_db = -22.0

    [[effect]]
    kind = "reverb"
    wet = 0.15

Beside an effect's own parameters a table may hold `enabled`, `bypass` and `wet`. Choices are written by name,
switches as true and false. Whatever is misspelt or out of range is refused with the file, the effect and what
was meant, before a chain is built. Any thread.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from engine.errors import ParameterError, StoreError, name_hint
from engine.io.file_names import safe_name
from engine.io.journal import replace_file
from engine.realtime.effects.catalogue import KINDS, find_kind
from engine.realtime.effects.plan import MAX_SLOTS, EffectSetting

_SUFFIX: Final = ".toml"
_OWN_KEYS: Final = ("kind", "enabled", "bypass", "wet")
_ROOT_KEYS: Final = ("title", "description", "effect")
MAX_PRESET_BYTES: Final = 65_536
"""A full chain with every setting is 6 KiB."""


@dataclass(frozen=True, slots=True)
class VocalPreset:
    """A chain with a name.

    Parameters
    ----------
    name : str
        What it is called on the command line: the name of its file.
    title : str
        What a musician reads.
    description : str
        One line: what for.
    slots : tuple of EffectSetting
        In the order of the sound.
    """

    name: str
    title: str
    description: str
    slots: tuple[EffectSetting, ...]


def parse_preset(text: str, name: str) -> VocalPreset:
    """Read a preset.

    Parameters
    ----------
    text : str
        TOML as above.
    name : str
        What it is called; in front of every complaint.

    Raises
    ------
    ParameterError
        Not TOML, or something in it is unknown or out of range.
    """
    try:
        root = tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        raise ParameterError(f"preset {name} is not valid TOML: {err}") from err
    _check_keys(root, _ROOT_KEYS, f"preset {name} has no")
    tables = root.get("effect", [])
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in cast("list[Any]", tables)):
        raise ParameterError(f"preset {name}: effects are written as [[effect]] tables")
    rows = cast("list[dict[str, Any]]", tables)
    if len(rows) > MAX_SLOTS:
        raise ParameterError(f"preset {name}: {len(rows)} effects are too many; {MAX_SLOTS} fit")
    slots = tuple(_read_slot(row, f"preset {name}, effect {k}") for k, row in enumerate(rows, 1))
    return VocalPreset(
        name, _read_text(root, "title", name) or name, _read_text(root, "description", name), slots
    )


def preset_text(preset: VocalPreset) -> str:
    """A preset as TOML, with every parameter, so that new defaults do not change it.

    Parameters
    ----------
    preset : VocalPreset

    Returns
    -------
    str
        What `parse_preset` reads back as the same sound.
    """
    lines = [f"title = {_quote(preset.title)}", f"description = {_quote(preset.description)}"]
    for slot in preset.slots:
        kind = find_kind(slot.kind)
        lines += ["", "[[effect]]", f"kind = {_quote(slot.kind)}"]
        if not slot.enabled:
            lines.append("enabled = false")
        if slot.bypass:
            lines.append("bypass = true")
        lines.append(f"wet = {_plain(slot.wet)}")
        lines += [f"{p.name} = {_plain(p.show(slot.value(p.name)))}" for p in kind.parameters]
    return "\n".join(lines) + "\n"


def load_preset(path: Path) -> VocalPreset:
    """Read a preset's file; its name is the file's.

    Raises
    ------
    ParameterError
        Not readable, or not a preset.
    """
    try:
        if path.stat().st_size > MAX_PRESET_BYTES:
            raise ParameterError(f"preset {path} is larger than any preset: {path.stat().st_size} bytes")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        reason = err.strerror if isinstance(err, OSError) else "not UTF-8 text"
        raise ParameterError(f"preset {path} cannot be read: {reason}") from err
    return parse_preset(text, path.stem)


@dataclass(frozen=True, slots=True)
class PresetListing:
    """What a shelf holds.

    Parameters
    ----------
    presets : tuple of VocalPreset
        By title.
    problems : tuple of str
        One line for each file that is no preset.
    """

    presets: tuple[VocalPreset, ...]
    problems: tuple[str, ...]


class PresetShelf:
    """The presets that come with Charon, and the user's own beside them.

    Parameters
    ----------
    built_in : Path
        Folder of presets that nobody writes to.
    user : Path
        Folder of the user's; made at the first save. A preset here hides a built-in one of the same name.
    """

    def __init__(self, built_in: Path, user: Path) -> None:
        self._built_in = built_in
        self._user = user

    def files(self) -> dict[str, Path]:
        """File of every preset by name, whether it can be read or not."""
        found = {}
        for folder in (self._built_in, self._user):
            if folder.is_dir():
                found.update({path.stem: path for path in sorted(folder.glob(f"*{_SUFFIX}"))})
        return dict(sorted(found.items()))

    def list_presets(self) -> PresetListing:
        """Every preset; a broken file of one does not hide the others."""
        presets: list[VocalPreset] = []
        problems: list[str] = []
        for path in self.files().values():
            try:
                presets.append(load_preset(path))
            except ParameterError as err:
                problems.append(str(err))
        return PresetListing(tuple(sorted(presets, key=lambda one: one.title.casefold())), tuple(problems))

    def load(self, name: str) -> VocalPreset:
        """A preset by name, capitals and spaces aside, or the preset in a file of that path.

        Raises
        ------
        ParameterError
            There is none of that name, or it is broken.
        """
        files = self.files()
        known = {_key(one): path for one, path in files.items()}
        if _key(name) in known:
            return load_preset(known[_key(name)])
        if name.endswith(_SUFFIX):
            return load_preset(Path(name))
        raise ParameterError(f"there is no preset {name!r}; {name_hint(_key(name), files)}")

    def is_users(self, name: str) -> bool:
        """Whether a preset is the user's own, and may be removed."""
        return self._user_file(name).is_file()

    def save(self, preset: VocalPreset) -> Path:
        """Write a preset into the user's folder, all of it or nothing.

        Parameters
        ----------
        preset : VocalPreset
            One of the same name is replaced.

        Returns
        -------
        Path
            Its file.

        Raises
        ------
        ParameterError
            The folder cannot be written to.
        """
        path = self._user_file(preset.name)
        try:
            self._user.mkdir(parents=True, exist_ok=True)
            replace_file(path, preset_text(preset))
        except (OSError, StoreError) as err:
            # The journal's error speaks of stems; what the system said is its cause.
            cause = err.__cause__ if isinstance(err, StoreError) else err
            reason = getattr(cause, "strerror", None) or cause
            raise ParameterError(f"preset {preset.name} cannot be kept in {self._user}: {reason}") from err
        return path

    def remove(self, name: str) -> None:
        """Delete a preset of the user; a built-in one that it hid is back.

        Raises
        ------
        ParameterError
            The user has none of that name, or it cannot be deleted.
        """
        if not self.is_users(name):
            raise ParameterError(f"{name!r} is not a preset of your own, so there is nothing to remove")
        try:
            self._user_file(name).unlink()
        except OSError as err:
            raise ParameterError(f"preset {name} cannot be removed: {err.strerror}") from err

    def _user_file(self, name: str) -> Path:
        return self._user / f"{safe_name(name, 200)}{_SUFFIX}"


def _read_slot(table: Mapping[str, Any], where: str) -> EffectSetting:
    if "kind" not in table:
        raise ParameterError(f"{where}: has no kind; there are {', '.join(KINDS)}")
    try:
        kind = find_kind(str(table["kind"]))
        known = [*_OWN_KEYS, *(parameter.name for parameter in kind.parameters)]
        _check_keys(table, known, f"{kind.name} has no")
        return EffectSetting(
            kind=kind.name,
            enabled=_read_switch(table, "enabled", True),
            bypass=_read_switch(table, "bypass", False),
            wet=_read_share(table, "wet", kind.default_wet),
            values={p.name: p.read(table[p.name]) for p in kind.parameters if p.name in table},
        )
    except ParameterError as err:
        raise ParameterError(f"{where}: {err}") from err


def _check_keys(table: Mapping[str, Any], known: Sequence[str], has_no: str) -> None:
    for key in table:
        if key not in known:
            raise ParameterError(f"{has_no} {key!r}; {name_hint(key, known)}")


def _read_text(root: Mapping[str, Any], key: str, name: str) -> str:
    value = root.get(key, "")
    if not isinstance(value, str):
        raise ParameterError(f"preset {name}: {key} = {value!r} is not text in quotes")
    return value


def _read_switch(table: Mapping[str, Any], key: str, default: bool) -> bool:
    value = table.get(key, default)
    if not isinstance(value, bool):
        raise ParameterError(f"{key} = {value!r} is not true or false")
    return value


def _read_share(table: Mapping[str, Any], key: str, default: float) -> float:
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
        raise ParameterError(f"{key} = {value!r} is not a number from 0 to 1")
    return float(value)


def _key(name: str) -> str:
    return "-".join(name.casefold().replace("_", " ").replace("-", " ").split())


def _plain(value: float | bool | str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _quote(value) if isinstance(value, str) else repr(float(value))


def _quote(text: str) -> str:
    """A TOML basic string of any text."""
    body = "".join(
        {"\\": "\\\\", '"': '\\"'}.get(c, c if c >= " " and c != "\x7f" else f"\\u{ord(c):04x}") for c in text
    )
    return f'"{body}"'
