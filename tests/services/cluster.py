"""A Dask cluster on loopback: a scheduler and workers, each a process of its own that can be killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from tests.services.conftest import REPOSITORY

START_S = 60.0


class Cluster:
    """A scheduler and some workers of one thread each, without a nanny that would start them again."""

    def __init__(self, folder: Path, home: Path, n_workers: int) -> None:
        self._folder = folder
        self._environment = {**os.environ, "CHARON_HOME": str(home), "PYTHONPATH": str(REPOSITORY)}
        # Dask looks for the machine's address on the network otherwise.
        self._environment["DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT"] = "20s"
        self._n_workers = n_workers
        self._processes: list[subprocess.Popen[bytes]] = []
        self.address = ""

    def __enter__(self) -> Self:
        told = self._folder / "scheduler.log"
        self._start("dask_scheduler", told, "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        self.address = self._said(told, "Scheduler at:").split()[-1]
        logs = [self._folder / f"worker{i}.log" for i in range(self._n_workers)]
        for log in logs:
            self.start_worker(log)
        for log in logs:
            self._said(log, "Registered to:")
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._processes):
            process.kill()
            process.wait()

    @property
    def worker_pids(self) -> list[int]:
        return [process.pid for process in self._processes[1:]]

    def start_worker(self, log: Path) -> None:
        options = ("--no-nanny", "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1")
        self._start("dask_worker", log, self.address, *options)

    def kill_worker(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)

    def kill_scheduler(self) -> None:
        self._processes[0].kill()

    def _start(self, module: str, log: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", f"distributed.cli.{module}", *arguments]
        with log.open("wb") as out:
            process = subprocess.Popen(
                command, cwd=self._folder, env=self._environment, stdout=out, stderr=out
            )
        self._processes.append(process)

    def _said(self, log: Path, words: str) -> str:
        until_s = time.monotonic() + START_S
        while time.monotonic() < until_s:
            for line in log.read_text().splitlines():
                if words in line:
                    return line
            time.sleep(0.05)
        raise AssertionError(f"{log} never said {words!r}:\n{log.read_text()}")
