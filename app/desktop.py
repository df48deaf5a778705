"""The composition root of the window: builds every part, connects them, and ends them in order.

The window is shown first, with nothing but Qt and our own light rooms imported; the engine comes up on
a thread behind it (`app.engine_start`), and what needs its modules (`app.rooms`) is built when they are
there.
"""

import ctypes
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication, QWidget

from app.about import show_about
from app.bridge import Bridge
from app.crash import watch_for_crashes
from app.edits import Edits
from app.engine_start import EngineStart, Started
from app.jobs import JobPool
from app.lane_keys import LaneKeys
from app.live_settings import LiveSettings
from app.logs import log_folder
from app.loop_state import LoopState
from app.lyrics_state import LYRIC_SUFFIXES
from app.mixer_state import MASTER, MixerState, Strip
from app.opening import Opening
from app.panels.queue import QueuePanel
from app.panels.transport import TransportBar
from app.paths import demo_song
from app.queue_model import QueueModel
from app.recent import RecentSongs
from app.settings import load_settings
from app.speeds import MeasuredSpeeds
from app.theme import apply_theme, set_reduced_motion
from app.window import Window
from app.work_line import WorkLine
from app.write_behind import WriteBehind
from engine.errors import CharonError

if TYPE_CHECKING:
    from app.rooms import Rooms
    from engine.io.device import StreamOpener
    from engine.io.home import Home

_log = logging.getLogger(__name__)

EXIT_CANCELLED = 130


class Desktop(QObject):
    """One window with everything behind it.

    Parameters
    ----------
    opener : StreamOpener or None
        Opens the sound output; None is the device of the settings.
    home : Home or None
        Where models and stems are; None is the user's own.

    Attributes
    ----------
    rooms : Rooms or None
        What needs the engine's modules; None until they are imported.
    """

    _write_failed = Signal(str)

    def __init__(self, opener: "StreamOpener | None" = None, home: "Home | None" = None) -> None:
        super().__init__()
        settings, self._notes = load_settings()
        set_reduced_motion(settings.window.reduced_motion)
        self.writer = WriteBehind(self._write_failed.emit)
        self.settings = LiveSettings(settings, self.writer, parent=self)
        self.pool = JobPool(self)
        self.recent = RecentSongs(self.writer, parent=self)
        self.mixer = MixerState(self)
        self.loop = LoopState(self)
        self.edits = Edits(self.mixer, self.loop)
        self.mixer.set_strip(MASTER, Strip(gain_db=settings.mixer.master_gain_db))
        self.bridge = Bridge(self.mixer, self.loop, self)
        self.speeds = MeasuredSpeeds(self.writer)
        self.engine_start = EngineStart(self.bridge.on_notice, self._read_files, (opener, home), self)
        self.home = home
        self.transport = TransportBar(self.edits, self.loop, self.mixer)
        self.window = Window(self.transport, self.edits)
        self.queue = QueueModel(self.pool, self)
        self.queue_panel = QueuePanel(self.queue)
        self.opening = Opening(self.bridge, self.pool, self.recent, self.window)
        self.lane_keys = LaneKeys(
            self.window.actions_,
            (self.mixer, self.loop),
            self.edits,
            lambda: (self.bridge.tick.position_s, self.bridge.tick.duration_s),
        )
        self.work_line = WorkLine(self.window.status)
        self.rooms: Rooms | None = None
        self._waiting_sessions: list[Path] = []
        self._sound_offer = ""
        self._closed = False
        self._add_docks()
        self._connect()
        self.window.restore_layout(settings.window.geometry, settings.window.layout)

    def _read_files(self) -> None:
        """Read what is remembered; on the thread of the start."""
        self.recent.load()
        self.speeds.load()

    def _add_docks(self) -> None:
        self.window.add_panel(
            "queue", self.tr("Queue"), self.queue_panel, Qt.DockWidgetArea.LeftDockWidgetArea
        )
        # Their panels are built with the rooms; their places are known from the start, so that they come
        # back.
        self.window.add_panel("library", self.tr("Library"), QWidget(), Qt.DockWidgetArea.LeftDockWidgetArea)
        self.window.add_panel("lyrics", self.tr("Lyrics"), QWidget(), Qt.DockWidgetArea.BottomDockWidgetArea)
        self.window.add_panel(
            "analysis", self.tr("Analysis"), QWidget(), Qt.DockWidgetArea.BottomDockWidgetArea, shown=False
        )
        self.window.add_panel(
            "mic", self.tr("Mic"), QWidget(), Qt.DockWidgetArea.BottomDockWidgetArea, shown=False
        )
        self.window.add_panel(
            "models", self.tr("Models"), QWidget(), Qt.DockWidgetArea.BottomDockWidgetArea, shown=False
        )
        self.window.add_panel("visual", self.tr("Julia"), QWidget(), Qt.DockWidgetArea.RightDockWidgetArea)
        self.window.add_panel(
            "training", self.tr("Training"), QWidget(), Qt.DockWidgetArea.BottomDockWidgetArea, shown=False
        )

    def _connect(self) -> None:
        window, bridge, actions = self.window, self.bridge, self.window.actions_
        self._write_failed.connect(window.status.warn, Qt.ConnectionType.QueuedConnection)
        bridge.notice.connect(window.status.tell)
        bridge.failed.connect(window.status.warn)
        bridge.ticked.connect(self.transport.show_tick)
        bridge.jobs_seen.connect(self.queue.update)
        bridge.jobs_seen.connect(self.work_line.show_jobs)
        bridge.song_changed.connect(self._show_song)
        bridge.device_opened.connect(self._sound_is_there)
        self.opening.notice.connect(window.status.warn)
        self.opening.session_wanted.connect(self._open_session)
        self._connect_transport()
        self._connect_queue()
        window.dropped.connect(self._open_dropped)
        window.song_wanted.connect(self._open_one)
        window.closing.connect(self._remember)
        window.empty.open_wanted.connect(self.opening.choose_songs)
        window.empty.song_wanted.connect(self._open_one)
        window.empty.demo_wanted.connect(lambda: bridge.play_song(demo_song()))
        window.empty.live_wanted.connect(lambda: actions["live"].setChecked(True))
        window.empty.help_closed.connect(lambda: self.settings.change("window", help_seen=True))
        actions["open"].triggered.connect(self.opening.choose_songs)
        actions["open_folder"].triggered.connect(self.opening.choose_folder)
        actions["log"].triggered.connect(
            lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(log_folder())))
        )
        actions["about"].triggered.connect(lambda: show_about(window))
        self.recent.changed.connect(lambda: window.set_recent(self.recent.entries()))
        self.settings.changed.connect(self._settings_changed)
        self.mixer.changed.connect(self._remember_master)
        self.engine_start.imported.connect(self._build_rooms)
        self.engine_start.started.connect(self._engine_started)
        self.engine_start.refused.connect(self._engine_refused)

    def _connect_transport(self) -> None:
        bridge, actions = self.bridge, self.window.actions_
        self.transport.play_toggled.connect(bridge.toggle_play)
        self.transport.start_wanted.connect(bridge.to_start)
        self.transport.loop_wanted.connect(actions["loop"].trigger)
        self.transport.device_wanted.connect(self._open_sound_settings)
        self.window.seek_by_wanted.connect(self._seek_by)
        actions["play"].triggered.connect(bridge.toggle_play)
        actions["to_start"].triggered.connect(bridge.to_start)

    def _connect_queue(self) -> None:
        panel, bridge = self.queue_panel, self.bridge
        self.mixer.stems_changed.connect(lambda: self.queue.set_n_stems(len(self.mixer.stems)))
        self.window.dragged.connect(panel.set_drop_hint)
        panel.play_wanted.connect(bridge.play_song)
        panel.cancel_wanted.connect(bridge.cancel)
        panel.retry_wanted.connect(bridge.retry)
        panel.remove_wanted.connect(bridge.remove)
        panel.open_wanted.connect(self.opening.choose_songs)

    # --- start -------------------------------------------------------------------------------------

    def start(self, paths: Sequence[Path] = ()) -> None:
        """Show the window, and start the engine behind it.

        Parameters
        ----------
        paths : sequence of Path
            Songs, folders or a session to open.
        """
        self.window.empty.show_steps(not self.settings.current.window.help_seen)
        self.window.empty.say(self.tr("Getting the sound ready…"))
        self.window.empty.demo_button.setFocus(Qt.FocusReason.OtherFocusReason)
        self.window.show()
        if paths:
            self.opening.open(paths)
        # After the first frame, so that nothing that is imported holds it up.
        QTimer.singleShot(0, self.start_engine)
        for note in self._notes:
            self.window.status.warn(note)

    def start_engine(self) -> None:
        """Start the engine with the settings as they are; does nothing while it starts."""
        current = self.settings.current
        self.engine_start.start(current.audio, current.stems.model)

    def _build_rooms(self) -> None:
        if self.rooms is not None or self._closed:
            return
        from app.rooms import Rooms

        self.rooms = Rooms(self)
        for path in self._waiting_sessions:
            self.rooms.sessions.open(path)
        self._waiting_sessions.clear()
        if self.bridge.song is not None:
            self.window.show_lanes(True)

    def _engine_started(self, started: object) -> None:
        if not isinstance(started, Started):
            return
        if self._closed:
            started.playback.close()
            return
        self.window.empty.say("")
        self.work_line.set_model(started.titles.get(started.playback.model, started.playback.model))
        self.bridge.attach(started.playback, started.output, no_sound=started.no_sound)
        if started.note:
            self.window.status.tell(started.note)
        if started.no_sound:
            self._offer_sound(started.no_sound)
        if self.rooms is not None:
            self.rooms.engine_started(started)

    def _offer_sound(self, why: str) -> None:
        self.window.empty.say(self.tr("Without sound, songs can be separated and exported all the same."))
        self.window.offers.offer(
            why,
            (
                (self.tr("Look again"), self.bridge.retry_sound),
                (self.tr("Sound settings…"), self._open_sound_settings),
                (self.tr("Go on without"), lambda: None),
            ),
        )
        self._sound_offer = why

    def _sound_is_there(self) -> None:
        self.window.empty.say("")
        if self.window.offers.text == self._sound_offer:
            self.window.offers.withdraw()

    def _engine_refused(self, reason: str, model_missing: bool) -> None:
        self.window.empty.say("")
        self.bridge.say_not_started(reason)
        answers: list[tuple[str, Callable[[], object]]] = [(self.tr("Try again"), self.start_engine)]
        if model_missing:
            answers.insert(0, (self.tr("Show models"), lambda: self.window.open_panel("models")))
        self.window.offers.offer(self.tr("The engine did not start: {}").format(reason), answers)

    # --- while it runs -----------------------------------------------------------------------------

    def _open_dropped(self, paths: list[Path], on_queue: bool) -> None:
        lyrics = [path for path in paths if path.suffix.lower() in LYRIC_SUFFIXES]
        if lyrics and len(lyrics) == len(paths) and self.rooms is not None:
            self.rooms.lyrics.take_file(lyrics[0])
        else:
            self.opening.open(paths, only_queue=on_queue)

    def _seek_by(self, by_s: float) -> None:
        self.bridge.seek(max(0.0, self.bridge.tick.position_s + by_s))

    def _open_one(self, path: object) -> None:
        if isinstance(path, Path):
            if not path.exists():
                self.recent.remove(path)
            self.opening.open([path])

    def _open_session(self, path: object) -> None:
        if not isinstance(path, Path):
            return
        if self.rooms is None:
            self._waiting_sessions.append(path)
        else:
            self.rooms.sessions.open(path)

    def _show_song(self, song: object) -> None:
        if isinstance(song, Path):
            self.loop.set(None, False)
            self.edits.stack.clear()
            self.recent.add(song)
            self.queue.set_current(song)
            self.window.setWindowTitle(f"{song.stem} — Charon")
            self.window.show_lanes(True)

    def _open_sound_settings(self) -> None:
        if self.rooms is not None:
            self.rooms.open_settings("audio")

    def _settings_changed(self, section: str) -> None:
        if section == "window":
            set_reduced_motion(self.settings.current.window.reduced_motion)

    def _remember_master(self, name: str) -> None:
        if name == MASTER:
            self.settings.change("mixer", master_gain_db=self.mixer.strip(MASTER).gain_db)

    def _remember(self) -> None:
        geometry, layout = self.window.layout_text()
        self.settings.change("window", geometry=geometry, layout=layout)

    # --- end ---------------------------------------------------------------------------------------

    def close(self) -> None:
        """End everything, the sound first; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        if self.window.isVisible():
            self._remember()
            self.window.hide()
        self.engine_start.abandon()
        self.bridge.close()
        if self.rooms is not None:
            self.rooms.close()
        self.pool.close()
        self.writer.close()
        self.window.deleteLater()


def run(paths: Sequence[Path]) -> int:
    """Open the window and stay until it is closed.

    Parameters
    ----------
    paths : sequence of Path
        Songs, folders or a session to open.

    Returns
    -------
    int
        Exit code: 0, or 130 when it was interrupted from the terminal.

    Raises
    ------
    CharonError
        There is no screen.
    """
    check_screen()
    app = new_application()
    watch = watch_for_crashes()
    desktop = Desktop()
    watch.parent_window = desktop.window
    codes: list[int] = []
    _close_on_signals(desktop.window, codes)
    desktop.start(paths)
    app.exec()
    desktop.close()
    watch.close()
    return codes[0] if codes else 0


def new_application() -> QApplication:
    """Qt, as Charon's windows need it; once a process, before any of them."""
    # The name that desktops group windows and icons by.
    QApplication.setDesktopFileName("charon")
    # Otherwise the Julia set loses its context, with every program in it, whenever it is docked or undocked:
    # the picture stops for a moment, and moderngl keeps 40 kB of each.
    QApplication.setAttribute(Qt.ApplicationAttribute.AA_ShareOpenGLContexts)
    app = QApplication(["charon"])
    app.setApplicationName("Charon")
    app.setApplicationDisplayName("Charon")
    apply_theme(app)
    return app


def _close_on_signals(window: QWidget, codes: list[int]) -> None:
    """Close the window on Ctrl+C in the terminal, or when the system asks.

    The bridge's ticks let Python see it within a tenth of a second.
    """

    def stop(number: int, _frame: object) -> None:
        if number == signal.SIGINT:
            codes.append(EXIT_CANCELLED)
        window.close()

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, stop)


def check_screen() -> None:
    """Refuse in one line where Qt would end the process: there is no screen to open a window on.

    Raises
    ------
    CharonError
        With what to do instead.
    """
    if not sys.platform.startswith("linux") or os.environ.get("QT_QPA_PLATFORM", "xcb") != "xcb":
        return
    if os.environ.get("WAYLAND_DISPLAY"):
        return
    display = os.environ.get("DISPLAY", "")
    instead = "every command works in the terminal, see `charon --help`"
    if not display:
        raise CharonError(f"there is no screen for the window (DISPLAY is not set): {instead}")
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:
        return
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connection_has_error.argtypes = [ctypes.c_void_p]
    xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(None, None)
    refused = xcb.xcb_connection_has_error(connection)
    xcb.xcb_disconnect(connection)
    if refused:
        raise CharonError(f"the screen {display} does not answer: {instead}")
