"""Carrying a song's tags and cover over to its stems.

Called when a stem's file is complete, on whichever thread writes it. ffmpeg reads, because it gives
the same tag names and the cover for every container, video included; mutagen writes, because it
edits a finished file in place. Tags are a courtesy: what goes wrong here is a warning.
"""

import warnings
from collections.abc import Callable
from pathlib import Path

from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from mutagen import MutagenError
from mutagen import id3 as id3_frames
from mutagen.flac import FLAC, Picture
from mutagen.id3 import ID3
from mutagen.mp3 import MP3
from mutagen.wave import WAVE

from engine.errors import CharonWarning
from engine.io.demux import open_container

# ffmpeg's name of a tag: (ID3v2.4 text frame, Vorbis comment).
_TEXT_TAGS: dict[str, tuple[str, str]] = {
    "title": ("TIT2", "title"),
    "artist": ("TPE1", "artist"),
    "album": ("TALB", "album"),
    "album_artist": ("TPE2", "albumartist"),
    "date": ("TDRC", "date"),
    "track": ("TRCK", "tracknumber"),
    "disc": ("TPOS", "discnumber"),
    "genre": ("TCON", "genre"),
    "composer": ("TCOM", "composer"),
    "copyright": ("TCOP", "copyright"),
    "isrc": ("TSRC", "isrc"),
    "bpm": ("TBPM", "bpm"),
    "language": ("TLAN", "language"),
    "publisher": ("TPUB", "organization"),
}
# What containers call the same: ID3 frames ffmpeg leaves untranslated, Vorbis comments, MP4 atoms.
_ALIASES = {
    "albumartist": "album_artist",
    "tracknumber": "track",
    "discnumber": "disc",
    "year": "date",
    "tyer": "date",
    "tsrc": "isrc",
    "tbpm": "bpm",
    "tmpo": "bpm",
    "organization": "publisher",
}
_COVER_TYPES = {"mjpeg": "image/jpeg", "png": "image/png"}
_FRONT_COVER = 3


def read_tags(path: Path) -> tuple[dict[str, str], tuple[str, bytes] | None]:
    """Read a song's text tags and cover.

    Parameters
    ----------
    path : Path
        A file that decodes.

    Returns
    -------
    tuple of dict, and (MIME type, bytes) or None
        Tags under ffmpeg's names (`title`, `artist`, `album_artist`, ...), and the cover. Both empty where
        the file cannot be read.
    """
    try:
        with open_container(path) as container:
            found: dict[str, str] = {}
            # Ogg keeps its tags on the stream, the others on the container.
            sources = [stream.metadata for stream in container.streams.audio[:1]]
            for metadata in [*sources, container.metadata]:
                for key, value in metadata.items():
                    name = _ALIASES.get(key.lower(), key.lower())
                    if name in _TEXT_TAGS and value.strip():
                        found[name] = value.strip()
            if found.get("language") == "und":
                del found["language"]
            return found, _cover(container)
    except (FFmpegError, OSError, ValueError):
        return {}, None


def _cover(container: InputContainer) -> tuple[str, bytes] | None:
    """The attached picture, as (MIME type, bytes); every container hands it out as its own stream."""
    for stream in container.streams.video:
        mime = _COVER_TYPES.get(stream.codec_context.name)
        if mime and stream.disposition & Disposition.attached_pic:
            for packet in container.demux(stream):
                return mime, bytes(packet)
    return None


def copy_tags(source: Path, target: Path, title_suffix: str) -> None:
    """Write the tags and cover of a song into the file of one of its stems.

    Parameters
    ----------
    source : Path
        The song.
    target : Path
        A finished WAV, FLAC or MP3 (also under its unfinished name, ``NAME.wav.part``).
    title_suffix : str
        Appended to the title, such as " (vocals)". Without a title the song's file name is the title.

    Warns
    -----
    CharonWarning
        When the tags cannot be written; the sound in the file is untouched.
    """
    tags, cover = read_tags(source)
    tags["title"] = tags.get("title", source.stem) + title_suffix
    kind = target.with_name(target.name.removesuffix(".part")).suffix.lower()
    writers: dict[str, Callable[[Path, dict[str, str], tuple[str, bytes] | None], None]] = {
        ".flac": _write_flac,
        ".mp3": _write_mp3,
        ".wav": _write_wav,
    }
    try:
        writers[kind](target, tags, cover)
    except (MutagenError, OSError) as err:
        warnings.warn(
            CharonWarning(f"the tags of {source.name} could not be carried over: {err}"), stacklevel=2
        )


def _write_flac(target: Path, tags: dict[str, str], cover: tuple[str, bytes] | None) -> None:
    file = FLAC(target)
    for name, value in tags.items():
        file[_TEXT_TAGS[name][1]] = value
    if cover:
        picture = Picture()
        picture.type, picture.mime, picture.data = _FRONT_COVER, *cover
        file.add_picture(picture)
    file.save()


def _write_mp3(target: Path, tags: dict[str, str], cover: tuple[str, bytes] | None) -> None:
    file = MP3(target)
    if file.tags is None:
        file.add_tags()
    if file.tags is not None:
        _fill_id3(file.tags, tags, cover)
    file.save()


def _write_wav(target: Path, tags: dict[str, str], cover: tuple[str, bytes] | None) -> None:
    file = WAVE(target)
    if file.tags is None:
        file.add_tags()
    if file.tags is not None:
        _fill_id3(file.tags, tags, cover)
    file.save()


def _fill_id3(id3: ID3, tags: dict[str, str], cover: tuple[str, bytes] | None) -> None:
    for name, value in tags.items():
        frame = getattr(id3_frames, _TEXT_TAGS[name][0])
        id3.setall(frame.__name__, [frame(encoding=id3_frames.Encoding.UTF8, text=[value])])
    if cover:
        mime, data = cover
        picture = id3_frames.APIC(
            encoding=id3_frames.Encoding.UTF8, mime=mime, type=_FRONT_COVER, desc="", data=data
        )
        id3.setall("APIC", [picture])
