"""The look of the window: colours, type, icons and style sheet, all from `resources/theme`.

GUI thread only, after the QApplication exists. Widgets ask here for what they paint with and name no
colour themselves, so that the look can be judged, and changed, in one file of tokens.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any
from zlib import crc32

from PySide6.QtCore import QByteArray, QCoreApplication, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QIcon, QImage, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication, QStyleFactory

from app import theme_resources
from app.system_motion import system_reduces_motion

FAMILY = "Inter"
_FONTS = ("Inter-Regular.ttf", "Inter-Medium.ttf", "Inter-SemiBold.ttf")
# What toolbars, menus and buttons ask for at scale factors 1 to 3; Qt takes the nearest above.
_ICON_SIZES = (14, 16, 18, 20, 24, 28, 32, 36, 40, 48, 60, 72)
_MOTION = "charonReducedMotion"
# Images of the style sheet, as NAME-COLOUR.
_SHEET_ICONS = (
    "cancel-dim",
    "check-text",
    "check-window",
    "chevron-dim",
    "chevron-right-dim",
    "chevron-up-dim",
    "dot-accent",
    "float-dim",
    "minus-window",
)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Colours and measures of the design. The colours are shared: copy one before changing it.

    Parameters
    ----------
    window, panel, raised, hover, line : QColor
        Grounds, from the back to the front, and seams.
    text, dim, faint : QColor
        Text, second text (both readable on every ground), and what is no text at all.
    accent, good, warning, error : QColor
    lanes : dict of str to QColor
        A colour for each kind of lane.
    unit_px : int
        Every distance is a multiple of it.
    radius_small_px, radius_medium_px, radius_large_px : int
    text_tiny_px, text_small_px, text_body_px, text_title_px, text_large_px, text_huge_px : int
    motion_short_ms, motion_long_ms : int
        For `motion_ms`, which knows whether any is wanted.
    """

    window: QColor
    panel: QColor
    raised: QColor
    hover: QColor
    line: QColor
    text: QColor
    dim: QColor
    faint: QColor
    accent: QColor
    good: QColor
    warning: QColor
    error: QColor
    lanes: Mapping[str, QColor]
    unit_px: int
    radius_small_px: int
    radius_medium_px: int
    radius_large_px: int
    text_tiny_px: int
    text_small_px: int
    text_body_px: int
    text_title_px: int
    text_large_px: int
    text_huge_px: int
    motion_short_ms: int
    motion_long_ms: int

    def lane_colour(self, name: str) -> QColor:
        """Colour of a lane; one that has none of its own always gets the same one of the set."""
        if name in self.lanes:
            return self.lanes[name]
        if name.startswith("take-"):
            return self.lanes["take"]
        stems = [colour for stem, colour in self.lanes.items() if stem not in ("original", "take")]
        return stems[crc32(name.encode()) % len(stems)]


def tokens() -> Tokens:
    """The tokens, read once."""
    return _tokens()


@cache
def _tokens() -> Tokens:
    values = tomllib.loads(_resource("theme", "tokens.toml").decode())
    measures: dict[str, Any] = {"unit_px": values["space"]["unit"]}
    measures |= {f"radius_{name}_px": px for name, px in values["radius"].items()}
    measures |= {f"text_{name}_px": px for name, px in values["text"].items()}
    measures |= {f"motion_{name}_ms": ms for name, ms in values["motion"].items()}
    return Tokens(
        **{name: QColor(value) for name, value in values["colour"].items()},
        lanes={name: QColor(value) for name, value in values["lane"].items()},
        **measures,
    )


def apply_theme(app: QApplication) -> None:
    """Dress the application: fonts, palette, style sheet, icon. Costs nothing when it is dressed already."""
    sheet = style_sheet()
    if app.styleSheet() == sheet:
        return
    # Now, because the system may take some milliseconds to answer, which later some frame would wait for.
    system_reduces_motion()
    _register_fonts()
    # The one style that looks alike everywhere and that style sheets fully reach.
    app.setStyle(QStyleFactory.create("Fusion"))
    app.setPalette(_palette())
    app.setFont(font(tokens().text_body_px))
    _register_sheet_icons()
    app.setStyleSheet(sheet)
    app.setWindowIcon(icon("charon"))


def style_sheet() -> str:
    """The style sheet with every token filled in; a name that is no token is a KeyError."""
    values: dict[str, str] = {"family": FAMILY}
    for field in fields(Tokens):
        value = getattr(tokens(), field.name)
        values[field.name] = value.name() if isinstance(value, QColor) else str(value)
    for name in ("accent", "error"):
        values[f"{name}_soft"] = mixed(tokens().panel, getattr(tokens(), name), 0.24).name()
    values["accent_hover"] = mixed(tokens().accent, tokens().text, 0.35).name()
    values["icons"] = ":/charon"
    return Template(_resource("theme", "charon.qss").decode()).substitute(values)


def mixed(ground: QColor, over: QColor, amount: float) -> QColor:
    """Colour `over` laid on `ground`, `amount` of it (0 to 1)."""
    return QColor.fromRgbF(
        ground.redF() + (over.redF() - ground.redF()) * amount,
        ground.greenF() + (over.greenF() - ground.greenF()) * amount,
        ground.blueF() + (over.blueF() - ground.blueF()) * amount,
    )


def contrast(one: QColor, other: QColor) -> float:
    """Contrast ratio of two colours, 1 to 21.

    References
    ----------
    W3C, "Web Content Accessibility Guidelines 2.1", definitions of contrast ratio and relative luminance.
    """
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def font(px: int, weight: int = 400, *, tabular: bool = False) -> QFont:
    """Inter at a size.

    Parameters
    ----------
    px : int
        One of the text sizes of the tokens.
    weight : int
        400, 500 or 600: the cuts that are there.
    tabular : bool
        Figures of one width, so that a running number does not tremble.
    """
    result = QFont(FAMILY)
    result.setPixelSize(px)
    result.setWeight(QFont.Weight(weight))
    # Strokes keep their true weight and spacing at every scale factor.
    result.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    if tabular:
        result.setFeature(QFont.Tag("tnum"), 1)
    return result


def icon(name: str, colour: QColor | None = None) -> QIcon:
    """Icon of `resources/icons`, recoloured; dim when no colour is given, faint when disabled.

    Raises
    ------
    FileNotFoundError
        There is no icon of that name.
    """
    return _icon(name, (colour or tokens().dim).name())


@cache
def _icon(name: str, colour: str) -> QIcon:
    result = QIcon()
    for mode, shade in ((QIcon.Mode.Normal, colour), (QIcon.Mode.Disabled, tokens().faint.name())):
        renderer = _renderer(name, shade)
        for size in _ICON_SIZES:
            image = QImage(QSize(size, size), QImage.Format.Format_ARGB32_Premultiplied)
            image.fill(Qt.GlobalColor.transparent)
            painter = QPainter(image)
            renderer.render(painter, QRectF(0, 0, size, size))
            painter.end()
            result.addPixmap(QPixmap.fromImage(image), mode)
    return result


def paint_icon(painter: QPainter, name: str, colour: QColor, place: QRectF) -> None:
    """Draw an icon as vectors, for widgets that paint themselves.

    Parameters
    ----------
    painter : QPainter
    name : str
        As in `icon`.
    colour : QColor
    place : QRectF
        Logical coordinates.
    """
    _renderer(name, colour.name()).render(painter, place)


@cache
def _renderer(name: str, colour: str) -> QSvgRenderer:
    return QSvgRenderer(QByteArray(_coloured(name, colour)))


def _coloured(name: str, colour: str) -> bytes:
    return _resource("icons", f"{name}.svg").replace(b"currentColor", colour.encode())


@cache
def _register_fonts() -> None:
    for name in _FONTS:
        QFontDatabase.addApplicationFontFromData(QByteArray(_resource("fonts", name)))


@cache
def _register_sheet_icons() -> tuple[bytes, bytes, bytes]:
    icons: dict[str, bytes] = {}
    for pair in _SHEET_ICONS:
        name, _, token = pair.rpartition("-")
        icons[f"{pair}.svg"] = _coloured(name, getattr(tokens(), token).name())
    return theme_resources.register(icons)


def set_reduced_motion(wanted: bool | None) -> None:
    """Ask for less motion, or for motion whatever the system says; None follows the system."""
    _application().setProperty(_MOTION, wanted)


def reduced_motion() -> bool:
    """Whether nothing should move that need not: the user's setting, else the system's."""
    wanted = _application().property(_MOTION)
    return system_reduces_motion() if wanted is None else bool(wanted)


def motion_ms(ms: int) -> int:
    """How long a transition of `ms` takes: 0 under reduced motion."""
    return 0 if reduced_motion() else ms


def lane_title(name: str) -> str:
    """What the user calls a lane."""
    titles = {
        "vocals": _tr("Vocals"),
        "drums": _tr("Drums"),
        "bass": _tr("Bass"),
        "other": _tr("Other"),
        "guitar": _tr("Guitar"),
        "piano": _tr("Piano"),
        "accompaniment": _tr("Accompaniment"),
        "original": _tr("Original"),
        "master": _tr("Master"),
    }
    return titles.get(name) or name.replace("_", " ").capitalize()


def _palette() -> QPalette:
    look = tokens()
    role = QPalette.ColorRole
    palette = QPalette()
    for key, colour in (
        (role.Window, look.panel),
        (role.WindowText, look.text),
        (role.Base, look.window),
        (role.AlternateBase, look.panel),
        (role.Text, look.text),
        (role.PlaceholderText, look.dim),
        (role.Button, look.raised),
        (role.ButtonText, look.text),
        (role.BrightText, look.error),
        (role.ToolTipBase, look.raised),
        (role.ToolTipText, look.text),
        (role.Highlight, look.accent),
        (role.HighlightedText, look.window),
        (role.Accent, look.accent),
        (role.Link, look.accent),
        (role.LinkVisited, look.accent),
        (role.Light, look.hover),
        (role.Midlight, look.raised),
        (role.Mid, look.line),
        (role.Dark, look.window),
        (role.Shadow, look.window),
    ):
        palette.setColor(key, colour)
    for key in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, key, look.faint)
    return palette


def _luminance(colour: QColor) -> float:
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (colour.redF(), colour.greenF(), colour.blueF())
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _resource(folder: str, name: str) -> bytes:
    return (files("resources") / folder / name).read_bytes()


def _application() -> QCoreApplication:
    app = QCoreApplication.instance()
    if app is None:
        raise RuntimeError("No application is running: make a QApplication first.")
    return app


def _tr(text: str) -> str:
    return QCoreApplication.translate("Theme", text)
