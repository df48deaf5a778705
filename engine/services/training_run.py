"""Training as a process of its own: started once at a time, watched, stopped, never left behind.

The window and the local server each own one `TrainingRun`. The engine knows nothing of torch: it runs
`python -m models.training.orbit`, and reads the JSON that this program prints line by line. Four threads
meet here: whoever calls, one that reads the child's lines, one that reads its complaints, and one that
waits for its end. They share the newest `TrainingStatus`, which is replaced whole under a lock.

The child has a process group of its own, so that Ctrl+C in a terminal is the host's to decide on and that
the child's own workers end with it. When the host is killed with -9, the pipe breaks, and the child's next
line ends it: no training is left without an owner.
"""

import contextlib
import importlib.util
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Literal

import psutil

from engine.errors import CharonError, ParameterError, TrainingBusy, TrainingError
from engine.io.file_lock import FileLock
from engine.io.sound_files import SoundFile, sound_files
from engine.services.training_report import TrainingStatus, fold

_log = logging.getLogger(__name__)

PROGRAM = "models.training.orbit"
NEEDED = ("torch", "onnx", "tensorboard")
MAX_EPOCHS = 10_000
MAX_WORKERS = 64
MAX_DATA = 64
STOP_S = 10.0
"""A child that was asked to stop and has not after this long is killed."""
CLOSE_S = 4.0
"""The same when the host itself ends."""
# A line of an epoch is some hundred bytes; a line without an end must not fill the memory.
_MAX_LINE = 1 << 20
_KEPT_LINES = 40
_LOOK_S = 1.0
_NICENESS = 10
"""Training waits for everything that sounds or is seen."""


@dataclass(frozen=True, slots=True)
class TrainingOrder:
    """What is to be trained on what, and how long.

    Parameters
    ----------
    data : tuple of Path
        Folders of music, or files.
    epochs : int
        1 to `MAX_EPOCHS`.
    max_files : int or None
        Take no more songs than these.
    workers : int
        Processes that prepare songs beside the training, 0 to `MAX_WORKERS`.
    device : str
        `cpu` or `cuda`.
    seed : int
        Not negative.
    resume : bool
        Go on where the newest training was interrupted.
    """

    data: tuple[Path, ...]
    epochs: int = 40
    max_files: int | None = None
    workers: int = 0
    device: Literal["cpu", "cuda"] = "cpu"
    seed: int = 0
    resume: bool = False

    def check(self) -> None:
        """Look whether this can be done at all.

        Raises
        ------
        ParameterError
            Which value, and what to give instead.
        """
        for name, value, low, high in (
            ("epochs", self.epochs, 1, MAX_EPOCHS),
            ("max_files", 1 if self.max_files is None else self.max_files, 1, 1_000_000),
            ("workers", self.workers, 0, MAX_WORKERS),
            ("seed", self.seed, 0, 2**32 - 1),
            ("data", len(self.data), 1, MAX_DATA),
        ):
            if not low <= value <= high:
                what = "number of folders in data" if name == "data" else name
                raise ParameterError(f"{what} is {value}; give {low} to {high}")
        if self.device not in {"cpu", "cuda"}:
            raise ParameterError(f"device is {self.device!r}; give cpu or cuda")
        for path in self.data:
            _check_music(path)

    def arguments(self, out: Path) -> list[str]:
        """The words behind `python -m models.training.orbit`.

        Parameters
        ----------
        out : Path
            Folder of the result.
        """
        words = ["--data", *(str(path.absolute()) for path in self.data), "--epochs", str(self.epochs)]
        if self.max_files is not None:
            words += ["--max-files", str(self.max_files)]
        words += ["--workers", str(self.workers), "--device", self.device, "--seed", str(self.seed)]
        words += ["--out", str(out), "--progress", "json"]
        return [*words, "--resume"] if self.resume else words


def training_trouble() -> str | None:
    """Why this Charon cannot train, and the exact command that helps; None when it can.

    Notes
    -----
    Looks for the packages without importing them.
    """
    if getattr(sys, "frozen", False):
        return "training needs Charon's source code: get it, and run python3 bootstrap.py setup"
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if not missing:
        return None
    python = f'"{sys.executable}"' if " " in sys.executable else sys.executable
    return f"training needs {', '.join(missing)}: run {python} -m pip install {' '.join(missing)}"


class TrainingRun:
    """One training at a time.

    Parameters
    ----------
    folder : Path
        Each training gets a folder of its own in here; a lock in it keeps a second program out.
    keep : callable or None
        Given the finished network and a name for it, on a thread of its own; returns the name that the
        network got.
    program : sequence of str or None
        What is run instead of the training of the control network.
    """

    def __init__(
        self,
        folder: Path,
        keep: Callable[[Path, str], str] | None = None,
        program: Sequence[str] | None = None,
    ) -> None:
        self._folder = folder
        self._keep = keep
        self._program = None if program is None else tuple(program)
        self._guard = threading.Lock()
        self._lock = FileLock(folder / "training.lock")
        self._status = TrainingStatus()
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: threading.Thread | None = None
        self._complaints: deque[str] = deque(maxlen=_KEPT_LINES)
        self._stop_by_s: float | None = None
        self._closed = False
        self._began: tuple[float, float | None] = (0.0, None)

    def status(self) -> TrainingStatus:
        """Where it is; any thread. The same object as before when nothing has changed."""
        return self._status

    def can_resume(self) -> bool:
        """Whether there is an interrupted training to go on with, or one that may get more epochs."""
        return bool(_resumable(self._folder))

    @property
    def pid(self) -> int | None:
        """Of the training process, while there is one."""
        process = self._process
        return None if process is None else process.pid

    def start(self, order: TrainingOrder) -> TrainingStatus:
        """Begin.

        Parameters
        ----------
        order : TrainingOrder

        Raises
        ------
        ParameterError
            The order cannot be carried out.
        TrainingBusy
            A training runs already, here or in another window or server.
        TrainingError
            The process cannot be started, or this Charon cannot train.
        """
        trouble = training_trouble() if self._program is None else None
        if trouble is not None:
            raise TrainingError(trouble)
        order.check()
        with self._guard:
            if self._closed:
                raise TrainingError("training cannot start any more: Charon is being closed")
            if self._process is not None:
                raise TrainingBusy("a training is running already: stop it first, or wait for its end")
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                free = self._lock.acquire()
            except OSError as err:
                raise TrainingError(f"training cannot write into {self._folder}: {err.strerror}") from err
            if not free:
                raise TrainingBusy("another Charon is training already: stop it there first")
            try:
                self._begin(order)
            except BaseException:
                self._lock.release()
                raise
            return self._status

    def stop(self) -> TrainingStatus:
        """Ask it to end with a checkpoint; does not wait. Nothing happens when none runs."""
        with self._guard:
            self._ask_to_stop(STOP_S)
            return self._status

    def close(self) -> None:
        """End it and wait until it has gone; at most some seconds. Nothing can be started afterwards."""
        with self._guard:
            self._closed = True
            self._ask_to_stop(CLOSE_S)
            watch = self._watch
        if watch is not None:
            watch.join()

    # --- the process -------------------------------------------------------------------------------

    def _begin(self, order: TrainingOrder) -> None:
        out = _newest_run(self._folder) if order.resume else _new_run(self._folder)
        program = self._program or (sys.executable, "-P", "-m", PROGRAM)
        try:
            process = subprocess.Popen(  # noqa: S603 - our own program, its words a list
                [*program, *order.arguments(out)],
                cwd=out,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
                start_new_session=sys.platform != "win32",
                creationflags=_own_group(),
            )
        except OSError as err:
            raise TrainingError(f"training does not start: {err}") from err
        _be_modest(process.pid)
        self._complaints.clear()
        self._process, self._stop_by_s = process, None
        self._began = (time.monotonic(), None)
        self._status = TrainingStatus("running", total_epochs=order.epochs, folder=out)
        readers = [
            threading.Thread(target=self._read, args=(process.stdout,), name="training-lines", daemon=True),
            threading.Thread(target=self._hear, args=(process.stderr,), name="training-errors", daemon=True),
        ]
        self._watch = threading.Thread(
            target=self._wait, args=(process, readers), name="training-watch", daemon=True
        )
        for thread in (*readers, self._watch):
            thread.start()

    def _read(self, lines: IO[bytes]) -> None:
        """Take in what the child says, on a thread of its own."""
        while line := lines.readline(_MAX_LINE):
            with contextlib.suppress(ValueError, RecursionError):
                self._take(json.loads(line))
        lines.close()

    def _take(self, event: object) -> None:
        with self._guard:
            status = fold(self._status, event)
            if status is not self._status:
                self._status = replace(status, left_s=self._left_s(status))

    def _left_s(self, status: TrainingStatus) -> float | None:
        """Seconds to the end, from the part that was done since the first news."""
        now_s = time.monotonic()
        began_s, from_part = self._began
        if from_part is None:
            if status.progress > 0.0:
                # Loading the songs is over, and a resumed training has got where it was.
                self._began = (now_s, status.progress)
            return None
        done = status.progress - from_part
        return (now_s - began_s) * (1.0 - status.progress) / done if done > 0.0 else None

    def _hear(self, lines: IO[bytes]) -> None:
        """Keep the child's last complaints, on a thread of its own."""
        while line := lines.readline(_MAX_LINE):
            text = line.decode(errors="replace").strip()
            if text:
                _log.info("training: %s", text)
                self._complaints.append(text)
        lines.close()

    def _wait(self, process: "subprocess.Popen[bytes]", readers: Sequence[threading.Thread]) -> None:
        """See the child off, on a thread of its own."""
        while True:
            try:
                code = process.wait(0.1)
                break
            except subprocess.TimeoutExpired:
                by_s = self._stop_by_s
                if by_s is not None and time.monotonic() > by_s:
                    _kill_group(process)
        # Workers of the child may hold its pipe, and this machine's cores, after its death.
        _kill_group(process)
        for reader in readers:
            reader.join(2.0)
        ended = self._kept(self._end_status(code))
        with self._guard:
            self._status = ended
            self._process = self._watch = None
            self._lock.release()

    def _end_status(self, code: int) -> TrainingStatus:
        status = replace(self._status, left_s=None, batch_loss=None)
        if self._stop_by_s is not None and (status.model is None or code != 0):
            return replace(status, status="idle", error=None)
        if status.error is None and code == 0 and status.model is not None:
            return replace(status, status="done", progress=1.0)
        error = status.error or _end_words(code, status, tuple(self._complaints))
        return replace(status, status="failed", error=error)

    def _kept(self, status: TrainingStatus) -> TrainingStatus:
        """The status of an end, once a finished network is where it can be used."""
        if status.status != "done" or status.model is None or self._keep is None:
            return status
        try:
            name = self._keep(status.model, f"Trained {status.model.parent.name}")
        except CharonError as err:
            return replace(status, status="failed", error=f"the network was trained, but not kept: {err}")
        return replace(status, network=name)

    def _ask_to_stop(self, grace_s: float) -> None:
        process = self._process
        if process is None:
            return
        by_s = time.monotonic() + grace_s
        self._stop_by_s = by_s if self._stop_by_s is None else min(by_s, self._stop_by_s)
        if self._status.status == "running":
            self._status = replace(self._status, status="stopping", left_s=None)
            with contextlib.suppress(OSError):
                process.send_signal(_STOP_SIGNAL)


# Not SIGINT: a program that a script starts in the background has it ignored, and hands that on.
_STOP_SIGNAL = getattr(signal, "CTRL_BREAK_EVENT", signal.SIGTERM)


def _own_group() -> int:
    """Flags that make a group of its own on Windows; elsewhere a new session does."""
    return subprocess.CREATE_NEW_PROCESS_GROUP if sys.platform == "win32" else 0


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    """Kill the child and what it has started."""
    if sys.platform == "win32":
        process.kill()
        return
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)


def _be_modest(pid: int) -> None:
    """Let the child wait for sound and pictures; threads that it starts later inherit that."""
    with contextlib.suppress(psutil.Error, OSError):
        modest = psutil.BELOW_NORMAL_PRIORITY_CLASS if sys.platform == "win32" else _NICENESS
        psutil.Process(pid).nice(modest)


def _end_words(code: int, status: TrainingStatus, complaints: Sequence[str]) -> str:
    """Why a training ended that said nothing about it."""
    where = f" in epoch {status.current_epoch} of {status.total_epochs}" if status.current_epoch else ""
    again = "; start it again with “resume” to go on from its last checkpoint" if where else ""
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        memory = ": perhaps memory ran out" if -code == 9 else ""
        return f"the training process was killed ({name}){where}{memory}{again}"
    said = f": {complaints[-1]}" if complaints else ""
    if code == 0:
        return f"the training process ended without a network{where}{said}"
    return f"the training process failed (exit code {code}){where}{said}{again}"


# --- folders -------------------------------------------------------------------------------------------


def _check_music(path: Path) -> None:
    """Refuse what has no music in it."""
    try:
        there = path.is_file() or path.is_dir()
    except (OSError, ValueError):
        there = False
    if not there:
        raise ParameterError(f"{path} is neither a folder nor a file; give a folder of music")
    by_s = time.monotonic() + _LOOK_S
    for item in sound_files(path):
        # Of a whole disk, the training itself will say what it finds.
        if isinstance(item, SoundFile) or time.monotonic() > by_s:
            return
    raise ParameterError(f"no music in {path}; give a folder that holds songs")


def _new_run(folder: Path) -> Path:
    """Make the folder of a new training, named by the time."""
    stem = time.strftime("%Y-%m-%d %H.%M.%S")
    for number in range(1, 1000):
        run = folder / (stem if number == 1 else f"{stem} {number}")
        with contextlib.suppress(FileExistsError):
            run.mkdir()
            return run
    raise TrainingError(f"no room for another training in {folder}")


def _newest_run(folder: Path) -> Path:
    """The folder of the newest training that can be gone on with.

    Raises
    ------
    ParameterError
        There is none.
    """
    runs = _resumable(folder)
    if not runs:
        raise ParameterError("there is no interrupted training to resume; start a new one")
    return runs[-1]


def _resumable(folder: Path) -> list[Path]:
    """Folders of trainings that have a checkpoint, the newest last."""
    return sorted({found.parent.parent for found in folder.glob("*/checkpoints/*.pt")})
