"""All that is known about one model, and the buttons that do something with it.

GUI thread; a view of one `ModelRow`, without any knowledge of the store.
"""

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.models_model import ModelRow, short_title, size_text, stem_titles
from app.queue_model import speed_text
from app.theme import font, lane_title, tokens
from engine.inference.cards import CardFigures


class ModelDetails(QWidget):
    """The right half of the models panel: words that may scroll, buttons that stay in sight.

    Parameters
    ----------
    parent : QWidget or None

    Attributes
    ----------
    use_wanted, get_wanted, verify_wanted, remove_wanted, cancel_wanted : Signal(str)
        Name of the model that is shown.
    """

    use_wanted = Signal(str)
    get_wanted = Signal(str)
    verify_wanted = Signal(str)
    remove_wanted = Signal(str)
    cancel_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = ""
        page = QWidget(self)
        self._title = _label(page, "title")
        self._stems = _StemRow(page)
        self._facts: dict[str, QLabel] = {}
        self._figures_head = _label(page, "small")
        self._figures = _label(page, "")
        self._licence = _label(page, "small")
        words = QVBoxLayout(page)
        words.setContentsMargins(8, 4, 8, 4)
        words.setSpacing(8)
        words.addWidget(self._title)
        words.addWidget(self._stems)
        words.addLayout(self._make_facts(page))
        words.addWidget(self._licence)
        words.addStretch(1)
        self._scroll = QScrollArea(self)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setAccessibleName(self.tr("About this model"))
        self._scroll.setToolTip(self.tr("What this model makes, and what may be done with it"))
        self._scroll.setWidget(page)
        self._trouble = _label(self, "error")
        self._busy = _label(self, "small")
        self._busy.setWordWrap(False)
        self._bar = QProgressBar(self)
        self._bar.setAccessibleName(self.tr("Progress"))
        self._bar.setRange(0, 1000)
        self._bar.setMinimumWidth(120)
        self._buttons: dict[str, QPushButton] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self._scroll, 1)
        below = QVBoxLayout()
        below.setContentsMargins(8, 0, 8, 0)
        below.addWidget(self._trouble)
        below.addLayout(self._make_buttons())
        column.addLayout(below)

    def _make_facts(self, page: QWidget) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(3, 1)
        facts = {
            "licence": self.tr("Licence"),
            "size": self.tr("Size"),
            "provider": self.tr("Runs on"),
            "speed": self.tr("Speed here"),
        }
        for number, (name, words) in enumerate(facts.items()):
            label = QLabel(words, page)
            label.setProperty("class", "small")
            value = QLabel(page)
            value.setAccessibleName(words)
            value.setWordWrap(name == "licence")
            self._facts[name] = value
            grid.addWidget(label, number // 2, 2 * (number % 2), Qt.AlignmentFlag.AlignTop)
            grid.addWidget(value, number // 2, 2 * (number % 2) + 1, Qt.AlignmentFlag.AlignTop)
        told = self.tr("How near the stems come to the true ones: energy of the stem over that of the error")
        for widget, words in ((self._figures_head, self.tr("Figures")), (self._figures, "")):
            widget.setText(words)
            widget.setToolTip(told)
        self._figures.setAccessibleName(self.tr("Figures"))
        row = grid.rowCount()
        grid.addWidget(self._figures_head, row, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(self._figures, row, 1, 1, 3, Qt.AlignmentFlag.AlignTop)
        return grid

    def _make_buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        told = {
            "use": (
                self.tr("Use this model"),
                self.tr("Separate with this model from now on"),
                self.use_wanted,
            ),
            "get": (self.tr("Get"), self.tr("Fetch this model to this machine"), self.get_wanted),
            "cancel": (self.tr("Cancel"), self.tr("Stop; what is here stays"), self.cancel_wanted),
            "verify": (self.tr("Verify"), self.tr("Compare every byte with its card"), self.verify_wanted),
            "remove": (self.tr("Remove…"), self.tr("Delete its files from this machine"), self.remove_wanted),
        }
        for name, (words, tip, signal) in told.items():
            button = QPushButton(words, self)
            button.setObjectName(name)
            button.setAutoDefault(True)  # Enter presses it; space belongs to the window
            button.setToolTip(tip)
            button.setAccessibleName(words)
            button.setProperty("kind", {"use": "primary", "get": "primary", "remove": "danger"}.get(name, ""))
            button.clicked.connect(lambda _=False, signal=signal: signal.emit(self._name))
            self._buttons[name] = button
            row.addWidget(button)
        row.addSpacing(4)
        row.addWidget(self._busy)
        row.addWidget(self._bar, 1)
        row.addStretch(0)
        return row

    def show_row(self, row: ModelRow | None, *, in_use: bool) -> None:
        """Show a model, or nothing.

        Parameters
        ----------
        row : ModelRow or None
        in_use : bool
            It is the one that separates.
        """
        self.setVisible(row is not None)
        if row is None:
            return
        card = row.card
        self._name = card.name
        self._title.setText(short_title(card))
        self._stems.show_stems(stem_titles(card))
        self._facts["licence"].setText(card.licence.name)
        self._facts["size"].setText(size_text(card.size_bytes))
        measured = row.measured
        self._facts["provider"].setText(self.tr("not run yet") if measured is None else measured.provider)
        speed = self.tr("not measured yet")
        if measured is not None:
            speed = self.tr("{} real time").format(speed_text(measured.speed))
        self._facts["speed"].setText(speed)
        self._figures.setText("\n".join(_figures_text(figures) for figures in card.figures))
        for widget in (self._figures_head, self._figures):
            widget.setVisible(bool(card.figures))
        self._licence.setText(" ".join(text for text in (card.licence.text, card.attribution) if text))
        self._show_work(row)
        self._show_buttons(row, in_use=in_use)

    def _show_work(self, row: ModelRow) -> None:
        busy = bool(row.busy)
        self._trouble.setText(row.trouble)
        self._trouble.setVisible(bool(row.trouble) and not busy)
        self._busy.setText(f"{row.busy.capitalize()}  ·  {int(100 * row.part)} %")
        self._busy.setVisible(busy)
        self._bar.setVisible(busy)
        self._bar.setValue(int(1000 * row.part))

    def _show_buttons(self, row: ModelRow, *, in_use: bool) -> None:
        idle = not row.busy
        self._buttons["use"].setText(self.tr("In use") if in_use else self.tr("Use this model"))
        self._buttons["use"].setEnabled(not in_use)
        self._buttons["get"].setText(self.tr("Get ({})").format(size_text(row.card.size_bytes)))
        shown = {
            "use": row.present and idle,
            "get": not row.present and idle,
            "cancel": not idle,
            "verify": row.present and idle,
            "remove": row.present and idle and not in_use,
        }
        had_focus = next((name for name, button in self._buttons.items() if button.hasFocus()), None)
        for name, visible in shown.items():
            self._buttons[name].setVisible(visible)
        if had_focus is not None and not shown[had_focus]:
            # The keyboard must not fall out of the panel because a button made room for another.
            following = next(name for name, visible in shown.items() if visible)
            self._buttons[following].setFocus()


class _StemRow(QWidget):
    """The stems that a model makes: a dot in each one's colour and its name."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._stems: list[tuple[str, str]] = []
        self.setFixedHeight(20)

    def show_stems(self, stems: list[tuple[str, str]]) -> None:
        """Show stems by name and title."""
        self._stems = stems
        self.setAccessibleName(self.tr("Stems: {}").format(", ".join(title for _, title in stems)))
        self.update()

    def sizeHint(self) -> QSize:
        """As wide as the names need."""
        measure = QFontMetrics(font(tokens().text_small_px))
        return QSize(sum(30 + measure.horizontalAdvance(title) for _, title in self._stems), 20)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint dots and names."""
        look = tokens()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setFont(font(look.text_small_px))
            left = 0.0
            for name, title in self._stems:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(look.lane_colour(name))
                painter.drawEllipse(QRectF(left, 6, 8, 8))
                painter.setPen(look.text)
                width = painter.fontMetrics().horizontalAdvance(title)
                place = QRectF(left + 14, 0, width + 2, 20)
                painter.drawText(
                    place, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), title
                )
                left += 14 + width + 16


def _label(parent: QWidget, kind: str) -> QLabel:
    label = QLabel(parent)
    label.setProperty("class", kind)
    label.setWordWrap(True)
    return label


def _figures_text(figures: CardFigures) -> str:
    """One line a song: its name, then stem by stem what was measured."""
    values = ", ".join(f"{lane_title(stem).lower()} {value:.1f}" for stem, value in figures.sdr_db)
    return f"{figures.song}: {values} dB"
