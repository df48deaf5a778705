"""What nobody caught: written to the log, and told in one kind dialog while the music goes on.

Errors arrive on any thread (Python's hooks, Qt's message handler, faults of native code) and are shown
on the GUI thread. One dialog at most is open, a kind of error is shown once in a run however often it
happens, and an error while reporting an error ends in the log or on the terminal, never in a loop.
"""

import contextlib
import faulthandler
import logging
import platform
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from PySide6.QtCore import (
    QCoreApplication,
    QMessageLogContext,
    QObject,
    Qt,
    QtMsgType,
    Signal,
    qInstallMessageHandler,
    qVersion,
)
from PySide6.QtWidgets import QWidget

from app.logs import log_folder

if TYPE_CHECKING:
    from app.panels.crash_dialog import CrashDialog

_log = logging.getLogger(__name__)

EXIT_CANCELLED = 130
LOGGED_AT_MOST = 5
"""A paint event that fails does so sixty times a second; the log gets the first few of a kind."""

_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.DEBUG,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


@dataclass(frozen=True, slots=True)
class Report:
    """One error that nobody caught.

    Parameters
    ----------
    kind : str
        Errors of one kind come from the same place.
    line : str
        What happened, in one line.
    details : str
        Where: the traceback, or Qt's message.
    """

    kind: str
    line: str
    details: str


class CrashWatch(QObject):
    """Owns the hooks while it lives.

    Attributes
    ----------
    parent_window : QWidget or None
        What the dialog belongs to, once there is a window.
    """

    _arrived = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.parent_window: QWidget | None = None
        self._reporting = threading.local()
        self._logged: Counter[str] = Counter()
        self._shown: set[str] = set()
        self._dialog: CrashDialog | None = None
        # Always queued: to the GUI thread, and out of whatever failed (a paint event, a destructor).
        self._arrived.connect(self._show, Qt.ConnectionType.QueuedConnection)
        self._hooks: tuple[Any, Any, Any] | None = (
            sys.excepthook,
            threading.excepthook,
            sys.unraisablehook,
        )
        sys.excepthook = self._on_exception
        threading.excepthook = self._on_thread_exception
        sys.unraisablehook = self._on_unraisable
        self._qt_handler = qInstallMessageHandler(self._on_qt_message)
        self._fault_file = _watch_faults()

    @property
    def dialog(self) -> "CrashDialog | None":
        """The dialog that is open, if any."""
        return self._dialog

    def close(self) -> None:
        """Put back the hooks that were there before; safe to call twice."""
        if self._hooks is not None:
            sys.excepthook, threading.excepthook, sys.unraisablehook = self._hooks
            self._hooks = None
            qInstallMessageHandler(self._qt_handler)
        if self._fault_file is not None:
            faulthandler.disable()
            self._fault_file.close()
            self._fault_file = None
        if self._dialog is not None:
            self._dialog.close()

    # --- on any thread -----------------------------------------------------------------------------

    def _on_exception(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            # Ctrl+C in the terminal: the window closes as if asked to, and says so by its exit code.
            QCoreApplication.exit(EXIT_CANCELLED)
            return
        self._report(error, trace, threading.current_thread().name)

    def _on_thread_exception(self, args: Any) -> None:
        if not issubclass(args.exc_type, SystemExit):
            name = "?" if args.thread is None else args.thread.name
            self._report(args.exc_value or args.exc_type(), args.exc_traceback, name)

    def _on_unraisable(self, args: Any) -> None:
        # Errors in __del__ and the like: nothing that a user could see or mend.
        if args.exc_value is not None:
            _log.warning("ignored in %r", args.object, exc_info=args.exc_value)

    def _report(self, error: BaseException, trace: TracebackType | None, thread: str) -> None:
        with self._once(error) as first:
            if not first:
                return
            frames = traceback.extract_tb(trace)
            place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else thread
            text = "".join(traceback.format_exception(error)).rstrip()
            line = " ".join("".join(traceback.format_exception_only(error)).split())
            self._take(Report(f"{type(error).__name__} {place}", line, f"In thread {thread}\n{text}"))

    def _on_qt_message(self, kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
        with self._once(None) as first:
            if not first:
                return
            level = _LEVELS.get(kind, logging.WARNING)
            category = context.category or "default"
            if level < logging.ERROR:
                _log.log(level, "Qt (%s): %s", category, message)
            else:
                self._take(Report(f"Qt {message}", message, f"Qt {qVersion()}, {category}: {message}"))

    @contextlib.contextmanager
    def _once(self, error: BaseException | None) -> Generator[bool]:
        """Give False to an error that comes from reporting one; end what goes wrong in here."""
        if getattr(self._reporting, "now", False):
            yield False
            return
        self._reporting.now = True
        try:
            yield True
        except Exception:  # noqa: BLE001 (the last door: whatever fails here must not come round again)
            with contextlib.suppress(Exception):
                traceback.print_exc()
                if error is not None:
                    traceback.print_exception(error)
        finally:
            self._reporting.now = False

    def _take(self, report: Report) -> None:
        self._logged[report.kind] += 1
        if self._logged[report.kind] <= LOGGED_AT_MOST:
            _log.error("%s\n%s", report.line, report.details)
        self._arrived.emit(report)

    # --- on the GUI thread -------------------------------------------------------------------------

    def _show(self, report: Report) -> None:
        with self._once(None) as first:
            # A kind that was shown stays quiet: a dialog that always returns cannot be worked with.
            if not first or (self._dialog is None and report.kind in self._shown):
                return
            self._shown.add(report.kind)
            if self._dialog is None:
                from app.panels.crash_dialog import CrashDialog

                self._dialog = CrashDialog(self.parent_window)
                self._dialog.finished.connect(self._forget)
                self._dialog.show()
            self._dialog.add(report.kind, report.line, report.details)

    def _forget(self) -> None:
        if self._dialog is not None:
            self._dialog.deleteLater()
            self._dialog = None


def watch_for_crashes() -> CrashWatch:
    """Take the hooks of this process; call it on the GUI thread, once the QApplication exists."""
    return CrashWatch()


def describe_machine() -> str:
    """What whoever reads a report needs to know first, in one line."""
    # Not above: it takes 60 ms, and the hooks are set before the window is there.
    from importlib.metadata import PackageNotFoundError, version

    try:
        charon = version("charon")
    except PackageNotFoundError:
        charon = "unknown"
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    return f"Charon {charon}, Python {platform.python_version()}, Qt {qVersion()}, {system}"


def _watch_faults() -> TextIO | None:
    """Let faults of native code leave their stacks beside the log; None where that is done or cannot be."""
    if faulthandler.is_enabled():
        return None
    try:
        log_folder().mkdir(parents=True, exist_ok=True)
        file = (log_folder() / "fault.log").open("a", encoding="utf-8")
    except OSError as err:
        _log.warning("faults of native code are not written down: %s", err)
        return None
    faulthandler.enable(file)
    return file
