"""A session comes back as it was, from damaged files too, and finds its song wherever it went."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.autosave import AutoSave
from app.edits import Edits
from app.loop_state import LoopState
from app.mixer_state import MixerState, Strip
from app.recent import LIMIT, RecentSongs
from app.session import (
    Session,
    SessionError,
    SongReference,
    States,
    from_values,
    load_session,
    restore_mix,
    save_session,
    take_session,
    to_json,
)
from app.session_song import SongMissing, find_song
from app.take_state import TakeEntry, TakeState
from app.tick import Tick
from app.write_behind import WriteBehind
from engine.io.decode import content_hash

ROOT = Path(__file__).parents[2]


@pytest.fixture
def song(tmp_path: Path) -> Path:
    path = tmp_path / "music" / "naïve \U0001f41f.mp3"
    path.parent.mkdir()
    path.write_bytes(b"not sound, but bytes" * 100)
    return path


@pytest.fixture
def writer() -> Iterator[WriteBehind]:
    writer = WriteBehind()
    yield writer
    writer.close()


def new_states(*stems: str) -> States:
    """Takes are mixed as soon as there are any, as in the window."""
    mixer, loop = MixerState(), LoopState()
    takes = TakeState(Edits(mixer, loop))
    takes.changed.connect(lambda: mixer.set_takes(takes.titles()))
    mixer.set_stems(stems)
    return mixer, loop, takes


def mixed(song: Path) -> tuple[Session, States]:
    mixer, loop, takes = states = new_states("vocals", "accompaniment")
    takes.set_entries((TakeEntry("take-3", "Second voice", song.with_name("fish.take"), "dry"),))
    mixer.set_strip("take-3", Strip(-9.0, -0.5, solo=True))
    mixer.set_strip("vocals", Strip(-3.5, 0.25, mute=True))
    mixer.set_strip("master", Strip(-6.0))
    loop.set((10.0, 12.5), True)
    tick = Tick(song=song, title="Fish", artist="Ann", position_s=11.2345)
    return take_session(tick, states, "spleeter-2stems", [Path("next.mp3")]), states


def saved(song: Path, path: Path) -> SongReference:
    save_session(path, mixed(song)[0])
    reference = load_session(path).song
    assert reference is not None
    return reference


def test_a_session_comes_back(tmp_path: Path, song: Path):
    session, (mixer, loop, _) = mixed(song)
    path = save_session(tmp_path / "evening", session)
    assert path == tmp_path / "evening.charon"
    back = load_session(path)
    assert back.song == SongReference(
        song, "music/naïve \U0001f41f.mp3", content_hash(song), 2000, "Fish", "Ann"
    )
    assert back == replace(session, song=back.song)
    assert back.position_s == 11.23
    other, other_loop, takes = states = new_states("vocals", "accompaniment")
    restore_mix(back, states)
    assert other.to_dict() == mixer.to_dict()
    assert other.strip("take-3") == Strip(-9.0, -0.5, solo=True)
    assert other.title("take-3") == "Second voice"
    # A number that a take had is not given to another one.
    assert takes.add(song.with_name("fish (2).take"), "wet").name == "take-4"
    assert (other_loop.span_s, other_loop.enabled) == (loop.span_s, True)


def test_strips_of_stems_that_are_not_here_are_left_out(song: Path):
    session, _ = mixed(song)
    other, _, _ = states = new_states("drums")
    restore_mix(session, states)
    assert other.strip("drums") == Strip()
    assert other.strip("master") == Strip(-6.0)


def test_an_empty_window_is_a_session_too(tmp_path: Path):
    session = take_session(Tick(), new_states(), "m")
    assert load_session(save_session(tmp_path / "a.charon", session)) == session


def test_a_hash_known_to_the_store_is_taken_from_there(tmp_path: Path, song: Path):
    folder = tmp_path / "stems"
    folder.mkdir()
    (folder / "manifest.json").write_text('{"song_hash": "abc"}')
    session = Session(song=SongReference(song, folder=folder))
    loaded = load_session(save_session(tmp_path / "a.charon", session)).song
    assert loaded is not None
    assert loaded.sha256 == "abc"


def test_a_song_that_is_gone_is_saved_by_its_path(tmp_path: Path):
    session = Session(song=SongReference(tmp_path / "gone.mp3"))
    loaded = load_session(save_session(tmp_path / "a.charon", session)).song
    assert loaded is not None
    assert (loaded.sha256, loaded.path) == ("", tmp_path / "gone.mp3")


def good_values() -> dict:
    song = SongReference(Path("/music/a.mp3"))
    takes = tuple(TakeEntry(f"take-{k}", "A take", Path("/music/a.take"), "wet") for k in (1, 2))
    session = Session(song, "m", 1.0, {"vocals": {"gain_db": 1.0}}, (1.0, 2.0), True, (Path("b"),), takes)
    return json.loads(to_json(session, Path("/music")))


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        (("charon_session",), 99, "newer Charon"),
        (("position_s",), "here", "position_s is 'here', not a number"),
        (("position_s",), float("nan"), "position_s"),
        (("position_s",), 10**400, "position_s"),
        (("model",), None, "model"),
        (("song",), [], "song is [], not an object"),
        (("song", "path"), 3, "song.path"),
        (("song", "path"), "a\0b", "song.path"),
        (("song", "size_bytes"), -1, "song.size_bytes"),
        (("mixer", "vocals", "gain_db"), True, "mixer.vocals.gain_db"),
        (("mixer", "vocals", "mute"), 0, "mixer.vocals.mute"),
        (("mixer",), "loud", "mixer"),
        (("loop", "span_s"), [1.0], "loop.span_s"),
        (("loop", "span_s"), [1.0, "x"], "loop.span_s"),
        (("queue",), {"a": 1}, "queue"),
        (("takes",), "a.take", "takes"),
        (("takes",), [3], "takes is 3, not an object"),
        (("takes", 0, "name"), "take-2", "a name for each"),
        (("takes", 0, "name"), "take-" + "9" * 5000, "takes.name"),
        (("takes", 1, "name"), "vocals", "takes.name"),
        (("takes", 1, "log"), "", "takes.log"),
        (("takes", 1, "kind"), "both", "takes.kind"),
    ],
)
def test_a_wrong_value_is_named(where: tuple[str | int, ...], value: object, said: str):
    values = good_values()
    inner: Any = values
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = value
    with pytest.raises(SessionError, match=r"evening\.charon") as failed:
        from_values(values, "evening.charon")
    assert said in str(failed.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(key=st.sampled_from(sorted(good_values())), value=JSON)
def test_no_value_does_worse_than_a_session_error(key: str, value: object):
    try:
        session = from_values(good_values() | {key: value}, "x")
    except SessionError:
        return
    restore_mix(session, new_states("vocals"))


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\x00", b"[]", b'{"a": 1}', b"[" * 100_000])
def test_another_file_is_refused_in_words(tmp_path: Path, data: bytes):
    path = tmp_path / "a.charon"
    path.write_bytes(data)
    with pytest.raises(SessionError, match=r"a\.charon is no session of Charon"):
        load_session(path)


def test_files_that_cannot_be_opened_or_written_are_told(tmp_path: Path):
    with pytest.raises(SessionError, match="no such file"):
        load_session(tmp_path / "none.charon")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SessionError, match="choose another folder"):
        save_session(tmp_path / "file" / "a.charon", Session())


def test_a_song_in_its_place_needs_no_words(tmp_path: Path, song: Path):
    found = find_song(saved(song, tmp_path / "a.charon"), tmp_path / "a.charon")
    assert (found.path, found.note) == (song, "")


def test_a_song_that_changed_is_told(tmp_path: Path, song: Path):
    reference = saved(song, tmp_path / "a.charon")
    song.write_bytes(b"x" * 2000)
    found = find_song(reference, tmp_path / "a.charon")
    assert found.path == song
    assert "has changed" in found.note


def test_a_folder_that_moved_as_a_whole_is_followed(tmp_path: Path, song: Path):
    reference = saved(song, tmp_path / "music" / "a.charon")
    song.parent.rename(tmp_path / "elsewhere")
    found = find_song(reference, tmp_path / "elsewhere" / "a.charon")
    assert found.path == tmp_path / "elsewhere" / song.name
    assert found.note == f"{song.name} was moved: found in {tmp_path / 'elsewhere'}"


def test_a_song_from_another_system_is_found_by_name(tmp_path: Path, song: Path):
    reference = replace(
        saved(song, tmp_path / "a.charon"), path=Path("C:\\Music\\" + song.name), relative="../x/y.mp3"
    )
    found = find_song(reference, song.parent / "a.charon")
    assert found.path == song


@pytest.mark.parametrize("place", ["beside", "old folder", "recent"])
def test_a_renamed_song_is_known_by_its_content(tmp_path: Path, song: Path, place: str):
    reference = saved(song, tmp_path / "sessions" / "a.charon")
    decoy = song.with_name("decoy.mp3")
    decoy.write_bytes(b"y" * 2000)
    folders = {
        "beside": tmp_path / "sessions" / "deep" / "er",
        "old folder": song.parent / "sub",
        "recent": tmp_path / "other",
    }
    folders[place].mkdir(parents=True)
    new = folders[place] / "renamed.mp3"
    song.rename(new)
    found = find_song(reference, tmp_path / "sessions" / "a.charon", [tmp_path / "other"])
    assert found.path == new
    assert "is called renamed.mp3 now" in found.note


def test_a_namesake_is_taken_only_with_a_word(tmp_path: Path, song: Path):
    reference = saved(song, tmp_path / "a.charon")
    song.unlink()
    (tmp_path / song.name).write_bytes(b"another recording")
    found = find_song(reference, tmp_path / "a.charon")
    assert found.path == tmp_path / song.name
    assert "not the same recording" in found.note


def test_a_lost_song_is_told_kindly(tmp_path: Path, song: Path):
    reference = saved(song, tmp_path / "a.charon")
    song.unlink()
    with pytest.raises(SongMissing, match="put it beside the session file, or choose it") as failed:
        find_song(reference, tmp_path / "a.charon")
    assert str(song) in str(failed.value)


def test_recent_songs_are_kept_in_order_and_bounded(tmp_path: Path, writer: WriteBehind):
    recent = RecentSongs(writer, tmp_path / "recent.json")
    for number in (*range(20), 7):
        recent.add(tmp_path / f"{number}.mp3")
    recent.remove(tmp_path / "19.mp3")
    writer.flush()
    again = RecentSongs(writer, tmp_path / "recent.json")
    again.add(tmp_path / "new.mp3")
    again.load()
    names = [path.stem for path in again.entries()]
    assert names == ["new", "7", *map(str, range(18, 7, -1)), "6", "5"]
    assert len(names) == LIMIT
    again.clear()
    writer.flush()
    assert json.loads((tmp_path / "recent.json").read_text()) == []


@pytest.mark.parametrize("data", [b"{", b"{}", b"[1, null]", b"\xff"])
def test_a_damaged_list_of_recent_songs_is_empty(tmp_path: Path, writer: WriteBehind, data: bytes):
    (tmp_path / "recent.json").write_bytes(data)
    recent = RecentSongs(writer, tmp_path / "recent.json")
    recent.load()
    assert recent.entries() == ()


def test_a_clean_end_offers_nothing(tmp_path: Path, song: Path, writer: WriteBehind):
    for _ in range(2):
        keeper = AutoSave(writer, lambda: mixed(song)[0], tmp_path)
        assert keeper.begin() is None
        keeper.save()
        writer.flush()
        assert load_session(keeper.file).position_s == 11.23
        keeper.end()
        keeper.end()
    assert [path for path in tmp_path.glob("running-*") if path.suffix != ".lock"] == []


def test_the_same_session_is_written_once(tmp_path: Path, song: Path, writer: WriteBehind):
    sessions = [mixed(song)[0]]
    keeper = AutoSave(writer, lambda: sessions[0], tmp_path)
    keeper.begin()
    keeper.save()
    writer.flush()
    keeper.file.unlink()
    keeper.save()
    writer.flush()
    assert not keeper.file.exists()
    sessions[0] = replace(sessions[0], position_s=12.0)
    keeper.save()
    writer.flush()
    assert load_session(keeper.file).position_s == 12.0
    keeper.end()


def test_two_windows_have_a_session_each(tmp_path: Path, song: Path, writer: WriteBehind):
    first, second = (AutoSave(writer, lambda: mixed(song)[0], tmp_path) for _ in range(2))
    assert (first.begin(), second.begin()) == (None, None)
    assert first.file != second.file
    first.end()
    second.end()


KILLED = """
import sys, time
from pathlib import Path
from PySide6.QtCore import QCoreApplication
from app.autosave import AutoSave
from app.session import Session, SongReference
from app.write_behind import WriteBehind
application = QCoreApplication([])
session = Session(SongReference(Path(sys.argv[2])), "m", 42.0)
keeper = AutoSave(WriteBehind(), lambda: session, Path(sys.argv[1]))
assert keeper.begin() is None
keeper._timer.setInterval(10)
keeper.start()
print("saving", flush=True)
application.exec()
"""


def test_a_killed_window_leaves_its_session_to_the_next(tmp_path: Path, song: Path, writer: WriteBehind):
    folder = tmp_path / "sessions"
    other = AutoSave(writer, lambda: None, folder)
    assert other.begin() is None  # a second window that is open all the time is no crash
    killed = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(folder), str(song)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert killed.stdout is not None
    assert killed.stdout.readline() == "saving\n"
    while not list(folder.glob("*.charon")):
        assert killed.poll() is None
    killed.kill()  # cannot be caught, on any system
    killed.communicate()
    keeper = AutoSave(writer, lambda: None, folder)
    left = keeper.begin()
    assert left is not None
    assert left.song is not None
    assert (left.position_s, left.song.sha256) == (42.0, content_hash(song))
    keeper.end()
    again = AutoSave(writer, lambda: None, folder)
    assert again.begin() is None
    again.end()
    other.end()
