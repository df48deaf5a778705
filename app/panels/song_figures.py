"""Tempo, key and loudness of the song, side by side in the transport.

GUI thread only.
"""

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.controls.figure import Figure
from app.song_words import key_text, loudness_text, tempo_text

if TYPE_CHECKING:
    from engine.services.analysis import Analysis


class SongFigures(QWidget):
    """Three figures that come when the song has been listened to.

    Attributes
    ----------
    tempo, key, loudness : Figure
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tempo = Figure(self.tr("BPM"), "888.8", self.tr("Tempo of the song"))
        self.key = Figure(self.tr("KEY"), "F♯ maj", self.tr("Key of the song"))
        self.loudness = Figure(self.tr("LUFS"), "-88.8", self.tr("Loudness of the whole song"))
        self.setAccessibleName(self.tr("Tempo, key and loudness"))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(20)
        for figure in (self.tempo, self.key, self.loudness):
            row.addWidget(figure)

    def show_analysis(self, found: "Analysis | None") -> None:
        """Show a song's, or that it is not known yet."""
        reasons = {} if found is None else found.reasons
        self.tempo.show_value(tempo_text(found.tempo_bpm if found else None), reasons.get("tempo_bpm", ""))
        self.key.show_value(key_text(found.key if found else None), reasons.get("key", ""))
        self.loudness.show_value(loudness_text(found.lufs if found else None), reasons.get("lufs", ""))
