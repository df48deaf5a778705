"""How long after a click is heard the picture lights up: on a JACK server of its own, with the visuals'
thread.

    python -m tests.benchmarks.light_offset [--seconds 30] [--period 128] [--load none|loop|sort] [--priority]

A song of clicks plays through the whole engine; a thread asks for a picture 60 times a second, as a window
does. A click's time is the frame of the song at which it begins, on the device's clock; the light's is that
of the first picture whose pulse is above 0.3. Prints one JSON object, milliseconds: negative is early.
With --priority the server runs in real-time mode, as on a musician's machine.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import sounddevice
import soundfile

from app.cli.bench_realtime import gil_load
from engine.inference.model_store import ModelStore
from engine.io.device import StreamRequest, portaudio_opener, rescan_devices
from engine.io.home import Home
from engine.services.playback import Playback
from engine.services.visuals import Visuals
from tests.inference.graphs import gains_model
from tests.realtime.jack import jack_server

RATE_HZ = 48_000
EVERY_S = 0.5
SETTLE_S = 1.0


def write_clicks(path: Path, seconds: float) -> None:
    """Noise bursts of 30 ms over a quiet chord, one every EVERY_S from 0.25 s on."""
    n = round(seconds * RATE_HZ)
    t = np.arange(n) / RATE_HZ
    x = 0.02 * np.sin(2 * np.pi * 330 * t)
    rng = np.random.default_rng(0)
    for at in range(RATE_HZ // 4, n - 2000, round(EVERY_S * RATE_HZ)):
        x[at : at + 1440] += 0.6 * rng.standard_normal(1440) * np.exp(-np.arange(1440) / 300)
    soundfile.write(path, np.stack([x, x], axis=1), RATE_HZ)


def watch(playback: Playback, seconds: float) -> list[float]:
    """Offsets in seconds of every click's light."""
    offsets: list[float] = []
    was_lit = True
    with Visuals(playback) as visuals:
        # To visuals that open in the middle of a song, what sounds then is the first sound out of silence.
        opened_s = time.monotonic()
        while time.monotonic() < opened_s + SETTLE_S:
            time.sleep(1 / 60)
            visuals.frame()
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            time.sleep(1 / 60)
            frame = visuals.frame()
            is_lit = frame.pulse > 0.3
            if is_lit and not was_lit:
                past_s = (frame.time_s - 0.25 + EVERY_S / 2) % EVERY_S - EVERY_S / 2
                offsets.append(past_s)
            was_lit = is_lit
    return offsets


def run(seconds: float, period_frames: int, load: str, has_priority: bool) -> dict[str, Any]:
    """Everything, on one server."""
    with (
        tempfile.TemporaryDirectory() as folder,
        jack_server(f"light-{os.getpid()}", RATE_HZ, period_frames, has_priority),
    ):
        home = Home(Path(folder))
        ModelStore(home.models, home.cards).add_file(
            gains_model(home.root / "quarter.onnx", [0.25, 0.5], 16_384, stems="vocals,accompaniment")
        )
        song = home.root / "clicks.wav"
        write_clicks(song, seconds + 10.0)
        rescan_devices()
        with Playback(portaudio_opener(StreamRequest()), home, model="quarter") as playback:
            playback.wait_until_warm()
            playback.play(song)
            time.sleep(2.0)
            with gil_load(load):
                offsets_ms = 1e3 * np.array(watch(playback, seconds))
            counters = playback.memory.read_counters()
            result = {
                "load": load,
                "period_frames": period_frames,
                "has_priority": has_priority,
                "output_latency_ms": 1e3 * playback.stream.output_latency_s,
                "clicks": offsets_ms.size,
                **{f"p{q}_ms": float(np.percentile(offsets_ms, q)) for q in (0, 50, 99, 100)},
                "xruns": counters.xruns,
                "starved_frames": counters.starved_frames,
                "tap_lost_frames": counters.tap_lost_frames,
            }
        sounddevice._terminate()
    sounddevice._initialize()
    return result


def main() -> None:
    """Parse the arguments, print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--period", type=int, default=128)
    parser.add_argument("--load", choices=("none", "loop", "sort"), default="none")
    parser.add_argument("--priority", action="store_true")
    arguments = parser.parse_args()
    print(json.dumps(run(arguments.seconds, arguments.period, arguments.load, arguments.priority), indent=2))


if __name__ == "__main__":
    main()
