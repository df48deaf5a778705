"""Tags and cover travel from every kind of song to every kind of stem."""

import base64
import zlib
from pathlib import Path

import mutagen
import numpy as np
import pytest
import soundfile
from mutagen.flac import FLAC, Picture
from mutagen.id3 import APIC, ID3, TALB, TDRC, TIT2, TPE1, TRCK
from mutagen.mp4 import MP4, MP4Cover
from mutagen.oggvorbis import OggVorbis
from mutagen.wave import WAVE

from engine.errors import CharonWarning
from engine.io.decode import read_song
from engine.io.encode import OutputFormat, SoundFileWriter
from engine.io.tags import copy_tags, read_tags

RATE_HZ = 44_100
TITLE, ARTIST, ALBUM = "Żółta łódź 日本", "Charon & Söhne", "Styx"


def _png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return len(data).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")

    header = (2).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    pixels = zlib.compress(b"\0" + b"\xff\0\0" * 2 + b"\0" + b"\0\0\xff" * 2)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def _picture() -> Picture:
    picture = Picture()
    picture.type, picture.mime, picture.data = 3, "image/png", _png()
    picture.width = picture.height = 2
    picture.depth = 24
    return picture


def _id3(tags: ID3) -> None:
    tags.add(TIT2(3, TITLE))
    tags.add(TPE1(3, ARTIST))
    tags.add(TALB(3, ALBUM))
    tags.add(TDRC(3, "2026"))
    tags.add(TRCK(3, "3"))
    tags.add(APIC(3, "image/png", 3, "", _png()))


@pytest.fixture(params=["mp3", "wav", "flac", "ogg", "m4a"])
def song(request, tmp_path, music, write_pcm, encode) -> Path:
    kind = request.param
    path = tmp_path / f"song.{kind}"
    if kind == "m4a":
        encode(path, music(RATE_HZ), RATE_HZ, "aac")
        file = MP4(path)
        file["\xa9nam"], file["\xa9ART"], file["\xa9alb"], file["\xa9day"] = TITLE, ARTIST, ALBUM, "2026"
        file["trkn"] = [(3, 0)]
        file["covr"] = [MP4Cover(_png(), MP4Cover.FORMAT_PNG)]
        file.save()
        return path
    write_pcm(path, music(RATE_HZ), RATE_HZ)
    if kind in ("mp3", "wav"):
        file = WAVE(path) if kind == "wav" else mutagen.File(path)
        if file.tags is None:
            file.add_tags()
        _id3(file.tags)
    else:
        file = FLAC(path) if kind == "flac" else OggVorbis(path)
        for key, value in zip(
            ("title", "artist", "album", "date", "tracknumber"),
            (TITLE, ARTIST, ALBUM, "2026", "3"),
            strict=True,
        ):
            file[key] = value
        if kind == "flac":
            file.add_picture(_picture())
        else:
            file["metadata_block_picture"] = base64.b64encode(_picture().write()).decode()
    file.save()
    return path


@pytest.mark.parametrize("kind", ["wav", "flac", "mp3"])
def test_from_every_kind_to_every_kind(song: Path, tmp_path: Path, music, kind) -> None:
    x = music(RATE_HZ)
    target = tmp_path / f"stem.{kind}"
    with SoundFileWriter(target, OutputFormat(kind), RATE_HZ) as writer:
        writer.write(x)
        writer.commit(song, " (vocals)")
    written = mutagen.File(target)
    if kind == "flac":
        found = [written[key][0] for key in ("title", "artist", "album", "date", "tracknumber")]
        cover = written.pictures[0].data
    else:
        found = [str(written.tags[key]) for key in ("TIT2", "TPE1", "TALB", "TDRC", "TRCK")]
        cover = written.tags.getall("APIC")[0].data
    assert found == [f"{TITLE} (vocals)", ARTIST, ALBUM, "2026", "3"]
    assert cover == _png()
    # The sound is untouched by them.
    y, _ = read_song(target)
    assert y.shape == x.shape
    tags, picture = read_tags(target)
    assert tags["title"] == f"{TITLE} (vocals)"
    assert picture == ("image/png", _png())


def test_a_song_without_tags_gives_its_name(tmp_path: Path, music, write_pcm) -> None:
    source = write_pcm(tmp_path / "My song.wav", music(1000), RATE_HZ)
    target = write_pcm(tmp_path / "a.flac", music(1000), RATE_HZ)
    copy_tags(source, target, " (drums)")
    assert dict(FLAC(target)) == {"title": ["My song (drums)"]}


def test_a_file_that_mutagen_cannot_edit_is_a_warning(tmp_path: Path, music, write_pcm) -> None:
    source = write_pcm(tmp_path / "song.flac", music(1000), RATE_HZ)
    target = tmp_path / "a.wav"
    soundfile.write(target, np.zeros((10, 2)), RATE_HZ, "PCM_16", format="RF64")
    before = target.read_bytes()
    with pytest.warns(CharonWarning, match=r"the tags of song\.flac could not be carried over"):
        copy_tags(source, target, "")
    assert target.read_bytes() == before


def test_real_song(shared_data: Path) -> None:
    tags, cover = read_tags(shared_data / "fishin.ogg")
    assert (tags["title"], tags["artist"]) == ("Let's Go Fishin'", "Karissa Hobbs")
    assert cover is None


def test_unreadable_source_has_no_tags(tmp_path: Path) -> None:
    assert read_tags(tmp_path / "nowhere.mp3") == ({}, None)
