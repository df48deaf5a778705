"""One effect of the mic's chain as a card: its name to drag it by, on and bypass, its knobs, its meters.

GUI thread. A card shows an `EffectSetting` and asks for changes through signals; whose number it is in the
chain, the chain knows.
"""

from functools import partial

from PySide6.QtCore import QPoint, QRectF, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QMenu, QVBoxLayout, QWidget

from app.controls.choice import Choice
from app.controls.knob import KNOB_HEIGHT_PX, KNOB_WIDTH_PX, Knob, KnobScale
from app.controls.meter import PeakMeter
from app.controls.reduction import ReductionMeter
from app.controls.toggle import Toggle
from app.mic_edits import MicEdits
from app.mic_words import (
    REDUCING,
    effect_title,
    fraction_of,
    full_title,
    knob_scale,
    parameter_title,
    parse_value,
    value_at,
    value_text,
)
from app.panels.mic_card_title import CardTitle, PowerButton
from app.theme import mixed, tokens
from engine.realtime.effects.catalogue import find_kind
from engine.realtime.effects.kind import EffectKind, Parameter
from engine.realtime.effects.plan import EffectMeters, EffectSetting

HEAD_PX = 34
_MARGIN_PX = 8
MIX = Parameter("mix", 0.0, 1.0, 1.0, "linear", "How much of the effect is heard")


class EffectCard(QWidget):
    """A card.

    Parameters
    ----------
    kind : EffectKind
    edits : MicEdits
        Gives the numbers of gestures.
    parent : QWidget or None

    Attributes
    ----------
    value_turned : Signal(str, float, int)
        Parameter, value, number of the gesture (0 for a click).
    wet_turned : Signal(float, int)
    bypass_wanted, enabled_wanted : Signal(bool)
    step_wanted : Signal(int)
    reset_wanted, remove_wanted : Signal()
    """

    value_turned = Signal(str, float, int)
    wet_turned = Signal(float, int)
    bypass_wanted = Signal(bool)
    enabled_wanted = Signal(bool)
    step_wanted = Signal(int)
    reset_wanted = Signal()
    remove_wanted = Signal()

    def __init__(self, kind: EffectKind, edits: MicEdits, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.kind = kind
        self.name = effect_title(kind)
        self.shown: EffectSetting | None = None
        self._lifted = False
        self._n_rows = 0
        self._latency_s = -1.0
        self.setAccessibleName(self.name)
        self.title = CardTitle(self.name, self)
        self.power = PowerButton(self)
        self.bypass = Toggle("B", tokens().warning, self)
        self.controls: dict[str, Knob | Choice] = {}
        self._body = QWidget(self)
        for parameter in kind.parameters:
            self.controls[parameter.name] = self._control(parameter, edits)
        self.mix = Knob(
            self.tr("Mix"),
            self.tr("How much of the effect is heard"),
            _mix_scale(kind),
            edits.begin_gesture,
            self._body,
        )
        self.mix.name_it(self.tr("{}: mix").format(self.name), self.tr("How much of the effect is heard"))
        self.mix.dial.set_colour(tokens().good)
        self.level = PeakMeter(Qt.Orientation.Vertical, parent=self)
        self.reduction = ReductionMeter(self) if kind.name in REDUCING else None
        self._name_parts()
        self._lay_out()
        self._connect()

    # --- building ----------------------------------------------------------------------------------

    def _control(self, parameter: Parameter, edits: MicEdits) -> Knob | Choice:
        title, name = parameter_title(parameter.name), f"{self.name}: {full_title(parameter.name)}"
        tip = self.tr(parameter.doc)
        if parameter.is_whole:
            switch = parameter.taper == "switch"
            words = (self.tr("off"), self.tr("on")) if switch else parameter.choices
            choice = Choice(title, tip, words, (KNOB_WIDTH_PX, KNOB_HEIGHT_PX), self._body)
            choice.setAccessibleName(name)
            if switch:
                choice.set_switch()
            choice.chosen.connect(partial(self._tell_choice, parameter.name))
            return choice
        knob = Knob(title, tip, knob_scale(parameter), edits.begin_gesture, self._body)
        knob.name_it(name, tip)
        knob.turned.connect(partial(self.value_turned.emit, parameter.name))
        return knob

    def _tell_choice(self, name: str, index: int) -> None:
        self.value_turned.emit(name, float(index), 0)

    def _tell_bypass(self, on: bool, _alone: bool) -> None:
        self.bypass_wanted.emit(on)

    def _name_parts(self) -> None:
        name = self.name
        self.bypass.setAccessibleName(self.tr("Bypass {}").format(name))
        self.bypass.setToolTip(self.tr("Bypass: hear the voice without this effect, its delay kept"))
        self.power.setAccessibleName(self.tr("{} on").format(name))
        self.power.setToolTip(self.tr("On or off; what is off costs no time"))
        self.level.setAccessibleName(self.tr("Level after {}").format(name))
        self.level.setToolTip(self.tr("Level after this effect"))
        if self.reduction is not None:
            self.reduction.setAccessibleName(self.tr("Gain reduction of {}").format(name))
            self.reduction.setToolTip(self.tr("How far it turns the voice down"))

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(0, 0, 0, 0)
        head.setSpacing(4)
        head.addWidget(self.power)
        head.addWidget(self.title, 1)
        head.addWidget(self.bypass)
        self._grid = QGridLayout(self._body)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(0)
        self._meters = QWidget(self)
        meters = QHBoxLayout(self._meters)
        meters.setContentsMargins(2, 4, 0, 2)
        meters.setSpacing(3)
        if self.reduction is not None:
            meters.addWidget(self.reduction)
        meters.addWidget(self.level)
        body = QHBoxLayout()
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(4)
        body.addWidget(self._body, 0, Qt.AlignmentFlag.AlignTop)
        body.addStretch(1)
        body.addWidget(self._meters)
        column = QVBoxLayout(self)
        column.setContentsMargins(_MARGIN_PX, 6, _MARGIN_PX, 6)
        column.setSpacing(4)
        column.addLayout(head)
        column.addLayout(body, 1)
        before: QWidget = self.title
        for control in (self.power, self.bypass, *self.controls.values(), self.mix):
            after = control.dial if isinstance(control, Knob) else control
            QWidget.setTabOrder(before, after)
            before = after

    def set_rows(self, n_rows: int) -> None:
        """Stand the knobs in columns of so many."""
        if n_rows == self._n_rows:
            return
        self._n_rows = n_rows
        for number, control in enumerate((*self.controls.values(), self.mix)):
            self._grid.addWidget(control, number % n_rows, number // n_rows)

    def _connect(self) -> None:
        self.title.clicked.connect(
            lambda: self._open_menu(self.title.mapToGlobal(QPoint(0, self.title.height())))
        )
        self.title.step_wanted.connect(self.step_wanted)
        self.title.remove_wanted.connect(self.remove_wanted)
        self.power.clicked.connect(lambda: self.enabled_wanted.emit(not self.power.isChecked()))
        self.bypass.switch_wanted.connect(self._tell_bypass)
        self.mix.turned.connect(self.wet_turned)

    def _open_menu(self, place: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for text, call in (
            (self.tr("Move earlier\tCtrl+←"), lambda: self.step_wanted.emit(-1)),
            (self.tr("Move later\tCtrl+→"), lambda: self.step_wanted.emit(1)),
            (self.tr("Reset its knobs"), self.reset_wanted.emit),
            (self.tr("Remove\tDel"), self.remove_wanted.emit),
        ):
            menu.addAction(text).triggered.connect(call)
        menu.popup(place)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """What else can be done."""
        self._open_menu(event.globalPos())

    # --- what is shown -----------------------------------------------------------------------------

    def show_setting(self, setting: EffectSetting) -> None:
        """Show knobs, mix, bypass and whether it is on."""
        before, self.shown = self.shown, setting
        if before is None or before.enabled != setting.enabled:
            self.power.setChecked(setting.enabled)
            self._body.setVisible(setting.enabled)
            self._meters.setVisible(setting.enabled)
            self.bypass.setVisible(setting.enabled)
            self.update()
        self.bypass.setChecked(setting.bypass)
        self.mix.show_value(setting.wet)
        for name, control in self.controls.items():
            value = setting.value(name)
            if isinstance(control, Knob):
                control.show_value(value)
            else:
                control.show_index(round(value))

    def show_meters(self, meters: EffectMeters | None, dt_s: float) -> None:
        """Go on by `dt_s` seconds."""
        left, right = (-200.0, -200.0) if meters is None else meters.peak_db
        self.level.show_peak(left, right, dt_s)
        if self.reduction is not None:
            self.reduction.show_reduction(0.0 if meters is None else meters.gain_reduction_db, dt_s)

    def show_latency(self, seconds: float) -> None:
        """Tell what it adds to the voice's way, where one looks for it."""
        if seconds != self._latency_s:
            self._latency_s = seconds
            words = self.tr("{:.1f} ms later").format(1000.0 * seconds) if seconds else self.tr("no delay")
            self.title.setAccessibleDescription(words)
            self.level.setToolTip(f"{self.tr('Level after this effect')}  ·  {words}")

    def set_lifted(self, lifted: bool) -> None:
        """Look faint while it is dragged to another place."""
        self._lifted = lifted
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the ground."""
        del event
        look = tokens()
        is_on = self.shown is not None and self.shown.enabled
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            ground = mixed(look.panel, look.raised, 0.55 if is_on else 0.2)
            painter.setPen(QPen(look.accent if self._lifted else look.line, 1))
            painter.setBrush(ground)
            place = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
            painter.drawRoundedRect(place, look.radius_medium_px, look.radius_medium_px)


def _mix_scale(kind: EffectKind) -> KnobScale:
    """The mix's knob; its default is the effect's."""
    return KnobScale(
        fraction_of=lambda value: fraction_of(MIX, value),
        value_at=lambda place: value_at(MIX, place),
        text_of=lambda value: value_text(MIX, value),
        parse=lambda text: parse_value(MIX, text),
        neutral=kind.default_wet,
        origin=0.0,
        widest="100 %",
    )


def make_card(kind: str, edits: MicEdits, parent: QWidget) -> EffectCard:
    """A card for an effect by name."""
    return EffectCard(find_kind(kind), edits, parent)
