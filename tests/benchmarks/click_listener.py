"""What another program hears of Charon's output on a JACK server: a process of its own, which nothing of ours
can hold up.

    python -m tests.benchmarks.click_listener --seconds 20

Connects itself to the only other client's first output, says "listening" and prints one JSON object: the time
of each click on the clock of `time.monotonic`, which all processes of a machine share. JACK runs its clients
one after the other in the same cycle, so a click is heard in the cycle in which it was written; the server's
own latency from there to the converter is stated beside it.
"""

import argparse
import json
import re
import subprocess
import time

import numpy as np
import sounddevice

RATE_HZ = 48_000
LOUD = 0.3
APART_S = 0.2
NEAR_S = 0.1


class Listener:
    """Notes when each block came, and where it becomes loud."""

    def __init__(self) -> None:
        self.blocks: list[tuple[float, int, int]] = []

    def __call__(self, data: object, n_frames: int, _time: object, _status: object) -> None:
        """PortAudio's callback."""
        now_s = time.monotonic()
        loud = np.flatnonzero(np.abs(np.frombuffer(data, np.float32)) > LOUD)  # pyright: ignore
        self.blocks.append((now_s, n_frames, int(loud[0]) if loud.size else -1))

    def clicks_s(self) -> list[float]:
        """When each click began: its block's place on the line through near blocks, and its frame."""
        times_s = np.array([block[0] for block in self.blocks])
        starts = np.concatenate([[0], np.cumsum([block[1] for block in self.blocks])[:-1]])
        late_s = times_s - starts / RATE_HZ
        found: list[float] = []
        for (_, _, first), start, time_s in zip(self.blocks, starts, times_s, strict=True):
            if first < 0:
                continue
            # A callback is late at times and never early: the line lies under all of them. A server that
            # stumbles leaves frames out, and its line goes on higher: only near blocks count.
            base_s = float(np.percentile(late_s[np.abs(times_s - time_s) < NEAR_S], 10))
            at_s = base_s + (start + first) / RATE_HZ
            if not found or at_s - found[-1] > APART_S:
                found.append(at_s)
        return found


def connect() -> None:
    """Listen to the other client, not to the dummy's silence."""
    ports = _run("jack_lsp").split()
    ours = next(port for port in ports if ":in_" in port)
    theirs = sorted(port for port in ports if ":out_" in port)[0]
    _run("jack_disconnect", "system:capture_1", ours)
    _run("jack_connect", theirs, ours)


def playback_latency_s() -> float:
    """From a cycle's beginning to the converter, as the server states it."""
    told = _run("jack_lsp", "-l").partition("system:playback_1\n")[2]
    found = re.search(r"playback latency = \[ *(\d+)", told) or re.search(r"port latency = (\d+)", told)
    return int(found[1]) / RATE_HZ if found else 0.0


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def main() -> None:
    """Listen, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    seconds = parser.parse_args().seconds
    listener = Listener()
    with sounddevice.RawInputStream(
        samplerate=RATE_HZ, channels=1, dtype="float32", latency="low", callback=listener
    ):
        connect()
        print("listening", flush=True)
        time.sleep(seconds)
    print(json.dumps({"clicks_s": listener.clicks_s(), "to_converter_s": playback_latency_s()}))


if __name__ == "__main__":
    main()
