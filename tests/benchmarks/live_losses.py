"""`charon live` loses one thing after the other while it records: its workers, then the JACK server.

    python -m tests.benchmarks.live_losses [--denoise rnnoise] [--priority]

A sung vowel is played into `charon live --denoise --separate --record`. Each worker process is killed with
signal 9, then the server is, and is started again. A recorder hears what goes in and what comes out, before
and after. Prints one JSON object: how much of what was sung is in the file of the bare voice, bit by bit; the
largest step between two frames and the highest peak of what was heard, as multiples of the voice's own, and
how many steps are larger than any of its (a click makes one; a cycle that the server lost makes one going
in); how often each worker was started again; what `charon live` said meanwhile.
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import soundfile

from engine.units import F32
from tests.benchmarks.live_scores import (
    LIVE,
    PLAYER,
    connect,
    outputs_beside,
    ports,
    run_jack,
    wait_for,
)
from tests.realtime.jack import jack_server

RATE_HZ = 48_000
VOICE_S = 60.0
SETTLE_S = 4.0
"""A worker is there again, and its network loaded."""
GONE_S = 2.5
LIVE_S = 48.0


def vowel() -> F32:
    """A voice of smooth phrases, shape (2, frames): nothing in it is steep."""
    t = np.arange(round(VOICE_S * RATE_HZ)) / RATE_HZ
    phase = 2.0 * np.pi * (196.0 * t - 1.1 * np.cos(2.0 * np.pi * 5.2 * t))
    tone = sum(np.sin(k * phase) / k**1.5 for k in range(1, 9))
    # Phrases of no even length, so that a place in it is found again.
    phrases = 0.5 + 0.5 * np.sin(2.0 * np.pi * (0.31 * t + 0.004 * t**2))
    return np.tile((0.15 * tone * phrases).astype(np.float32), (2, 1))


def largest_step(x: F32) -> float:
    """Between two frames, of either channel."""
    return float(np.abs(np.diff(x, axis=1)).max())


def workers_of(pid: int) -> list[psutil.Process]:
    """Worker processes of a command, the oldest first."""
    children = psutil.Process(pid).children()
    return sorted(
        (p for p in children if "spawn_main" in " ".join(p.cmdline())), key=psutil.Process.create_time
    )


def start_live(denoiser: str, folder: Path) -> subprocess.Popen[str]:
    """`charon live` with both workers, recording, its input connected to nothing."""
    command = [sys.executable, "-m", "app", "live", "--denoise", denoiser, "--separate", "spleeter-2stems"]
    command += ["--record", str(folder / "voice"), "--seconds", str(LIVE_S), "--open-air", "--json"]
    live = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for("the input of charon live", lambda: f"{LIVE}:in_1" in ports(), live)
    return live


def play(song: Path) -> subprocess.Popen[str]:
    """Sing into the live command, which has its ports already."""
    for k in range(2):
        run_jack("jack_disconnect", f"system:capture_{k + 1}", f"{LIVE}:in_{k}")
    player = subprocess.Popen([sys.executable, "-c", PLAYER, str(song)], stderr=subprocess.DEVNULL, text=True)
    connect(player)
    return player


def record(path: Path, seconds: int) -> subprocess.Popen[str]:
    """What goes into the live command and what it puts out, from now on."""
    heard = [*outputs_beside()[:2], f"{LIVE}:out_0", f"{LIVE}:out_1"]
    command = ["jack_rec", "-f", str(path), "-d", str(seconds), "-b", "32", *heard]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)


def end(process: subprocess.Popen[str]) -> None:
    """Of a client whose server may be gone."""
    process.kill()
    process.wait()


def sound_of(x: F32, voice: F32) -> dict[str, float]:
    """What a recording sounds like beside the voice itself; steps are those that the voice never makes."""
    steps = np.abs(np.diff(x, axis=1)).max(axis=0)
    rows = x[:, : x.shape[1] // 480 * 480].reshape(2, -1, 480)
    return {
        "largest_step": round(float(steps.max() / largest_step(voice)), 2),
        "steps": int(np.count_nonzero(steps > 1.5 * largest_step(voice))),
        "peak": round(float(np.abs(x).max() / np.abs(voice).max()), 2),
        "silent_s": round(float((np.abs(rows).max(axis=(0, 2)) < 1e-4).sum()) * 0.01, 2),
    }


def heard_in(path: Path, voice: F32) -> dict[str, Any]:
    """What went in and what came out."""
    x = soundfile.read(path, dtype="float32", always_2d=True)[0].T
    seconds = round(x.shape[1] / RATE_HZ, 2)
    return {"seconds": seconds, "went_in": sound_of(x[:2], voice), "came_out": sound_of(x[2:], voice)}


def sung_s(dry: F32, voice: F32) -> tuple[float, float]:
    """Seconds of a recording since its first sound, and how many of them are the voice bit by bit."""
    dry = dry[np.argmax(dry != 0.0) :]
    n = RATE_HZ // 10
    equal = 0
    for start in range(0, dry.size - n + 1, n):
        piece, middle = dry[start : start + n], n // 2
        # Three numbers of a voice in a row stand nowhere else in it.
        at = [voice[k : voice.size - 2 + k] == piece[middle + k] for k in range(3)]
        for place in np.flatnonzero(at[0] & at[1] & at[2])[:1] - middle:
            first = max(0, -place)
            last = min(n, voice.size - place)
            equal += int(np.count_nonzero(voice[place + first : place + last] == piece[first:last]))
    return dry.size / RATE_HZ, equal / RATE_HZ


def lose_everything(denoiser: str, has_priority: bool, folder: Path) -> dict[str, Any]:
    """The whole course; see the top of this file."""
    song, voice = folder / "sung.wav", vowel()
    soundfile.write(song, voice.T, RATE_HZ, subtype="FLOAT")
    dry = folder / "voice (dry).wav"
    heard: list[dict[str, float]] = []
    with jack_server("charon-losses", RATE_HZ, has_priority=has_priority) as server:
        live = start_live(denoiser, folder)
        player = play(song)
        time.sleep(SETTLE_S)
        workers = workers_of(live.pid)
        recorder = record(folder / "before.wav", round(SETTLE_S * (1 + len(workers))))
        for worker in workers:
            time.sleep(SETTLE_S / 2.0)
            worker.send_signal(signal.SIGKILL)
            time.sleep(SETTLE_S / 2.0)
        recorder.wait()
        heard.append(heard_in(folder / "before.wav", voice))
        before_s = soundfile.info(dry).duration
        server.kill()
        server.wait()
        end(player)
        time.sleep(GONE_S)
        while_gone_s = soundfile.info(dry).duration
    with jack_server("charon-losses", RATE_HZ, has_priority=has_priority):
        began_s = time.monotonic()
        wait_for("charon live, again", lambda: f"{LIVE}:in_1" in ports(), live)
        back_s = time.monotonic() - began_s
        player = play(song)
        record(folder / "after.wav", round(SETTLE_S)).wait()
        heard.append(heard_in(folder / "after.wav", voice))
        said, notices = live.communicate()
        end(player)
    counted = json.loads(said)
    recorded = soundfile.read(dry, dtype="float32", always_2d=True)[0].T
    heard_s, equal_s = sung_s(recorded[0, : round(before_s * RATE_HZ)], voice[0, : 30 * RATE_HZ])
    return {
        "workers_killed": len(workers),
        "denoiser_restarts": counted["denoising"]["restarts"],
        "separation_restarts": counted["separation"]["restarts"],
        "heard_while_workers_died": heard[0],
        "heard_after_the_server_returned": heard[1],
        "back_s": round(back_s, 2),
        "recorded_before_s": round(before_s, 2),
        "of_it_voice_s": round(heard_s, 2),
        "of_that_as_sung_s": round(equal_s, 2),
        "recorded_while_gone_s": round(while_gone_s, 2),
        "recorded_s": counted["recorded_s"],
        "recording_lost_frames": counted["recording_lost_frames"],
        "recording_failure": counted["recording_failure"],
        "recording": sound_of(recorded, voice),
        "notices": notices.splitlines(),
    }


def main() -> None:
    """Parse the arguments, print the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--denoise", default="rnnoise")
    parser.add_argument("--priority", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = lose_everything(arguments.denoise, arguments.priority, Path(folder))
    print(json.dumps({"has_priority": arguments.priority, **result}, indent=2))


if __name__ == "__main__":
    main()
