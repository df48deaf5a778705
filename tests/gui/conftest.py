"""Widgets under the offscreen platform, and a whole window on a real engine whose device is turned by hand.

`desktop` is the window as a user starts it, with two exceptions: its sound goes to a virtual device that
a thread turns in real time (`Turntable`, which keeps what it heard), and its model is a small one.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

# Before anything makes a QApplication; a developer's own screen is nothing to test on.
os.environ["QT_QPA_PLATFORM"] = "offscreen"

import numpy as np
import pytest
import soundfile
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.desktop import Desktop
from app.settings import load_settings, save_settings
from app.theme import apply_theme, set_reduced_motion
from engine.inference.model_store import ModelStore
from engine.io.home import Home
from engine.units import F32
from tests.gui.turntable import RATE_HZ, Turntable
from tests.inference.graphs import gains_model

QUARTER_FRAMES = 16_384


@pytest.fixture(scope="session", autouse=True)
def themed(qapp: QApplication) -> QApplication:
    """The application as it is dressed; nothing moves by itself."""
    apply_theme(qapp)
    set_reduced_motion(True)
    return qapp


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings, sessions, logs and stems of a test are its own."""
    monkeypatch.setenv("CHARON_HOME", str(tmp_path / "charon"))


@pytest.fixture(scope="session")
def small_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with `quarter`: vocals are a quarter of the song, the accompaniment is the rest."""
    home = Home(tmp_path_factory.mktemp("models"))
    stems = {"stems": "vocals,accompaniment", "residual_stem": "accompaniment"}
    network = gains_model(home.root / "quarter.onnx", [0.25, 0.5], QUARTER_FRAMES, **stems)
    ModelStore(home.models, home.cards).add_file(network)
    return home.root


@pytest.fixture
def home(tmp_path: Path, small_models: Path) -> Home:
    """The home of one test, with the small model chosen in its settings."""
    root = tmp_path / "charon"
    shutil.copytree(small_models, root)
    settings, notes = load_settings()
    assert notes == []
    save_settings(replace(settings, stems=replace(settings.stems, model="quarter")))
    return Home(root)


@pytest.fixture
def turntable() -> Iterator[Turntable]:
    """A device that keeps time."""
    table = Turntable()
    yield table
    table.close()


@pytest.fixture
def make_desktop(qtbot: QtBot, home: Home, turntable: Turntable) -> Iterator[Callable[[], Desktop]]:
    """Open windows that are closed after the test."""
    made: list[Desktop] = []

    def make() -> Desktop:
        desktop = Desktop(turntable.open, home)
        made.append(desktop)
        desktop.start()
        qtbot.waitUntil(lambda: desktop.bridge.playback is not None, timeout=60_000)
        return desktop

    yield make
    for desktop in made:
        desktop.close()


@pytest.fixture
def desktop(make_desktop: Callable[[], Desktop]) -> Desktop:
    """The window, with its engine running."""
    return make_desktop()


@pytest.fixture(scope="session")
def tone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty seconds of a chord at 48 kHz whose period is 100 frames: any whole number of periods of it
    has the same energy."""
    t = np.arange(20 * RATE_HZ) / RATE_HZ
    audio = 0.1 * (np.sin(2 * np.pi * 480 * t) + np.sin(2 * np.pi * 960 * t))
    path = tmp_path_factory.mktemp("songs") / "chord.wav"
    soundfile.write(path, np.stack([audio, 0.5 * audio], axis=1), RATE_HZ, subtype="FLOAT")
    return path


def rms_db(x: F32) -> float:
    """Level of a block, dB."""
    return float(10.0 * np.log10(np.mean(np.square(x, dtype=np.float64)) + 1e-30))
