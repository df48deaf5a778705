"""Settings survive the disk, bad files, other versions; what is written is whole or not there."""

import os
import threading
import tomllib
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.live_settings import LiveSettings
from app.settings import VERSION, Settings, checked, load_settings, save_settings, settings_file, to_toml
from app.write_behind import WriteBehind, replace_file

ODD = replace(
    Settings(),
    audio=checked(Settings().audio, "audio", device='JACK: "a\\b" é\n\x7f', rate_hz=44_100, block_frames=64),
    window=checked(Settings().window, "window", help_seen=True, motion="none"),
    mixer=checked(Settings().mixer, "mixer", master_gain_db=-7.5),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "settings.toml"


@pytest.mark.parametrize("settings", [Settings(), ODD], ids=["defaults", "odd"])
def test_what_is_saved_is_read_again(path: Path, settings: Settings):
    save_settings(settings, path)
    assert load_settings(path) == (settings, [])


@given(device=st.text(st.characters(exclude_categories=["Cs"])), limit_gb=st.floats(1.0, 10_000.0))
def test_any_text_and_number_goes_through_toml(device: str, limit_gb: float):
    settings = replace(
        Settings(),
        audio=checked(Settings().audio, "audio", device=device),
        stems=checked(Settings().stems, "stems", limit_gb=limit_gb),
    )
    values = tomllib.loads(to_toml(settings))
    assert values["audio"]["device"] == device
    assert values["stems"]["limit_gb"] == limit_gb


def test_every_setting_is_documented_and_its_default_is_in_range():
    text = to_toml(Settings())
    for section in fields(Settings):
        part = getattr(Settings(), section.name)
        for item in fields(part):
            assert item.metadata["doc"] in text
            assert checked(part, section.name, **{item.name: item.default}) == part


def test_home_decides_where_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("CHARON_HOME", str(tmp_path))
    assert settings_file() == tmp_path / "config" / "settings.toml"
    assert load_settings() == (Settings(), [])
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_key_is_told_with_the_closest_name(path: Path):
    replace_file(path, b"version = 1\n[audio]\nblock_frame = 64\nrate_hz = 44100\n[sterns]\nlimit_gb = 3.0\n")
    settings, notes = load_settings(path)
    assert settings == replace(Settings(), audio=replace(Settings().audio, rate_hz=44_100))
    assert len(notes) == 2
    assert "'block_frame'" in notes[0]
    assert "did you mean 'block_frames'?" in notes[0]
    assert "did you mean 'stems'?" in notes[1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[audio]\nblock_frames = 99999", "outside 0 to 8192"),
        ("[audio]\nblock_frames = 1.5", "not a whole number"),
        ("[audio]\nblock_frames = true", "not a whole number"),
        ("[audio]\ndevice = 3", "not a text"),
        ("[stems]\nlimit_gb = nan", "outside 1 to 10000"),
        ("[stems]\nlimit_gb = 'much'", "not a number"),
        ("[export]\ncontainer = 'ogg'", "not one of wav, flac, mp3"),
        ("[window]\nhelp_seen = 1", "not true or false"),
        ("audio = 3", "not a section"),
        ("version = 'new'", "not a number"),
    ],
)
def test_a_value_that_does_not_fit_gives_its_default_and_a_line(path: Path, text: str, said: str):
    replace_file(path, text.encode())
    settings, notes = load_settings(path)
    assert settings == Settings()
    assert len(notes) == 1
    assert said in notes[0]


@pytest.mark.parametrize("damage", [b"[audio\n", b"\xff\xfe\x00", b"version = 1\nversion = 2\n"])
def test_a_broken_file_is_kept(path: Path, damage: bytes):
    replace_file(path, damage)
    settings, notes = load_settings(path)
    assert settings == Settings()
    assert len(notes) == 1
    assert "settings.toml.bad" in notes[0]
    save_settings(settings, path)
    assert path.with_name("settings.toml.bad").read_bytes() == damage


def test_older_values_are_brought_forward_step_by_step(path: Path):
    replace_file(path, b"version = 0\n[sound]\nblock = 256\n")
    migrations = {
        0: lambda values: {"audio": {"block": values["sound"]["block"]}},
        1: lambda values: {"audio": {"block_frames": values["audio"]["block"]}},
    }
    settings, notes = load_settings(path, version=2, migrations=migrations)
    assert (settings.audio.block_frames, notes) == (256, [])


def test_values_of_a_newer_charon_are_kept_and_what_is_known_is_used(path: Path):
    text = f"version = {VERSION + 1}\n[audio]\nrate_hz = 96000\n".encode()
    replace_file(path, text)
    settings, notes = load_settings(path)
    assert settings.audio.rate_hz == 96_000
    assert "newer Charon" in notes[0]
    assert path.with_name(f"settings.toml.v{VERSION + 1}").read_bytes() == text


def test_a_file_that_cannot_be_replaced_stays_as_it_was(path: Path):
    path.mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        replace_file(path, b"new")
    assert os.listdir(path.parent) == ["settings.toml"]


def test_changes_are_told_checked_and_saved_behind(path: Path):
    writer = WriteBehind()
    live = LiveSettings(Settings(), writer, path)
    told: list[str] = []
    live.changed.connect(told.append)
    for block_frames in (64, 64, 128):
        live.change("audio", block_frames=block_frames)
    with pytest.raises(ValueError, match="outside 0 to 8192"):
        live.change("audio", block_frames=-1)
    with pytest.raises(ValueError, match="did you mean"):
        live.change("audio", block_frame=1)
    assert told == ["audio", "audio"]
    assert writer.flush()
    assert load_settings(path)[0] == live.current
    assert live.current.audio.block_frames == 128
    writer.close()


def test_only_the_newest_content_is_written_and_closing_writes_it(tmp_path: Path):
    begun, go = threading.Event(), threading.Event()
    made: list[int] = []

    def make(number: int) -> bytes:
        made.append(number)
        if number == 0:
            begun.set()
            go.wait(5.0)
        return b"%d" % number

    writer = WriteBehind()
    writer.put(tmp_path / "a", lambda: make(0))
    assert begun.wait(5.0)
    for number in (1, 2, 3):
        writer.put(tmp_path / "a", lambda number=number: make(number))
    assert not writer.flush(0.01)
    go.set()
    writer.close()
    assert made == [0, 3]
    assert (tmp_path / "a").read_bytes() == b"3"


def test_a_folder_that_refuses_is_told_once_and_others_go_on(tmp_path: Path):
    (tmp_path / "taken").write_bytes(b"")
    told: list[str] = []
    writer = WriteBehind(told.append)
    for number in range(3):
        writer.put(tmp_path / "taken" / "a", lambda number=number: b"%d" % number)
        assert writer.flush()
    writer.put(tmp_path / "raises", lambda: 1 // 0 and b"")
    writer.put(tmp_path / "b", lambda: b"good")
    assert writer.flush()
    writer.close()
    assert len(told) == 1
    assert "taken" in told[0]
    assert (tmp_path / "b").read_bytes() == b"good"
    assert not (tmp_path / "raises").exists()
