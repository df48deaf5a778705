"""How a row of the queue is painted, and where its buttons lie.

GUI thread. Rows are painted, not built of widgets, so that a thousand songs scroll as well as three. The
buttons appear under the pointer and on the selected row; all they do is in the context menu and on keys
as well.
"""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.queue_model import QueueRole
from app.theme import font, paint_icon, tokens
from engine.services.song_job import JobState, SongJob

Index = QModelIndex | QPersistentModelIndex

ROW_PX = 60
INSET_PX = 8
PADDING_PX = 12
BUTTON_PX = 24
ICON_PX = 14
BAR_PX = 3

CANCEL, RETRY, REMOVE, PLAY = "cancel", "retry", "remove", "play"
_BUTTONS: dict[JobState, tuple[str, ...]] = {
    JobState.WAITING: (CANCEL,),
    JobState.SEPARATING: (CANCEL,),
    JobState.READY: (REMOVE,),
    JobState.FAILED: (RETRY, REMOVE),
    JobState.CANCELLED: (RETRY, REMOVE),
}


def row_buttons(job: SongJob) -> tuple[str, ...]:
    """Names of the buttons of a row, from left to right."""
    return _BUTTONS[job.state]


def button_rects(row: QRect, job: SongJob) -> dict[str, QRect]:
    """Where the buttons of a row lie."""
    names = row_buttons(job)
    left = row.right() + 1 - INSET_PX - 4 - BUTTON_PX * len(names)
    top = row.top() + 8
    return {name: QRect(left + BUTTON_PX * i, top, BUTTON_PX, BUTTON_PX) for i, name in enumerate(names)}


class QueueRowDelegate(QStyledItemDelegate):
    """Paints a row: title, second line, a thin bar while it is separated.

    Attributes
    ----------
    pointed : tuple of QPersistentModelIndex and str, or None
        The button under the pointer.
    """

    pointed: tuple[QPersistentModelIndex, str] | None = None

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Every row is as high as the next."""
        return QSize(160, ROW_PX)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one row."""
        # The stubs of PySide6 do not know the fields of style options.
        rect: QRect = option.rect  # pyright: ignore[reportAttributeAccessIssue]
        state: QStyle.StateFlag = option.state  # pyright: ignore[reportAttributeAccessIssue]
        job: SongJob = index.data(QueueRole.JOB)
        hovered = bool(state & QStyle.StateFlag.State_MouseOver)
        selected = bool(state & QStyle.StateFlag.State_Selected)
        focused = selected and bool(state & QStyle.StateFlag.State_HasFocus)
        current = bool(index.data(QueueRole.CURRENT))
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        _paint_ground(painter, rect, raised=current, hovered=hovered or selected, focused=focused)
        buttons = button_rects(rect, job) if hovered or selected else {}
        self._paint_words(painter, rect, index, (job, current), bool(buttons))
        part = index.data(QueueRole.PART)
        if part is not None:
            _paint_bar(painter, rect, part)
        for name, place in buttons.items():
            pointed = self.pointed is not None and self.pointed[0] == index and self.pointed[1] == name
            _paint_button(painter, name, place, pointed)
        painter.restore()

    def _paint_words(
        self, painter: QPainter, rect: QRect, index: Index, song: tuple[SongJob, bool], with_buttons: bool
    ) -> None:
        job, current = song
        look = tokens()
        left = rect.left() + INSET_PX + PADDING_PX
        right = rect.right() + 1 - INSET_PX - PADDING_PX
        # The words end where the buttons begin, so that they need not be read through them.
        title_right = min(r.left() for r in button_rects(rect, job).values()) - 4 if with_buttons else right
        self._line(
            painter,
            QRectF(left, rect.top() + 9, title_right - left, 20),
            str(index.data()),
            (font(look.text_body_px, 600 if current else 500), look.text),
        )
        tones: dict[str, QColor] = {"error": look.error, "warning": look.warning}
        self._line(
            painter,
            QRectF(left, rect.top() + 29, right - left, 18),
            str(index.data(QueueRole.DETAIL)),
            (font(look.text_small_px, tabular=True), tones.get(index.data(QueueRole.TONE), look.dim)),
        )

    @staticmethod
    def _line(painter: QPainter, place: QRectF, text: str, how: tuple[object, QColor]) -> None:
        face, colour = how
        painter.setFont(face)  # pyright: ignore[reportArgumentType, reportCallIssue]
        painter.setPen(colour)
        elided = QFontMetrics(painter.font()).elidedText(
            text, Qt.TextElideMode.ElideRight, max(0, int(place.width()))
        )
        painter.drawText(place, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), elided)


def _paint_ground(painter: QPainter, rect: QRect, *, raised: bool, hovered: bool, focused: bool) -> None:
    look = tokens()
    place = QRectF(rect).adjusted(INSET_PX, 1, -INSET_PX, -1)
    if raised or hovered:
        ground = QColor(look.raised)
        if not raised:
            ground.setAlphaF(0.5)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ground)
        painter.drawRoundedRect(place, look.radius_medium_px, look.radius_medium_px)
    if focused:
        painter.setPen(QPen(look.accent, 1.0))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(
            place.adjusted(0.5, 0.5, -0.5, -0.5), look.radius_medium_px, look.radius_medium_px
        )


def _paint_bar(painter: QPainter, rect: QRect, part: float) -> None:
    look = tokens()
    width = rect.width() - 2 * (INSET_PX + PADDING_PX)
    place = QRectF(rect.left() + INSET_PX + PADDING_PX, rect.bottom() - 8.0, width, BAR_PX)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(look.line)
    painter.drawRoundedRect(place, BAR_PX / 2, BAR_PX / 2)
    if part > 0.0:
        place.setWidth(max(float(BAR_PX), width * min(1.0, part)))
        painter.setBrush(look.accent)
        painter.drawRoundedRect(place, BAR_PX / 2, BAR_PX / 2)


def _paint_button(painter: QPainter, name: str, place: QRect, pointed: bool) -> None:
    look = tokens()
    if pointed:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(look.line)
        painter.drawRoundedRect(QRectF(place), look.radius_small_px, look.radius_small_px)
    centre = QRectF(place).center()
    corner = centre - QPointF(ICON_PX / 2, ICON_PX / 2)
    paint_icon(
        painter, name, look.text if pointed else look.dim, QRectF(corner.x(), corner.y(), ICON_PX, ICON_PX)
    )
