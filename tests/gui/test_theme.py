"""The tokens are readable, the style sheet is whole, fonts and icons are there and take their colours."""

import os
import re
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QFile, QSize
from PySide6.QtGui import QColor, QFontInfo, QFontMetricsF, QIcon, QImage, QPainter
from PySide6.QtWidgets import QApplication, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from app import theme
from app.theme import contrast, tokens

ROOT = Path(__file__).resolve().parents[2]
GROUNDS = ("window", "panel", "raised", "hover")
WORDS = ("text", "dim", "accent", "good", "warning", "error")
ICONS = sorted(path.stem for path in (ROOT / "resources" / "icons").glob("*.svg"))


@pytest.fixture(autouse=True)
def themed(qapp: QApplication):
    theme.apply_theme(qapp)


def test_contrast_is_that_of_the_guidelines():
    assert contrast(QColor("#000000"), QColor("#ffffff")) == pytest.approx(21.0)
    # A pair that is known to be just enough.
    assert contrast(QColor("#767676"), QColor("#ffffff")) == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize(("word", "ground"), list(product(WORDS, GROUNDS)))
def test_text_is_readable_on_every_ground(word: str, ground: str):
    assert contrast(getattr(tokens(), word), getattr(tokens(), ground)) >= 4.5


@pytest.mark.parametrize("name", sorted(tokens().lanes))
def test_lanes_stand_out(name: str):
    for ground in GROUNDS:
        assert contrast(tokens().lane_colour(name), getattr(tokens(), ground)) >= 4.5


@pytest.mark.parametrize("ground", ["accent", "warning", "good", "error"])
def test_dark_text_is_readable_on_what_is_lit(ground: str):
    assert contrast(tokens().window, getattr(tokens(), ground)) >= 4.5


def test_an_unknown_lane_always_has_the_same_colour():
    colour = tokens().lane_colour("theremin")
    assert colour in tokens().lanes.values()
    assert tokens().lane_colour("theremin") == colour
    assert tokens().lane_colour("accompaniment") == tokens().lane_colour("other")


def test_distances_keep_to_the_unit():
    assert tokens().unit_px == 4
    assert (tokens().radius_small_px, tokens().radius_medium_px, tokens().radius_large_px) == (5, 8, 17)


def test_colours_stand_in_the_tokens_only():
    literal = re.compile(r"#[0-9a-fA-F]{6}\b|#[0-9a-fA-F]{3}\b|\brgba?\(")
    sources = [*(ROOT / "app").rglob("*.py"), ROOT / "resources" / "theme" / "charon.qss"]
    assert len(sources) > 10
    assert [path.name for path in sources if literal.search(path.read_text(encoding="utf-8"))] == []


def test_style_sheet_is_filled_in_and_its_images_exist():
    sheet = theme.style_sheet()
    assert "$" not in sheet
    images = set(re.findall(r'url\("([^"]+)"\)', sheet))
    assert images
    assert [image for image in images if not QFile.exists(image)] == []


def test_style_sheet_parses(qtbot: QtBot, qtlog: Any):
    def complaints(sheet: str) -> list[str]:
        button = QPushButton("x")
        qtbot.addWidget(button)
        button.setStyleSheet(sheet)
        button.ensurePolished()
        return [record.message for record in qtlog.records]

    assert complaints(theme.style_sheet()) == []
    assert "parse" in complaints(theme.style_sheet() + "QLabel {")[0]


def test_images_of_the_style_sheet_have_their_colours():
    image = QImage(":/charon/dot-accent.svg")
    assert image.pixelColor(image.rect().center()) == tokens().accent


@pytest.mark.parametrize("weight", [400, 500, 600])
def test_the_typeface_is_our_own_in_three_cuts(weight: int):
    info = QFontInfo(theme.font(13, weight))
    assert (info.family(), info.weight(), info.pixelSize()) == ("Inter", weight, 13)


def test_tabular_figures_have_one_width():
    metrics = QFontMetricsF(theme.font(27, 600, tabular=True))
    assert len({metrics.horizontalAdvance(figure) for figure in "0123456789"}) == 1
    plain = QFontMetricsF(theme.font(27, 600))
    assert plain.horizontalAdvance("1") < plain.horizontalAdvance("0")


def test_a_widget_keeps_the_font_it_is_given(qtbot: QtBot):
    label = QLabel("x")
    qtbot.addWidget(label)
    label.setFont(theme.font(20, 600))
    label.ensurePolished()
    assert label.font().pixelSize() == 20
    assert label.font().weight() == 600


def shades(image: QImage) -> set[str]:
    """Colours of the opaque pixels."""
    return {
        image.pixelColor(x, y).name()
        for x in range(image.width())
        for y in range(image.height())
        if image.pixelColor(x, y).alpha() == 255
    }


@pytest.mark.parametrize("name", [name for name in ICONS if name != "charon"])
def test_icons_are_drawn_in_the_colour_asked_for(name: str):
    colour = QColor(1, 200, 3)
    image = theme.icon(name, colour).pixmap(QSize(48, 48), 1.0).toImage()
    assert shades(image) == {colour.name()}


def test_icons_are_sharp_at_twice_the_scale_and_faint_when_disabled():
    icon = theme.icon("play")
    pixmap = icon.pixmap(QSize(18, 18), 2.0)
    assert pixmap.size() == QSize(36, 36)
    assert shades(pixmap.toImage()) == {tokens().dim.name()}
    disabled = icon.pixmap(QSize(24, 24), 1.0, QIcon.Mode.Disabled)
    assert shades(disabled.toImage()) == {tokens().faint.name()}


def test_an_icon_that_is_not_there_is_an_error():
    with pytest.raises(FileNotFoundError):
        theme.icon("no-such-icon")


def test_icons_can_be_painted_as_vectors():
    image = QImage(40, 40, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(0)
    painter = QPainter(image)
    theme.paint_icon(painter, "dot", tokens().good, image.rect().toRectF())
    painter.end()
    assert image.pixelColor(20, 20) == tokens().good
    assert image.pixelColor(1, 1).alpha() == 0


def test_reduced_motion_follows_the_setting():
    before = theme.reduced_motion()
    try:
        theme.set_reduced_motion(True)
        assert theme.reduced_motion()
        assert theme.motion_ms(tokens().motion_long_ms) == 0
        theme.set_reduced_motion(False)
        assert not theme.reduced_motion()
        assert theme.motion_ms(120) == 120
    finally:
        theme.set_reduced_motion(before)


def test_a_system_that_does_not_answer_wants_no_less_motion():
    code = "from app.system_motion import system_reduces_motion as asked; print(asked())"
    environment = os.environ | {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_lanes_have_titles():
    assert theme.lane_title("vocals") == "Vocals"
    assert theme.lane_title("backing_vocals") == "Backing vocals"


def test_fonts_carry_their_licence():
    assert "SIL OPEN FONT LICENSE" in (ROOT / "resources" / "fonts" / "OFL.txt").read_text(encoding="utf-8")
    assert "Inter" in (ROOT / "NOTICE").read_text(encoding="utf-8")
    size = sum(path.stat().st_size for path in (ROOT / "resources" / "fonts").glob("*.ttf"))
    assert size < 1_500_000
