"""The mic through its whole chain on a JACK server of its own, its output connected to its input.

    python -m tests.benchmarks.mic_under_load [--seconds 600] [--idle-seconds 600] [--period 64] [--priority]

Two runs: idle, and while another thread sorts (the GIL held inside C). With --priority the server runs in
real-time mode. Prints one JSON object: for each run callbacks, xruns, starved and lost frames and the time
inside the callback; the round trip measured by chirps and the one that the driver reports; what the chain
declares and what it adds, with all effects and without those that look ahead.
"""

import argparse
import json
import time
from collections.abc import Iterable
from typing import Any

import numpy as np
import sounddevice

from app.cli.bench_realtime import gil_load
from engine.io.device import StreamRequest, portaudio_opener, rescan_devices
from engine.realtime.effects.catalogue import KINDS
from engine.realtime.effects.plan import EffectSetting
from engine.realtime.layout import MIC_TAP_WIDTH
from engine.services.latency_probe import LISTEN_S, chirp, find_chirp
from engine.services.live_mic import MicChoice
from engine.services.live_session import LiveSession
from tests.realtime.jack import connect_loop, jack_server

RATE_HZ = 48_000


def watch(live: LiveSession, seconds: float, load: str) -> dict[str, Any]:
    """Count for so long under a load."""
    time.sleep(1.0)
    before = live.memory.read_counters()
    with gil_load(load):
        time.sleep(seconds)
        after = live.memory.read_counters()
    n = after.callbacks - before.callbacks
    times_us = live.memory.callback_times_us()[-n:]
    return {
        "callbacks": n,
        "expected_callbacks": round(seconds * RATE_HZ / max(1, (after.frames - before.frames) / n)),
        "xruns": after.xruns - before.xruns,
        "starved_frames": after.starved_frames - before.starved_frames,
        "mic_starved_frames": after.mic_starved_frames - before.mic_starved_frames,
        "ducked_frames": after.ducked_frames - before.ducked_frames,
        **{f"p{q}_us": float(np.percentile(times_us, q)) for q in (50, 99, 99.9)},
        "worst_us": float(times_us.max()),
    }


def chain_lag_frames(live: LiveSession) -> float:
    """Frames from the dry chirp to the wet one; NaN where the chain has bent it beyond recognition."""
    mic = live.memory.mic
    mic.probe[:] = probe = chirp(RATE_HZ)
    taps = np.zeros((mic.tap.capacity, MIC_TAP_WIDTH), np.float32)
    mic.tap.pull(taps)
    mic.set_tap(True)
    time.sleep(0.1)
    mic.play_probe()
    time.sleep(LISTEN_S)
    mic.set_tap(False)
    n = mic.tap.pull(taps)
    dry, wet = find_chirp(taps[:n, 0], probe), find_chirp(taps[:n, 2], probe)
    return float("nan") if dry is None or wet is None else wet - dry


def chain_of(names: Iterable[str]) -> list[EffectSetting]:
    """These effects, each heard in full; what only adds to a voice beside it."""
    return [EffectSetting(name, wet=0.3 if KINDS[name].default_wet < 1.0 else 1.0) for name in names]


def run(seconds: dict[str, float], period_frames: int, has_priority: bool) -> dict[str, Any]:
    """Everything, on one server; `seconds` is how long each load is watched."""
    with jack_server("charon-bench", RATE_HZ, period_frames, has_priority):
        rescan_devices()
        with LiveSession(portaudio_opener(StreamRequest()), MicChoice()) as live:
            connect_loop()
            # What comes back must not go out again.
            live.mic.set_mute(True)
            measured = live.mic.measure_latency()
            reported_frames = live.mic.latency().round_trip_s * RATE_HZ
            plan = live.mic.set_chain(chain_of(KINDS))
            added_frames = chain_lag_frames(live)
            at_once = [name for name, kind in KINDS.items() if kind.latency_frames(RATE_HZ) == 0]
            declared_at_once = live.mic.set_chain(chain_of(at_once)).latency_frames
            added_at_once = chain_lag_frames(live)
            live.mic.set_chain(chain_of(KINDS))
            result: dict[str, Any] = {
                "period_frames": period_frames,
                "effects": list(KINDS),
                "measured_frames": measured.frames,
                "reported_frames": reported_frames,
                "chain_declared_frames": plan.latency_frames,
                "chain_added_frames": added_frames,
                "without_look_ahead_declared_frames": declared_at_once,
                "without_look_ahead_added_frames": added_at_once,
                "seconds": seconds,
                "has_priority": has_priority,
            }
            for load, length_s in seconds.items():
                result[load] = watch(live, length_s, load)
        sounddevice._terminate()
    sounddevice._initialize()
    return result


def main() -> None:
    """Parse the arguments, print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--idle-seconds", type=float, default=600.0)
    parser.add_argument("--period", type=int, default=64)
    parser.add_argument("--priority", action="store_true")
    arguments = parser.parse_args()
    seconds = {"none": arguments.idle_seconds, "sort": arguments.seconds}
    print(json.dumps(run(seconds, arguments.period, arguments.priority), indent=2))


if __name__ == "__main__":
    main()
