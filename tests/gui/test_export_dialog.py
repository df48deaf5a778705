"""The export dialog on real stores: what it refuses, what it writes, and that it never waits for a disk."""

from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from app import export_order
from app.export_order import ExportSource, make_format
from app.jobs import JobPool
from app.mixer_state import MixerState, Strip
from app.panels.export_dialog import ExportChoice, ExportDialog
from app.tick import Tick
from engine.io.song_store import ORIGINAL, Progress, SongStore
from engine.services.mixdown import LaneSetting, Mix, Mixer
from tests.realtime.conftest import write_song

STEMS = ("vocals", "accompaniment")
N_FRAMES = 90_000


@pytest.fixture
def pool(qapp: object) -> Iterator[JobPool]:
    pool = JobPool()
    yield pool
    pool.close()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> SongStore:
    rng = np.random.default_rng(2)
    stems = {name: rng.normal(0.0, 0.1, (2, N_FRAMES)).astype(np.float32) for name in STEMS}
    total = np.sum(list(stems.values()), axis=0, dtype=np.float32)
    store = write_song(tmp_path_factory.mktemp("store") / "song", {ORIGINAL: total, **stems}, 44_100)
    store.progress[Progress.TOTAL_SEGMENTS] = store.progress[Progress.SEGMENTS_DONE] = 4
    return store


@pytest.fixture
def source(store: SongStore, tmp_path: Path, qapp: object) -> ExportSource:
    mixer = MixerState()
    mixer.set_stems(STEMS)
    song = tmp_path / "music" / "song.wav"
    song.parent.mkdir()
    soundfile.write(song, np.zeros((100, 2)), 44_100)
    return ExportSource(
        song, "Let's Go", store.folder, "spleeter-2stems", STEMS, 44_100, N_FRAMES / 44_100, mixer
    )


@pytest.fixture
def dialog(qtbot: QtBot, source: ExportSource, pool: JobPool) -> ExportDialog:
    dialog = ExportDialog(source, ExportChoice(), pool)
    qtbot.addWidget(dialog)
    dialog.show_tick(tick(source))
    return dialog


def tick(source: ExportSource, done: int = 4) -> Tick:
    return Tick(folder=source.folder, segments_done=done, segments_total=4, duration_s=source.duration_s)


def button(dialog: ExportDialog, name: str) -> QPushButton:
    return dialog.findChild(QPushButton, name)


def words(dialog: ExportDialog) -> str:
    return "\n".join(label.text() for label in dialog.findChildren(QLabel))


def export(qtbot: QtBot, dialog: ExportDialog) -> Path:
    with qtbot.waitSignal(dialog.exported, timeout=20_000) as told:
        qtbot.mouseClick(button(dialog, "export"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not dialog.busy)
    return told.args[0]


def test_stems_are_written_beside_the_song_and_sum_to_it(
    qtbot: QtBot, dialog: ExportDialog, source: ExportSource, store: SongStore
) -> None:
    with qtbot.waitSignal(dialog.choice_changed) as chosen:
        folder = export(qtbot, dialog)
    assert chosen.args == [ExportChoice("wav", "24", "")]
    assert folder == source.song.parent / "Let's Go"
    files = {path.stem: soundfile.read(path, dtype="int32", always_2d=True)[0] for path in folder.iterdir()}
    assert set(files) == set(STEMS)
    steps = sum(samples.astype(np.int64) >> 8 for samples in files.values())
    original = np.rint(store.map_lane(ORIGINAL).astype(np.float64) * 2**23)
    assert np.max(np.abs(steps - original)) <= 2
    assert "2 files written to" in words(dialog)


def test_the_mix_is_taken_as_the_mixer_stands(
    qtbot: QtBot, dialog: ExportDialog, source: ExportSource, store: SongStore, tmp_path: Path
) -> None:
    source.mixer.set_strip("vocals", Strip(gain_db=-6.0, pan=0.5))
    source.mixer.set_strip("master", Strip(gain_db=-3.0))
    dialog.form.set_what("mix")
    dialog.form.show_choice("wav", "32f", str(tmp_path / "new" / "mixes"))
    assert "Vocals -6.0 dB 50 % right, Master -3.0 dB" in words(dialog)
    folder = export(qtbot, dialog)
    assert [path.name for path in folder.iterdir()] == ["Let's Go (mix).wav"]
    written = soundfile.read(folder / "Let's Go (mix).wav", dtype="float32")[0]
    mix = Mix({"vocals": LaneSetting(-6.0, 0.5)}, LaneSetting(-3.0))
    assert np.array_equal(written, np.concatenate([b.copy() for b in Mixer(store, mix).blocks()]))


def test_only_the_chosen_stems_are_written(qtbot: QtBot, dialog: ExportDialog, tmp_path: Path) -> None:
    dialog.form.set_stem("accompaniment", False)
    dialog.form.show_choice("flac", "16", str(tmp_path / "out"))
    assert [path.name for path in export(qtbot, dialog).iterdir()] == ["vocals.flac"]


def test_an_unfinished_song_is_refused_until_it_is_complete(
    qtbot: QtBot, source: ExportSource, pool: JobPool
) -> None:
    dialog = ExportDialog(source, ExportChoice(), pool)
    qtbot.addWidget(dialog)
    assert not button(dialog, "export").isEnabled()
    dialog.show_tick(tick(source, 3))
    assert "75 % separated" in words(dialog)
    assert not button(dialog, "export").isEnabled()
    dialog.start()
    assert not dialog.busy
    dialog.show_tick(Tick(folder=Path("other"), segments_done=1, segments_total=1))
    assert not button(dialog, "export").isEnabled()
    dialog.show_tick(tick(source))
    assert button(dialog, "export").isEnabled()


def test_what_cannot_end_well_is_said_before_it_begins(
    qtbot: QtBot, dialog: ExportDialog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in STEMS:
        dialog.form.set_stem(name, False)
    assert dialog.refusal() == "Choose at least one stem"
    dialog.form.set_stem("vocals", True)
    dialog.form.set_folder("  ")
    assert dialog.refusal() == "Choose a folder"
    plain_file = tmp_path / "file"
    plain_file.write_text("")
    dialog.form.set_folder(str(plain_file / "below"))
    qtbot.waitUntil(lambda: "is not a folder" in dialog.refusal(), timeout=5000)
    assert not button(dialog, "export").isEnabled()
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(export_order.shutil, "disk_usage", lambda _: usage(10**9, 10**9, 10**6))
    dialog.form.set_folder(str(tmp_path / "new"))
    qtbot.waitUntil(lambda: "1.0 MB are free" in dialog.refusal(), timeout=5000)
    assert not (tmp_path / "new").exists()


def test_a_rate_that_a_format_cannot_hold_is_refused_without_options_of_the_command_line(
    qtbot: QtBot, source: ExportSource, pool: JobPool
) -> None:
    fast = ExportSource(
        source.song, "x", source.folder, source.model, STEMS, 96_000, source.duration_s, source.mixer
    )
    dialog = ExportDialog(fast, ExportChoice("mp3"), pool)
    qtbot.addWidget(dialog)
    dialog.show_tick(tick(fast))
    assert "MP3 cannot hold 96000 Hz" in dialog.refusal()
    assert "--" not in dialog.refusal()


def test_a_failure_is_said_and_can_be_tried_again(qtbot: QtBot, dialog: ExportDialog, tmp_path: Path) -> None:
    target = tmp_path / "out"
    dialog.form.set_folder(str(target))
    qtbot.waitUntil(lambda: "free" in words(dialog))
    target.write_text("now a file is in the way")
    qtbot.mouseClick(button(dialog, "export"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not dialog.busy, timeout=10_000)
    assert "is not a folder" in dialog.refusal()
    assert " -o" not in dialog.refusal()
    target.unlink()
    dialog.form.set_folder(str(tmp_path / "better"))
    assert export(qtbot, dialog).parent == tmp_path / "better"


def test_cancel_and_escape_stop_the_work_and_leave_nothing(
    qtbot: QtBot, dialog: ExportDialog, source: ExportSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.services.export.BLOCK_FRAMES", 200)
    dialog.show()
    qtbot.mouseClick(button(dialog, "export"), Qt.MouseButton.LeftButton)
    assert dialog.busy
    assert not dialog.form.isEnabled()
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert dialog.isVisible()
    qtbot.waitUntil(lambda: not dialog.busy, timeout=10_000)
    assert [path.name for path in source.song.parent.iterdir()] == ["song.wav"]
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


@pytest.mark.parametrize(
    ("container", "bits", "integer_bits"),
    [("wav", "16", 16), ("wav", "32f", None), ("flac", "32f", 24), ("flac", "16", 16), ("mp3", "24", None)],
)
def test_every_choice_is_a_format(container: str, bits: str, integer_bits: int | None) -> None:
    assert make_format(container, bits).integer_bits == integer_bits


def test_bits_come_back_after_a_format_without_them(qtbot: QtBot, dialog: ExportDialog) -> None:
    dialog.form.show_choice("wav", "16", "x")
    for container in ("mp3", "flac"):
        dialog.form.show_choice(container, dialog.form.bits, "x")
    assert (dialog.form.container, dialog.form.bits) == ("flac", "16")


def test_tab_goes_down_the_form_and_every_stop_has_a_name(qtbot: QtBot, dialog: ExportDialog) -> None:
    dialog.show()
    qtbot.waitUntil(lambda: dialog.focusWidget() is not None)
    names: list[str] = []
    while dialog.focusWidget().accessibleName() not in names:
        names.append(dialog.focusWidget().accessibleName())
        qtbot.keyClick(dialog.focusWidget(), Qt.Key.Key_Tab)
    expected = ["Stems", "Vocals", "Accompaniment", "Format", "Bits", "Folder"]
    assert names == [*expected, "Choose a folder", "Close", "Export"]
