"""The mic's chain: its effects as cards in a row, in the order of the sound.

GUI thread. A card is taken by its name and dropped elsewhere, or moved with Ctrl and the arrows; the chain
itself is changed by `MicEdits` alone, and the row follows.
"""

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPixmap, QResizeEvent
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QScrollArea,
    QWidget,
)

from app.controls.knob import KNOB_HEIGHT_PX
from app.mic_edits import MicEdits
from app.mic_state import MicState
from app.mic_tick import MicTick
from app.mic_words import effect_title
from app.panels.mic_card import HEAD_PX, EffectCard, make_card
from app.theme import icon, tokens
from engine.realtime.effects.catalogue import KINDS

GAP_PX = 18
_EDGE_PX = 40
_SCROLL_PX, _SCROLL_MS = 14, 16
_AROUND_PX = 16
MAX_ROWS = 4


class ChainRow(QWidget):
    """The cards and the arrows between them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.cards: list[EffectCard] = []
        self._mark: int | None = None
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(12, 2, 12, 6)
        self.row.setSpacing(GAP_PX)

    def set_mark(self, at: int | None) -> None:
        """Show where a card would fall: before the card of this number."""
        if at != self._mark:
            self._mark = at
            self.update()

    def place_of(self, x: int) -> int:
        """The gap nearest to a place: 0 is before the first card."""
        middles = [card.geometry().center().x() for card in self.cards]
        return sum(x > middle for middle in middles)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint where the sound goes, and where a card would fall."""
        del event
        look = tokens()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            pen = QPen(look.faint, 1.6)
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            painter.setPen(pen)
            for card in self.cards:
                x, y = card.geometry().right() + 1 + GAP_PX / 2, card.geometry().top() + HEAD_PX / 2 + 3
                painter.drawLine(QPointF(x - 2.5, y - 4.5), QPointF(x + 2.5, y))
                painter.drawLine(QPointF(x + 2.5, y), QPointF(x - 2.5, y + 4.5))
            if self._mark is not None and self.cards:
                if self._mark < len(self.cards):
                    x = self.cards[self._mark].geometry().left() - GAP_PX / 2
                else:
                    x = self.cards[-1].geometry().right() + GAP_PX / 2
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(look.accent)
                painter.drawRoundedRect(QRectF(x - 1.5, 4, 3, self.height() - 8), 1.5, 1.5)


class MicChain(QScrollArea):
    """The row, scrolled.

    Parameters
    ----------
    state : MicState
    edits : MicEdits
    parent : QWidget or None

    Attributes
    ----------
    controls_changed : Signal()
        Other cards: Tab has another way to go.
    """

    controls_changed = Signal()

    def __init__(self, state: MicState, edits: MicEdits, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._edits = edits
        self._spare: list[EffectCard] = []
        self._ghost: QLabel | None = None
        self._grip = QPoint()
        self._dragged: EffectCard | None = None
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName(self.tr("Effects of the mic, in the order of the sound"))
        self.row = ChainRow(self)
        self.setWidget(self.row)
        self.add = QPushButton(icon("plus"), "", self.row)
        self.add.setProperty("kind", "flat")
        self.add.setAutoDefault(True)
        self.add.setAccessibleName(self.tr("Add an effect"))
        self.add.setToolTip(self.tr("Add an effect to the chain"))
        self.add.setMenu(self._kinds_menu())
        self.row.row.addWidget(self.add, 0, Qt.AlignmentFlag.AlignTop)
        self.row.row.addStretch(1)
        self._scrolling = QTimer(self)
        self._scrolling.setInterval(_SCROLL_MS)
        self._scrolling.timeout.connect(self._scroll_on)
        self._scroll_by = 0
        state.chain_changed.connect(self._show_chain)
        state.slot_changed.connect(self._show_slot)
        self._missing: list[str] = []
        self._building = QTimer(self)
        self._building.timeout.connect(self._build_one)
        self._show_chain()

    @property
    def cards(self) -> list[EffectCard]:
        """From the first effect to the last."""
        return self.row.cards

    def minimumSizeHint(self) -> QSize:
        """One row of knobs; the others are scrolled to."""
        return QSize(200, HEAD_PX + KNOB_HEIGHT_PX + 2 * _AROUND_PX)

    def _kinds_menu(self) -> QMenu:
        menu = QMenu(self.add)
        for name, kind in KINDS.items():
            menu.addAction(effect_title(kind)).triggered.connect(partial(self._edits.add, name))
        return menu

    # --- which cards -------------------------------------------------------------------------------

    def _show_chain(self) -> None:
        """Bring the cards in the order of the chain; those that fit are kept, new ones made before."""
        wanted = [setting.kind for setting in self._state.slots]
        have = [card.kind.name for card in (*self.cards, *self._spare)]
        self._missing = [kind for k, kind in enumerate(wanted) if wanted[:k].count(kind) >= have.count(kind)]
        if len(self._missing) > 1:
            # One a turn of the event loop: a card is a hundred widgets, and a frame has 16 ms.
            self._building.start(0)
            return
        self._building.stop()
        self._arrange()

    def _build_one(self) -> None:
        if self._missing:
            card = self._make_card(self._missing.pop())
            card.hide()
            self._spare.append(card)
            return
        self._building.stop()
        self._arrange()

    def _arrange(self) -> None:
        focus = QApplication.focusWidget()
        owner = None if focus is None else next((c for c in self.cards if c.isAncestorOf(focus)), None)
        left = [*self.cards, *self._spare]
        chain: list[EffectCard] = []
        for setting in self._state.slots:
            fit = [card for card in left if card.kind.name == setting.kind]
            # The one that shows this very setting has only moved.
            card = next((card for card in fit if card.shown is setting), fit[0] if fit else None)
            if card is None:
                card = self._make_card(setting.kind)
            else:
                left.remove(card)
            chain.append(card)
        self._spare = left
        for card in left:
            card.hide()
            self.row.row.removeWidget(card)
        for number, (card, setting) in enumerate(zip(chain, self._state.slots, strict=True)):
            card.show_setting(setting)
            card.set_rows(self._n_rows())
            if self.row.row.indexOf(card) != number:
                self.row.row.insertWidget(number, card)
            card.show()
        self.row.cards = chain
        self.row.update()
        self.controls_changed.emit()
        if owner is not None and owner in chain and focus is not None:
            focus.setFocus(Qt.FocusReason.OtherFocusReason)
            QTimer.singleShot(0, self, lambda: self.ensureWidgetVisible(owner, GAP_PX, 0))

    def _make_card(self, kind: str) -> EffectCard:
        card = make_card(kind, self._edits, self.row)
        card.value_turned.connect(partial(self._turn, card))
        card.wet_turned.connect(partial(self._turn_mix, card))
        card.bypass_wanted.connect(partial(self._bypass, card))
        card.enabled_wanted.connect(partial(self._enable, card))
        card.step_wanted.connect(partial(self._step, card))
        card.reset_wanted.connect(lambda: self._edit(card, self._edits.reset))
        card.remove_wanted.connect(partial(self._remove, card))
        card.title.drag_moved.connect(partial(self._drag, card))
        card.title.drag_ended.connect(partial(self._drop, card))
        return card

    def _edit(self, card: EffectCard, change: Callable[[int], None]) -> None:
        """Change the effect that a card stands for; not while other cards are on their way."""
        if not self._building.isActive():
            change(self.cards.index(card))

    def _turn(self, card: EffectCard, name: str, value: float, gesture: int) -> None:
        self._edit(card, lambda number: self._edits.set_value(number, name, value, gesture or None))

    def _turn_mix(self, card: EffectCard, wet: float, gesture: int) -> None:
        self._edit(card, lambda number: self._edits.set_wet(number, wet, gesture))

    def _bypass(self, card: EffectCard, on: bool) -> None:
        self._edit(card, lambda number: self._edits.set_bypass(number, on))

    def _enable(self, card: EffectCard, on: bool) -> None:
        self._edit(card, lambda number: self._edits.set_enabled(number, on))

    def _step(self, card: EffectCard, by: int) -> None:
        def step(number: int) -> None:
            if 0 <= number + by < len(self.cards):
                self._edits.move(number, number + by)

        self._edit(card, step)

    def _remove(self, card: EffectCard) -> None:
        def remove(number: int) -> None:
            self._edits.remove(number)
            # The keys go on where they were, and not to the start of the window.
            neighbours = self.cards[number : number + 1] or self.cards[-1:]
            after = neighbours[0].title if neighbours else self.add
            after.setFocus(Qt.FocusReason.OtherFocusReason)

        self._edit(card, remove)

    def _show_slot(self, number: int) -> None:
        # Other cards may be on their way; they come as they then are.
        if self._building.isActive():
            return
        self.cards[number].show_setting(self._state.slots[number])

    # --- drag --------------------------------------------------------------------------------------

    def _drag(self, card: EffectCard, place: QPoint) -> None:
        if self._ghost is None:
            self._begin_drag(card, place)
        ghost, inside = self._ghost, self.viewport().mapFromGlobal(place)
        if ghost is None:
            return
        ghost.move(inside - self._grip)
        self.row.set_mark(self.row.place_of(self.row.mapFromGlobal(place).x()))
        right = inside.x() - (self.viewport().width() - _EDGE_PX)
        self._scroll_by = _SCROLL_PX if right > 0 else -_SCROLL_PX if inside.x() < _EDGE_PX else 0
        if self._scroll_by and not self._scrolling.isActive():
            self._scrolling.start()

    def _begin_drag(self, card: EffectCard, place: QPoint) -> None:
        seen = QPixmap(card.size() * self.devicePixelRatioF())
        seen.setDevicePixelRatio(self.devicePixelRatioF())
        seen.fill(Qt.GlobalColor.transparent)
        with QPainter(seen) as painter:
            painter.setOpacity(0.75)
            painter.drawPixmap(0, 0, card.grab())
        self._dragged, self._grip = card, card.mapFromGlobal(place)
        ghost = self._ghost = QLabel(self.viewport())
        ghost.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        ghost.setPixmap(seen)
        ghost.resize(card.size())
        ghost.show()
        card.set_lifted(True)

    def _scroll_on(self) -> None:
        if self._ghost is None or not self._scroll_by:
            self._scrolling.stop()
            return
        bar = self.horizontalScrollBar()
        bar.setValue(bar.value() + self._scroll_by)

    def _drop(self, card: EffectCard, place: QPoint) -> None:
        to = self.row.place_of(self.row.mapFromGlobal(place).x())
        self._end_drag()

        def drop(number: int) -> None:
            # A place is counted without the card itself.
            without = to - (to > number)
            if without != number:
                self._edits.move(number, without)

        self._edit(card, drop)

    def _end_drag(self) -> None:
        self._scrolling.stop()
        self.row.set_mark(None)
        if self._dragged is not None:
            self._dragged.set_lifted(False)
        if self._ghost is not None:
            self._ghost.deleteLater()
        self._ghost = self._dragged = None

    # --- what is shown -----------------------------------------------------------------------------

    def _n_rows(self) -> int:
        room = self.viewport().height() - HEAD_PX - _AROUND_PX - 8
        return min(max(room // KNOB_HEIGHT_PX, 2), MAX_ROWS)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Stand the knobs in as many rows as fit."""
        super().resizeEvent(event)
        for card in self.cards:
            card.set_rows(self._n_rows())

    def show_tick(self, tick: MicTick) -> None:
        """Move the meters on."""
        known = len(tick.effects) == len(self.cards)
        for number, card in enumerate(self.cards):
            card.show_meters(tick.effects[number] if known else None, tick.dt_s)
            if len(tick.effect_latencies_s) == len(self.cards):
                card.show_latency(tick.effect_latencies_s[number])
