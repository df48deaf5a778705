"""Errors that nobody caught: logged, told once in one dialog, and never in a loop."""

import faulthandler
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer, qCritical, qWarning
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from app.crash import LOGGED_AT_MOST, CrashWatch, watch_for_crashes
from app.panels.copy_button import CopyButton
from app.panels.crash_dialog import CrashDialog

ROOT = Path(__file__).parents[2]


@pytest.fixture
def crashes(qapp: QApplication) -> Iterator[CrashWatch]:
    before = (sys.excepthook, threading.excepthook, sys.unraisablehook)
    watch = watch_for_crashes()
    yield watch
    watch.close()
    watch.close()
    assert (sys.excepthook, threading.excepthook, sys.unraisablehook) == before
    assert faulthandler.is_enabled()  # pytest's own is left alone


def dialogs() -> list[CrashDialog]:
    return [widget for widget in QApplication.topLevelWidgets() if isinstance(widget, CrashDialog)]


def fail(text: str) -> None:
    raise RuntimeError(text)


def fail_in_slot(qtbot, text: str = "in a slot") -> None:
    timer = QTimer()
    timer.setSingleShot(True)
    timer.timeout.connect(lambda: fail(text))
    with qtbot.waitSignal(timer.timeout):
        timer.start(0)


def told(qtbot, crashes: CrashWatch) -> CrashDialog:
    """The dialog, as soon as there is one."""
    qtbot.waitUntil(lambda: crashes.dialog is not None)
    assert crashes.dialog is not None
    return crashes.dialog


def quiet(qtbot, crashes: CrashWatch) -> bool:
    """Whether no dialog comes."""
    qtbot.wait(30)
    return crashes.dialog is None


def test_an_error_in_a_slot_is_logged_and_told(qtbot, crashes: CrashWatch, caplog: pytest.LogCaptureFixture):
    fail_in_slot(qtbot)
    dialog = told(qtbot, crashes)
    assert dialog.isVisible()
    assert not dialog.isModal()
    assert "RuntimeError: in a slot" in dialog.text
    assert "line " in dialog.text
    assert "Charon " in dialog.text
    assert "RuntimeError: in a slot" in caplog.text
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_an_error_on_another_thread_is_told_on_the_gui_thread(qtbot, crashes: CrashWatch):
    thread = threading.Thread(target=fail, args=("elsewhere",), name="feeder")
    thread.start()
    thread.join()
    assert crashes.dialog is None
    assert "In thread feeder" in told(qtbot, crashes).text


def test_a_thread_that_exits_is_no_crash(qtbot, crashes: CrashWatch):
    thread = threading.Thread(target=sys.exit)
    thread.start()
    thread.join()
    assert quiet(qtbot, crashes)


def test_what_comes_meanwhile_goes_into_the_open_dialog(qtbot, crashes: CrashWatch):
    fail_in_slot(qtbot)
    first = told(qtbot, crashes)
    qCritical("a driver fell over")
    qtbot.waitUntil(lambda: "a driver fell over" in first.text)
    assert crashes.dialog is first
    assert len(dialogs()) == 1
    assert "RuntimeError: in a slot" in first.text


def test_a_kind_that_was_shown_stays_quiet_and_another_is_told(qtbot, crashes: CrashWatch):
    fail_in_slot(qtbot)
    told(qtbot, crashes).accept()
    assert crashes.dialog is None
    fail_in_slot(qtbot, "other words, same place")
    assert quiet(qtbot, crashes)
    qCritical("something else")
    assert "something else" in told(qtbot, crashes).text


def test_a_warning_of_qt_is_only_logged(qtbot, crashes: CrashWatch, caplog: pytest.LogCaptureFixture):
    qWarning("could not find something")
    assert quiet(qtbot, crashes)
    assert "could not find something" in caplog.text


class Refuses(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        raise OSError(f"disk full while writing {record.levelname}")


def test_an_error_while_reporting_ends_on_the_terminal(
    qtbot, crashes: CrashWatch, capfd: pytest.CaptureFixture[str]
):
    logger = logging.getLogger("app.crash")
    handler = Refuses()
    logger.addHandler(handler)
    try:
        fail_in_slot(qtbot)
    finally:
        logger.removeHandler(handler)
    printed = capfd.readouterr().err
    assert "disk full" in printed
    assert "RuntimeError: in a slot" in printed
    qCritical("later")
    assert "later" in told(qtbot, crashes).text


def test_an_error_that_cannot_be_printed_is_told_all_the_same(qtbot, crashes: CrashWatch):
    class Mute(Exception):
        def __str__(self) -> str:
            raise ValueError("no words")

    def fail_mute() -> None:
        raise Mute

    timer = QTimer()
    timer.setSingleShot(True)
    timer.timeout.connect(fail_mute)
    with qtbot.waitSignal(timer.timeout):
        timer.start(0)
    assert "Mute" in told(qtbot, crashes).text


def test_everything_is_copied(qtbot, crashes: CrashWatch):
    fail_in_slot(qtbot)
    dialog = told(qtbot, crashes)
    button = dialog.findChild(CopyButton)
    label = button.text()
    button.click()
    assert QGuiApplication.clipboard().text() == dialog.text
    assert button.text() != label
    qtbot.waitUntil(lambda: button.text() == label, timeout=5000)


def run(code: str, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    start = (
        "import sys; from PySide6.QtCore import QTimer; from PySide6.QtWidgets import QApplication\n"
        "from app.crash import watch_for_crashes\n"
        "app = QApplication([]); watch = watch_for_crashes()\n"
    )
    environment = {**os.environ, "CHARON_HOME": str(home), "QT_QPA_PLATFORM": "offscreen"}
    environment.pop("PYTHONFAULTHANDLER", None)
    return subprocess.run(
        [sys.executable, "-c", start + code, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


FLOOD = """
import logging
from PySide6.QtWidgets import QWidget
from app.panels.crash_dialog import CrashDialog
logging.basicConfig(filename=sys.argv[1], format="LINE %(message)s")
class Broken(QWidget):
    n_painted = 0
    def paintEvent(self, event):
        self.n_painted += 1
        raise RuntimeError("cannot paint")
def look():
    if widget.n_painted >= 60 and watch.dialog and f"({widget.n_painted} times)" in watch.dialog.text:
        dialogs = [widget for widget in app.topLevelWidgets() if isinstance(widget, CrashDialog)]
        print(len(dialogs), watch.dialog.text.count("Traceback"))
        app.quit()
widget = Broken()
widget.show()
painting, looking = QTimer(), QTimer()
painting.timeout.connect(widget.update)
looking.timeout.connect(look)
painting.start(1)
looking.start(10)
app.exec()
widget.hide()
watch.close()
"""


def test_a_flood_is_one_dialog_and_few_lines(tmp_path: Path):
    done = run(FLOOD, tmp_path, str(tmp_path / "log.txt"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["1", "1"]
    assert (tmp_path / "log.txt").read_text().count("LINE RuntimeError: cannot paint") == LOGGED_AT_MOST


def test_ctrl_c_in_the_terminal_closes_with_its_own_code(tmp_path: Path):
    code = (
        "def stop(): raise KeyboardInterrupt\n"
        "QTimer.singleShot(0, stop)\n"
        "code = app.exec(); assert watch.dialog is None; watch.close(); sys.exit(code)"
    )
    done = run(code, tmp_path)
    assert (done.returncode, done.stderr) == (130, "")


def test_a_fault_of_native_code_leaves_its_stack_beside_the_log(tmp_path: Path):
    done = run("import faulthandler; faulthandler._sigsegv()", tmp_path)
    assert done.returncode != 0
    stack = (tmp_path / "log" / "fault.log").read_text()
    assert "Segmentation fault" in stack or "access violation" in stack
    assert 'File "<string>"' in stack
