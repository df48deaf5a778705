"""The Julia set in the window: its panel, the whole screen, what is remembered, and what it leaves behind."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.desktop import Desktop
from app.panels.visual import VisualPanel
from app.settings import load_settings
from app.visual.palettes import palettes
from app.visual.pictures import Pictures
from app.visual.renderer import look_of
from app.visual.scenes import scenes
from app.visual.view import JuliaView
from engine.errors import ParameterError
from engine.services.visual_frame import CALM_FRAME, VisualFrame
from tests.gui.screen import virtual_screen
from tests.gui.test_main_path import drop

ROOT = Path(__file__).parents[2]


class Source:
    """A course that the test sets."""

    def __init__(self) -> None:
        self.now = CALM_FRAME

    def __call__(self) -> VisualFrame:
        return self.now


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def pictures(source: Source, qapp: object) -> Iterator[Pictures]:
    made = Pictures(source, "memory")
    yield made
    made.close()


@pytest.fixture
def panel(qtbot: QtBot, pictures: Pictures) -> VisualPanel:
    shown = VisualPanel(pictures)
    qtbot.addWidget(shown)
    shown.resize(352, 720)
    shown.show()
    qtbot.waitUntil(lambda: pictures.picture is not None, timeout=20_000)
    return shown


def grabbed(view: JuliaView) -> np.ndarray:
    """What the user sees, uint8 (height, width, 3)."""
    image = view.grab().toImage().convertToFormat(view.grab().toImage().Format.Format_RGB32)
    pixels = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4)
    return pixels[..., 2::-1].copy()


def test_the_panel_shows_a_picture_that_moves(
    panel: VisualPanel, pictures: Pictures, source: Source, qtbot: QtBot
) -> None:
    qtbot.waitUntil(lambda: grabbed(panel.view).max() > 60, timeout=10_000)
    before = grabbed(panel.view)
    assert before.std() > 10.0
    source.now = replace(CALM_FRAME, c=0.285 + 0.01j, levels=(0.9, 0.5, 0.2, 0.1))
    qtbot.waitUntil(lambda: np.abs(grabbed(panel.view).astype(int) - before).mean() > 8.0, timeout=10_000)
    qtbot.waitUntil(lambda: panel.drives.levels == (0.9, 0.5, 0.2, 0.1), timeout=5_000)
    assert panel.orbit.accessibleDescription() == "c = 0.285 +0.010 i"
    assert pictures.rate_hz > 0.0


def test_scene_palette_and_limit_are_chosen_and_shown(
    panel: VisualPanel, pictures: Pictures, qtbot: QtBot
) -> None:
    asked: list[object] = []
    panel.scene_chosen.connect(asked.append)
    panel.palette_chosen.connect(asked.append)
    panel.limit_wanted.connect(asked.append)
    for choice in (panel.scene_choice, panel.palette_choice):
        choice.setFocus()
        QTest.keyClick(choice, Qt.Key.Key_Down)
    assert asked == [list(scenes())[1], next(iter(palettes()))]
    panel.limit_choice.chosen.emit(0)
    assert asked[-1] is False
    pictures.set_look(look_of("silk", "ember", limited=False))
    assert panel.scene_choice.accessibleDescription() == scenes()["silk"].title
    assert panel.palette_choice.accessibleDescription() == palettes()["ember"].title
    assert panel.limit_choice.index == 0


def test_a_double_click_asks_for_the_whole_screen(panel: VisualPanel, qtbot: QtBot) -> None:
    with qtbot.waitSignal(panel.full_screen_wanted):
        qtbot.mouseDClick(panel.view, Qt.MouseButton.LeftButton, pos=QPoint(40, 40))


def test_only_the_view_that_is_shown_has_the_pictures(
    panel: VisualPanel, pictures: Pictures, qtbot: QtBot
) -> None:
    second = JuliaView(pictures)
    qtbot.addWidget(second)
    second.resize(200, 200)
    second.show()
    assert pictures.is_shown_on(second)
    qtbot.waitUntil(lambda: pictures.picture.pixels.shape[:2] == (200, 200), timeout=10_000)
    second.hide()
    assert pictures.is_shown_on(panel.view)
    size = (panel.view.height(), panel.view.width())
    qtbot.waitUntil(lambda: pictures.picture.pixels.shape[:2] == size, timeout=10_000)
    panel.hide()
    assert pictures.rate_hz == 0.0


def test_who_wants_less_motion_sees_nothing_pulse_or_turn(source: Source, pictures: Pictures) -> None:
    source.now = replace(CALM_FRAME, pulse=1.0, scale=1.3, rotation=2.0)
    pictures.set_calm(True)
    frame = pictures.frame()
    assert (frame.pulse, frame.scale, frame.rotation) == (0.0, 1.0, 0.0)
    pictures.set_calm(False)
    assert pictures.frame() is source.now


def test_without_opengl_the_view_says_why(qtbot: QtBot, source: Source) -> None:
    pictures = Pictures(source)
    view = JuliaView(pictures)
    qtbot.addWidget(view)
    view.resize(300, 200)
    pictures._take_kind("none", "there is no OpenGL 3.3 here")
    view.show()
    light = grabbed(view)
    # Words in the dim colour on the window's.
    assert light.max() > 120
    assert np.median(light) < 25
    assert pictures.rate_hz == 0.0
    pictures.close()


def test_the_dock_the_whole_screen_and_what_is_remembered(
    make_desktop: Callable[[], Desktop], qtbot: QtBot, tone: Path
) -> None:
    desktop = make_desktop()
    visual, window = desktop.rooms.visual, desktop.window
    assert window.dock("visual").isVisible()
    drop(desktop, tone)
    qtbot.waitUntil(lambda: visual.pictures.picture is not None, timeout=20_000)
    qtbot.waitUntil(lambda: visual.frame().glow > 0.2, timeout=20_000)
    # F11 is the whole screen, and the keys of the window work there.
    QTest.keyClick(window, Qt.Key.Key_F11)
    qtbot.waitUntil(lambda: visual.stage is not None and visual.stage.isVisible())
    stage = visual.stage
    assert stage.isFullScreen()
    assert visual.pictures.is_shown_on(stage.view)
    stage.activateWindow()
    playing = desktop.bridge.tick.playing
    QTest.keyClick(stage, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: desktop.bridge.tick.playing is not playing)
    QTest.keyClick(stage, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: visual.stage is None)
    assert not window.actions_["picture"].isChecked()
    assert visual.pictures.is_shown_on(visual.panel.view)
    visual.panel.scene_chosen.emit("silk")
    visual.panel.limit_wanted.emit(False)
    assert visual.pictures.look.scene.name == "silk"
    assert not visual.pictures.look.limited
    window.dock("visual").close()
    qtbot.waitUntil(lambda: visual.pictures.rate_hz == 0.0)
    desktop.close()
    settings, notes = load_settings()
    assert notes == []
    assert (settings.visual.scene, settings.visual.limit_flashes) == ("silk", False)
    again = make_desktop()
    assert not again.window.dock("visual").isVisible()
    assert again.rooms.visual.pictures.look.scene.name == "silk"


def test_a_scene_that_is_no_more_is_said_and_replaced() -> None:
    with pytest.raises(ParameterError, match="lagoon"):
        look_of("lagon")


# A QOpenGLWidget makes its programs anew in every window: a second a round without a graphics card.
@pytest.mark.parametrize(("kind", "n_rounds"), [("memory", 50), ("surface", 14)])
def test_rounds_of_docking_and_full_screen_leave_nothing_behind(
    kind: str, n_rounds: int, tmp_path: Path
) -> None:
    with virtual_screen() as display:
        done = subprocess.run(
            [sys.executable, "-m", "tests.gui.picture_cycles", kind, str(n_rounds)],
            cwd=ROOT,
            env={
                **os.environ,
                "DISPLAY": display,
                "QT_QPA_PLATFORM": "xcb",
                "LIBGL_ALWAYS_SOFTWARE": "1",
                "CHARON_HOME": str(tmp_path / "home"),
            },
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["kind"] == kind
    assert result["rate_hz"] > 1.0
    assert not result["stage_left"]
    warm, end = result["warm"], result["end"]
    assert end["threads"] <= warm["threads"]
    assert end["all_threads"] <= warm["all_threads"] + 2
    assert end["files"] <= warm["files"] + 2
    assert end["widgets"] <= warm["widgets"]
    # Forty rounds: a picture that was kept each time would be 60 MB and more.
    assert end["rss_bytes"] - warm["rss_bytes"] < 25e6
