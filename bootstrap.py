#!/usr/bin/env python3
"""Sets Charon up and starts it, with nothing but Python 3.11 or newer.

    python3 bootstrap.py run [SONG]   set up, then open SONG (or the demo song) in the window; without a
                                      screen, split it into stems in the terminal
    python3 bootstrap.py test         set up, then lint, type-check, check the imports, run every test
    python3 bootstrap.py setup        only set up

Everything goes into `.venv` beside this file, from the hashed locks of `packaging/locks/`; the
default model goes into the user's cache. What is in place already is not done again: a stamp in
`.venv` holds a hash of the locks, so that a second call starts in well under a second. On Debian and
its relatives missing system packages are installed (as root or with sudo without a password);
elsewhere, or otherwise, the exact command is printed.
"""

import argparse
import ctypes.util
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
LOCKS = ROOT / "packaging" / "locks"
DEMO_SONG = ROOT / "resources" / "demo" / "over-the-sound.ogg"
DEFAULT_MODEL = "charon-4stems"
OLDEST_PYTHON = (3, 11)
WINDOWS = os.name == "nt"

# What has to be there, as the loader or the shell looks for it, and the Debian package that brings it.
RUN_LIBRARIES = {
    "portaudio": "libportaudio2",
    "EGL": "libegl1",
    "GL": "libgl1",
    "glib-2.0": "libglib2.0-0",
    "dbus-1": "libdbus-1-3",
    "fontconfig": "libfontconfig1",
    "xkbcommon-x11": "libxkbcommon-x11-0",
    "xcb-cursor": "libxcb-cursor0",
    "xcb-icccm": "libxcb-icccm4",
    "xcb-image": "libxcb-image0",
    "xcb-keysyms": "libxcb-keysyms1",
    "xcb-randr": "libxcb-randr0",
    "xcb-render-util": "libxcb-render-util0",
    "xcb-shape": "libxcb-shape0",
    "xcb-xinerama": "libxcb-xinerama0",
    "xcb-xkb": "libxcb-xkb1",
}
# Not in the lock of the tests: whether it is the build for the CPU or for CUDA is this machine's affair
# (pip takes a build from PIP_FIND_LINKS or an index of your own), so there is no one hash to ask for.
TORCH = "torch==2.13.0"
TEST_COMMANDS = {"jackd": "jackd2", "Xvfb": "xvfb", "xdotool": "xdotool", "npm": "npm"}

CHECKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("lint", ("ruff", "check", ".")),
    ("format", ("ruff", "format", "--check", ".")),
    ("types", ("pyright", "--warnings")),
    ("imports", ("lint-imports",)),
    ("tests", ("pytest", "-n", "2", "--dist", "loadfile", "--durations", "10", "-m", "not alone")),
    # What keeps time has the machine for itself.
    ("tests in real time", ("pytest", "--durations", "10", "-m", "alone")),
)


class SetupError(Exception):
    """Set-up cannot go on; the message says what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks; returns its exit code."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n\n", maxsplit=1)[0],
        epilog="Example: python3 bootstrap.py run song.mp3",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="set up, then open a song; without a screen, split it into stems")
    run.add_argument(
        "song", nargs="?", type=Path, default=None, help="a sound file; the demo song if left out"
    )
    commands.add_parser("test", help="set up, then run every check and test")
    commands.add_parser("setup", help="only set up")
    chosen = parser.parse_args(arguments)
    try:
        check_python()
        song = find_song(chosen.song) if chosen.command == "run" else None
        set_up("test" if chosen.command == "test" else "run")
        if song is not None:
            return open_window(song) if has_screen() else separate(song)
        return check_everything() if chosen.command == "test" else 0
    except SetupError as error:
        print(f"bootstrap: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        command = " ".join(str(part) for part in error.cmd)
        print(f"bootstrap: this command failed (exit code {error.returncode}): {command}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bootstrap: cancelled; call it again to go on", file=sys.stderr)
        return 130


def check_python() -> None:
    """Refuse a Python that is too old."""
    if sys.version_info < OLDEST_PYTHON:
        found = ".".join(map(str, sys.version_info[:3]))
        raise SetupError(f"Charon needs Python 3.11 or newer, this is {found}: install a newer one")


def find_song(wanted: Path | None) -> Path:
    """The song that is meant, before any long work; the demo song when none is named."""
    song = (wanted or DEMO_SONG).absolute()
    if not song.exists():
        raise SetupError(f"there is no file {song}: check the path")
    return song


# --- set-up ------------------------------------------------------------------------------------------


def set_up(kind: str) -> None:
    """Bring `.venv` and the model up to date; does nothing when the stamp says that they are.

    Parameters
    ----------
    kind : {"run", "test"}
        Which lock to install; an environment for tests also runs.
    """
    wanted = stamp(kind)
    if read_stamp() in {wanted, stamp("test")}:
        return
    began_s = time.monotonic()
    print(f"Setting Charon up in {VENV} ({kind})", flush=True)
    step("system packages", lambda: install_system_packages(kind))
    step("environment", make_environment)
    lock = LOCKS / f"{kind}.txt"
    step(
        f"packages of {lock.relative_to(ROOT)}",
        lambda: call(
            tool("uv"), "pip", "install", "--python", tool("python"), "--quiet", "--require-hashes",
            "--compile-bytecode", "-r", lock,
            # Outside the project: inside, uv takes the overrides of pyproject.toml, which have no hashes.
            folder=Path(tempfile.gettempdir()),
        ),
    )  # fmt: skip
    step(
        "Charon itself",
        lambda: call(
            tool("uv"), "pip", "install", "--python", tool("python"), "--quiet", "--no-deps",
            "--no-build-isolation", "--editable", ROOT,
        ),
    )  # fmt: skip
    if kind == "test":
        step(TORCH, lambda: call(tool("python"), "-m", "pip", "install", "--quiet", TORCH))
    step(f"model {DEFAULT_MODEL}", lambda: call(tool("charon"), "models", "get", DEFAULT_MODEL))
    step("compiled audio code", warm_kernels)
    stamp_path().write_text(wanted, encoding="utf-8")
    print(f"Ready after {time.monotonic() - began_s:.0f} s; from now on: {tool('charon')} --help", flush=True)


def step(what: str, work: Callable[[], None]) -> None:
    """Say what is being done, do it, say how long it took."""
    began_s = time.monotonic()
    print(f"  {what} ...", flush=True)
    work()
    print(f"  {what}: {time.monotonic() - began_s:.1f} s", flush=True)


def stamp(kind: str) -> str:
    """What an up-to-date environment was made from: locks, requirements, this file, this Python."""
    digest = hashlib.sha256()
    for path in (LOCKS / f"{kind}.txt", LOCKS / "uv.txt", ROOT / "pyproject.toml", Path(__file__)):
        digest.update(path.read_bytes())
    digest.update(f"{sys.version_info[:2]} {ROOT}".encode())
    return f"{kind} {digest.hexdigest()}"


def stamp_path() -> Path:
    """Where the stamp lies."""
    return VENV / "charon-setup.stamp"


def read_stamp() -> str:
    """The stamp of the environment that is there, or nothing."""
    try:
        return stamp_path().read_text(encoding="utf-8")
    except OSError:
        return ""


def tool(name: str) -> Path:
    """A program of the environment."""
    return VENV / ("Scripts" if WINDOWS else "bin") / (f"{name}.exe" if WINDOWS else name)


def environment() -> dict[str, str]:
    """Environment of every command: no questions, and compiled files kept, which start-up needs."""
    kept = {k: v for k, v in os.environ.items() if k not in {"PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV"}}
    return {**kept, "DEBIAN_FRONTEND": "noninteractive", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def call(*command: str | Path, folder: Path = ROOT) -> None:
    """Run a command without input in a folder; CalledProcessError when it fails."""
    subprocess.run(
        [str(c) for c in command], check=True, stdin=subprocess.DEVNULL, env=environment(), cwd=folder
    )


def make_environment() -> None:
    """Make `.venv` and put the pinned uv in it."""
    if not is_whole(VENV):
        call(sys.executable, "-m", "venv", "--clear", VENV)
    call(
        tool("python"), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", LOCKS / "uv.txt",
    )  # fmt: skip


def is_whole(venv: Path) -> bool:
    """Whether an environment is finished, made by this version of Python, and where it was made.

    Making one can be interrupted, and its scripts name its folder, so that a moved one starts the
    programs of another.
    """
    scripts = venv / ("Scripts" if WINDOWS else "bin")
    python, pip = scripts / ("python.exe" if WINDOWS else "python"), scripts / "pip"
    code = "import pip, sys; print(*sys.version_info[:2])"
    try:
        told = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True).stdout
        moved = not WINDOWS and str(scripts) not in pip.read_text(encoding="utf-8").partition("import")[0]
    except (OSError, subprocess.CalledProcessError):
        return False
    return told.split() == [str(part) for part in sys.version_info[:2]] and not moved


def warm_kernels() -> None:
    """Compile the audio code now rather than at the first song."""
    code = "from engine.services.warm_up import warm_up; warm_up()"
    call(tool("python"), "-c", code)


# --- system packages ---------------------------------------------------------------------------------


def missing_packages(
    kind: str,
    has_library: Callable[[str], bool],
    has_command: Callable[[str], bool],
    has_venv: bool,
) -> list[str]:
    """Debian packages that are needed and not there.

    Parameters
    ----------
    kind : {"run", "test"}
        Tests need a sound server, a virtual screen and npm as well.
    has_library, has_command : callable
        Whether the loader finds a library, the shell a command.
    has_venv : bool
        Whether this Python can make virtual environments (Debian packs that separately).
    """
    missing = [package for library, package in RUN_LIBRARIES.items() if not has_library(library)]
    if kind == "test":
        missing += [package for command, package in TEST_COMMANDS.items() if not has_command(command)]
    if not has_venv:
        missing.append("python3-venv")
    return missing


def install_system_packages(kind: str) -> None:
    """Install what is missing where that is possible, otherwise print the command that does."""
    if not sys.platform.startswith("linux"):
        return
    missing = missing_packages(
        kind,
        has_library=lambda name: ctypes.util.find_library(name) is not None,
        has_command=lambda name: shutil.which(name) is not None,
        has_venv=importlib.util.find_spec("ensurepip") is not None,
    )
    if not missing:
        return
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing]
    if shutil.which("apt-get") is None:
        print(f"  please install what your system calls: {' '.join(missing)}", flush=True)
        return
    sudo = root_prefix()
    if sudo is None:
        by_hand = f"sudo {' '.join(install)}"
        if kind == "test" or "python3-venv" in missing:
            raise SetupError(f"system packages are missing; run this, then call again: {by_hand}")
        print(f"  some system packages are missing; this installs them: {by_hand}", flush=True)
        return
    print(f"  installing {' '.join(missing)}", flush=True)
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "env": environment()}
    subprocess.run([*sudo, "apt-get", "update", "-q"], check=False, **quiet)  # type: ignore[call-overload]
    subprocess.run([*sudo, *install], check=True, **quiet)  # type: ignore[call-overload]


def root_prefix() -> list[str] | None:
    """How to run a command as root without being asked for a password; None when that cannot be."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    asked = subprocess.run(["sudo", "-n", "true"], check=False, capture_output=True)
    return ["sudo", "-n", "--preserve-env=DEBIAN_FRONTEND"] if asked.returncode == 0 else None


# --- work ----------------------------------------------------------------------------------------------


def has_screen() -> bool:
    """Whether a window could open; Linux tells by its environment, elsewhere there is always one."""
    if not sys.platform.startswith("linux"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def open_window(song: Path) -> int:
    """Open a song in the window, and stay until it is closed."""
    command = [str(tool("charon")), "window", str(song)]
    return subprocess.run(command, check=False, env=environment()).returncode


def separate(song: Path) -> int:
    """Split a song into ./stems with Charon itself; progress, table and speed are its own."""
    command = [str(tool("charon")), "separate", str(song), "-o", "stems"]
    return subprocess.run(command, check=False, env=environment()).returncode


def check_everything() -> int:
    """Run every check; stops at the first that fails and names it."""
    for name, command in CHECKS:
        began_s = time.monotonic()
        print(f"--- {name}: {' '.join(command)}", flush=True)
        program = [str(tool(command[0])), *command[1:]]
        code = subprocess.run(
            program, check=False, stdin=subprocess.DEVNULL, env=environment(), cwd=ROOT
        ).returncode
        if code != 0:
            print(f"bootstrap: {name} failed (exit code {code}): {' '.join(command)}", file=sys.stderr)
            return 1
        print(f"--- {name}: {time.monotonic() - began_s:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
