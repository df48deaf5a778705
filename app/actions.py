"""Everything the user can ask of the window: one `QAction` each, with its key, its menu and its words.

GUI thread. Nothing is carried out here: `app.desktop` connects the actions. Menus and the list of keys
(F1) are both made from this table, so that neither can promise what the other lacks.
"""

from collections.abc import Iterable

from PySide6.QtCore import QCoreApplication, QObject
from PySide6.QtGui import QAction, QKeySequence, QUndoStack

N_LANE_KEYS = 6

_TABLE: tuple[tuple[str, str, str, str], ...] = (
    # name, text, keys (separated by two spaces), what it does
    ("open", "Open songs…", "Ctrl+O", "Choose sound files; the first one plays at once"),
    ("open_folder", "Open folder…", "Ctrl+Shift+O", "Put every song of a folder into the queue"),
    ("open_session", "Open session…", "Ctrl+Alt+O", "Go on where a saved session left off"),
    ("save", "Save session", "Ctrl+S", "Save song, mix and loop as a session"),
    ("save_as", "Save session as…", "Ctrl+Shift+S", "Save the session under another name"),
    ("export", "Export…", "Ctrl+E", "Write stems or the mix to files"),
    ("settings", "Settings…", "Ctrl+,", "Sound device, buffer, disk space, look"),
    ("quit", "Quit", "Ctrl+Q", "Close Charon"),
    ("reset_mixer", "Reset mixer", "Ctrl+R", "Every fader to 0 dB, nothing muted or solo"),
    ("clear_loop", "Clear loop", "Shift+L", "Take the loop away"),
    ("play", "Play or pause", "Space", "Play, or stay where we are"),
    ("to_start", "To start", "Home", "Back to the start of the loop or the song"),
    ("loop", "Loop on or off", "L", "Repeat the chosen part; without one, the next 8 seconds"),
    ("loop_from", "Loop from here", "I", "Let the loop begin at the play-head"),
    ("loop_to", "Loop to here", "O", "Let the loop end at the play-head"),
    ("live", "Live input", "Ctrl+Shift+I", "Separate a line, or another program's sound, while it plays"),
    ("mute", "Mute lane", "M", "Mute or unmute the chosen lane"),
    ("solo", "Solo lane", "S", "Solo the chosen lane, or not"),
    ("solo_only", "Solo lane alone", "Ctrl+Shift+A", "Solo the chosen lane and no other"),
    ("zoom_in", "Zoom in", "Ctrl++  Ctrl+=", "Show less of the song, larger"),
    ("zoom_out", "Zoom out", "Ctrl+-", "Show more of the song"),
    ("zoom_fit", "Whole song", "Ctrl+0", "Show all of the song"),
    ("picture", "Julia set on the whole screen", "F11", "Nothing but the picture; Esc leads back"),
    ("full_screen", "Full screen", "Shift+F11", "The window on the whole screen, and back"),
    ("find_songs", "Search the library", "Ctrl+F", "Find a song by words of its title, artist or album"),
    (
        "similar",
        "More like this",
        "Ctrl+Shift+F",
        "What sounds like the chosen song, or the one that plays",
    ),
    (
        "loop_again",
        "Find this loop again",
        "Ctrl+G",
        "Where in its song the music of the loop comes again",
    ),
    (
        "loop_like",
        "More like this loop",
        "Ctrl+Shift+G",
        "What in all songs of the library sounds like the loop",
    ),
    ("add_folder", "Add folder to the library…", "Ctrl+Shift+L", "Hear and remember every song of a folder"),
    (
        "look_for_changes",
        "Look for changes",
        "F5",
        "Look through its folders for new and moved songs",
    ),
    ("transcribe", "Transcribe", "Ctrl+T", "Hear the words of the song, or stop that"),
    (
        "paste_lyrics",
        "Paste lyrics",
        "Ctrl+Shift+V",
        "Take copied lyrics; they are put in time with the song",
    ),
    ("open_lyrics", "Open lyrics…", "", "Lyrics from a .lrc, .srt, .vtt, .txt or .json file"),
    ("align_lyrics", "Put words in time", "", "Find when each word of these lines is sung"),
    ("save_lyrics", "Save lyrics…", "Ctrl+Shift+E", "Write the lyrics as LRC, SRT, WebVTT, text or JSON"),
    ("drop_lyrics", "Remove lyrics", "", "Take the lyrics away; undo brings them back"),
    ("lyrics_sooner", "Words sooner", "[", "Show the words a twentieth of a second sooner"),
    ("lyrics_later", "Words later", "]", "Show the words a twentieth of a second later"),
    ("sing", "Sing along", "Ctrl+K", "See the melody of the song, and your own voice on it"),
    ("karaoke", "Karaoke", "K", "The words on the whole screen, the vocals turned down"),
    ("first_steps", "First steps", "", "How Charon is used, in four lines"),
    ("keys", "Keyboard", "F1", "Every key and what it does"),
    ("log", "Show log", "", "Open the folder with Charon's log"),
    ("about", "About Charon", "", "Version and licences"),
)

MENUS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "file",
        "&File",
        (
            *("open", "open_folder", "|recent", "-", "open_session", "save", "save_as", "-"),
            *("export", "-", "settings", "-", "quit"),
        ),
    ),
    ("edit", "&Edit", ("undo", "redo", "-", "reset_mixer")),
    (
        "play",
        "&Play",
        (
            *("play", "to_start", "live", "-", "loop", "loop_from", "loop_to", "clear_loop", "-"),
            *("mute", "solo", "solo_only", "|lanes"),
        ),
    ),
    (
        "library",
        "&Library",
        ("find_songs", "similar", "loop_again", "loop_like", "-", "add_folder", "look_for_changes"),
    ),
    (
        "lyrics",
        "L&yrics",
        (
            *("transcribe", "align_lyrics", "-", "open_lyrics", "paste_lyrics", "save_lyrics", "drop_lyrics"),
            *("-", "lyrics_sooner", "lyrics_later", "-", "sing", "karaoke"),
        ),
    ),
    ("view", "&View", ("|docks", "-", "zoom_in", "zoom_out", "zoom_fit", "-", "picture", "full_screen")),
    ("help", "&Help", ("first_steps", "keys", "-", "log", "about")),
)
"""Name, title and content of every menu; "-" is a line, "|name" a place filled by the window."""


class Actions(QObject):
    """All actions, by name.

    Parameters
    ----------
    stack : QUndoStack
        Undo and redo are its own.
    parent : QObject
        The window: keys work wherever its focus is.
    """

    def __init__(self, stack: QUndoStack, parent: QObject) -> None:
        super().__init__(parent)
        self._actions: dict[str, QAction] = {}
        for name, text, keys, words in _TABLE:
            self._add(name, QAction(_tr(text), parent), keys.split(), _tr(words))
        undo = stack.createUndoAction(parent, _tr("Undo"))
        self._add("undo", undo, ["Ctrl+Z"], _tr("Take the last change of mixer or loop back"))
        redo = stack.createRedoAction(parent, _tr("Redo"))
        self._add("redo", redo, ["Ctrl+Y", "Ctrl+Shift+Z"], _tr("Do what was taken back"))
        for number in range(1, N_LANE_KEYS + 1):
            self._add_lane(number, parent)
        for name in ("loop", "live", "picture", "full_screen", "sing", "karaoke"):
            self[name].setCheckable(True)

    def _add_lane(self, number: int, parent: QObject) -> None:
        choose = QAction(_tr("Lane {}").format(number), parent)
        self._add(f"lane_{number}", choose, [str(number)], _tr("Choose lane {}").format(number))
        mute = QAction(_tr("Mute lane {}").format(number), parent)
        self._add(f"mute_{number}", mute, [f"Alt+{number}"], mute.text())
        solo = QAction(_tr("Solo lane {}").format(number), parent)
        self._add(f"solo_{number}", solo, [f"Ctrl+{number}"], solo.text())

    def _add(self, name: str, action: QAction, keys: Iterable[str], words: str) -> None:
        action.setObjectName(f"action-{name}")
        action.setShortcuts([QKeySequence(key) for key in keys])
        action.setToolTip(words)
        action.setStatusTip(words)
        # macOS would move what looks like settings or quit by its text, which is translated.
        roles = {
            "quit": QAction.MenuRole.QuitRole,
            "settings": QAction.MenuRole.PreferencesRole,
            "about": QAction.MenuRole.AboutRole,
        }
        action.setMenuRole(roles.get(name, QAction.MenuRole.NoRole))
        self._actions[name] = action

    def __getitem__(self, name: str) -> QAction:
        return self._actions[name]

    def all(self) -> tuple[QAction, ...]:
        """Every action."""
        return tuple(self._actions.values())

    def keyed(self) -> list[tuple[str, str, str]]:
        """Keys, title and words of every action that has keys, in the order of the menus."""
        order = [name for _menu, _title, names in MENUS for name in names if name in self._actions]
        rows: list[tuple[str, str, str]] = []
        for name in order:
            action = self._actions[name]
            native = QKeySequence.SequenceFormat.NativeText
            keys = "  ".join(key.toString(native) for key in action.shortcuts())
            if keys:
                rows.append((keys, action.text().rstrip("…").replace("&", ""), action.toolTip()))
        return rows


def _tr(text: str) -> str:
    return QCoreApplication.translate("Actions", text)
