"""What the analysis panel says while there is nothing to draw, and what can be done about it.

GUI thread only.
"""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.analysis_model import AnalysisModel, Phase

_BAR_PX = 240
_STEPS = 1000


class AnalysisState(QWidget):
    """A line, a bar and a button in the middle.

    Attributes
    ----------
    cancel_wanted, start_wanted : Signal()
    """

    cancel_wanted = Signal()
    start_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.line = QLabel(self)
        self.line.setProperty("class", "dim")
        self.line.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.line.setWordWrap(True)
        self.bar = QProgressBar(self)
        self.bar.setFixedWidth(_BAR_PX)
        self.bar.setRange(0, _STEPS)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(self.tr("Progress of the analysis"))
        self.button = QPushButton(self)
        self.button.setAutoDefault(True)  # Enter presses it; space belongs to the window
        self.button.clicked.connect(self._press)
        self._is_working = False
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 8, 24, 16)
        column.setSpacing(12)
        column.addStretch(1)
        column.addWidget(self.line)
        column.addWidget(self.bar, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(2)

    def show_state(self, model: AnalysisModel, lane: str) -> None:
        """Say how far a lane is.

        Parameters
        ----------
        model : AnalysisModel
        lane : str
            What the user calls the chosen one.
        """
        phase = model.phase
        separated = round(100.0 * model.separated_part)
        lines = {
            Phase.NO_SONG: self.tr(
                "Open a song, and its pitch, notes, loudness, spectrum and beats stand here."
            ),
            Phase.DECODING: self.tr("The song is still being read. Its analysis follows."),
            Phase.SEPARATING: self.tr("{} is being separated, {} % so far. Its analysis follows.").format(
                lane, separated
            ),
            Phase.WORKING: self.tr("{}: listening…").format(lane),
            Phase.READY: self.tr("Getting the plots ready…"),
            Phase.CANCELLED: self.tr("{} is not analysed.").format(lane),
            Phase.FAILED: self.tr("{} could not be analysed: {}").format(lane, model.trouble),
        }
        self.line.setText(lines[phase])
        self._is_working = phase is Phase.WORKING
        self.bar.setVisible(phase in (Phase.WORKING, Phase.SEPARATING))
        part = model.separated_part if phase is Phase.SEPARATING else model.part
        self.bar.setValue(round(_STEPS * part))
        words = {
            Phase.WORKING: (self.tr("Cancel"), self.tr("Stop analysing")),
            Phase.CANCELLED: (self.tr("Analyse"), self.tr("Listen to it after all")),
            Phase.FAILED: (self.tr("Try again"), self.tr("Listen to it once more")),
        }
        self.button.setVisible(phase in words)
        if phase in words:
            text, tip = words[phase]
            self.button.setText(text)
            self.button.setToolTip(tip)
            self.button.setAccessibleName(tip)

    def _press(self) -> None:
        (self.cancel_wanted if self._is_working else self.start_wanted).emit()
