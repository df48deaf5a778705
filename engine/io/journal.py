"""What a song's store has finished, a line each, so that a killed separation goes on where it was.

Written by the process that holds the store's lock, any of its threads under the writer's own lock.
A line is appended only after everything it speaks of has been handed to the operating system; a
kill -9 can therefore cost a line, never make one lie. The checksum in a line tells, after a power
cut or a stray program, whether the frames are still those that were written.
"""

import errno
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from engine.io.lanes import store_error


@dataclass(frozen=True, slots=True)
class Span:
    """Where a segment lies in the song.

    Parameters
    ----------
    index : int, >= 0
        Position in the song's plan; 0 begins at frame 0.
    left_frame, right_frame : int
        Middle of the seams with its neighbours (the song's edges for the first and the last).
    fade_frames : int, even, >= 0
        Length of the cross-fade at a seam.
    is_last : bool
        No seam at the right.
    """

    index: int
    left_frame: int
    right_frame: int
    fade_frames: int
    is_last: bool

    @property
    def start_frame(self) -> int:
        """First frame that the segment brings."""
        return self.left_frame - (self.fade_frames // 2 if self.index else 0)

    @property
    def stop_frame(self) -> int:
        """Frame after the last one that the segment brings."""
        return self.right_frame + (0 if self.is_last else self.fade_frames // 2)

    @property
    def core_start_frame(self) -> int:
        """First frame that comes from this segment alone."""
        return self.left_frame + (self.fade_frames // 2 if self.index else 0)

    @property
    def core_stop_frame(self) -> int:
        """Frame after the last one that comes from this segment alone."""
        return self.right_frame - (0 if self.is_last else self.fade_frames // 2)


@dataclass(slots=True)
class Record:
    """What a journal says when it has been read from its beginning.

    Attributes
    ----------
    total_frames : int or None
        Length of the song once it is decoded.
    original_crc : int
        CRC-32 of the decoded frames.
    warnings : list of str
        What the decoder had to say.
    total_segments : int or None
        Segments in the plan, once known.
    segments : dict of int to (Span, tuple of int)
        Finished segments with the CRC-32 of each stem's frames.
    """

    total_frames: int | None = None
    original_crc: int = 0
    warnings: list[str] = field(default_factory=lambda: [])
    total_segments: int | None = None
    segments: dict[int, tuple[Span, tuple[int, ...]]] = field(default_factory=lambda: {})


class Journal:
    """Append-only lines of JSON beside a song's lanes.

    Parameters
    ----------
    path : Path
        Created at the first line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Record:
        """Everything said so far; a line torn by a kill is cut off.

        Raises
        ------
        ValueError, KeyError, TypeError
            A whole line is not one of ours: the store is damaged.
        """
        record = Record()
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            return record
        whole = text.rfind(b"\n") + 1
        if whole != len(text):
            os.truncate(self.path, whole)
        for line in text[:whole].splitlines():
            _apply(record, json.loads(line))
        return record

    def append_decoded(self, total_frames: int, crc: int, warnings: list[str]) -> None:
        """The original lane is whole."""
        self._append({"decoded": total_frames, "crc": crc, "warnings": warnings})

    def append_total_segments(self, total_segments: int) -> None:
        """The plan is known to its end."""
        self._append({"segments": total_segments})

    def append_segment(self, span: Span, crcs: tuple[int, ...]) -> None:
        """Every stem of a segment is on disk."""
        self._append(_segment_line(span, crcs))

    def rewrite(self, record: Record) -> None:
        """Replace the journal by one that says just this, in one step."""
        lines: list[dict[str, Any]] = []
        if record.total_frames is not None:
            lines.append(
                {"decoded": record.total_frames, "crc": record.original_crc, "warnings": record.warnings}
            )
        if record.total_segments is not None:
            lines.append({"segments": record.total_segments})
        lines += [_segment_line(span, crcs) for span, crcs in record.segments.values()]
        replace_file(self.path, "".join(json.dumps(line) + "\n" for line in lines))

    def _append(self, line: dict[str, Any]) -> None:
        text = (json.dumps(line) + "\n").encode()
        try:
            with self.path.open("ab", buffering=0) as file:
                size_bytes = file.tell()
                if file.write(text) != len(text):
                    # The disk filled up inside the line: take it back, or the next one would be
                    # glued to it.
                    os.truncate(self.path, size_bytes)
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # noqa: TRY301
        except OSError as err:
            raise store_error(self.path.parent, err) from err


def replace_file(path: Path, text: str) -> None:
    """Write a small file so that a reader sees the old or the new one, never a part."""
    draft = path.with_name(path.name + ".new")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as err:
        raise store_error(path.parent, err) from err


def _segment_line(span: Span, crcs: tuple[int, ...]) -> dict[str, Any]:
    return {
        "segment": span.index,
        "left": span.left_frame,
        "right": span.right_frame,
        "fade": span.fade_frames,
        "last": span.is_last,
        "crc": list(crcs),
    }


def _apply(record: Record, line: object) -> None:
    if not isinstance(line, dict):
        raise TypeError(f"journal line {line!r} is not an object")
    says = cast("dict[str, Any]", line)
    if "decoded" in says:
        record.total_frames = int(says["decoded"])
        record.original_crc = int(says["crc"])
        record.warnings = [str(text) for text in says["warnings"]]
    elif "segments" in says:
        record.total_segments = int(says["segments"])
    else:
        span = Span(
            int(says["segment"]), int(says["left"]), int(says["right"]), int(says["fade"]), bool(says["last"])
        )
        record.segments[span.index] = (span, tuple(int(crc) for crc in says["crc"]))
