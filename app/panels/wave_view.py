"""The waveforms of a song under one ruler.

GUI thread only. The picture of the waveforms is a `Backdrop`; how they are seeked, looped and zoomed is
`TimeCanvas`'s.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QSize
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QWidget

from app.edits import Edits
from app.loop_state import LoopState
from app.panels.peak_source import PeakSource
from app.panels.time_canvas import TimeCanvas
from app.panels.wave_backdrop import Backdrop, Row, Scene
from app.tick import Tick

if TYPE_CHECKING:
    from engine.services.peaks import LanePeaks
    from engine.services.take_peaks import TakePeaks


class WaveView(TimeCanvas):
    """Ruler and waveforms.

    Parameters
    ----------
    loop : LoopState
        Shown, and followed.
    edits : Edits
        Told of new loops.
    """

    def __init__(self, loop: LoopState, edits: Edits, parent: QWidget | None = None) -> None:
        super().__init__(loop, edits, parent)
        self._source = PeakSource(self)
        self._backdrop = Backdrop()
        self._rows: tuple[Row, ...] = ()
        self._takes: Mapping[str, TakePeaks] = {}
        self._silenced: frozenset[str] = frozenset()
        self._scroll_px = 0
        self._version = -1
        self._source.changed.connect(self.update)
        self.setAccessibleName(self.tr("Waveforms"))
        self.setAccessibleDescription(self.keys_text())
        self.setToolTip(
            self.tr("Click to seek, drag to loop, drag the loop's ends to move them, turn the wheel to zoom.")
        )

    def sizeHint(self) -> QSize:
        """Room for some seconds to be seen."""
        return QSize(760, 480)

    def show_song(self, folder: Path | None) -> None:
        """Show the song in a folder of the stem store, whole; None shows none."""
        self._source.show(folder)
        self.start_over()

    def show_tick(self, tick: Tick) -> None:
        """Move the play-head, and redraw what has been separated since."""
        peaks = self._source.peaks
        known_s = 0.0 if peaks is None else peaks.n_frames / peaks.rate_hz
        self.set_duration(tick.duration_s if tick.duration_s is not None else known_s)
        if peaks is not None and peaks.version != self._version:
            self._version = peaks.version
            self.update()
        self.move_head(tick)

    @property
    def peaks(self) -> "LanePeaks | None":
        """Of the song that is shown, once they are open."""
        return self._source.peaks

    @property
    def rows(self) -> tuple[Row, ...]:
        """Where the lanes lie."""
        return self._rows

    @property
    def scroll_px(self) -> int:
        """How far the rows are scrolled up."""
        return self._scroll_px

    def set_rows(self, rows: Iterable[Row]) -> None:
        """Which lanes are shown, and where."""
        self._rows = tuple(rows)
        self.update()

    def show_takes(self, peaks: "Mapping[str, TakePeaks]") -> None:
        """Which lanes are takes, and what is drawn of them."""
        self._takes = dict(peaks)
        self.update()

    def set_silenced(self, lanes: Iterable[str]) -> None:
        """Which lanes are drawn faint because they are not heard."""
        silenced = frozenset(lanes)
        if silenced != self._silenced:
            self._silenced = silenced
            self.update()

    def set_scroll(self, scroll_px: int) -> None:
        """How far the rows are scrolled up under the ruler."""
        self._scroll_px = scroll_px
        self.update()

    def paint_still(self, painter: QPainter) -> None:
        """Draw the waveforms anew where they changed, and copy them."""
        scene = Scene(self._rows, self.view, self._source.peaks, self._takes, self._silenced, self._scroll_px)
        self._backdrop.refresh(scene, self.size(), self.devicePixelRatioF())
        painter.drawImage(QPointF(0, 0), self._backdrop.image)

    def shutdown(self) -> None:
        """Let go of the song's files; waits for a thread."""
        self._glide.stop()
        self._source.close()
