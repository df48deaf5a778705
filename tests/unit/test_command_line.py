"""The frame of the command line, as a shell meets it: real processes, their exit codes and their words."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.inference.model_store import ModelStore
from engine.io.home import Home, default_home

ROOT = Path(__file__).resolve().parents[2]
DEMO_SONG = ROOT / "resources" / "demo" / "over-the-sound.ogg"
HEAVY = {"numba", "numpy", "onnxruntime", "av", "sounddevice", "PySide6", "moderngl"}


def charon(*arguments: str, home: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        cwd=ROOT,
        env={**os.environ, "CHARON_HOME": str(home), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_help_and_version_are_0(tmp_path: Path):
    for arguments in (("--help",), ("separate", "--help"), ("bench", "--help"), ("window", "--help")):
        done = charon(*arguments, home=tmp_path)
        assert (done.returncode, done.stderr) == (0, ""), arguments
        assert "Usage: charon" in done.stdout
    assert charon("--version", home=tmp_path).stdout.startswith("charon 0.")


def test_help_loads_nothing_heavy(tmp_path: Path):
    code = (
        "import sys; sys.argv = ['charon', '--help']; from app.__main__ import main; main();"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert "separate" in done.stdout
    loaded = set(done.stderr.split())
    assert "click" in loaded
    assert HEAVY.isdisjoint(loaded)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("seperate", "song.mp3"), "did you mean 'separate'?"),
        (("bench", "realtme"), "did you mean 'realtime'?"),
        (("xyzzy",), "there are window, separate, play"),
        (("separate",), "(see `charon separate --help`)"),
        (("devices", "--fast"), "(see `charon devices --help`)"),
        (("live", "--mute", "vocals"), "--mute is about stems: give --separate MODEL too"),
    ],
)
def test_wrong_usage_is_2_and_one_line(tmp_path: Path, arguments: tuple[str, ...], words: str):
    done = charon(*arguments, home=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("charon: error: ")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr


def test_a_failure_is_1_and_one_line(tmp_path: Path):
    done = charon("models", "verify", "spleeter-2stem", home=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("charon: error: ")
    assert done.stderr.count("\n") == 1
    assert "spleeter-2stems" in done.stderr


@pytest.mark.parametrize("place", ["before", "behind"])
def test_debug_shows_the_traceback(tmp_path: Path, place: str):
    command = ("models", "verify", "none")
    done = charon(*(("--debug", *command) if place == "before" else (*command, "--debug")), home=tmp_path)
    assert done.returncode == 1
    assert "Traceback (most recent call last)" in done.stderr
    assert "ModelMissing" in done.stderr


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home of its own with the default model in it."""
    source = default_home()
    ModelStore(source.models, source.cards).get("spleeter-2stems")
    shutil.copytree(source.models / "spleeter-2stems", Home(tmp_path).models / "spleeter-2stems")
    return tmp_path


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal that is sent to one process alone")
def test_an_interrupt_is_130(home: Path):
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "separate", str(DEMO_SONG), "-o", str(home / "out"), "--shifts", "20"],
        cwd=ROOT,
        env={**os.environ, "CHARON_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        # The store of the song appears when the work begins; it takes half a minute from there.
        deadline_s = time.monotonic() + 60.0
        while not any((home / "stems").glob("*")) and time.monotonic() < deadline_s:
            time.sleep(0.05)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    # The terminal's ^C stands at the start of the line, so the words begin on the next.
    assert (process.returncode, out, err.strip()) == (130, "", "charon: cancelled")


def test_devices_are_listed_or_missed_in_one_line(tmp_path: Path):
    done = charon("devices", "--json", home=tmp_path)
    if done.returncode == 0:
        devices = json.loads(done.stdout)["devices"]
        assert devices
        assert {"index", "name", "host_api", "outputs", "default_rate_hz"} <= set(devices[0])
    else:
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("charon: error: no sound device")


def doctor(home: Path, **variables: str) -> tuple[int, dict[str, dict[str, object]], str]:
    done = charon("doctor", "--json", home=home, **variables)
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    return done.returncode, checks, done.stderr


def test_doctor_is_well_with_a_model(home: Path):
    code, checks, words = doctor(home)
    assert (code, words) == (0, "")
    for name in ("Python", "audio library", "model charon-4stems", "disk", "OpenGL", "model providers"):
        assert checks[name]["ok"], checks[name]
    assert "CPU" in str(checks["model providers"]["detail"])
    assert all(check["ok"] or check["fix"] for check in checks.values())

    damaged = home / "models" / "spleeter-2stems" / "vocals.onnx"
    with damaged.open("r+b") as file:
        file.seek(1000)
        file.write(b"damage")
    code, checks, words = doctor(home)
    assert code == 1
    assert "damaged" in str(checks["model charon-4stems"]["detail"])
    assert words.count("\n") == 1


def test_doctor_says_how_to_get_the_model(tmp_path: Path):
    code, checks, words = doctor(tmp_path)
    assert code == 1
    assert checks["model charon-4stems"]["fix"] == "charon models get charon-4stems"
    assert words.count("\n") == 1
    assert "charon models get charon-4stems" in words


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells its screen by a variable")
@pytest.mark.parametrize("display", ["", ":977"])
def test_a_window_without_a_screen_is_1_and_one_line(tmp_path: Path, display: str):
    for arguments in ((), ("window",), ("window", str(DEMO_SONG))):
        done = charon(*arguments, home=tmp_path, DISPLAY=display, WAYLAND_DISPLAY="", QT_QPA_PLATFORM="xcb")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("charon: error: the")
        assert done.stderr.count("\n") == 1
        assert "every command works in the terminal" in done.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells its screen by a variable")
def test_doctor_outlives_a_screen_that_is_not_there(tmp_path: Path):
    code, checks, _ = doctor(tmp_path, DISPLAY=":977", WAYLAND_DISPLAY="", QT_QPA_PLATFORM="xcb")
    assert code == 1  # for the model alone
    qt = checks["window (Qt)"]
    assert not qt["ok"]
    assert qt["fix"]
    assert checks["OpenGL"]["ok"]
