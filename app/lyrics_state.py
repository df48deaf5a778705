"""The lyrics that are shown, and how far they are moved: the one truth of the window, on the GUI thread.

Views read it and ask `LyricEdits` for changes; `LyricsModel` fills it and keeps what was changed.
"""

from enum import StrEnum

from PySide6.QtCore import QObject, Signal

from engine.lyrics import Lyrics

MAX_OFFSET_S = 10.0
LYRIC_SUFFIXES = frozenset((".lrc", ".srt", ".vtt", ".txt", ".json"))
"""Files that lyrics are read from, by the end of their names."""


class Origin(StrEnum):
    """Where lyrics come from."""

    NONE = ""
    FILE = "file"
    TAGS = "tags"
    HEARD = "heard"
    ALIGNED = "aligned"
    EDITED = "edited"


class LyricsState(QObject):
    """The lyrics of the song that is loaded.

    Parameters
    ----------
    parent : QObject or None

    Attributes
    ----------
    changed : Signal()
        Other lyrics, or other words in them.
    offset_changed : Signal()
    origin : Origin
    source : str
        File or model that they come from; empty where there is none to name.
    """

    changed = Signal()
    offset_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lyrics: Lyrics | None = None
        self._offset_s = 0.0
        self._growing = False
        self.origin = Origin.NONE
        self.source = ""

    @property
    def lyrics(self) -> Lyrics | None:
        """None when there are none."""
        return self._lyrics

    @property
    def is_timed(self) -> bool:
        """Whether any line has a time."""
        return self._lyrics is not None and any(line.end_s > 0.0 for line in self._lyrics.segments)

    @property
    def has_words(self) -> bool:
        """Whether any word has a time."""
        return self._lyrics is not None and any(line.words for line in self._lyrics.segments)

    @property
    def offset_s(self) -> float:
        """How much later than written the words are shown; negative is sooner."""
        return self._offset_s

    @property
    def is_growing(self) -> bool:
        """Whether more lines come by themselves: until then nobody edits."""
        return self._growing

    def set_growing(self, growing: bool) -> None:
        """Say that lines are being heard, or put in time."""
        self._growing = growing

    def show(self, lyrics: Lyrics | None, origin: Origin = Origin.EDITED, source: str = "") -> None:
        """Show other lyrics.

        Parameters
        ----------
        lyrics : Lyrics or None
            Without a line they count as none.
        origin : Origin
        source : str
        """
        self._lyrics = lyrics if lyrics is not None and lyrics.segments else None
        self.origin = origin if self._lyrics is not None else Origin.NONE
        self.source = source if self._lyrics is not None else ""
        self.changed.emit()

    def set_offset_s(self, offset_s: float) -> None:
        """Show all words later, or with a negative value sooner."""
        offset_s = max(-MAX_OFFSET_S, min(MAX_OFFSET_S, offset_s))
        if offset_s != self._offset_s:
            self._offset_s = offset_s
            self.offset_changed.emit()
