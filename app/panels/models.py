"""The models chooser: a list at the left, everything about the chosen one at the right.

GUI thread. What is done with a model is the `ModelsModel`'s doing; which one separates is said through
`model_chosen`, and the bridge changes it.
"""

from pathlib import Path

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QListView,
    QPushButton,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.models_model import ModelRole, ModelRow, ModelsModel, short_title, size_text
from app.panels.licence_dialog import LicenceDialog
from app.panels.model_details import ModelDetails
from app.panels.question import Question
from app.theme import font, icon, paint_icon, tokens

Index = QModelIndex | QPersistentModelIndex

ROW_PX = 58
LIST_PX = 272


class ModelsPanel(QWidget):
    """Which models there are, and what can be done with them.

    Parameters
    ----------
    model : ModelsModel
    parent : QWidget or None

    Attributes
    ----------
    model_chosen : Signal(str)
        Separate with this one from now on; it is here.
    """

    model_chosen = Signal(str)

    def __init__(self, model: ModelsModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self.view = _ModelsView(model, self)
        add = QPushButton(icon("plus"), self.tr("Add a model file…"), self)
        add.setProperty("kind", "flat")
        add.setAccessibleName(self.tr("Add a model file"))
        add.setAutoDefault(True)  # Enter presses it; space belongs to the window
        add.setToolTip(self.tr("Take your own ONNX network into Charon"))
        add.clicked.connect(self._choose_file)
        self.details = ModelDetails(self)
        left = QVBoxLayout()
        left.setSpacing(4)
        left.addWidget(self.view, 1)
        row = QHBoxLayout()
        row.setContentsMargins(8, 0, 8, 0)
        row.addWidget(add)
        row.addStretch(1)
        left.addLayout(row)
        columns = QHBoxLayout(self)
        columns.setContentsMargins(0, 4, 12, 12)
        columns.setSpacing(12)
        columns.addLayout(left)
        columns.addWidget(self.details, 1)
        self.setFocusProxy(self.view)
        self._connect()
        self._show_current()

    def _connect(self) -> None:
        self.view.selectionModel().currentChanged.connect(self._show_current)
        self.view.activated.connect(self._use_index)
        self._model.dataChanged.connect(self._show_current)
        self._model.modelReset.connect(self._choose_first)
        self.details.use_wanted.connect(self.model_chosen)
        self.details.get_wanted.connect(self._get)
        self.details.verify_wanted.connect(self._model.verify)
        self.details.remove_wanted.connect(self._ask_to_remove)
        self.details.cancel_wanted.connect(self._model.cancel)

    def _choose_first(self) -> None:
        index = self._model.index_of(self._model.current)
        self.view.setCurrentIndex(index if index.isValid() else self._model.index(0))
        self._show_current()

    def _show_current(self) -> None:
        row: ModelRow | None = self.view.currentIndex().data(ModelRole.ROW)
        self.details.show_row(row, in_use=row is not None and row.card.name == self._model.current)

    def _use_index(self, index: QModelIndex) -> None:
        row: ModelRow | None = index.data(ModelRole.ROW)
        if row is None or row.busy or row.card.name == self._model.current:
            return
        if row.present:
            self.model_chosen.emit(row.card.name)
        else:
            self._get(row.card.name)

    def _get(self, name: str) -> None:
        """Fetch a model; one whose licence asks for it only after the user has accepted it."""
        row = self._model.row(name)
        if row is None:
            return
        if not row.card.licence.requires_acceptance:
            self._model.get(name)
            return
        dialog = LicenceDialog(row.card, self)
        dialog.accepted.connect(lambda: self._model.get(name, accept_licence=True))
        dialog.open()

    def _ask_to_remove(self, name: str) -> None:
        row = self._model.row(name)
        if row is None:
            return
        title = self.tr("Remove {}?").format(short_title(row.card))
        size = size_text(row.card.size_bytes)
        question = Question(
            title, self.tr("{} are freed; it can be fetched again.").format(size), self.tr("Remove"), self
        )
        question.accepted.connect(lambda: self._model.remove(name))
        question.open()

    def _choose_file(self) -> None:
        dialog = QFileDialog(self, self.tr("Add a model"), "", self.tr("ONNX networks (*.onnx)"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(lambda name: self._model.add_file(Path(name)))  # pyright: ignore
        dialog.open()


class _ModelsView(QListView):
    """The rows at the left."""

    def __init__(self, model: ModelsModel, parent: QWidget) -> None:
        super().__init__(parent)
        self.setModel(model)
        self.setItemDelegate(_ModelRowDelegate(self))
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setFixedWidth(LIST_PX)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.setAccessibleName(self.tr("Models"))
        self.setAccessibleDescription(self.tr("Enter uses a model, or fetches it when it is not here."))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter uses; letters and digits are keys of the window."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self.activated.emit(self.currentIndex())
        elif event.text() and event.text().isprintable():
            event.ignore()
        else:
            super().keyPressEvent(event)


class _ModelRowDelegate(QStyledItemDelegate):
    """Paints a model: title, what it is, a check mark on the one in use, a bar while work goes on."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Every row is as high as the next."""
        return QSize(LIST_PX, ROW_PX)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one row."""
        # The stubs of PySide6 do not know the fields of style options.
        rect: QRect = option.rect  # pyright: ignore[reportAttributeAccessIssue]
        state: QStyle.StateFlag = option.state  # pyright: ignore[reportAttributeAccessIssue]
        row: ModelRow = index.data(ModelRole.ROW)
        look = tokens()
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        place = QRectF(rect).adjusted(8, 1, -4, -1)
        selected = bool(state & QStyle.StateFlag.State_Selected)
        if selected or state & QStyle.StateFlag.State_MouseOver:
            ground = QColor(look.raised)
            ground.setAlphaF(1.0 if selected else 0.5)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(ground)
            painter.drawRoundedRect(place, look.radius_medium_px, look.radius_medium_px)
        if selected and state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(look.accent, 1.0))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            ring = place.adjusted(0.5, 0.5, -0.5, -0.5)
            painter.drawRoundedRect(ring, look.radius_medium_px, look.radius_medium_px)
        words = place.adjusted(12, 9, -32, -11)
        title = look.text if row.present else look.dim
        _line(painter, words, str(index.data()), font(look.text_body_px, 500), title, top=True)
        detail = str(index.data(ModelRole.DETAIL))
        tone = look.error if row.trouble and not row.busy else look.dim
        _line(painter, words, row.trouble or detail, font(look.text_small_px, tabular=True), tone, top=False)
        if index.data(ModelRole.CURRENT):
            mark = QRectF(place.right() - 26, place.center().y() - 8, 16, 16)
            paint_icon(painter, "check", look.accent, mark)
        if row.busy:
            _bar(painter, QRectF(words.left(), place.bottom() - 7, words.width(), 3), row.part)
        painter.restore()


def _line(painter: QPainter, place: QRectF, text: str, face: object, colour: QColor, *, top: bool) -> None:
    painter.setFont(face)  # pyright: ignore[reportArgumentType, reportCallIssue]
    painter.setPen(colour)
    elided = QFontMetrics(painter.font()).elidedText(text, Qt.TextElideMode.ElideRight, int(place.width()))
    edge = Qt.AlignmentFlag.AlignTop if top else Qt.AlignmentFlag.AlignBottom
    painter.drawText(place, int(Qt.AlignmentFlag.AlignLeft | edge), elided)


def _bar(painter: QPainter, place: QRectF, part: float) -> None:
    look = tokens()
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(look.line)
    painter.drawRoundedRect(place, 1.5, 1.5)
    if part > 0.0:
        place.setWidth(max(3.0, place.width() * min(part, 1.0)))
        painter.setBrush(look.accent)
        painter.drawRoundedRect(place, 1.5, 1.5)
