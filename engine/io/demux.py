"""Opening a media file at its first audio stream, and what its container says about itself.

Called by `engine/io/decode.py` on whichever thread decodes. It exists so that every way a file can
refuse (missing, empty, a folder, not sound, no decoder) becomes one `DecodeError` line in one place.
"""

import os
import re
import stat
import struct
from collections.abc import Generator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Discard

from engine.errors import DecodeError

_OGG_TAIL_BYTES = 2 * 65_307
"""Room for the largest Ogg page (27 + 255 + 255 * 255 bytes) wherever the tail begins in it."""

_WAV_HEAD_BYTES = 1 << 18
"""1.5 s of 16-bit stereo."""
_DTS_MARKS = tuple(
    re.compile(mark)
    for mark in (
        rb"\x7f\xfe\x80\x01",
        rb"\xfe\x7f\x01\x80",
        rb"\x1f\xff\xe8\x00\x07[\xf0-\xff]",
        rb"\xff\x1f\x00\xe8[\xf0-\xff]\x07",
    )
)
"""How a frame of DTS begins, in 16 or 14 bits and in both byte orders: discs of it are kept as WAV."""


@contextmanager
def open_audio(path: Path) -> Generator[tuple[InputContainer, AudioStream]]:
    """Open a file at its first audio stream, everything else in it switched off.

    Parameters
    ----------
    path : Path
        An ordinary file; its content decides what it is, not its name.

    Yields
    ------
    tuple of InputContainer, AudioStream
        Closed when the block is left.

    Raises
    ------
    DecodeError
        When the file cannot be opened as sound, in one line.
    """
    check_readable(path)
    try:
        container = open_container(path)
    except (FFmpegError, OSError, ValueError) as err:
        raise DecodeError(f"{path} is not a sound file that can be read; is it damaged or renamed?") from err
    try:
        streams = container.streams.audio
        if not streams:
            raise DecodeError(f"{path} has no sound in it; choose an audio file or a video with sound")
        stream = streams[0]
        # PyAV leaves the codec context out when ffmpeg has no decoder for the stream.
        if getattr(stream, "codec_context", None) is None:
            raise DecodeError(f"{path} uses an audio codec that cannot be decoded here; convert it to FLAC")
        for other in container.streams:
            if other is not stream:
                other.discard = Discard.all
        yield container, stream
    finally:
        container.close()


def open_container(path: Path) -> InputContainer:
    """Open a file as ffmpeg sees it.

    Parameters
    ----------
    path : Path
        A readable file.

    Returns
    -------
    InputContainer
        To be closed.

    Raises
    ------
    FFmpegError, OSError, ValueError
        It cannot be opened.
    """
    # Absolute, or ffmpeg takes "live: take 2.mp3" for the protocol "live". A play-list may
    # name other files: nothing but plain files is ever opened. Tags in old code pages must
    # not stop a song.
    return av.open(
        os.path.abspath(path),
        "r",
        options={"protocol_whitelist": "file,crypto,data", **_probing(path)},
        metadata_errors="replace",
    )


def _probing(path: Path) -> dict[str, str]:
    """Spare ffmpeg its search of a plain WAV for other sound inside: 20 ms, each time one is opened."""
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
            return {}
        head = file.read(_WAV_HEAD_BYTES)
    return {} if any(mark.search(head) for mark in _DTS_MARKS) else {"max_probe_packets": "1"}


def check_readable(path: Path) -> None:
    """Refuse what is not an ordinary, readable, non-empty file.

    Raises
    ------
    DecodeError
        With the reason in one line.
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise DecodeError(f"{path} is a folder; choose a sound file in it")
        # A pipe or a device would block or never end.
        if not stat.S_ISREG(status.st_mode):
            raise DecodeError(f"{path} is not an ordinary file; choose a sound file")
        with path.open("rb") as file:
            first = file.read(1)
    except FileNotFoundError as err:
        raise DecodeError(f"{path} does not exist; check the name") from err
    except PermissionError as err:
        raise DecodeError(f"{path} may not be read by this user; check its permissions") from err
    except (OSError, ValueError) as err:
        reason = err.strerror if isinstance(err, OSError) and err.strerror else str(err)
        raise DecodeError(f"{path} cannot be read: {reason.lower()}") from err
    if not first:
        raise DecodeError(f"{path} is empty (0 bytes); copy or download it again")


def declared_frames(container: InputContainer, stream: AudioStream, rate_hz: int) -> int | None:
    """Frames that the container promises, or None where its word is only a guess.

    Parameters
    ----------
    container, stream : InputContainer, AudioStream
        As `open_audio` gave them.
    rate_hz : int
        Rate of the decoded sound.

    Returns
    -------
    int or None
        Exact to about one codec frame. None for MP3 (the caller knows better: see `decode.py`)
        without gapless data, and for containers whose duration counts the picture too.
    """
    if "matroska" in container.format.name:
        return _matroska_frames(stream, rate_hz)
    if stream.duration is None or stream.time_base is None:
        return None
    exact = gapless_frames(container, stream)
    return exact if exact is not None else round(stream.duration * stream.time_base * rate_hz)


def gapless_frames(container: InputContainer, stream: AudioStream) -> int | None:
    """Exact length by the tag that iTunes writes in M4A files, or None without one.

    Parameters
    ----------
    container, stream : InputContainer, AudioStream
        As `open_audio` gave them.

    Notes
    -----
    The tag is " 00000000 PRIMING PADDING FRAMES ...", hexadecimal, at the stream's rate. ffmpeg skips
    the priming by it but plays the padding.
    """
    fields = (container.metadata.get("iTunSMPB") or stream.metadata.get("iTunSMPB") or "").split()
    try:
        return int(fields[3], 16) or None
    except (IndexError, ValueError):
        return None


def _matroska_frames(stream: AudioStream, rate_hz: int) -> int | None:
    """Frames by the DURATION tag of the stream itself ("00:03:20.123000000"), which many writers add."""
    parts = stream.metadata.get("DURATION", "").split(":")
    try:
        hours, minutes, seconds = (Fraction(part) for part in parts)
    except ValueError:
        return None
    return round((hours * 3600 + minutes * 60 + seconds) * rate_hz)


def tail_is_missing(path: Path, container_name: str) -> bool:
    """Whether a RIFF or Ogg file ends before its own end mark.

    ffmpeg derives the length of these two from what is there, so only the bytes can tell.

    Parameters
    ----------
    path : Path
        The file.
    container_name : str
        ffmpeg's name of the container.
    """
    size_bytes = path.stat().st_size
    with path.open("rb") as file:
        if container_name == "wav":
            header = file.read(8)
            if len(header) < 8 or header[:4] != b"RIFF":
                return False
            (riff_bytes,) = struct.unpack("<I", header[4:])
            # 0 and all ones: written by a program that could not seek back, so they say nothing.
            # 1 byte: some writers count the padding of an odd chunk and then leave it out.
            return riff_bytes not in (0, 0xFFFF_FFFF) and riff_bytes + 8 > size_bytes + 1
        if container_name == "ogg":
            file.seek(max(0, size_bytes - _OGG_TAIL_BYTES))
            tail = file.read()
            last_page = tail.rfind(b"OggS")
            # Byte 5 holds the page's flags; 4 is "last page of the stream".
            return last_page < 0 or len(tail) < last_page + 6 or not tail[last_page + 5] & 4
    return False
