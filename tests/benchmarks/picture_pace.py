"""How evenly pictures come, and whether the sound suffers, on a JACK server of its own.

    python -m tests.benchmarks.picture_pace [--seconds 30] [--size 640x360] [--period 128] [--song FILE]
        [--priority]

First a long song plays and separates while the thread of the pictures draws for a dock of that size; then a
short one that is separated plays without pictures, for comparison. Prints one JSON object: pictures a second,
percentiles of the time between two of them, where the budget stood, and the dropouts of both halves. The
model is the default one, from `CHARON_HOME` or the user's cache. With --priority the server runs in
real-time mode, as on a musician's machine.
"""

import argparse
import json
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import sounddevice
import soundfile

from app.visual.budget import LADDER
from app.visual.picture_thread import PictureThread
from app.visual.renderer import look_of
from engine.io.decode import read_song
from engine.io.device import StreamRequest, portaudio_opener, rescan_devices
from engine.io.home import Home, default_home
from engine.services.playback import Playback
from engine.services.visuals import Visuals
from tests.realtime.jack import jack_server

RATE_HZ = 48_000
LONG_S = 1800.0
SHORT_S = 30.0
SETTLE_S = 4.0


def write_song(path: Path, source: Path | None, seconds: float) -> None:
    """A song of that length: a file over and over, or noise bursts over a chord."""
    if source is not None:
        x, rate_hz = read_song(source)
    else:
        rate_hz = RATE_HZ
        t = np.arange(20 * rate_hz) / rate_hz
        one = 0.1 * (np.sin(2 * np.pi * 330 * t) + np.sin(2 * np.pi * 55 * t))
        one += 0.3 * np.random.default_rng(0).standard_normal(t.size) * np.exp(-8.0 * (t % 0.5))
        x = np.stack([one, one]).astype(np.float32)
    with soundfile.SoundFile(path, "w", rate_hz, 2) as file:
        for _ in range(-(-round(seconds * rate_hz) // x.shape[1])):
            file.write(x.T)


def watch(drawer: PictureThread, playback: Playback, seconds: float) -> dict[str, Any]:
    """Pictures of so many seconds."""
    drawer.times_s.clear()
    drawer.collects = True
    rungs: list[int] = []
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        time.sleep(0.1)
        rungs.append(drawer.budget.rung)
    drawer.collects = False
    gaps_ms = 1e3 * np.diff(drawer.times_s)
    rung = round(float(np.median(rungs)))
    return {
        "pictures": len(drawer.times_s),
        "pictures_per_s": (len(drawer.times_s) - 1) / (drawer.times_s[-1] - drawer.times_s[0]),
        **{f"gap_p{q}_ms": float(np.percentile(gaps_ms, q)) for q in (50, 90, 99, 100)},
        "rungs": [min(rungs), rung, max(rungs)],
        "iterations": LADDER[rung].iterations,
        "pixels_share": LADDER[rung].share,
        "separating_still": not playback.separated,
    }


def _dropouts(playback: Playback) -> np.ndarray:
    counters = playback.memory.read_counters()
    return np.array([counters.xruns, counters.starved_frames, counters.tap_lost_frames])


def _named(counts: np.ndarray) -> dict[str, int]:
    return dict(zip(("xruns", "starved_frames", "tap_lost_frames"), counts.tolist(), strict=True))


def run(
    seconds: float, size: tuple[int, int], period_frames: int, source: Path | None, has_priority: bool
) -> dict[str, Any]:
    """Both halves, on one server."""
    models = default_home().models
    with (
        tempfile.TemporaryDirectory() as folder,
        jack_server(f"pace-{os.getpid()}", RATE_HZ, period_frames, has_priority),
    ):
        home = Home(Path(folder))
        home.models.parent.mkdir(parents=True, exist_ok=True)
        home.models.symlink_to(models)
        long, short = home.root / "long.wav", home.root / "short.wav"
        write_song(long, source, LONG_S)
        write_song(short, source, SHORT_S)
        rescan_devices()
        kinds: list[str] = []
        told = threading.Event()

        def tell_kind(kind: str, reason: str) -> None:
            kinds.extend((kind, reason))
            told.set()

        with Playback(portaudio_opener(StreamRequest()), home) as playback:
            playback.wait_until_warm()
            playback.play(long)
            with Visuals(playback) as visuals:
                drawer = PictureThread(visuals.frame, look_of(), (lambda: None, tell_kind), insists=True)
                drawer.show(size)
                told.wait(30.0)
                time.sleep(SETTLE_S)
                before = _dropouts(playback)
                pictures = watch(drawer, playback, seconds)
                loaded = _dropouts(playback) - before
                drawer.close()
            playback.play(short)
            end_s = time.monotonic() + 60.0
            while not playback.separated and time.monotonic() < end_s:
                time.sleep(0.2)
            before = _dropouts(playback)
            time.sleep(seconds)
            idle = _dropouts(playback) - before
            result = {
                "renderer": kinds[-1],
                "size": size,
                "period_frames": period_frames,
                "has_priority": has_priority,
                "seconds": seconds,
                **pictures,
                "with_pictures_and_separation": _named(loaded),
                "alone": _named(idle),
            }
        sounddevice._terminate()
    sounddevice._initialize()
    return result


def main() -> None:
    """Parse the arguments, print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--period", type=int, default=128)
    parser.add_argument("--song", type=Path)
    parser.add_argument("--priority", action="store_true")
    arguments = parser.parse_args()
    width, height = (int(side) for side in arguments.size.split("x"))
    print(
        json.dumps(
            run(arguments.seconds, (width, height), arguments.period, arguments.song, arguments.priority),
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
