"""Live separation on a JACK server of its own: how late, how good, and for how long without a gap.

    python -m tests.benchmarks.live_scores [--model charon-4stems] [--mode tight] [--mode clean] [--priority]
    python -m tests.benchmarks.live_scores --seconds 600 [--mode tight] [--beside spleeter-2stems] [--played]

Without --seconds the song with true stems that the stempeg package carries is played into `charon live
--separate`, once for each mode and stem; a recorder hears what goes in and what comes out. The latency is
the lag of their best correlation, the score the energy ratio in dB against the true stem.

With --seconds `charon live --separate` listens for so long to `charon play`, which plays a song again and
again and separates it anew each time with the model of --beside, from an empty store; with --played it is
separated once, and only played after that. Prints one JSON object: what both commands counted, among it
xruns, starved and late frames and the real-time factor.
With --priority the server runs in real-time mode, as on a musician's machine.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from engine.io.home import Home, default_home
from engine.services.separation import Separator
from engine.units import F32, energy_ratio_db
from tests.benchmarks.falcon_scores import true_stems
from tests.realtime.jack import jack_server

RATE_HZ = 44_100
PERIOD_FRAMES = 128
STEMS = {
    "spleeter-2stems": ("vocals", "accompaniment"),
    "charon-4stems": ("drums", "bass", "other", "vocals"),
}
GAIN = 0.5
"""Of what is played: the limiter of the master leaves it alone."""
SONG = Path(__file__).parents[3] / "shared" / "data" / "fishin.ogg"
START_TIMEOUT_S = 60.0
LIVE_EXTRA_S = 9.0
"""The live command runs so much longer than the song, for the start of player and recorder."""
LIVE = "PortAudio"
"""What JACK calls the first client of PortAudio; the next is PortAudio-01."""
COUNTED = ("callbacks", "xruns", "starved_frames", "late_frames", "worst_callback_ms")
PLAYER = """
import sys, time
import sounddevice, soundfile
x, rate_hz = soundfile.read(sys.argv[1], dtype="float32")
sounddevice.play(x, rate_hz)
sounddevice.wait()
"""


def wait_for(what: str, found: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Look ten times a second until it is there; give up with the process, or after a minute."""
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while not found():
        if process.poll() is not None or time.monotonic() > deadline_s:
            raise RuntimeError(f"{what} did not come; exit code {process.poll()}")
        time.sleep(0.1)


def ports() -> list[str]:
    """Names of all ports of the server."""
    return run_jack("jack_lsp").split()


def run_jack(*command: str) -> str:
    """What one of JACK's own commands prints."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def outputs_beside() -> list[str]:
    """Output ports of the PortAudio client that is not the live one, sorted."""
    return sorted(port for port in ports() if ":out_" in port and port.startswith(f"{LIVE}-"))


def start_live(model: str, mode: str, seconds: float, solo: str | None) -> subprocess.Popen[str]:
    """`charon live --separate` with its ports there and its inputs connected to nothing."""
    command = [sys.executable, "-m", "app", "live", "--separate", model, "--mode", mode, "--channel", "0"]
    command += ["--seconds", str(seconds), "--open-air", "--json"]
    command += [] if solo is None else ["--solo", solo]
    live = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    wait_for("the input of charon live", lambda: f"{LIVE}:in_1" in ports(), live)
    # The network is being loaded.
    time.sleep(3.0)
    for k in range(2):
        run_jack("jack_disconnect", f"system:capture_{k + 1}", f"{LIVE}:in_{k}")
    return live


def connect(player: subprocess.Popen[str]) -> None:
    """Let the live command hear a player, once it is there."""
    wait_for("the output of the player", lambda: len(outputs_beside()) >= 2, player)
    for k, port in enumerate(outputs_beside()[:2]):
        run_jack("jack_connect", port, f"{LIVE}:in_{k}")


def result_of(live: subprocess.Popen[str]) -> dict[str, Any]:
    """What a command with --json printed, once it ends."""
    said = live.communicate()[0]
    if live.returncode != 0:
        raise RuntimeError(f"exit code {live.returncode}")
    return json.loads(said)


def lag_frames(x: F32, y: F32) -> int:
    """By how many frames `y` is later than `x`, both of shape (frames,)."""
    size = 2 * max(len(x), len(y))
    match = np.fft.irfft(np.fft.rfft(y, size) * np.conj(np.fft.rfft(x, size)))
    return int(np.argmax(match[: size // 2]))


def take(model: str, mode: str, stem: str, truth: dict[str, F32], folder: Path) -> dict[str, Any]:
    """One stem of the song by one model in one mode."""
    length_s = truth["mixture"].shape[1] / RATE_HZ
    song, recording = folder / "in.wav", folder / "heard.wav"
    # Silence before it: the player is connected in it, and the recorder begins.
    rest = np.zeros((2, 3 * RATE_HZ), np.float32)
    padded = np.concatenate([rest, GAIN * truth["mixture"], rest[:, :RATE_HZ]], axis=1)
    soundfile.write(song, padded.T, RATE_HZ, subtype="FLOAT")
    live = start_live(model, mode, length_s + LIVE_EXTRA_S, stem)
    player = subprocess.Popen([sys.executable, "-c", PLAYER, str(song)], text=True)
    connect(player)
    heard = [*outputs_beside()[:2], f"{LIVE}:out_0", f"{LIVE}:out_1"]
    recorder_s = str(round(length_s) + 4)
    run_jack("jack_rec", "-f", str(recording), "-d", recorder_s, "-b", "32", *heard)
    player.wait()
    counted = result_of(live)
    y = soundfile.read(recording, dtype="float32", always_2d=True)[0].T
    went_in, came_out = y[:2], y[2:]
    true = truth[stem]
    start = lag_frames(true[0], came_out[0])
    estimate = came_out[:, start : start + true.shape[1]] / GAIN
    true = true[:, : estimate.shape[1]]
    return {
        "model": model,
        "mode": mode,
        "stem": stem,
        "latency_ms": round(1000.0 * lag_frames(went_in[0], came_out[0]) / RATE_HZ, 1),
        "stated_ms": round(1000.0 * counted["separation"]["latency_s"], 1),
        "sdr_db": round(energy_ratio_db(true, estimate - true), 2),
        **{name: counted[name] for name in COUNTED},
        "separation": counted["separation"],
    }


def scores(model: str, modes: list[str]) -> list[dict[str, Any]]:
    """Every stem in every mode."""
    truth, rate_hz = true_stems()
    assert rate_hz == RATE_HZ
    truth["accompaniment"] = truth["drums"] + truth["bass"] + truth["other"]
    rows: list[dict[str, Any]] = []
    for mode in modes:
        for stem in STEMS[model]:
            with tempfile.TemporaryDirectory() as folder:
                rows.append(take(model, mode, stem, truth, Path(folder)))
    return rows


def play_beside(model: str, seconds: float, home: Home) -> dict[str, Any]:
    """`charon play`, heard by the live command; what it counted."""
    command = [sys.executable, "-m", "app", "play", str(SONG), "--model", model]
    command += ["--seconds", str(seconds), "--json"]
    environment = {**os.environ, "CHARON_HOME": str(home.root)}
    player = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    connect(player)
    return result_of(player)


def long_run(model: str, mode: str, seconds: float, beside: str, *, played: bool) -> dict[str, Any]:
    """Live for so long, a song playing beside it, and being separated unless it is only `played`."""
    plays: list[dict[str, Any]] = []
    song_s = soundfile.info(SONG).duration
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        home.root.mkdir()
        home.models.symlink_to(default_home().models)
        if played:
            with Separator(beside, home=home) as separator, separator.separate_file(SONG) as separation:
                for _segment in separation.segments():
                    pass
        began_s = time.monotonic()
        live = start_live(model, mode, seconds, None)
        while (left_s := seconds - (time.monotonic() - began_s) - START_TIMEOUT_S / 12.0) > 1.0:
            plays.append(play_beside(beside, min(left_s, song_s), home))
            if not played:
                shutil.rmtree(home.stems, ignore_errors=True)
        counted = result_of(live)
    return {
        "model": model,
        "mode": mode,
        "beside": beside,
        "beside_is_separated": played,
        "live": counted,
        "plays": plays,
        "dropouts": {
            name: counted[name] + sum(play.get(name, 0) for play in plays)
            for name in ("xruns", "starved_frames")
        },
        "late_frames": counted["separation"]["late_frames"],
        "realtime_factor": counted["separation"].get("realtime_factor"),
    }


def main() -> None:
    """Parse the arguments, print the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="spleeter-2stems", choices=list(STEMS))
    parser.add_argument("--mode", action="append", choices=["tight", "clean"])
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--beside", default="spleeter-2stems")
    parser.add_argument("--played", action="store_true", help="the song beside it is separated already")
    parser.add_argument("--priority", action="store_true")
    arguments = parser.parse_args()
    modes = arguments.mode or ["tight", "clean"]
    with jack_server("charon-scores", RATE_HZ, PERIOD_FRAMES, arguments.priority):
        if arguments.seconds is None:
            result: dict[str, Any] = {"rows": scores(arguments.model, modes)}
        else:
            given = (arguments.seconds, arguments.beside)
            runs = [long_run(arguments.model, mode, *given, played=arguments.played) for mode in modes]
            result = {"runs": runs}
    print(json.dumps({"has_priority": arguments.priority, **result}, indent=2))


if __name__ == "__main__":
    main()
