"""`charon play`: hear a song at once while its stems are being separated, without a window."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from app.cli.console import json_option, print_json, progress, say, stem_names, warn
from engine.errors import DecodeError, DeviceError, ParameterError
from engine.io.decode import probe
from engine.io.device import StreamRequest, find_output, portaudio_opener
from engine.services.playback import Playback
from engine.services.playback_status import PlaybackStatus

LOOK_S = 0.05
OPEN_TIMEOUT_S = 60.0


@click.command(epilog="Example: charon play song.mp3 --mute vocals --seconds 30")
@click.argument("song", type=click.Path(path_type=Path))
@click.option("--model", help="Model that separates; charon-4stems unless you say so.")
@click.option("--mute", metavar="A,B", help="Stems to mute, as soon as they are separated.")
@click.option("--solo", metavar="A,B", help="Stems to solo, as soon as they are separated.")
@click.option("--seconds", type=click.FloatRange(min=0.0, min_open=True), help="Stop after this long.")
@click.option(
    "--start", "start_s", type=click.FloatRange(min=0.0), default=0.0, help="Start here, in seconds."
)
@click.option("--device", help="Output device: its index or part of its name (see charon devices).")
@click.option("--rate", "rate_hz", type=click.IntRange(8000, 384_000), help="Rate of the device, Hz.")
@click.option("--block", "block_frames", type=click.IntRange(16, 8192), help="Frames a callback.")
@json_option
def command(
    song: Path,
    model: str | None,
    mute: str | None,
    solo: str | None,
    seconds: float | None,
    start_s: float,
    device: str | None,
    rate_hz: int | None,
    block_frames: int | None,
    as_json: bool,
) -> None:
    """Play SONG; its stems take over as they are separated."""
    info = probe(song)
    find_output(device)
    request = StreamRequest(device=device, rate_hz=rate_hz, block_frames=block_frames or 0)
    with Playback(portaudio_opener(request), model=model, on_notice=warn) as playback:
        _set_all(playback, stem_names(mute), stem_names(solo))
        if not as_json:
            stream = playback.stream
            say(f"{song.name} on {stream.name}, {stream.rate_hz} Hz, {playback.model}")
        playback.wait_until_warm()
        playback.play(song)
        if start_s > 0.0:
            _wait_until_open(playback)
            playback.seek(start_s)
        with progress("playing", info.duration_s, quiet=as_json) as update:
            played_s = _watch(playback, seconds, update)
        result = describe(playback, played_s)
    if as_json:
        print_json(result)
        return
    say(
        f"played {result['seconds_played']:.1f} s, first sound after {_seconds(result['first_sound_s'])}, "
        f"stems after {_seconds(result['first_stem_s'])}, {result['xruns']} xruns, "
        f"{result['starved_frames']} starved frames"
    )


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"


def _set_all(playback: Playback, mute: Iterable[str], solo: Iterable[str]) -> None:
    known = playback.lanes[1:]
    for name in (*mute, *solo):
        if name not in known:
            raise ParameterError(f"this model has no stem {name!r}: choose from {', '.join(known)}")
    for name in mute:
        playback.mixer.set_mute(name)
    for name in solo:
        playback.mixer.set_solo(name)


def _wait_until_open(playback: Playback) -> None:
    deadline_s = time.monotonic() + OPEN_TIMEOUT_S
    while playback.status().waiting:
        if playback.failure is not None:
            raise DecodeError(playback.failure)
        if time.monotonic() > deadline_s:
            raise DecodeError(
                f"the song did not open within {OPEN_TIMEOUT_S:.0f} s: try charon separate on it"
            )
        time.sleep(LOOK_S)


def _watch(playback: Playback, seconds: float | None, update: Any) -> float:
    """Wait until the song ends or time is up; returns the seconds of sound that were let through."""
    stopped_s: float | None = None
    while True:
        status = playback.status()
        first_s = playback.first_sound_s()
        if playback.failure is not None and first_s is None:
            raise DecodeError(playback.failure)
        played_s = 0.0 if first_s is None else time.monotonic() - playback.play_called_s - first_s
        update(status.position_s, _note(status))
        if status.device is None:
            stopped_s = stopped_s or time.monotonic()
            if time.monotonic() - stopped_s > 10.0:
                raise DeviceError("the audio device went away and did not come back within 10 s")
        else:
            stopped_s = None
        if status.ended or (seconds is not None and played_s >= seconds):
            return played_s
        time.sleep(LOOK_S)


def _note(status: PlaybackStatus) -> str:
    if status.segments_total == 0:
        return "opening"
    if status.segments_done == status.segments_total:
        return "all stems ready"
    return f"stems {100 * status.segments_done // status.segments_total} %"


def describe(playback: Playback, played_s: float) -> dict[str, Any]:
    """What `charon play --json` prints.

    Parameters
    ----------
    playback : Playback
        Still open.
    played_s : float
        Seconds played.
    """
    status = playback.status()
    counters = status.counters
    stream = playback.stream
    return {
        "seconds_played": round(played_s, 3),
        "position_s": round(status.position_s, 3),
        "first_sound_s": playback.first_sound_s(),
        "first_stem_s": playback.first_stem_s(),
        "callbacks": counters.callbacks,
        "xruns": counters.xruns,
        "starved_frames": counters.starved_frames,
        "worst_callback_ms": counters.worst_callback_ms,
        "device": stream.name,
        "sample_rate_hz": stream.rate_hz,
        "block_frames": stream.block_frames or round(counters.frames / max(1, counters.callbacks)),
        "output_latency_ms": 1000.0 * stream.output_latency_s,
        "segments_done": status.segments_done,
        "segments_total": status.segments_total,
        "worker_restarts": status.worker_restarts,
    }
