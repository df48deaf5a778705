"""Lines of lyrics as they lie around the one that sounds: laid out when they are seen, found by a point.

GUI thread. Pure geometry, painted by `LyricsView`: a song of ten thousand lines costs what one of ten does,
because only those that are seen are laid out.
"""

from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import QPointF, QRectF

from app import theme
from app.panels.lyric_line import LyricLine
from engine.lyrics import Segment

MARGIN_PX = 24
ANCHOR = 0.46
"""Where the sung line stands, of the height: a little above the middle, because one reads on."""
REST_SIZE = 0.58
"""Size of the other lines beside that of the sung one."""
GAP = 0.55
"""Between two lines, of the size of the type."""
_KEPT_LINES = 200


class Place(NamedTuple):
    """Where a line is painted, around x = 0."""

    number: int
    line: LyricLine
    top: float
    scale: float

    @property
    def area(self) -> QRectF:
        """All of it."""
        half = self.line.width_px * self.scale / 2
        return QRectF(-half, self.top, 2 * half, self.line.height_px * self.scale)


class LyricPlaces:
    """Where lines stand.

    Attributes
    ----------
    segments : sequence of Segment
    at : float
        The line in the middle; between two while they move.
    font_px : int
    """

    def __init__(self, font_px: int) -> None:
        self.segments: Sequence[Segment] = ()
        self.at = 0.0
        self.font_px = font_px
        self._width_px = self._height_px = 0
        self._lines: dict[int, LyricLine] = {}

    @property
    def laid_out(self) -> tuple[int, ...]:
        """Lines that are laid out."""
        return tuple(self._lines)

    def forget(self) -> None:
        """Lay out anew: other words, or another size of type."""
        self._lines.clear()

    def set_size(self, width_px: int, height_px: int) -> None:
        """Stand in a room of another size."""
        if width_px != self._width_px:
            self._lines.clear()
        self._width_px, self._height_px = width_px, height_px

    def line(self, number: int) -> LyricLine:
        """A line, laid out."""
        line = self._lines.get(number)
        if line is None:
            if len(self._lines) >= _KEPT_LINES:
                self._lines.clear()
            font = theme.font(self.font_px, 600)
            wide_px = max(120.0, self._width_px - 2.0 * MARGIN_PX)
            line = self._lines[number] = LyricLine(self.segments[number], font, wide_px)
        return line

    def seen(self) -> list[Place]:
        """The lines that are seen, from the top down."""
        n = len(self.segments)
        if n == 0:
            return []
        middle = min(int(self.at), n - 1)
        part = self.at - middle
        gap_px = GAP * self.font_px

        def scale(number: int) -> float:
            near = max(0.0, 1.0 - abs(number - self.at))
            return REST_SIZE + (1.0 - REST_SIZE) * near

        def height(number: int) -> float:
            return self.line(number).height_px * scale(number)

        following_px = height(middle + 1) / 2 if middle + 1 < n else 0.0
        step_px = height(middle) / 2 + gap_px + following_px
        top = self._height_px * ANCHOR - part * step_px - height(middle) / 2
        places = [Place(middle, self.line(middle), top, scale(middle))]
        above, number = top, middle
        while above > 0 and number > 0:
            number -= 1
            above -= gap_px + height(number)
            places.insert(0, Place(number, self.line(number), above, scale(number)))
        below, number = top + height(middle), middle
        while below + gap_px < self._height_px and number + 1 < n:
            number += 1
            places.append(Place(number, self.line(number), below + gap_px, scale(number)))
            below += gap_px + height(number)
        return places

    def find(self, number: int) -> Place | None:
        """Where a line is; None while it is not seen."""
        return next((place for place in self.seen() if place.number == number), None)

    def hit(self, point: QPointF) -> tuple[int, int] | None:
        """Line and word at a point of the widget."""
        for seen in self.seen():
            area = seen.area.translated(self._width_px / 2, 0.0).adjusted(-8, -4, 8, 4)
            if area.contains(point):
                inside = QPointF(point.x() - self._width_px / 2, point.y() - seen.top) / seen.scale
                inside.setY(max(0.0, min(inside.y(), seen.line.height_px - 0.5)))
                word = seen.line.word_at(inside)
                return None if word is None else (seen.number, word)
        return None

    def place_of(self, number: int, word: int) -> QRectF:
        """Where a word stands in the widget, or the first row of it; empty while its line is not seen."""
        place = self.find(number)
        if place is None or word >= len(place.line.boxes) or not place.line.boxes[word]:
            return QRectF()
        box, scale = place.line.boxes[word][0], place.scale
        left = self._width_px / 2 + box.left() * scale
        return QRectF(left, place.top + box.top() * scale, box.width() * scale, box.height() * scale)
