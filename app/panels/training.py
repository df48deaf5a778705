"""The training panel: what to train on, how it goes, which network the visuals follow.

GUI thread; a view of `TrainingModel`. Imports pyqtgraph, see training_chart.py.
"""

from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.panels.training_chart import LossChart
from app.theme import font, icon, tokens
from app.training_model import ACTIVE, TrainingModel
from app.training_words import duration_text, loss_text, part_title, status_title
from engine.services.control_shelf import RULES
from engine.services.training_report import TOTAL, EpochLoss, TrainingStatus
from engine.services.training_run import MAX_EPOCHS, TrainingOrder

FORM_PX = 440
DEVICES = ("cpu", "cuda")


class TrainingPanel(QWidget):
    """Orders at the left, the training at the right.

    Parameters
    ----------
    model : TrainingModel
    parent : QWidget or None

    Attributes
    ----------
    order_changed : Signal(str, int, str)
        Folder, epochs and device, when a training was asked for with them: to be remembered.
    """

    order_changed = Signal(str, int, str)

    def __init__(self, model: TrainingModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._part = TOTAL
        self._told = ""
        form = self._make_form()
        self._view = _TrainingView(self)
        columns = QHBoxLayout(self)
        columns.setContentsMargins(12, 4, 20, 12)
        columns.setSpacing(20)
        columns.addWidget(form)
        columns.addWidget(self._view, 1)
        self.setFocusProxy(self.folder)
        model.status_changed.connect(self._show_status)
        model.networks_changed.connect(self._show_networks)
        model.looked.connect(self._show_abilities)
        model.failed.connect(self._show_trouble)
        self._show_status(model.status)

    # --- the form ----------------------------------------------------------------------------------

    def _make_form(self) -> QScrollArea:
        page = QWidget(self)
        grid = QGridLayout(page)
        grid.setContentsMargins(8, 4, 8, 4)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(8)
        grid.setColumnStretch(1, 1)
        self._make_fields(page)
        self._make_buttons(page)
        folder = QHBoxLayout()
        folder.setSpacing(8)
        folder.addWidget(self.folder, 1)
        folder.addWidget(self.choose_button)
        numbers = QHBoxLayout()
        numbers.setSpacing(8)
        numbers.addWidget(self.epochs)
        numbers.addWidget(_label(self.tr("on"), page))
        numbers.addWidget(self.device, 1)
        networks = QHBoxLayout()
        networks.setSpacing(8)
        networks.addWidget(self.network, 1)
        networks.addWidget(self.add_button)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for button in (self.start_button, self.resume_button, self.stop_button):
            buttons.addWidget(button)
        buttons.addStretch(1)
        rows = (
            (self.tr("Music"), folder, self.folder),
            (self.tr("Epochs"), numbers, self.epochs),
            ("", buttons, None),
            (self.tr("Visuals follow"), networks, self.network),
        )
        for number, (words, content, buddy) in enumerate(rows):
            if buddy is not None:
                label = _label(words, page)
                label.setBuddy(buddy)
                grid.addWidget(label, number, 0)
            grid.addLayout(content, number, 1)
        grid.setRowMinimumHeight(2, 44)
        grid.setRowStretch(len(rows), 1)
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(page)
        area.setFixedWidth(FORM_PX)
        return area

    def _make_fields(self, page: QWidget) -> None:
        self.folder = QLineEdit(page)
        self.folder.setPlaceholderText(self.tr("A folder of music"))
        self.folder.setClearButtonEnabled(False)
        self.epochs = QSpinBox(page)
        self.epochs.setRange(1, MAX_EPOCHS)
        self.epochs.setValue(TrainingOrder((Path(),)).epochs)
        self.epochs.setFixedWidth(84)
        self.device = QComboBox(page)
        self.device.addItem(self.tr("Processor"), DEVICES[0])
        self.device.addItem(self.tr("Graphics card"), DEVICES[1])
        self.network = QComboBox(page)
        self.network.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.network.setMinimumContentsLength(8)
        self.network.activated.connect(self._choose_network)
        for widget, name, tip in (
            (
                self.folder,
                self.tr("Music to train on"),
                self.tr("Folder whose songs the network learns from"),
            ),
            (self.epochs, self.tr("Epochs"), self.tr("How often it goes through the music")),
            (self.device, self.tr("Computes on"), self.tr("What computes")),
            (
                self.network,
                self.tr("Network that the visuals follow"),
                self.tr("What turns music into the orbit of the Julia set"),
            ),
        ):
            widget.setAccessibleName(name)
            widget.setToolTip(tip)

    def _make_buttons(self, page: QWidget) -> None:
        self.choose_button = self._button(page, "", self.tr("Choose a folder"), "folder")
        self.choose_button.clicked.connect(self._choose_folder)
        self.add_button = self._button(page, "", self.tr("Add a network from an ONNX file"), "plus")
        self.add_button.clicked.connect(self._choose_file)
        self.start_button = self._button(page, self.tr("Start training"), self.tr("Train a new network"))
        self.start_button.setProperty("kind", "primary")
        self.start_button.clicked.connect(lambda: self._start(resume=False))
        self.resume_button = self._button(
            page, self.tr("Resume"), self.tr("Go on from the last checkpoint of the newest training")
        )
        self.resume_button.clicked.connect(lambda: self._start(resume=True))
        self.stop_button = self._button(page, self.tr("Stop"), self.tr("End with a checkpoint"))
        self.stop_button.clicked.connect(self._model.stop)
        self.folder.returnPressed.connect(self.start_button.click)

    def _button(self, page: QWidget, words: str, tip: str, picture: str = "") -> QPushButton:
        button = QPushButton(words, page)
        button.setAutoDefault(True)  # Enter presses it; space belongs to the window
        button.setToolTip(tip)
        button.setAccessibleName(words or tip)
        if picture:
            button.setIcon(icon(picture))
            button.setIconSize(QSize(16, 16))
            button.setFixedWidth(36)
        return button

    def set_order(self, folder: str, epochs: int, device: str) -> None:
        """Fill the form with what was asked for the last time."""
        self.folder.setText(folder)
        self.epochs.setValue(epochs)
        self.device.setCurrentIndex(max(0, self.device.findData(device)))

    # --- what the user does ------------------------------------------------------------------------

    def _start(self, *, resume: bool) -> None:
        text, epochs, device = self.folder.text().strip(), self.epochs.value(), self.device.currentData()
        if not text:
            self._show_trouble(self.tr("Choose a folder of music first"))
            self.folder.setFocus()
            return
        self._show_trouble("")
        self.order_changed.emit(text, epochs, device)
        folder = Path(text).expanduser()
        self._model.start(TrainingOrder((folder,), epochs=epochs, device=device, resume=resume))

    def _choose_folder(self) -> None:
        start = self.folder.text().strip() or str(Path.home())
        dialog = QFileDialog(self, self.tr("Music to train on"), start)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(self.folder.setText)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _choose_file(self) -> None:
        dialog = QFileDialog(self, self.tr("Add a network"), str(Path.home()), self.tr("Networks (*.onnx)"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self._add_file)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _add_file(self, name: str) -> None:
        self._show_trouble("")
        self._model.add_file(Path(name))

    def _choose_network(self, index: int) -> None:
        self._model.choose(self.network.itemData(index))

    # --- what is shown -----------------------------------------------------------------------------

    def _show_networks(self) -> None:
        self.network.clear()
        for network in self._model.networks:
            title = self.tr("Fixed rules") if network.name == RULES else network.name
            if network.origin == "shipped":
                title = self.tr("Charon's own")
            self.network.addItem(title, network.name)
        if self._model.chosen is not None:
            self.network.setCurrentIndex(self.network.findData(self._model.chosen.name))

    def _show_abilities(self) -> None:
        self._show_buttons(self._model.status)
        self._show_trouble(self._told)

    def _show_status(self, status: TrainingStatus) -> None:
        self._show_buttons(status)
        self._view.show_status(status)
        if status.status == "running":
            self._told = ""
        self._show_trouble(status.error or "" if status.status == "failed" else self._told)

    def _show_buttons(self, status: TrainingStatus) -> None:
        active = status.status in ACTIVE
        able = self._model.trouble is None
        had_focus = next((b for b in (self.start_button, self.stop_button) if b.hasFocus()), None)
        self.start_button.setEnabled(not active and able)
        self.resume_button.setEnabled(not active and able and self._model.can_resume)
        self.stop_button.setEnabled(status.status == "running")
        if had_focus is not None and not had_focus.isEnabled():
            # The keyboard must not fall out of the panel because a button has done its work.
            (self.stop_button if active else self.start_button).setFocus()

    def _show_trouble(self, words: str) -> None:
        self._told = words
        self._view.show_trouble(words or self._model.trouble or "")


class _TrainingView(QWidget):
    """Figures, progress and losses of one training."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._status = TrainingStatus()
        self._title = QLabel(self)
        self._title.setProperty("class", "title")
        self._figures = _label("", self)
        self._figures.setFont(font(tokens().text_small_px, tabular=True))
        self._bar = QProgressBar(self)
        self._bar.setRange(0, 1000)
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(self.tr("Progress of the training"))
        self._trouble = QLabel(self)
        self._trouble.setProperty("class", "error")
        self._trouble.setWordWrap(True)
        self._trouble.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._part = QComboBox(self)
        self._part.setAccessibleName(self.tr("Part of the loss"))
        self._part.setToolTip(self.tr("Which part of the loss is drawn"))
        self._part.addItem(part_title(TOTAL), TOTAL)
        self._part.currentIndexChanged.connect(self._draw)
        self._legend = QLabel(self)
        self._legend.setTextFormat(Qt.TextFormat.RichText)
        self._legend.setFont(font(tokens().text_small_px, tabular=True))
        self.chart = LossChart(self)
        self.chart.setAccessibleName(self.tr("Loss by epoch"))
        self.chart.setToolTip(self.tr("Loss of every epoch: point at one for its numbers"))
        self.chart.pointed.connect(self._show_legend)
        head = QHBoxLayout()
        head.setSpacing(16)
        head.addWidget(self._title)
        head.addWidget(self._figures, 1)
        head.addWidget(self._legend)
        head.addWidget(self._part)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(8)
        column.addLayout(head)
        column.addWidget(self._bar)
        column.addWidget(self._trouble)
        column.addWidget(self.chart, 1)
        self._show_legend(None)
        self._draw()

    def show_status(self, status: TrainingStatus) -> None:
        """Show how it goes."""
        before, self._status = self._status, status
        self._title.setText(status_title(status))
        self._figures.setText(self._figures_text(status))
        self._bar.setValue(round(1000 * status.progress))
        # An idle window has no progress to show.
        self._bar.setVisible(status.total_epochs > 0)
        same = before.loss_history == status.loss_history and before.total_epochs == status.total_epochs
        if not same or before.status != status.status:
            self._offer_parts(status)
            self._show_legend(None)
            self._draw()

    def show_trouble(self, words: str) -> None:
        """Say what is wrong, or nothing."""
        self._trouble.setText(words)
        self._trouble.setVisible(bool(words))

    def _figures_text(self, status: TrainingStatus) -> str:
        if status.total_epochs == 0:
            return ""
        words = [
            self.tr("epoch {} of {}").format(status.current_epoch, status.total_epochs),
            f"{int(100 * status.progress)} %",
        ]
        if status.left_s is not None:
            words.append(self.tr("{} left").format(duration_text(status.left_s)))
        if status.network is not None:
            words.append(self.tr("kept as “{}”").format(status.network))
        return "  ·  ".join(words)

    def _offer_parts(self, status: TrainingStatus) -> None:
        parts = list(status.loss_history[-1].loss) if status.loss_history else []
        wanted = [TOTAL, *(part for part in parts if part != TOTAL)]
        if wanted == [self._part.itemData(i) for i in range(self._part.count())]:
            return
        chosen = self._part.currentData()
        self._part.blockSignals(True)
        self._part.clear()
        for part in wanted:
            self._part.addItem(part_title(part), part)
        self._part.setCurrentIndex(max(0, self._part.findData(chosen)))
        self._part.blockSignals(False)

    def _draw(self) -> None:
        status = self._status
        waiting = self.tr("The first epoch is on its way")
        idle = self.tr("Choose music and start: the losses appear here, epoch by epoch")
        self.chart.set_empty_words(waiting if status.status in ACTIVE else idle)
        self.chart.show_losses(status.loss_history, self._part.currentData(), status.total_epochs)
        self._part.setVisible(bool(status.loss_history))
        self._show_legend(None)

    def _show_legend(self, one: EpochLoss | None) -> None:
        """Name the lines, with the numbers of an epoch: the one pointed at, or the newest."""
        if one is None and self._status.loss_history:
            one = self._status.loss_history[-1]
        self._legend.setVisible(one is not None)
        if one is None:
            return
        part, look = self._part.currentData(), tokens()
        words = [f'<span style="color:{look.dim.name()}">{self.tr("Epoch {}").format(one.epoch)}</span>']
        for colour, name, values in (
            (look.accent, self.tr("training"), one.loss),
            (look.warning, self.tr("validation"), one.validation),
        ):
            words.append(f'<span style="color:{colour.name()}">{name} {loss_text(values.get(part))}</span>')
        self._legend.setText("&nbsp;&nbsp;&nbsp;".join(words))


def _label(words: str, parent: QWidget) -> QLabel:
    label = QLabel(words, parent)
    label.setProperty("class", "small")
    return label
