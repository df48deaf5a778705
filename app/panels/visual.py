"""The Julia set's panel: the picture, what drives it, where its orbit is, and how it looks.

GUI thread. Shows `Pictures`; what the user wants leaves as signals.
"""

from collections.abc import Mapping

from PySide6.QtCore import QSize, QTimer, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from app.controls.choice import Choice
from app.panels.orbit_map import OrbitMap
from app.panels.stem_drives import StemDrives
from app.theme import font, tokens
from app.visual.palettes import palettes
from app.visual.pictures import Pictures
from app.visual.renderer import Look
from app.visual.scenes import scenes
from app.visual.view import JuliaView

FOLLOW_MS = 40
"""Rows and orbit, 25 times a second: they are read, not watched."""
CHOICE_PX = (132, 48)


class VisualPanel(QWidget):
    """All of it.

    Parameters
    ----------
    pictures : Pictures
    parent : QWidget or None

    Attributes
    ----------
    full_screen_wanted : Signal()
    scene_chosen, palette_chosen : Signal(str)
        By name; an empty palette is the scene's own.
    limit_wanted : Signal(bool)
        Flashes kept below what is safe, or not.
    view : JuliaView
    """

    full_screen_wanted = Signal()
    scene_chosen = Signal(str)
    palette_chosen = Signal(str)
    limit_wanted = Signal(bool)

    def __init__(self, pictures: Pictures, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pictures = pictures
        self._scenes = tuple(scenes())
        self._palettes = ("", *palettes())
        self.view = JuliaView(pictures, self)
        self.view.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.view.setToolTip(self.tr("Double-click or F11: the whole screen"))
        self.drives = StemDrives(self)
        self.orbit = OrbitMap(self)
        self._rate = QLabel(self)
        self._make_choices()
        self._lay_out()
        self.view.double_clicked.connect(self.full_screen_wanted)
        pictures.look_changed.connect(self._show_look)
        self._clock = QTimer(self)
        self._clock.setInterval(FOLLOW_MS)
        self._clock.timeout.connect(self._follow)
        self._show_look()
        self.setFocusProxy(self.scene_choice)

    def _make_choices(self) -> None:
        own = self.tr("The scene's own")
        self.scene_choice = Choice(
            self.tr("Scene"),
            self.tr("How the set is lit and framed"),
            [scenes()[name].title for name in self._scenes],
            CHOICE_PX,
            self,
        )
        self.palette_choice = Choice(
            self.tr("Palette"),
            self.tr("Its colours"),
            [own, *(palettes()[name].title for name in self._palettes[1:])],
            CHOICE_PX,
            self,
        )
        self.limit_choice = Choice(
            self.tr("Flashes"),
            self.tr(
                "Limited: never more than three flashes a second, the threshold of WCAG 2.3.1\n"
                "for people with photosensitive epilepsy. Free: whatever the music does"
            ),
            (self.tr("Free"), self.tr("Limited")),
            CHOICE_PX,
            self,
        )
        self.limit_choice.set_switch()
        self.scene_choice.chosen.connect(self._choose_scene)
        self.palette_choice.chosen.connect(self._choose_palette)
        self.limit_choice.chosen.connect(self._choose_limit)

    def _choose_scene(self, number: int) -> None:
        self.scene_chosen.emit(self._scenes[number])

    def _choose_palette(self, number: int) -> None:
        self.palette_chosen.emit(self._palettes[number])

    def _choose_limit(self, number: int) -> None:
        self.limit_wanted.emit(number == 1)

    def _lay_out(self) -> None:
        look = tokens()
        title = QLabel(self.tr("Driven by"), self)
        title.setFont(font(look.text_title_px, 600))
        self._rate.setFont(font(look.text_small_px, tabular=True))
        self._rate.setStyleSheet(f"color: {look.dim.name()}")
        self._rate.setToolTip(self.tr("Pictures a second; the key for the whole screen"))
        head = QHBoxLayout()
        head.addWidget(title)
        head.addStretch(1)
        head.addWidget(self._rate)
        heading = QLabel(self.tr("Orbit"), self)
        heading.setFont(font(look.text_title_px, 600))
        choices = QVBoxLayout()
        choices.setSpacing(8)
        for choice in (self.scene_choice, self.palette_choice, self.limit_choice):
            choices.addWidget(choice)
        choices.addStretch(1)
        map_column = QVBoxLayout()
        map_column.setSpacing(8)
        map_column.addWidget(heading)
        map_column.addWidget(self.orbit, 1)
        lower = QHBoxLayout()
        lower.setSpacing(20)
        lower.addLayout(map_column, 1)
        lower.addLayout(choices)
        below = QVBoxLayout()
        below.setContentsMargins(20, 8, 20, 12)
        below.setSpacing(8)
        below.addLayout(head)
        below.addWidget(self.drives)
        below.addLayout(lower)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.view, 1)
        column.addLayout(below)

    def sizeHint(self) -> QSize:
        """A quarter of a usual window."""
        return QSize(352, 720)

    @property
    def choices(self) -> Mapping[str, Choice]:
        """The controls, by what they choose."""
        return {"scene": self.scene_choice, "palette": self.palette_choice, "limit": self.limit_choice}

    def show_choice(self, scene_name: str, palette_name: str, *, limited: bool) -> None:
        """Show what is chosen; nothing is emitted."""
        self.scene_choice.show_index(self._scenes.index(scene_name))
        self.palette_choice.show_index(self._palettes.index(palette_name))
        self.limit_choice.show_index(1 if limited else 0)

    def _show_look(self) -> None:
        look: Look = self._pictures.look
        own = look.palette.name == look.scene.palette
        self.show_choice(look.scene.name, "" if own else look.palette.name, limited=look.limited)

    def _follow(self) -> None:
        frame = self._pictures.frame()
        self.drives.show_levels(frame.levels)
        self.orbit.show_c(frame.c)
        rate_hz = self._pictures.rate_hz
        words = self.tr("{} fps · F11").format(round(rate_hz)) if rate_hz else self.tr("F11")
        if words != self._rate.text():
            self._rate.setText(words)

    def showEvent(self, event: QShowEvent) -> None:
        """Follow the picture."""
        super().showEvent(event)
        self._clock.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Let it be."""
        super().hideEvent(event)
        self._clock.stop()
