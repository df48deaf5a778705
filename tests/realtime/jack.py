"""A JACK server on its dummy driver: the one audio system that keeps time without hardware."""

import os
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def jack_server(
    name: str, rate_hz: int = 48_000, period_frames: int = 128, has_priority: bool = False
) -> Generator[subprocess.Popen[bytes]]:
    """Run a server of its own; clients find it through JACK_DEFAULT_SERVER.

    The name keeps it apart from a server that someone works with. With priority its clients' audio threads
    are scheduled before everything else, as on a musician's machine; that takes the right to do so.
    """
    command = [
        "jackd",
        *(["--realtime", "--realtime-priority", "70"] if has_priority else ["--no-realtime"]),
        "-n",
        name,
        "-d",
        "dummy",
        "-r",
        str(rate_hz),
        "-p",
        str(period_frames),
    ]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    before = {key: os.environ.get(key) for key in ("JACK_DEFAULT_SERVER", "JACK_NO_START_SERVER")}
    os.environ["JACK_DEFAULT_SERVER"] = name
    os.environ["JACK_NO_START_SERVER"] = "1"
    try:
        _wait_until_up(name)
        yield server
    finally:
        server.terminate()
        server.wait()
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value


@contextmanager
def metronome() -> Generator[None]:
    """Another JACK client, which is another device to PortAudio: clicks half a second apart."""
    client = subprocess.Popen(["jack_metro", "-b", "120", "-n", "metro"], stdout=subprocess.DEVNULL)
    time.sleep(1.0)
    try:
        yield
    finally:
        client.terminate()
        client.wait()


def _wait_until_up(name: str) -> None:
    deadline_s = time.monotonic() + 10.0
    while time.monotonic() < deadline_s:
        ready = subprocess.run(["jack_wait", "-s", name, "-c"], capture_output=True, text=True, check=False)
        if "not running" not in ready.stdout:
            return
        time.sleep(0.1)
    raise RuntimeError(f"the JACK server {name} did not come up within 10 s")


def connect_loop(timeout_s: float = 10.0) -> None:
    """Connect the outputs of the only PortAudio client to its own inputs, in place of the dummy's.

    Waits until its ports are there; a client has them once its stream runs.
    """
    deadline_s = time.monotonic() + timeout_s
    ports: list[str] = []
    while time.monotonic() < deadline_s:
        before, ports = ports, _run("jack_lsp").split()
        inputs = sorted(port for port in ports if "PortAudio" in port and ":in_" in port)
        outputs = sorted(port for port in ports if "PortAudio" in port and ":out_" in port)
        # A client registers its ports one after the other.
        if inputs and len(inputs) == len(outputs) and ports == before:
            break
        time.sleep(0.02)
    else:
        raise RuntimeError(f"no PortAudio client with input and output within {timeout_s} s")
    for k, (source, sink) in enumerate(zip(outputs, inputs, strict=True), start=1):
        _run("jack_disconnect", f"system:capture_{k}", sink)
        _run("jack_connect", source, sink)


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
