"""Two hundred random actions, twice: nothing raises, nothing starves, nothing leaks; and after a kill -9 the
session is offered and comes back."""

import ctypes
import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from app.desktop import Desktop
from app.paths import config_folder
from engine.io.home import Home
from tests.gui.random_actions import RandomUser
from tests.gui.test_main_path import play

pytestmark = pytest.mark.alone

ROOT = Path(__file__).resolve().parents[2]
N_ACTIONS = 200
SEEDS = (20, 21)
LEAK_PART = 0.05
PAUSE_MS = 12


@pytest.fixture
def songs(tone: Path, tmp_path: Path) -> list[Path]:
    """Two songs and one that is none."""
    second, broken = tmp_path / "second.wav", tmp_path / "broken.mp3"
    second.write_bytes(tone.read_bytes())
    broken.write_bytes(b"no music" * 64)
    return [tone, second, broken]


def memory_bytes() -> int:
    """What this process holds for itself; mapped stems come and go with the system's cache."""
    gc.collect()
    if sys.platform.startswith("linux"):
        # What was freed goes back to the system only when the allocator is asked.
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    return int(psutil.Process().memory_full_info().uss)


def close_dialogs(desktop: Desktop, qtbot: QtBot) -> None:
    for widget in QApplication.topLevelWidgets():
        if widget.isVisible() and widget is not desktop.window:
            widget.close()
    qtbot.wait(50)


def test_random_actions_do_no_harm(desktop: Desktop, qtbot: QtBot, songs: list[Path]) -> None:
    play(desktop, qtbot, songs[0])
    playback = desktop.bridge.playback
    assert playback is not None
    # What is made once, at the first use, is no leak.
    for name in ("keys", "about", "export", "settings"):
        desktop.window.actions_[name].trigger()
        close_dialogs(desktop, qtbot)
    sizes: list[int] = []
    for seed in SEEDS:
        user = RandomUser(desktop, songs, seed)
        for _ in range(N_ACTIONS):
            user.act()
            qtbot.wait(PAUSE_MS)
        close_dialogs(desktop, qtbot)
        desktop.edits.reset_mixer()
        desktop.edits.stack.clear()
        play(desktop, qtbot, songs[0])
        sizes.append(memory_bytes())
        counters = playback.status().counters
        # Exceptions inside Qt's callbacks fail the test by themselves (pytest-qt).
        assert counters.xruns == 0, user.done
        assert counters.starved_frames == 0, user.done
    print(f"memory after each pass: {', '.join(f'{size / 1e6:.1f} MB' for size in sizes)}")
    assert sizes[1] <= (1.0 + LEAK_PART) * sizes[0]


def saved_session() -> dict[str, Any] | None:
    for path in (config_folder() / "sessions").glob("*.charon"):
        return json.loads(path.read_bytes())
    return None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_killed_window_comes_back(
    home: Home, make_desktop: Callable[[], Desktop], qtbot: QtBot, tone: Path
) -> None:
    command = [sys.executable, "-m", "tests.gui.victim", str(tone)]
    victim = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "CHARON_HOME": str(home.root)})
    try:
        deadline_s = time.monotonic() + 60.0
        session = None
        while session is None or session["loop"]["span_s"] is None:
            assert time.monotonic() < deadline_s, session
            assert victim.poll() is None
            time.sleep(0.1)
            session = saved_session()
    finally:
        victim.send_signal(signal.SIGKILL)
        victim.wait()

    desktop = make_desktop()
    offers = desktop.window.offers
    qtbot.waitUntil(lambda: "chord" in offers.text, timeout=10_000)
    button = next(b for b in offers.findChildren(QPushButton) if b.isVisible())
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: desktop.loop.span_s == (2.0, 4.0), timeout=30_000)
    tick = desktop.bridge.tick
    assert tick.song == tone
    assert not tick.playing
    vocals, accompaniment = (desktop.mixer.strip(name) for name in desktop.mixer.stems)
    assert vocals.gain_db == -7.5
    assert accompaniment.solo
    assert desktop.loop.enabled
    qtbot.waitUntil(lambda: 2.0 <= desktop.bridge.tick.position_s <= 4.0)


def test_a_clean_end_offers_nothing(make_desktop: Callable[[], Desktop], qtbot: QtBot, tone: Path) -> None:
    first = make_desktop()
    play(first, qtbot, tone)
    first.close()
    assert saved_session() is None
    second = make_desktop()
    qtbot.wait(300)
    assert second.window.offers.text == ""
    assert second.recent.entries() == (tone,)
