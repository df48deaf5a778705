"""Every change of the lyrics that a user can undo; steps of the same stack as mixer and loop. GUI thread."""

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication

from app.edits import Edits
from app.lyric_lines import joined, rewritten, shifted, split_line, with_lines
from app.lyrics_state import LyricsState, Origin
from engine.io.lyric_text import clean_line
from engine.lyrics import Lyrics, Segment


class LyricEdits:
    """The undoable side of a `LyricsState`.

    Parameters
    ----------
    state : LyricsState
    edits : Edits
    """

    def __init__(self, state: LyricsState, edits: Edits) -> None:
        self._state = state
        self._edits = edits

    def rewrite(self, line: int, text: str) -> None:
        """Give a line other words; none at all removes it."""
        segment = self._line(line)
        if segment is None or clean_line(text) == segment.text:
            return
        if clean_line(text):
            self._replace(_tr("Words of a line"), line, 1, (rewritten(segment, text),))
        else:
            self.remove(line)

    def remove(self, line: int) -> None:
        """Take a line away."""
        if self._line(line) is not None:
            self._replace(_tr("Remove a line"), line, 1, ())

    def split(self, line: int, at: int, text: str | None = None) -> bool:
        """Make two lines of one.

        Parameters
        ----------
        line : int
        at : int
            Character that the second begins with.
        text : str or None
            What the line reads now, where it was being written.

        Returns
        -------
        bool
            False when there is nothing on one side.
        """
        segment = self._line(line)
        if segment is None:
            return False
        if text is not None and clean_line(text):
            # The caret counts characters of what is written, spaces too many included.
            at = len(clean_line(text[:at])) + (1 if text[:at].endswith(" ") else 0)
            segment = rewritten(segment, text)
        pair = split_line(segment, at)
        if pair is None:
            return False
        self._replace(_tr("Split a line"), line, 1, pair)
        return True

    def join(self, line: int) -> None:
        """Make one line of a line and the next."""
        first, second = self._line(line), self._line(line + 1)
        if first is not None and second is not None:
            self._replace(_tr("Join two lines"), line, 2, (joined(first, second),))

    def start_at(self, line: int, time_s: float) -> None:
        """Let a line begin at another time, its words with it."""
        segment = self._line(line)
        if segment is not None and segment.start_s != time_s:
            self._replace(_tr("Time of a line"), line, 1, (shifted(segment, time_s - segment.start_s),))

    def set_offset_s(self, offset_s: float, gesture: int | None = None) -> None:
        """Show all words later or sooner."""
        before = self._state.offset_s
        if offset_s != before:
            self._edits.push(
                _tr("Offset of the lyrics"), self._state.set_offset_s, (before, offset_s), gesture
            )

    def _line(self, line: int) -> Segment | None:
        lyrics = None if self._state.is_growing else self._state.lyrics
        return lyrics.segments[line] if lyrics is not None and 0 <= line < len(lyrics.segments) else None

    def _replace(self, words: str, at: int, n: int, lines: Sequence[Segment]) -> None:
        before = self._state.lyrics
        if before is not None:
            self.show(words, with_lines(before, at, n, lines))

    def show(
        self, words: str, lyrics: Lyrics | None, origin: Origin = Origin.EDITED, source: str = ""
    ) -> None:
        """Show other lyrics in place of those that are shown, as one step; None takes them away."""
        state = self._state
        if lyrics != state.lyrics:
            values = ((state.lyrics, state.origin, state.source), (lyrics, origin, source))
            self._edits.push(words, lambda value: state.show(*value), values)


def _tr(text: str) -> str:
    return QCoreApplication.translate("LyricEdits", text)
