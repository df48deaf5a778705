"""The lyrics panel on a real engine: lyrics beside a song, pasted, dropped, kept, saved, sung along."""

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.desktop import Desktop
from app.export_order import run_export
from app.lyrics_desk import LyricsDesk
from app.lyrics_state import Origin
from app.mixer_state import Strip
from app.panels.export_dialog import ExportDialog
from app.panels.lyrics_view import LEAST_FONT_PX, MOST_FONT_PX, stepped_px
from engine.io.home import Home
from engine.io.lyric_files import KINDS, format_lyrics, read_lyrics, suffix_of
from engine.io.lyric_tags import read_lyric_tags
from engine.lyrics import Lyrics, Segment, Word
from engine.services.lyrics_store import LyricsStore
from engine.services.transcription_job import JobState
from tests.gui.test_main_path import drop, play
from tests.gui.turntable import BLOCK_FRAMES, RATE_HZ, MicTable, Turntable


def line(text: str, start_s: float) -> Segment:
    """A line whose words are sung for half a second each."""
    words = tuple(Word(start_s + i / 2, start_s + i / 2 + 0.5, word) for i, word in enumerate(text.split()))
    return Segment(start_s, words[-1].end_s, text, words, source="given")


LYRICS = Lyrics((line("we could take the boat", 1.0), line("come on let's go", 5.0)), "")


@pytest.fixture
def song(tone: Path, tmp_path: Path) -> Path:
    """A song with its lyrics beside it."""
    path = tmp_path / "music" / "boat.wav"
    path.parent.mkdir()
    shutil.copyfile(tone, path)
    path.with_suffix(".lrc").write_text(format_lyrics(LYRICS, "lrc-words"), encoding="utf-8")
    return path


class Room:
    """The window with the lyrics in front."""

    def __init__(self, desktop: Desktop, qtbot: QtBot) -> None:
        qtbot.waitUntil(lambda: desktop.rooms is not None, timeout=60_000)
        assert desktop.rooms is not None
        self.desktop, self.qtbot = desktop, qtbot
        self.desk: LyricsDesk = desktop.rooms.lyrics
        self.panel, self.model, self.state = self.desk.panel, self.desk.model, self.desk.state
        desktop.window.open_panel("lyrics")

    def play(self, song: Path) -> None:
        play(self.desktop, self.qtbot, song)
        self.qtbot.waitUntil(lambda: self.model.song == song and not self.model.is_finding, timeout=10_000)

    @property
    def lines(self) -> list[str]:
        return [] if self.state.lyrics is None else [segment.text for segment in self.state.lyrics.segments]

    def trigger(self, name: str) -> None:
        self.desktop.window.actions_[name].trigger()

    def wait_for(self, what: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(what, timeout=30_000)


@pytest.fixture
def room(desktop: Desktop, qtbot: QtBot) -> Room:
    return Room(desktop, qtbot)


def drop_on(room: Room, path: Path) -> None:
    """What the desktop sends when a file is let go over the panel."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    keys, buttons = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
    where = QPointF(room.panel.rect().center())
    enter = QDragEnterEvent(where.toPoint(), Qt.DropAction.CopyAction, data, buttons, keys)
    QApplication.sendEvent(room.panel, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(room.panel, QDropEvent(where, Qt.DropAction.CopyAction, data, buttons, keys))


def test_lyrics_beside_a_song_are_sung_and_a_clicked_word_is_gone_to(room: Room, song: Path) -> None:
    room.play(song)
    assert room.lines == ["we could take the boat", "come on let's go"]
    assert room.state.origin is Origin.FILE
    assert room.panel.head.line.line == "From boat.lrc"
    room.desktop.bridge.seek(5.1)
    room.wait_for(lambda: room.panel.view.shown.line == 1 and room.panel.view.shown.word >= 1)
    view = room.panel.view
    place = view.places.place_of(0, 3).center().toPoint()
    room.qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=place)
    # The word begins at 2.5 s.
    room.wait_for(lambda: 2.5 <= room.desktop.bridge.tick.position_s < 4.0)
    room.desktop.bridge.toggle_play()
    room.wait_for(lambda: not room.desktop.bridge.tick.playing)
    tick = room.desktop.bridge.tick
    room.wait_for(lambda: abs(view.time_s - tick.position_s) < 0.02)
    assert view.mark.line == 0
    assert view.mark.word == min(4, int((view.time_s - 1.0) / 0.5))


def test_what_is_edited_moved_and_enlarged_is_there_again(
    make_desktop: Callable[[], Desktop], qtbot: QtBot, song: Path, home: Home
) -> None:
    room = Room(make_desktop(), qtbot)
    room.play(song)
    room.desk.edits.rewrite(1, "come on, let us go")
    room.trigger("lyrics_later")
    room.trigger("lyrics_later")
    assert room.panel.head.offset.text == "+0.10 s"
    before_px = room.desktop.settings.current.lyrics.font_px
    qtbot.mouseClick(room.panel.head.larger, Qt.MouseButton.LeftButton)
    after_px = room.desktop.settings.current.lyrics.font_px
    assert after_px > before_px
    room.desktop.close()
    kept = LyricsStore(home).read(song)
    assert kept is not None
    assert kept.segments[1].text == "come on, let us go"
    room = Room(make_desktop(), qtbot)
    room.play(song)
    assert room.lines[1] == "come on, let us go"
    assert room.state.origin is Origin.EDITED
    assert room.state.offset_s == pytest.approx(0.1)
    assert room.desktop.settings.current.lyrics.font_px == after_px


def test_lyrics_are_dropped_pasted_removed_and_taken_back(room: Room, song: Path, tmp_path: Path) -> None:
    room.play(song)
    other = tmp_path / "other.srt"
    other.write_text("1\n00:00:02,000 --> 00:00:04,000\nanother song\n", encoding="utf-8")
    drop_on(room, other)
    room.wait_for(lambda: room.lines == ["another song"])
    assert room.panel.head.line.line == "From other.srt, a time a line"
    # Lyrics alone, let go anywhere, are no songs that cannot be read.
    drop(room.desktop, song.with_suffix(".lrc"))
    room.wait_for(lambda: len(room.lines) == 2)
    room.desktop.edits.stack.undo()
    QGuiApplication.clipboard().setText("one line\n\nand another")
    room.trigger("paste_lyrics")
    # The model that would put them in time is not here: they are shown all the same, and that is said.
    room.wait_for(lambda: room.lines == ["one line", "and another"])
    assert not room.state.is_timed
    assert "without times" in room.panel.head.line.line
    room.trigger("drop_lyrics")
    assert room.lines == []
    assert room.panel.empty.isVisible()
    stack = room.desktop.edits.stack
    stack.undo()
    assert room.lines == ["one line", "and another"]
    stack.undo()
    assert room.lines == ["another song"]
    stack.undo()
    assert room.lines == ["we could take the boat", "come on let's go"]
    assert room.state.origin is Origin.FILE
    QGuiApplication.clipboard().setText("  \n ")
    room.trigger("paste_lyrics")
    assert len(room.lines) == 2


def test_lyrics_are_saved_as_they_are_shown(room: Room, song: Path, tmp_path: Path) -> None:
    room.play(song)
    room.desk.edits.set_offset_s(0.5)
    for kind in KINDS:
        path = tmp_path / kind / f"saved{suffix_of(kind)}"
        path.parent.mkdir()
        room.desk.save(path, kind)
        room.wait_for(path.exists)
        saved = read_lyrics(path)
        assert [segment.text for segment in saved.lyrics.segments] == room.lines, kind
        if kind == "txt":
            assert saved.timing == "none"
            continue
        assert saved.timing == ("words" if kind in {"lrc-words", "vtt", "json"} else "lines"), kind
        starts_s = [segment.start_s for segment in saved.lyrics.segments]
        assert starts_s == pytest.approx([1.5, 5.5], abs=0.01), kind


def test_an_export_carries_the_lyrics_when_it_is_asked_to(room: Room, song: Path, tmp_path: Path) -> None:
    room.play(song)
    room.trigger("export")
    dialog = room.desktop.window.findChild(ExportDialog)
    assert dialog is not None
    dialog.form.set_what("mix")
    dialog.form.set_folder(str(tmp_path / "out"))
    dialog.form.set_with_lyrics(True)
    order = dialog.order()
    dialog.close()
    room.desktop.pool.start(partial(run_export, order))
    room.wait_for(lambda: any((tmp_path / "out").glob("*.wav")))
    written = next((tmp_path / "out").glob("*.wav"))
    room.wait_for(lambda: read_lyric_tags(written) is not None)
    tagged = read_lyric_tags(written)
    assert tagged is not None
    assert [segment.text for segment in tagged.segments] == room.lines
    assert tagged.segments[0].words[1].start_s == pytest.approx(1.5, abs=0.01)


def test_the_smallest_window_shows_the_whole_panel(room: Room, tone: Path) -> None:
    room.play(tone)
    window, head = room.desktop.window, room.panel.head
    window.resize(960, 600)
    room.wait_for(lambda: window.width() == 960)
    beside = window.dock("visual")
    room.wait_for(lambda: room.panel.mapTo(window, QPoint(room.panel.width(), 0)).x() <= beside.x())
    room.wait_for(lambda: head.more.geometry().right() < head.width())
    controls = (head.transcribe, head.model, head.offset, head.sing)
    # Buttons lose words as the row gets narrower, and are laid out anew after that.
    room.wait_for(lambda: all(control.width() >= control.sizeHint().width() for control in controls))
    assert all(control.isVisible() for control in (*controls, head.more))
    for button in room.panel.empty.buttons():
        assert (
            button.isHidden() or button.mapTo(room.panel, QPoint(button.width(), 0)).x() <= room.panel.width()
        )


def test_a_missing_model_is_offered_with_its_licence_and_a_failure_is_said(
    room: Room, tone: Path, tmp_path: Path
) -> None:
    assert "No song" in room.panel.empty.text
    assert not room.panel.head.transcribe.isEnabled()
    room.play(tone)
    room.wait_for(lambda: "MIT" in room.panel.empty.text)
    assert room.panel.empty.first.text().startswith("Get Whisper base")
    # Asked past the offer, as when its files are deleted meanwhile: the worker says why in one line.
    with room.qtbot.waitSignal(room.model.failed, timeout=60_000) as said:
        room.model.transcribe()
    assert "whisper-base" in said.args[0]
    assert room.model.job is not None
    assert room.model.job.state is JobState.FAILED
    assert room.panel.head.line.line == room.model.job.message
    room.model.transcribe()
    assert room.panel.head.transcribe.text() == "Stop"
    assert room.panel.head.bar.isVisible()
    room.qtbot.mouseClick(room.panel.head.transcribe, Qt.MouseButton.LeftButton)
    room.wait_for(lambda: not room.model.is_working)
    assert room.model.job.state is JobState.CANCELLED
    assert room.panel.head.transcribe.text() == "Go on"
    assert not room.panel.head.bar.isVisible()


@pytest.fixture
def singer(qtbot: QtBot, home: Home, turntable: Turntable) -> Iterator[Room]:
    """A window whose device has a mic."""
    desktop = Desktop(MicTable(turntable), home)
    desktop.start()
    qtbot.waitUntil(lambda: desktop.bridge.playback is not None, timeout=60_000)
    yield Room(desktop, qtbot)
    desktop.close()


def test_who_sings_the_melody_an_octave_lower_is_praised(
    singer: Room, song: Path, turntable: Turntable
) -> None:
    # The song is a chord of 480 and 960 Hz, whose period is that of 480 Hz.
    turntable.voice = (0.2 * np.sin(2 * np.pi * 240 * np.arange(RATE_HZ) / RATE_HZ)).astype(np.float32)
    singer.play(song)
    singer.trigger("sing")
    along, ribbon = singer.desk.along, singer.desk.ribbon
    assert ribbon.isVisible()
    singer.wait_for(lambda: along.melody is not None)
    assert along.melody is not None
    assert along.melody.at(5.0) == pytest.approx(480.0, rel=0.01)
    assert along.sung().score is None
    assert ribbon.mic.isVisible()
    singer.qtbot.mouseClick(ribbon.mic, Qt.MouseButton.LeftButton)
    singer.wait_for(lambda: along.sung().now_hz > 0.0)
    assert along.sung().now_hz == pytest.approx(240.0, rel=0.005)
    along.start_over()
    singer.wait_for(lambda: along.sung().score is not None and ribbon.number.text() != "")
    heard = along.sung()
    # Where in the song it was sung: now, within the time that a row takes to be whole.
    assert heard.song_s[-1] == pytest.approx(singer.desktop.bridge.tick.position_s, abs=0.25)
    assert heard.score is not None
    assert heard.score > 95.0
    turntable.voice = (0.2 * np.sin(2 * np.pi * 340 * np.arange(RATE_HZ) / RATE_HZ)).astype(np.float32)
    singer.wait_for(lambda: along.sung().now_hz > 300.0)
    along.start_over()
    singer.wait_for(lambda: (along.sung().score or 100.0) < 30.0)
    singer.trigger("sing")
    assert not ribbon.isVisible()
    assert not along.is_on


def test_a_note_stands_where_in_the_song_it_was_sung(singer: Room, song: Path, turntable: Turntable) -> None:
    # A note in the first half of every second of the device's own count.
    half = np.arange(RATE_HZ) < RATE_HZ // 2
    note = 0.2 * np.sin(2 * np.pi * 240 * np.arange(RATE_HZ) / RATE_HZ)
    turntable.voice = np.where(half, note, 0.0).astype(np.float32)
    singer.play(song)
    singer.trigger("sing")
    singer.qtbot.mouseClick(singer.desk.ribbon.mic, Qt.MouseButton.LeftButton)
    along, playback = singer.desk.along, singer.desktop.bridge.playback
    assert playback is not None

    def begun_s() -> np.ndarray:
        sung = along.sung()
        sounds = sung.pitch_hz > 0.0
        return sung.song_s[1:][sounds[1:] & ~sounds[:-1] & ~np.isnan(sung.song_s[1:])]

    singer.wait_for(lambda: begun_s().size >= 3)
    with turntable.lock:
        device, meters = turntable.device, playback.memory.read_meters()
        assert device is not None
        assert meters is not None
        ahead_s = (meters.song_frame - (device.n_frames - BLOCK_FRAMES)) / RATE_HZ
    latency = playback.mic.live.latency()
    sung_s = ahead_s - latency.input_s - latency.output_s - latency.limiter_s
    off_s = (begun_s()[1:] - sung_s + 0.5) % 1.0 - 0.5
    assert np.abs(off_s).max() < 0.04, off_s


def test_karaoke_lays_the_words_on_the_stage_and_turns_the_vocals_down(
    room: Room, song: Path, turntable: Turntable
) -> None:
    room.play(song)
    room.desktop.mixer.set_strip("vocals", Strip(gain_db=-3.0))
    n_steps = room.desktop.edits.stack.count()
    room.trigger("karaoke")
    show = room.desk.karaoke
    assert show.sheet is not None
    assert show.sheet.isVisible()
    assert show.sheet.size() == show.sheet.parentWidget().size()
    assert room.desktop.mixer.strip("vocals").gain_db == -18.0
    room.desktop.bridge.seek(5.1)
    sheet = show.sheet
    room.wait_for(lambda: sheet.view.shown.line == 1)
    show.sheet.fader.edit_value(-30.0)
    assert room.desktop.mixer.strip("vocals").gain_db == pytest.approx(-30.0)
    assert room.desktop.settings.current.lyrics.guide_db == pytest.approx(-30.0)
    place = sheet.view.places.place_of(0, 0).center().toPoint()
    room.qtbot.mouseClick(sheet.view, Qt.MouseButton.LeftButton, pos=place)
    room.wait_for(lambda: room.desktop.bridge.tick.position_s < 4.0)
    room.qtbot.keyClick(sheet.view, Qt.Key.Key_Escape)
    room.wait_for(lambda: show.sheet is None)
    assert not room.desktop.window.actions_["karaoke"].isChecked()
    assert not room.desktop.window.actions_["picture"].isChecked()
    assert room.desktop.mixer.strip("vocals").gain_db == -3.0
    assert room.desktop.edits.stack.count() == n_steps


def test_type_is_stepped_within_its_range() -> None:
    assert stepped_px(27, 1) > 27 > stepped_px(27, -1)
    assert stepped_px(LEAST_FONT_PX, -1) == LEAST_FONT_PX
    assert stepped_px(MOST_FONT_PX, 1) == MOST_FONT_PX
    assert stepped_px(LEAST_FONT_PX, 1) == LEAST_FONT_PX + 2
