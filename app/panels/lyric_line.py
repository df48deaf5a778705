"""One line of lyrics as it is laid out: where its words stand, and how much of it is sung.

GUI thread. Laid out once for a width and a size, painted many times; a view keeps those around what is
sung and nothing of the thousand others.
"""

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QTextLayout, QTextOption

from engine.io.lyric_text import word_spans
from engine.lyrics import Segment


class LyricLine:
    """A line, wrapped and centred around x = 0; its top is y = 0.

    Parameters
    ----------
    segment : Segment
    font : QFont
    width_px : float
        Where it is wrapped.

    Attributes
    ----------
    segment : Segment
    height_px, width_px : float
        Of what is painted.
    """

    def __init__(self, segment: Segment, font: QFont, width_px: float) -> None:
        self.segment = segment
        layout = self._layout = QTextLayout(segment.text, font)
        layout.setCacheEnabled(True)
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        option.setUseDesignMetrics(True)
        layout.setTextOption(option)
        layout.beginLayout()
        self.height_px = self.width_px = 0.0
        while (row := layout.createLine()).isValid():
            row.setLineWidth(width_px)
            wide_px = row.naturalTextWidth()
            row.setPosition(QPointF(-wide_px / 2, self.height_px))
            self.height_px += row.height()
            self.width_px = max(self.width_px, wide_px)
        layout.endLayout()
        self._backwards = False
        spans = word_spans(segment) if segment.words else ((0, len(segment.text)),)
        self.boxes: tuple[tuple[QRectF, ...], ...] = tuple(self._boxes(*span) for span in spans)

    def _boxes(self, start: int, stop: int) -> tuple[QRectF, ...]:
        """Where some characters stand: a box a row."""
        boxes: list[QRectF] = []
        for number in range(self._layout.lineCount()):
            row = self._layout.lineAt(number)
            first, last = row.textStart(), row.textStart() + row.textLength()
            a, b = max(start, first), min(stop, last)
            # Of glyphs: PySide's `cursorToX` gives 0 for every place.
            runs = row.glyphRuns(a, b - a) if a < b else []
            if runs:
                self._backwards |= runs[0].isRightToLeft()
                left = min(run.boundingRect().left() for run in runs)
                right = max(run.boundingRect().right() for run in runs)
                boxes.append(QRectF(left, row.y(), right - left, row.height()))
        return tuple(boxes)

    def paint(self, painter: QPainter, colour: QColor) -> None:
        """Paint all of it."""
        painter.setPen(colour)
        self._layout.draw(painter, QPointF(0.0, 0.0))

    def paint_sung(self, painter: QPainter, colour: QColor, time_s: float) -> None:
        """Paint what is sung at a time over what `paint` painted."""
        boxes = self.sung_boxes(time_s)
        if not boxes:
            return
        painter.save()
        painter.setPen(colour)
        for box in boxes:
            painter.setClipRect(box, Qt.ClipOperation.ReplaceClip)
            self._layout.draw(painter, QPointF(0.0, 0.0))
        painter.restore()

    def sung_boxes(self, time_s: float) -> list[QRectF]:
        """What is sung at a time, as boxes: one a row, and one for the word that is being sung."""
        word, part = self.sung(time_s)
        rows: dict[float, QRectF] = {}
        for number in range(word + 1):
            boxes = self.boxes[number]
            wide_px = sum(box.width() for box in boxes)
            left_px = wide_px * (part if number == word else 1.0)
            for box in boxes:
                take_px = min(left_px, box.width())
                left_px -= take_px
                if take_px > 0.0:
                    # Hebrew and Arabic are sung from the right.
                    left = box.right() - take_px if self._backwards else box.left()
                    taken = QRectF(left, box.top(), take_px, box.height())
                    rows[box.top()] = rows[box.top()].united(taken) if box.top() in rows else taken
        return list(rows.values())

    def sung(self, time_s: float) -> tuple[int, float]:
        """The word that was begun last, and how much of it is sung.

        Returns
        -------
        int, float
            -1 before the first word. A line without word times is one word, sung whole from its beginning.
        """
        if not self.segment.words:
            return (0, 1.0) if time_s >= self.segment.start_s else (-1, 0.0)
        found = -1
        for number, word in enumerate(self.segment.words):
            if word.start_s > time_s:
                break
            found = number
        if found < 0:
            return -1, 0.0
        word = self.segment.words[found]
        long_s = word.end_s - word.start_s
        return found, 1.0 if time_s >= word.end_s or long_s <= 0.0 else (time_s - word.start_s) / long_s

    def word_at(self, place: QPointF) -> int | None:
        """The word under a point, or nearest to it in its row."""
        best: tuple[float, int] | None = None
        for number, boxes in enumerate(self.boxes):
            for box in boxes:
                if box.top() <= place.y() < box.bottom():
                    away = max(box.left() - place.x(), place.x() - box.right(), 0.0)
                    if best is None or away < best[0]:
                        best = (away, number)
        return None if best is None else best[1]
