"""`charon doctor`: what works on this machine, and what to do about what does not.

Runs on the main thread. Whatever loads a graphics or neural-network driver is tried in a process of
its own, with a time limit, because such drivers can take their process down or hang it. A problem
found is this command's result and not its failure: the exit code is 0 once every check has answered.
"""

import dataclasses
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click

from app.cli.console import json_option, print_json, progress, say
from engine.errors import DeviceError, ModelError
from engine.inference.model_store import ModelStore
from engine.io.device import INSTALL_PORTAUDIO, DeviceInfo, list_devices
from engine.io.home import default_home

DEFAULT_MODEL = "spleeter-2stems"
PROBE_TIMEOUT_S = 60.0
# A model (80 MB at most while it is converted), and the lanes of three songs of 10 minutes: 600 s x
# 44,100 frames x 2 channels x 4 bytes x 3 lanes = 635 MB each.
ENOUGH_DISK_BYTES = 2_000_000_000

_QT_PROBE = """
import PySide6
from PySide6.QtWidgets import QApplication
application = QApplication([])
print("Qt", PySide6.__version__)
"""
_OPENGL_PROBE = """
import sys, moderngl
settings = {"backend": "egl"} if sys.platform.startswith("linux") else {}
context = moderngl.create_context(standalone=True, **settings)
print(context.info["GL_RENDERER"] + ", OpenGL", context.version_code / 100)
"""
_PROVIDER_PROBE = """
import sys
from engine.inference.load import load_architecture
from engine.inference.model_store import ModelStore
from engine.io.home import default_home
home = default_home()
store = ModelStore(home.models, home.cards)
model = load_architecture(store.card(sys.argv[1]), store.files(sys.argv[1]), "live")
print(model.provider, *model.notices, sep="; ")
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Check:
    """One answer of the doctor.

    Parameters
    ----------
    name : str
        What was looked at.
    ok : bool
        Whether it works.
    detail : str
        What was found, in one line.
    fix : str
        What to do; empty when it works.
    """

    name: str
    ok: bool
    detail: str
    fix: str = ""


def check_python() -> Check:
    """Tell which interpreter this is."""
    found = f"{platform.python_implementation()} {platform.python_version()} on {platform.platform()}"
    return Check(
        "python", sys.version_info >= (3, 11), found, "" if sys.version_info >= (3, 11) else "use 3.11+"
    )


def check_audio() -> list[Check]:
    """Ask whether there are an audio library and a device to play on."""
    try:
        devices = list_devices()
    except DeviceError as err:
        missing = Check("audio library", ok=False, detail=str(err), fix=INSTALL_PORTAUDIO)
        return [missing, Check("audio devices", ok=False, detail="unknown", fix=INSTALL_PORTAUDIO)]
    library = Check("audio library", ok=True, detail="PortAudio is here")
    return [library, judge_devices(devices)]


def judge_devices(devices: list[DeviceInfo]) -> Check:
    """Say whether one can hear something.

    Parameters
    ----------
    devices : list of DeviceInfo
        What PortAudio offers.

    Returns
    -------
    Check
        Fine when there is an output.
    """
    outputs = [device for device in devices if device.outputs]
    if not outputs:
        fix = "connect a device or start a sound server; `charon separate` works without"
        return Check("audio devices", ok=False, detail="no output device", fix=fix)
    chosen = next((device for device in outputs if device.is_default_output), outputs[0])
    detail = f"{len(outputs)} outputs, default {chosen.host_api}: {chosen.name}, {chosen.default_rate_hz} Hz"
    return Check("audio devices", ok=True, detail=detail)


def check_display() -> Check:
    """Ask whether a window can be shown."""
    if not sys.platform.startswith("linux"):
        return Check("display", ok=True, detail="the desktop of this system")
    for variable in ("WAYLAND_DISPLAY", "DISPLAY"):
        if os.environ.get(variable):
            return Check("display", ok=True, detail=f"{variable}={os.environ[variable]}")
    fix = "log in to a desktop for the window; `charon separate` and `charon play` need none"
    return Check("display", ok=False, detail="neither DISPLAY nor WAYLAND_DISPLAY is set", fix=fix)


def check_qt() -> Check:
    """Start Qt without a screen, in a process of its own."""
    fix = "install its libraries: `python3 bootstrap.py setup` does so, or prints the command"
    return probe("Qt", _QT_PROBE, fix, {"QT_QPA_PLATFORM": "offscreen"})


def check_opengl() -> Check:
    """Draw nothing with OpenGL, in a process of its own."""
    fix = "install or update the graphics driver (on Debian or Ubuntu: sudo apt-get install libegl1 libgl1)"
    return probe("OpenGL", _OPENGL_PROBE, fix)


def check_model(store: ModelStore) -> Check:
    """Compare every byte of the default model with its card.

    Parameters
    ----------
    store : ModelStore
        Where the models are.

    Returns
    -------
    Check
        Not fine when the model is missing or is not what its card says.
    """
    try:
        store.verify(DEFAULT_MODEL)
    except ModelError as err:
        return Check("default model", ok=False, detail=str(err), fix=f"charon models get {DEFAULT_MODEL}")
    return Check("default model", ok=True, detail=f"{DEFAULT_MODEL}, every byte as its card says")


def check_provider() -> Check:
    """Load the default model as the player does, and tell what really runs it."""
    fix = f"charon models get {DEFAULT_MODEL}; if that is done, update the graphics driver"
    return probe("neural networks run on", _PROVIDER_PROBE, fix, arguments=[DEFAULT_MODEL])


def check_npm() -> Check:
    """Ask whether models that are shipped through npm can be fetched."""
    found = shutil.which("npm")
    if found:
        return Check("npm", ok=True, detail=found)
    fix = "install npm (on Debian or Ubuntu: sudo apt-get install npm); nothing else needs it"
    return Check("npm", ok=False, detail="not found: htdemucs-4stems cannot be fetched through it", fix=fix)


def check_disk(folder: Path, enough_bytes: int = ENOUGH_DISK_BYTES) -> Check:
    """Ask whether models and stems have room.

    Parameters
    ----------
    folder : Path
        Where they are kept; need not exist yet.
    enough_bytes : int
        What is called enough, 0 or more.

    Returns
    -------
    Check
        With the free space in GB.
    """
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free_bytes = shutil.disk_usage(existing).free
    detail = f"{free_bytes / 1e9:.1f} GB free in {folder}"
    if free_bytes >= enough_bytes:
        return Check("disk", ok=True, detail=detail)
    fix = f"free {enough_bytes / 1e9:.0f} GB, or set CHARON_HOME to a folder on a larger disk"
    return Check("disk", ok=False, detail=detail, fix=fix)


def check_processor() -> Check:
    """Count cores; one alone leaves none for the sound while a model runs."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    detail = f"{cores} cores, {platform.machine()}; the audio callback flushes denormals to zero"
    fix = "" if cores > 1 else "separate before playing: one core cannot do both at once"
    return Check("processor", ok=cores > 1, detail=detail, fix=fix)


def probe(
    name: str,
    code: str,
    fix: str,
    variables: dict[str, str] | None = None,
    arguments: list[str] | None = None,
) -> Check:
    """Run a few lines of Python in a process of their own.

    Parameters
    ----------
    name : str
        Name of the check.
    code : str
        What to run; its last line of output becomes the detail.
    fix : str
        What to do when it fails, crashes, or hangs longer than PROBE_TIMEOUT_S.
    variables : dict of str to str, optional
        Added to its environment.
    arguments : list of str, optional
        Its `sys.argv[1:]`.

    Returns
    -------
    Check
        Fine when the process ended well.
    """
    try:
        done = subprocess.run(  # noqa: S603  our own interpreter and our own code
            [sys.executable, "-c", code, *(arguments or [])],
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=PROBE_TIMEOUT_S,
            env={**os.environ, **(variables or {})},
        )
    except subprocess.TimeoutExpired:
        return Check(name, ok=False, detail=f"no answer within {PROBE_TIMEOUT_S:.0f} s", fix=fix)
    if done.returncode == 0:
        return Check(name, ok=True, detail=_last_line(done.stdout))
    ended = f"crashed with signal {-done.returncode}" if done.returncode < 0 else "failed"
    return Check(name, ok=False, detail=f"{ended}: {_last_line(done.stderr)}", fix=fix)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def _checks() -> list[Callable[[], Check | list[Check]]]:
    home = default_home()
    store = ModelStore(home.models, home.cards)
    return [
        check_python,
        check_processor,
        check_audio,
        check_display,
        check_qt,
        check_opengl,
        lambda: check_model(store),
        check_provider,
        check_npm,
        lambda: check_disk(home.root),
    ]


@click.command(epilog="Example: charon doctor --json")
@json_option
def command(as_json: bool) -> None:
    """Check what works here, and say what to do about what does not.

    Exits with 0 once every check has answered, whatever it answered.
    """
    found: list[Check] = []
    checks = _checks()
    with progress("checking", len(checks), quiet=as_json) as update:
        for done, check in enumerate(checks):
            answer = check()
            found += answer if isinstance(answer, list) else [answer]
            update(done + 1, found[-1].name)
    if as_json:
        print_json({"checks": found})
        return
    width = max(len(check.name) for check in found)
    for check in found:
        say(f"{'ok' if check.ok else '--'}  {check.name:<{width}}  {check.detail}")
        if not check.ok:
            say(f"    {'':<{width}}  to do: {check.fix}")
    problems = sum(not check.ok for check in found)
    say("Everything works." if not problems else f"{problems} of {len(found)} need a look.")
