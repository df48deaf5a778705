"""Names that every file system takes, and nobody's file overwritten."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import EncodeError
from engine.io.encode import free_name
from engine.io.file_names import safe_name

SUFFIXES = ("", " (accompaniment).flac", " (vocals).flac")


@given(text=st.text(max_size=300), max_bytes=st.integers(8, 255))
def test_any_text_becomes_one_safe_name(text: str, max_bytes: int) -> None:
    name = safe_name(text, max_bytes)
    assert 1 <= len(name.encode()) <= max_bytes
    assert not set(name) & set('<>:"/\\|?*\0\n')
    assert name not in (".", "..")
    assert name == name.strip()
    assert not name.startswith(".")
    assert not name.endswith(".")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Falcon 69", "Falcon 69"),
        ("AC/DC: Who?", "AC_DC_ Who_"),
        ("Señor - 日本語 🎵", "Señor - 日本語 🎵"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("...", "song"),
        ("", "song"),
        ("con", "_con"),
        ("NUL.flac", "_NUL.flac"),
        ("tab\there", "tab_here"),
        (os.fsdecode(b"latin-\xe9"), "latin-_"),
    ],
)
def test_examples(text: str, name: str) -> None:
    assert safe_name(text) == name


def test_taken_names_are_counted_up(tmp_path: Path) -> None:
    assert free_name(tmp_path, "Song") == "Song"
    (tmp_path / "song").mkdir()
    assert free_name(tmp_path, "Song") == "Song (2)"
    (tmp_path / "SONG (2)").touch()
    assert free_name(tmp_path, "Song") == "Song (3)"


def test_every_suffix_must_be_free(tmp_path: Path) -> None:
    (tmp_path / "Song (vocals).flac").touch()
    assert free_name(tmp_path, "Song", SUFFIXES) == "Song (2)"
    assert free_name(tmp_path, "Song", (" (drums).flac",)) == "Song"


def test_missing_folder_has_every_name_free(tmp_path: Path) -> None:
    assert free_name(tmp_path / "later", "Song") == "Song"


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EncodeError, match="cannot be listed"):
        free_name(tmp_path / "file", "Song")


@pytest.mark.parametrize("text", ["n" * 200, "n" * 400, "日" * 200, "🎵" * 200])
def test_long_names_leave_room_for_what_is_appended(tmp_path: Path, text: str) -> None:
    for _ in range(3):
        name = free_name(tmp_path, text, SUFFIXES)
        assert name.startswith(text[:40])
        for suffix in SUFFIXES:
            # The real file system has the last word.
            (tmp_path / f"{name}{suffix}.part").touch()
            (tmp_path / f"{name}{suffix}.part").rename(tmp_path / f"{name}{suffix}")
    assert len(list(tmp_path.iterdir())) == 9
