"""The upper row of the lyrics panel: hear them, and how far that is; offset, size, singing. GUI thread."""

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMenu,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QSpacerItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.controls.value_label import ValueLabel
from app.lyric_words import LANGUAGES, offset_text, parse_offset
from app.models_model import short_title, size_text
from app.panels.transport import LineLabel
from app.task_models import TaskModels
from app.theme import font, icon, tokens

HEIGHT_PX, LEAST_WIDTH_PX = 44, 400
COMPACT_PX, TIGHT_PX = 900, 620
"""Below the first, what explains itself has no words; below the second, what has a key has no button."""
OFFSET_STEP_S = 0.05
HEARINGS: tuple[str, ...] = ("both", "mix", "vocals")
_STEPS = 1000


class LyricsHead(QWidget):
    """The row.

    Parameters
    ----------
    models : TaskModels
        That transcribe.
    entries : sequence of QAction or None
        What is behind "More", by and by; None is a line between.
    parent : QWidget or None

    Attributes
    ----------
    transcribe_pressed : Signal()
        Hear the words, or stop.
    model_chosen, language_chosen, hearing_chosen : Signal(str)
    offset_wanted : Signal(float, bool)
        Seconds, and whether these are steps of one gesture.
    size_wanted : Signal(int)
        By how many steps.
    sing_wanted : Signal(bool)
    full_screen_wanted : Signal()
    """

    transcribe_pressed = Signal()
    model_chosen = Signal(str)
    language_chosen = Signal(str)
    hearing_chosen = Signal(str)
    offset_wanted = Signal(float, bool)
    size_wanted = Signal(int)
    sing_wanted = Signal(bool)
    full_screen_wanted = Signal()

    def __init__(
        self, models: TaskModels, entries: Sequence[QAction | None], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._models = models
        self._model = self._language = ""
        self._hearing = "both"
        self._offset_s = 0.0
        self._level = 0
        look = tokens()
        self.transcribe = QPushButton(self)
        self.model = QPushButton(self)
        self.line = LineLabel(font(look.text_small_px, tabular=True), look.dim, self)
        self.bar = QProgressBar(self)
        self.sooner, self.later = QToolButton(self), QToolButton(self)
        self.offset = ValueLabel(offset_text, parse_offset, offset_text(-10.0), self, centred=True)
        self.smaller, self.larger = QToolButton(self), QToolButton(self)
        self.sing = QPushButton(icon("mic"), self.tr("Sing along"), self)
        self.full_screen, self.more = QToolButton(self), QToolButton(self)
        self._caption = QLabel(self.tr("Offset"), self)
        self._caption.setProperty("class", "tiny")
        self._name_parts()
        self._fill_more(entries)
        self._lay_out()
        self._connect()
        self.show_state(self.tr("Transcribe"), enabled=False, working=False)

    # --- building ----------------------------------------------------------------------------------

    def _name_parts(self) -> None:
        for widget, name, tip in (
            (self.transcribe, self.tr("Transcribe"), self.tr("Hear the words of the song (Ctrl+T)")),
            (self.model, self.tr("Model that hears the words"), self.tr("What hears the words, and how")),
            (self.sooner, self.tr("Words sooner"), self.tr("A twentieth of a second sooner ([)")),
            (
                self.offset,
                self.tr("Offset of the words"),
                self.tr("How much later words are shown; click to type"),
            ),
            (self.later, self.tr("Words later"), self.tr("A twentieth of a second later (])")),
            (self.smaller, self.tr("Smaller words"), self.tr("Smaller words (Ctrl+wheel)")),
            (self.larger, self.tr("Larger words"), self.tr("Larger words (Ctrl+wheel)")),
            (self.sing, self.tr("Sing along"), self.tr("See the melody, and your own voice on it (Ctrl+K)")),
            (self.full_screen, self.tr("Karaoke"), self.tr("Karaoke on the whole screen (K)")),
            (self.more, self.tr("More"), self.tr("Open, paste, save or remove lyrics")),
        ):
            widget.setAccessibleName(name)
            widget.setToolTip(tip)
        for button, picture in (
            (self.sooner, "minus"),
            (self.later, "plus"),
            (self.full_screen, "expand"),
            (self.more, "more"),
        ):
            button.setIcon(icon(picture))
        for button, px in ((self.smaller, tokens().text_small_px), (self.larger, tokens().text_title_px + 3)):
            button.setText(self.tr("A"))
            button.setFont(font(px, 600))
        for button in (self.sooner, self.later, self.smaller, self.larger, self.full_screen, self.more):
            button.setFixedSize(26, 26)
            button.setIconSize(QSize(16, 16))
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        for button in (self.sooner, self.later):
            button.setAutoRepeat(True)
        for button in (self.transcribe, self.model, self.sing):
            button.setAutoDefault(True)  # Enter presses it; space belongs to the window
            button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.model.setProperty("kind", "flat")
        self.sing.setCheckable(True)
        self.bar.setAccessibleName(self.tr("Progress of the transcription"))
        self.bar.setRange(0, _STEPS)
        self.bar.setTextVisible(False)

    def _fill_more(self, entries: Sequence[QAction | None]) -> None:
        menu = QMenu(self.more)
        menu.setToolTipsVisible(True)
        for action in entries:
            if action is None:
                menu.addSeparator()
            else:
                menu.addAction(action)
        self.more.setMenu(menu)
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        choose = QMenu(self.model)
        choose.setToolTipsVisible(True)
        choose.aboutToShow.connect(self._fill_models)
        self.model.setMenu(choose)

    def _lay_out(self) -> None:
        row = self._row = QHBoxLayout()
        row.setContentsMargins(12, 4, 12, 4)
        row.setSpacing(4)
        for widget in (self.transcribe, self.model):
            row.addWidget(widget)
        row.addSpacing(4)
        row.addWidget(self.line, 1)
        # Takes the line's room where there is none for words.
        self._gap = QSpacerItem(0, 0, QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        row.addItem(self._gap)
        row.addSpacing(4)
        for widget in (self._caption, self.sooner, self.offset, self.later):
            row.addWidget(widget)
        row.addSpacing(8)
        row.addWidget(self.smaller)
        row.addWidget(self.larger)
        row.addSpacing(8)
        for widget in (self.sing, self.full_screen, self.more):
            row.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(row)
        policy = self.bar.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.bar.setSizePolicy(policy)
        column.addWidget(self.bar)
        self.setFixedHeight(HEIGHT_PX + 4)
        self.setMinimumWidth(LEAST_WIDTH_PX)

    def _connect(self) -> None:
        self.transcribe.clicked.connect(self.transcribe_pressed)
        self.sooner.clicked.connect(partial(self._step, -OFFSET_STEP_S))
        self.later.clicked.connect(partial(self._step, OFFSET_STEP_S))
        self.offset.value_typed.connect(self._ask_offset)
        self.smaller.clicked.connect(lambda: self.size_wanted.emit(-1))
        self.larger.clicked.connect(lambda: self.size_wanted.emit(1))
        self.sing.clicked.connect(self._ask_sing)
        self.full_screen.clicked.connect(self.full_screen_wanted)
        self._models.changed.connect(self._show_model)

    def _step(self, by_s: float, _checked: bool = False) -> None:
        self.offset_wanted.emit(round(self._offset_s + by_s, 3), True)

    def _ask_offset(self, offset_s: float) -> None:
        self.offset_wanted.emit(offset_s, False)

    def _ask_sing(self, on: bool) -> None:
        # It shows what is, not what is wished.
        self.sing.setChecked(not on)
        self.sing_wanted.emit(on)

    # --- what is shown -----------------------------------------------------------------------------

    def show_state(self, button: str, *, enabled: bool, working: bool, part: float = 0.0) -> None:
        """Show what the button does now, and how far the work is.

        Parameters
        ----------
        button : str
        enabled, working : bool
        part : float, 0 to 1
        """
        if button != self.transcribe.text():
            self.transcribe.setText(button)
            self.transcribe.setAccessibleName(button)
        self.transcribe.setEnabled(enabled)
        self.bar.setVisible(working)
        self.bar.setValue(round(_STEPS * part))

    def show_choice(self, model: str, language: str, hearing: str) -> None:
        """Show what hears, in which language, and what it listens to."""
        self._model, self._language, self._hearing = model, language, hearing
        self._show_model()

    def show_offset(self, offset_s: float) -> None:
        """Show how far the words are moved."""
        self._offset_s = offset_s
        self.offset.show_value(offset_s)

    def show_singing(self, on: bool) -> None:
        """Show whether the melody is shown."""
        self.sing.setChecked(on)
        self.sing.setIcon(icon("mic", tokens().window if on else tokens().dim))

    def _show_model(self) -> None:
        row = self._models.row(self._model)
        title = self._model if row is None else short_title(row.card)
        if self._models.fetching == self._model and self._model:
            title = self.tr("{}, {} %").format(title, int(100 * self._models.part))
        self.model.setText(title if self._level == 0 else "")
        self.model.setIcon(icon("models", tokens().faint if self._level == 0 else tokens().dim))
        self.model.setAccessibleDescription(title)

    def _fill_models(self) -> None:
        menu = self.model.menu()
        menu.clear()
        menu.addSection(self.tr("Model"))
        for row in self._models.rows:
            words = short_title(row.card)
            if not row.present:
                words = self.tr("{}  ·  fetch, {}").format(words, size_text(row.card.size_bytes))
            tip = f"{row.card.title}. {row.card.licence.name}"
            name = row.card.name
            self._add(menu, (words, tip), name == self._model, partial(self.model_chosen.emit, name))
        if self._models.fetching:
            menu.addAction(self.tr("Stop fetching")).triggered.connect(self._models.cancel)
        languages = menu.addMenu(self.tr("Language"))
        for code, words in LANGUAGES:
            chosen = partial(self.language_chosen.emit, code)
            self._add(languages, (words, words), code == self._language, chosen)
        listens = menu.addMenu(self.tr("Listen to"))
        texts = (
            (self.tr("Song and vocals"), self.tr("Both, and of each line what was heard more surely")),
            (self.tr("The song only"), self.tr("Faster: nothing is separated")),
            (self.tr("The vocals only"), self.tr("Where the band is loud")),
        )
        for hearing, text in zip(HEARINGS, texts, strict=True):
            chosen = partial(self.hearing_chosen.emit, hearing)
            self._add(listens, text, hearing == self._hearing, chosen)

    @staticmethod
    def _add(menu: QMenu, text: tuple[str, str], checked: bool, call: Callable[[], object]) -> None:
        action = menu.addAction(text[0])
        action.setToolTip(text[1])
        action.setCheckable(True)
        action.setChecked(checked)
        action.triggered.connect(lambda _checked=False: call())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave words out where there is no room for them."""
        super().resizeEvent(event)
        level = (self.width() < COMPACT_PX) + (self.width() < TIGHT_PX)
        if level != self._level:
            self._level = level
            self._caption.setVisible(level == 0)
            self.line.setVisible(level < 2)
            for button in (self.sooner, self.later, self.smaller, self.larger):
                button.setVisible(level < 2)
            self.sing.setText("" if level == 2 else self.tr("Sing along"))
            wide = QSizePolicy.Policy.Expanding if level == 2 else QSizePolicy.Policy.Fixed
            self._gap.changeSize(0, 0, wide, QSizePolicy.Policy.Fixed)
            self._row.setSpacing(2 if level == 2 else 4)
            self._show_model()
