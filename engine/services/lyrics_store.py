"""Lyrics on the disk: what was transcribed of a song, as far as it is, and what a person made of it.

Any thread; one writer a transcript, by a lock that the system drops when its holder dies. Beside the stem
store rather than in it: stems make room for others and are computed again, words that somebody corrected
are not. A folder a song, by the hash of its content:

    edited.json       corrected, aligned or imported lyrics; they go before any transcript
    offset            seconds by which they are shown later than written
    KEY.jsonl         a transcript: a header, a line a window as it is heard, "done" at the end
    KEY.*.s16, .npz   what is heard of it (`voice_track`), until it is done
"""

import contextlib
import errno
import json
import math
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from engine.errors import DecodeError, StoreBusy
from engine.io.decode import content_hash
from engine.io.file_lock import FileLock
from engine.io.home import Home
from engine.io.journal import replace_file
from engine.io.lanes import store_error
from engine.io.lyric_json import format_json, parse_json, segment_from_dict, segment_to_dict
from engine.lyrics import Lyrics, Segment
from engine.services.lyric_windows import Window

_EDITED = "edited.json"
_OFFSET = "offset"
_VERSION = 1


@dataclass(slots=True)
class TranscriptRecord:
    """What a transcript's file says.

    Attributes
    ----------
    model, language : str
    windows : list of Window
        The whole plan.
    heard : dict of int to list of Segment
        Finished windows.
    done : bool
        Nothing is missing.
    warnings : list of str
    """

    model: str = ""
    language: str = ""
    windows: list[Window] = field(default_factory=lambda: [])
    heard: dict[int, list[Segment]] = field(default_factory=lambda: {})
    done: bool = False
    warnings: list[str] = field(default_factory=lambda: [])

    @property
    def segments(self) -> tuple[Segment, ...]:
        """All lines so far, in time order."""
        found = [segment for segments in self.heard.values() for segment in segments]
        return tuple(sorted(found, key=lambda segment: segment.start_s))

    @property
    def lyrics(self) -> Lyrics:
        """The lines so far, as lyrics."""
        return Lyrics(self.segments, self.language, self.model)


class Transcript:
    """One transcript being written, or read again.

    Parameters
    ----------
    folder : Path
        The song's; created when missing.
    key : str
        Names everything that changes the words: model, language, what is heard.

    Attributes
    ----------
    record : TranscriptRecord
        What is there.

    Raises
    ------
    StoreBusy
        Another process transcribes this song in the same way.
    StoreError
        The disk refuses.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.folder = folder
        self.key = key
        self._path = folder / f"{key}.jsonl"
        self._lock = FileLock(folder / f"{key}.lock")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            held = self._lock.acquire()
        except OSError as err:
            raise store_error(folder, err) from err
        if not held:
            raise StoreBusy(
                f"another Charon transcribes this song just now ({folder}): wait until it is done, or stop it"
            )
        self.record = _read(self._path)
        _cut_torn_line(self._path)

    def begin(self, model: str, language: str, windows: list[Window], warnings: list[str]) -> None:
        """Say what is to be done; replaces whatever is there."""
        head = {
            "version": _VERSION,
            "model": model,
            "language": language,
            "windows": [[window.start_s, window.stop_s] for window in windows],
            "warnings": warnings,
        }
        replace_file(self._path, json.dumps(head) + "\n")
        self.record = TranscriptRecord(model, language, list(windows), warnings=list(warnings))

    def add(self, index: int, segments: list[Segment]) -> None:
        """A window is heard; it stays, whatever happens next."""
        self._append({"window": index, "segments": [segment_to_dict(segment) for segment in segments]})
        self.record.heard[index] = segments

    def finish(self) -> None:
        """Every window is heard."""
        self._append({"done": True})
        self.record.done = True

    def _append(self, line: dict[str, Any]) -> None:
        text = (json.dumps(line, ensure_ascii=False) + "\n").encode()
        try:
            with self._path.open("ab", buffering=0) as file:
                size_bytes = file.tell()
                if file.write(text) != len(text):
                    # The disk filled up inside the line: the next one must not be glued to it.
                    os.truncate(self._path, size_bytes)
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # noqa: TRY301
        except OSError as err:
            raise store_error(self.folder, err) from err

    def close(self) -> None:
        """Let others write it; what was kept for windows that are all heard goes."""
        if self.record.done:
            for path in self.folder.glob(f"{self.key}.*"):
                if path.suffix in (".s16", ".npz"):
                    path.unlink(missing_ok=True)
        self._lock.release()


def _cut_torn_line(path: Path) -> None:
    """A kill may leave half a line; the next one must not be glued to it."""
    with contextlib.suppress(FileNotFoundError):
        text = path.read_bytes()
        whole = text.rfind(b"\n") + 1
        if whole != len(text):
            os.truncate(path, whole)


def read_transcript(folder: Path, key: str) -> TranscriptRecord:
    """A transcript as it is on the disk, by whoever does not write it.

    Parameters
    ----------
    folder : Path
        The song's.
    key : str
    """
    return _read(folder / f"{key}.jsonl")


def _read(path: Path) -> TranscriptRecord:
    """A transcript as it is on the disk; a line torn by a kill, or anything not ours, counts as missing."""
    record = TranscriptRecord()
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return record
    except OSError as err:
        raise store_error(path.parent, err) from err
    whole = text.rfind(b"\n") + 1
    try:
        head, *lines = [cast("dict[str, Any]", json.loads(line)) for line in text[:whole].splitlines()]
        if head["version"] != _VERSION:
            return record
        record.model, record.language = str(head["model"]), str(head["language"])
        record.windows = [Window(float(start_s), float(stop_s)) for start_s, stop_s in head["windows"]]
        record.warnings = [str(text) for text in head["warnings"]]
        for line in lines:
            if "done" in line:
                record.done = True
            else:
                record.heard[int(line["window"])] = [segment_from_dict(s) for s in line["segments"]]
    except (ValueError, KeyError, TypeError, DecodeError):
        return TranscriptRecord()
    return record


class LyricsStore:
    """The lyrics of all songs.

    Parameters
    ----------
    home : Home
    """

    def __init__(self, home: Home) -> None:
        self._root = home.lyrics

    def folder(self, song_hash: str) -> Path:
        """Where a song's lyrics are or would be, by the hash of its content."""
        return self._root / song_hash[:32]

    def read(self, song: Path) -> Lyrics | None:
        """A song's lyrics: those that somebody edited, else the newest whole transcript.

        Parameters
        ----------
        song : Path

        Raises
        ------
        DecodeError
            The song cannot be read.
        StoreError
            The disk refuses.

        Notes
        -----
        Reads the whole song for its hash: not on the GUI thread.
        """
        edited = self.read_edited(song)
        return self.read_heard(song) if edited is None else edited

    def read_edited(self, song: Path) -> Lyrics | None:
        """The lyrics that somebody edited, aligned or imported; as `read`."""
        path = self.folder(content_hash(song)) / _EDITED
        with contextlib.suppress(OSError, DecodeError):
            return parse_json(path.read_text(encoding="utf-8"))
        return None

    def read_heard(self, song: Path) -> Lyrics | None:
        """The newest whole transcript; as `read`."""
        folder = self.folder(content_hash(song))
        for path in sorted(folder.glob("*.jsonl"), key=_written, reverse=True):
            record = _read(path)
            if record.done:
                return record.lyrics
        return None

    def write(self, song: Path, lyrics: Lyrics) -> None:
        """Keep lyrics that somebody edited; they go before any transcript.

        Parameters
        ----------
        song : Path
        lyrics : Lyrics

        Raises
        ------
        DecodeError, StoreError
            The song cannot be read; the disk refuses.
        """
        folder = self.folder(content_hash(song))
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise store_error(folder, err) from err
        replace_file(folder / _EDITED, format_json(lyrics))

    def drop_edited(self, song: Path) -> None:
        """Let transcripts and files count again; as `write` for what goes wrong."""
        path = self.folder(content_hash(song)) / _EDITED
        try:
            path.unlink(missing_ok=True)
        except OSError as err:
            raise store_error(path.parent, err) from err

    def read_offset_s(self, song: Path) -> float:
        """How much later than written a song's words are shown, seconds; as `read`."""
        path = self.folder(content_hash(song)) / _OFFSET
        with contextlib.suppress(OSError, ValueError):
            offset_s = float(path.read_text(encoding="ascii"))
            return offset_s if math.isfinite(offset_s) else 0.0
        return 0.0

    def write_offset_s(self, song: Path, offset_s: float) -> None:
        """Keep how far a song's words are moved; as `write`.

        Parameters
        ----------
        song : Path
        offset_s : float
            Seconds; later where positive.
        """
        folder = self.folder(content_hash(song))
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise store_error(folder, err) from err
        replace_file(folder / _OFFSET, f"{offset_s:.3f}\n")

    def forget(self, song: Path) -> None:
        """Delete everything that is kept of a song's words; as `write` for what goes wrong."""
        shutil.rmtree(self.folder(content_hash(song)), ignore_errors=True)


def _written(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
