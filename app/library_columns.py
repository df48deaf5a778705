"""The columns of the library's table: what each says, and which of them fit beside each other.

GUI thread. The table stands in a narrow dock or a wide one: columns come as there is room for them, the
ones that a musician looks for first, and the artist stands below the title while it has no column.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication

from app.panels.transport import clock_text
from app.song_words import key_text, loudness_text, tempo_text
from engine.services.library_records import Song

MATCH = "match"
"""The column that is there while songs are listed by what they sound like."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Parameters
    ----------
    name : str
        What songs are sorted by, as the library calls it; settings know the column by it.
    title, tip : str
        Not translated yet: see `heading` and `explanation`.
    width_px : int
        At least, where it stretches.
    stretch : int
        Its share of the room that is left; 0 keeps its width.
    text : callable
        What it says of a song.
    """

    name: str
    title: str
    tip: str
    width_px: int
    stretch: int
    text: Callable[[Song], str]

    @property
    def is_number(self) -> bool:
        """Whether it is set flush right in figures of one width."""
        return not self.stretch and self.name != "key"

    @property
    def heading(self) -> str:
        """What stands above it."""
        return QCoreApplication.translate("LibraryColumns", self.title)

    @property
    def explanation(self) -> str:
        """What its tool tip says."""
        return QCoreApplication.translate("LibraryColumns", self.tip)


def _noop(text: str) -> str:
    return str(QT_TRANSLATE_NOOP("LibraryColumns", text))


def _added(song: Song) -> str:
    return datetime.fromtimestamp(song.added_s).date().isoformat()


COLUMNS = (
    Column("title", _noop("Title"), _noop("What the song is called"), 116, 3, lambda song: song.title),
    Column("artist", _noop("Artist"), _noop("Who plays it"), 120, 2, lambda song: song.artist),
    Column("album", _noop("Album"), _noop("Where it was published"), 120, 2, lambda song: song.album),
    Column(
        "tempo", _noop("BPM"), _noop("Tempo: beats a minute"), 50, 0, lambda song: tempo_text(song.tempo_bpm)
    ),
    Column("key", _noop("Key"), _noop("Key of the whole song"), 62, 0, lambda song: key_text(song.key)),
    Column(
        "duration", _noop("Length"), _noop("How long it is"), 58, 0, lambda song: clock_text(song.duration_s)
    ),
    Column(
        "loudness",
        _noop("LUFS"),
        _noop("Loudness of the whole song, in LUFS"),
        54,
        0,
        lambda song: loudness_text(song.lufs),
    ),
    Column("added", _noop("Added"), _noop("When it came into the library"), 92, 0, _added),
    Column(
        MATCH,
        _noop("Match"),
        _noop("How much it sounds like the song that was asked for; a full bar is the same sound"),
        60,
        0,
        lambda _song: "",
    ),
)

NAMES = tuple(column.name for column in COLUMNS)

TITLE_SPARE_PX = 72
"""Given to the titles before a column comes that is looked for less often."""

_FIRST_TO_COME = ("tempo", "key", "duration", "artist", "loudness", "album", "added")


def fitting_widths(width_px: int, hidden: Collection[str], *, match: bool) -> dict[str, int]:
    """Which columns are shown in a table of some width, and how wide each is.

    Parameters
    ----------
    width_px : int
    hidden : collection of str
        Columns that the user does not want.
    match : bool
        Songs are listed by what they sound like.

    Returns
    -------
    dict of str to int
        Pixels by name, in the order of COLUMNS; the sum is `width_px` unless that is less than the title
        needs.
    """
    by_name = {column.name: column for column in COLUMNS}
    shown = ["title", *([MATCH] if match else [])]
    taken_px = sum(by_name[name].width_px for name in shown)
    for name in _FIRST_TO_COME:
        if name in hidden:
            continue
        taken_px += by_name[name].width_px
        # Beyond tempo and key, the next column comes when the title has room to be read.
        if taken_px + (0 if name in ("tempo", "key") else TITLE_SPARE_PX) > width_px:
            break
        shown.append(name)
    widths = {name: by_name[name].width_px for name in NAMES if name in shown}
    left_px = max(0, width_px - sum(widths.values()))
    shares = sum(by_name[name].stretch for name in widths)
    for name in widths:
        widths[name] += left_px * by_name[name].stretch // shares
    widths["title"] += max(0, width_px - sum(widths.values()))
    return widths
