"""A session file (`.charon`): which song, where in it, and how it is mixed.

JSON, so that it can be looked at and compared. The song itself is not in it: it is found again by
path, by name beside the session file, or by content (`app.session_song`).

`take_session` and `restore_mix` belong to the GUI thread and do no input or output; all that reads or
writes a file may run anywhere.
"""

import contextlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from app.loop_state import LoopState
from app.mixer_state import MixerState
from app.take_state import TakeEntry, TakeState
from app.tick import Tick
from app.write_behind import replace_file
from engine.errors import CharonError, DecodeError, StoreError
from engine.io.decode import content_hash
from engine.io.song_store import read_manifest
from engine.services.take import KINDS

VERSION = 1
SUFFIX = ".charon"
LIMIT_BYTES = 4_000_000
"""A session is some kilobytes; anything far larger is another file with our ending."""

Strips = Mapping[str, Mapping[str, Any]]


class SessionError(CharonError):
    """A session file cannot be read or written, or its song cannot be found."""


@dataclass(frozen=True, slots=True)
class SongReference:
    """What a song is known by.

    Parameters
    ----------
    path : Path
        Absolute, where it was.
    relative : str
        From the session file's folder, with forward slashes; empty when there is no such way.
    sha256 : str
        Of its bytes; empty until it is known.
    size_bytes : int
        0 until it is known.
    title, artist : str
        Its names, for people.
    folder : Path or None
        Its folder in the stem store, which knows the hash; never in the file.
    """

    path: Path
    relative: str = ""
    sha256: str = ""
    size_bytes: int = 0
    title: str = ""
    artist: str = ""
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """One moment of work.

    Parameters
    ----------
    song : SongReference or None
        None: nothing was open.
    model : str
        Model that separates it.
    position_s : float, >= 0
        Where the play-head is.
    strips : mapping
        As `MixerState.to_dict` gives it.
    loop_s : (float, float) or None
        The loop.
    loop_enabled : bool
    queue : tuple of Path
        Songs that wait.
    takes : tuple of TakeEntry
        What was sung to the song and is a lane of it.
    """

    song: SongReference | None = None
    model: str = ""
    position_s: float = 0.0
    strips: Strips = field(default_factory=lambda: {})
    loop_s: tuple[float, float] | None = None
    loop_enabled: bool = False
    queue: tuple[Path, ...] = ()
    takes: tuple[TakeEntry, ...] = ()


States = tuple[MixerState, LoopState, TakeState]


def take_session(tick: Tick, states: States, model: str, queue: Iterable[Path] = ()) -> Session:
    """What is open and mixed now.

    Parameters
    ----------
    tick : Tick
        The newest.
    states : (MixerState, LoopState, TakeState)
    model : str
        That separates.
    queue : iterable of Path
        Songs that wait.
    """
    song = None
    if tick.song is not None:
        song = SongReference(tick.song, title=tick.title, artist=tick.artist, folder=tick.folder)
    # Hundredths are more than an ear needs and keep an idle session from being written again.
    position_s = round(max(0.0, tick.position_s), 2)
    mixer, loop, takes = states
    return Session(
        song, model, position_s, mixer.to_dict(), loop.span_s, loop.enabled, tuple(queue), takes.entries
    )


def restore_mix(session: Session, states: States) -> None:
    """Set takes, mixer and loop as they were.

    Call it once the mixer has the song's stems; strips of stems that are not mixed here are left out.
    """
    mixer, loop, takes = states
    takes.set_entries(session.takes)
    mixer.load_dict(session.strips)
    loop.set(session.loop_s, session.loop_enabled)


def identify(song: SongReference) -> SongReference:
    """Fill in hash and size: from the song's stem store when it is there, else by reading the song.

    A song that cannot be read now keeps an empty hash: the session is worth saving all the same.
    """
    size_bytes, sha256 = song.size_bytes, song.sha256
    with contextlib.suppress(OSError):
        size_bytes = song.path.stat().st_size
    if not sha256 and song.folder is not None:
        with contextlib.suppress(OSError, ValueError, KeyError, StoreError):
            sha256 = str(read_manifest(song.folder)["song_hash"])
    if not sha256:
        with contextlib.suppress(DecodeError):
            sha256 = content_hash(song.path)
    return replace(song, sha256=sha256, size_bytes=size_bytes)


def to_json(session: Session, beside: Path) -> bytes:
    """The file's bytes.

    Parameters
    ----------
    session : Session
    beside : Path
        Folder of the session file, which the song's relative path starts from.
    """
    song = session.song
    values = {
        "charon_session": VERSION,
        "song": None if song is None else _song_values(song, beside),
        "model": session.model,
        "position_s": session.position_s,
        "mixer": {name: dict(strip) for name, strip in session.strips.items()},
        "loop": {"span_s": session.loop_s, "enabled": session.loop_enabled},
        "queue": [str(path) for path in session.queue],
        "takes": [entry.to_dict() for entry in session.takes],
    }
    # ASCII with escapes, which keeps file names that are not UTF-8 as well.
    return (json.dumps(values, indent=2) + "\n").encode("ascii")


def _song_values(song: SongReference, beside: Path) -> dict[str, Any]:
    path = song.path.absolute()
    relative = ""
    with contextlib.suppress(ValueError):  # there is no way to another drive
        relative = Path(os.path.relpath(path, beside.absolute())).as_posix()
    return {
        "path": str(path),
        "relative": relative,
        "sha256": song.sha256,
        "size_bytes": song.size_bytes,
        "title": song.title,
        "artist": song.artist,
    }


def save_session(path: Path, session: Session) -> Path:
    """Write a session file, replacing it in one step; reads the song when its hash is not known yet.

    Parameters
    ----------
    path : Path
        Gets the ending `.charon` unless it has it.
    session : Session

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    SessionError
        It cannot be written.
    """
    if path.suffix.casefold() != SUFFIX:
        path = path.with_name(path.name + SUFFIX)
    if session.song is not None:
        session = replace(session, song=identify(session.song))
    try:
        replace_file(path, to_json(session, path.parent))
    except OSError as err:
        reason = (err.strerror or str(err)).lower()
        raise SessionError(f"the session cannot be saved as {path}: {reason}; choose another folder") from err
    return path


def load_session(path: Path) -> Session:
    """Read a session file; nothing in it is believed before it is looked at.

    Raises
    ------
    SessionError
        It cannot be read, is no session, is damaged, or was written by a newer Charon.
    """
    try:
        if path.stat().st_size > LIMIT_BYTES:
            raise SessionError(f"{path.name} is no session of Charon: it is far too large for one")
        values: object = json.loads(path.read_bytes())
    except OSError as err:
        reason = (err.strerror or str(err)).lower()
        raise SessionError(f"the session {path} cannot be opened: {reason}") from err
    except (ValueError, RecursionError) as err:
        raise SessionError(f"{path.name} is no session of Charon, or it is damaged: {err}") from err
    if not isinstance(values, dict) or "charon_session" not in values:
        raise SessionError(f"{path.name} is no session of Charon")
    return from_values(cast("dict[str, Any]", values), path.name)


def from_values(values: Mapping[str, Any], name: str) -> Session:
    """Check the values of a session file.

    Parameters
    ----------
    values : mapping
        As they stand in the file.
    name : str
        Of the file, for the message.

    Raises
    ------
    SessionError
        With the value that is wrong.
    """
    version = values.get("charon_session")
    if isinstance(version, int) and version > VERSION:
        raise SessionError(
            f"{name} was saved by a newer Charon (version {version}): update Charon to open it"
        )
    try:
        loop = _object(values.get("loop") or {}, "loop")
        span = loop.get("span_s")
        return Session(
            song=_song(values.get("song")),
            model=_text(values.get("model", ""), "model"),
            position_s=max(0.0, _number(values.get("position_s", 0.0), "position_s")),
            strips=_strips(values.get("mixer", {})),
            loop_s=None if span is None else _span(span),
            loop_enabled=_flag(loop.get("enabled", False), "loop.enabled"),
            queue=tuple(Path(_text(path, "queue")) for path in _list(values.get("queue", []), "queue")),
            takes=_takes(values.get("takes", [])),
        )
    except _Wrong as err:
        raise SessionError(f"{name} is damaged: {err}") from err


class _Wrong(Exception):
    """A value that is not what belongs there."""

    def __init__(self, where: str, value: object, wanted: str) -> None:
        text = repr(value)
        super().__init__(f"{where} is {text if len(text) <= 60 else text[:57] + '...'}, not {wanted}")


def _song(value: object) -> SongReference | None:
    if value is None:
        return None
    values = _object(value, "song")
    path = _text(values.get("path"), "song.path")
    if not path or "\0" in path:
        raise _Wrong("song.path", path, "a file")
    size = values.get("size_bytes", 0)
    if not isinstance(size, int) or size < 0:
        raise _Wrong("song.size_bytes", size, "a number of bytes")
    title, artist, relative, sha256 = (
        _text(values.get(key, ""), f"song.{key}") for key in ("title", "artist", "relative", "sha256")
    )
    return SongReference(Path(path), relative, sha256, size, title, artist)


def _strips(value: object) -> Strips:
    strips: dict[str, dict[str, Any]] = {}
    for name, strip in _object(value, "mixer").items():
        where = f"mixer.{name}"
        values = _object(strip, where)
        strips[name] = {
            key: _number(values.get(key, 0.0), f"{where}.{key}") for key in ("gain_db", "pan")
        } | {key: _flag(values.get(key, False), f"{where}.{key}") for key in ("mute", "solo")}
    return strips


def _takes(value: object) -> tuple[TakeEntry, ...]:
    takes = tuple(_take(take) for take in _list(value, "takes"))
    names = [take.name for take in takes]
    if len(set(names)) < len(names):
        raise _Wrong("takes.name", names, "a name for each")
    return takes


def _take(value: object) -> TakeEntry:
    values = _object(value, "takes")
    name, title, log, kind = (
        _text(values.get(key), f"takes.{key}") for key in ("name", "title", "log", "kind")
    )
    if re.fullmatch(r"take-[0-9]{1,6}", name) is None:
        raise _Wrong("takes.name", name, "the name of a take")
    if not log or "\0" in log:
        raise _Wrong("takes.log", log, "a file")
    if kind not in KINDS:
        raise _Wrong("takes.kind", kind, "dry or wet")
    return TakeEntry(name, title or name, Path(log), kind)


def _span(value: object) -> tuple[float, float]:
    numbers = _list(value, "loop.span_s")
    if len(numbers) != 2:
        raise _Wrong("loop.span_s", value, "a start and a stop")
    start_s, stop_s = (_number(number, "loop.span_s") for number in numbers)
    return start_s, stop_s


def _object(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Wrong(where, value, "an object")
    return cast("dict[str, Any]", value)


def _list(value: object, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise _Wrong(where, value, "a list")
    return cast("list[Any]", value)


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise _Wrong(where, value, "a text")
    return value


def _flag(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise _Wrong(where, value, "true or false")
    return value


def _number(value: object, where: str) -> float:
    # JSON as Python reads it knows NaN and Infinity, and whole numbers of any length.
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e9 or value != value:
        raise _Wrong(where, value, "a number")
    return float(value)
