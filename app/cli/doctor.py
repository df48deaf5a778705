"""`charon doctor`: what works on this machine, and what to do about what does not.

Runs on the main thread; graphics and model providers are tried in processes of their own at the same
time (`app/probes.py`). Every check is made by using the thing, not by looking for its file.
"""

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from app import probes
from app.cli.console import json_option, print_json, say, table
from engine.errors import CharonError, DeviceError, ModelError
from engine.inference.model_store import ModelStore
from engine.io.device import INSTALL_PORTAUDIO, list_devices
from engine.io.home import Home, default_home

OLDEST_PYTHON = (3, 11)
FREE_NEEDED_BYTES = 1_000_000_000
"""Three songs of four minutes: 240 s x 44100 frames x 8 bytes x 4 lanes = 340 MB each."""
LIVE_CORES = 2
"""One for the audio and the window, one for the model."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried.

    Parameters
    ----------
    name : str
        What was tried.
    ok : bool
        Whether it works.
    detail : str
        What was found.
    fix : str
        What to do about it; empty when it works.
    essential : bool
        Whether separating songs needs it.
    """

    name: str
    ok: bool
    detail: str
    fix: str = ""
    essential: bool = False


@click.command(
    short_help="Check what works here, and say what to do about what does not.",
    epilog="Example: charon doctor --json",
)
@json_option
def command(as_json: bool) -> None:
    """Check what works here, and say what to do about what does not.

    Exit code 0 when what separating a song needs is in order: Python, the audio library, the default
    model and free disk. Exit code 1 when one of them is not. Everything else (devices, display, Qt,
    OpenGL, providers, npm, cores) is reported and does not change the exit code.
    """
    checks = examine(default_home())
    if as_json:
        print_json({"checks": checks})
    else:
        _show(checks)
    broken = [check for check in checks if check.essential and not check.ok]
    if broken:
        raise CharonError("; ".join(f"{check.name}: {check.detail} ({check.fix})" for check in broken))


def _show(checks: list[Check]) -> None:
    table(("works", "what", "found"), [(check.ok, check.name, check.detail) for check in checks])
    for check in checks:
        if not check.ok:
            say(f"{check.name}: {check.fix}")


def examine(home: Home) -> list[Check]:
    """Try everything.

    Parameters
    ----------
    home : Home
        Whose models and disk are looked at.

    Returns
    -------
    list of Check
        In the order in which a user meets the things.
    """
    qt = probes.Probe(probes.qt_version)
    opengl = probes.Probe(probes.opengl_renderer)
    providers = probes.Probe(probes.model_providers)
    here = [_python(), *_audio(), _model(home), _disk(home)]
    return [
        *here,
        _display(),
        _probed(
            "window (Qt)",
            qt.answer(),
            "run `python3 bootstrap.py setup`, which installs what Qt needs; by hand on Debian or Ubuntu: "
            "sudo apt-get install libegl1 libgl1 libdbus-1-3 libxkbcommon-x11-0 libxcb-cursor0",
        ),
        _probed(
            "OpenGL",
            opengl.answer(),
            "install the driver of your graphics card, or on Debian or Ubuntu Mesa: "
            "sudo apt-get install libegl1 libgl1-mesa-dri",
        ),
        _probed(
            "model providers",
            providers.answer(),
            "run `python3 bootstrap.py setup` again; it puts onnxruntime back as it was tested",
        ),
        _npm(),
        _cores(),
    ]


def _python() -> Check:
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    return Check(
        "Python",
        sys.version_info >= OLDEST_PYTHON,
        found,
        "" if sys.version_info >= OLDEST_PYTHON else "install Python 3.11 or newer and set up again",
        essential=True,
    )


def _audio() -> tuple[Check, Check]:
    """Whether PortAudio loads, and whether it finds something to play on."""
    needs_library = "first " + INSTALL_PORTAUDIO
    try:
        devices = list_devices()
    except DeviceError as error:
        return (
            Check("audio library", False, str(error).split(":")[0], INSTALL_PORTAUDIO, essential=True),
            Check("audio devices", False, "cannot be listed", needs_library),
        )
    apis = ", ".join(sorted({device.host_api for device in devices})) or "no sound system running"
    library = Check("audio library", True, f"PortAudio ({apis})", essential=True)
    outputs = [device for device in devices if device.outputs > 0]
    if not outputs:
        connect = "connect a device or start the sound server, then: charon devices"
        return library, Check("audio devices", False, "no output", connect)
    default = next((device for device in outputs if device.is_default_output), outputs[0])
    n_inputs = sum(device.inputs > 0 for device in devices)
    found = f"{len(outputs)} out, {n_inputs} in; plays on {default.name!r}, {default.default_rate_hz} Hz"
    return library, Check("audio devices", True, found)


def _model(home: Home) -> Check:
    """Whether the default model is here, every byte of it."""
    store = ModelStore(home.models, home.cards)
    model = store.default
    name = f"model {model}"
    get = f"charon models get {model}"
    if not store.is_present(model):
        return Check(name, False, "not on this machine", get, essential=True)
    try:
        store.verify(model)
    except (ModelError, OSError):
        again = "charon models verify says which; charon models remove it, then get it again"
        return Check(name, False, "its files are damaged", again, essential=True)
    megabytes = store.card(model).size_bytes / 1e6
    return Check(name, True, f"verified, {megabytes:.1f} MB", essential=True)


def _disk(home: Home) -> Check:
    """Whether the home can be written and has room for songs."""
    there = home.root
    while not there.exists() and there != there.parent:
        there = there.parent
    name, elsewhere = "disk", "set CHARON_HOME to a folder with room that you may write"
    try:
        free_bytes = shutil.disk_usage(there).free
    except OSError as error:
        return Check(name, False, f"{there} cannot be read: {error.strerror}", elsewhere, essential=True)
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return Check(name, False, f"{home.root} cannot be written", elsewhere, essential=True)
    found = f"{free_bytes / 1e9:.1f} GB free in {home.root}"
    if free_bytes < FREE_NEEDED_BYTES:
        return Check(
            name, False, found, f"free {FREE_NEEDED_BYTES / 1e9:.0f} GB or {elsewhere}", essential=True
        )
    return Check(name, True, found, essential=True)


def _display() -> Check:
    if probes.has_display():
        screen = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY") or platform.system()
        return Check("display", True, screen)
    return Check(
        "display",
        False,
        "none: neither DISPLAY nor WAYLAND_DISPLAY is set",
        "every command works in the terminal; for windows log in to a desktop",
    )


def _probed(name: str, answer: probes.Answer, fix: str) -> Check:
    return Check(name, answer.ok, answer.detail, "" if answer.ok else fix)


def _npm() -> Check:
    """Whether models that are published on npm can be fetched."""
    fix = (
        "only htdemucs-4stems is fetched with it; install Node.js (Debian, Ubuntu: sudo apt-get install npm)"
    )
    npm = shutil.which("npm")
    if npm is None:
        return Check("npm", False, "not found", fix)
    version = _first_line([npm, "--version"])
    return Check("npm", bool(version), version or f"{Path(npm).name} does not run", "" if version else fix)


def _first_line(program: list[str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603  the program that the shell would run
            program, check=True, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip().partition("\n")[0]


def _cores() -> Check:
    # Those that this process may use: a container often has fewer than the machine.
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    fix = "separate first and play afterwards: charon separate SONG; live separation needs two cores"
    return Check("CPU cores", n_cores >= LIVE_CORES, str(n_cores), "" if n_cores >= LIVE_CORES else fix)
