"""`charon live`: sing or speak through the mic chain, without a song and without a window."""

import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import click

from app.cli.console import json_option, print_json, progress, say, stem_names, warn
from app.paths import built_in_presets, user_presets
from engine.errors import DeviceError, EncodeError
from engine.io.device import StreamRequest, find_output, portaudio_opener
from engine.io.home import default_home
from engine.services.live_mic import MicChoice
from engine.services.live_separation import LiveSeparation
from engine.services.live_session import LiveSession
from engine.services.recorder import TakeRequest
from engine.services.take import KINDS
from engine.services.vocal_preset import PresetShelf, VocalPreset
from engine.units import MIN_DB

LOOK_S = 0.1
GONE_TIMEOUT_S = 10.0


@click.command(epilog='Example: charon live --preset "Pop vocal" --seconds 60')
@click.option("--preset", "preset_name", metavar="P", help="Effects: a preset's name or file.")
@click.option("--device", help="Device that plays: its index or part of its name (see charon devices).")
@click.option("--input", "input_device", help="Device that listens; its own output's by default.")
@click.option(
    "--channel", type=click.IntRange(0, 64), default=1, show_default=True, help="Input, from 1; 0 is stereo."
)
@click.option("--gain", "gain_db", type=click.FloatRange(-60.0, 24.0), default=0.0, help="Of the voice, dB.")
@click.option("--seconds", type=click.FloatRange(min=0.0, min_open=True), help="Stop after this long.")
@click.option("--rate", "rate_hz", type=click.IntRange(8000, 384_000), help="Rate of the device, Hz.")
@click.option("--block", "block_frames", type=click.IntRange(16, 8192), help="Frames a callback.")
@click.option(
    "--record", "record_path", type=click.Path(path_type=Path), help="Record into files of this name."
)
@click.option(
    "--record-kind",
    type=click.Choice(["dry", "wet", "both"]),
    default="both",
    show_default=True,
    help="The mic before the effects, behind them, or both.",
)
@click.option("--denoise", metavar="MODEL", help="Noise out of the voice: rnnoise, dtln or deepfilternet3.")
@click.option(
    "--separate", "model", metavar="MODEL", help="Make stems of the input: charon-4stems or spleeter-2stems."
)
@click.option(
    "--mode",
    type=click.Choice(["tight", "clean"]),
    default="tight",
    show_default=True,
    help="Of --separate: about 190 ms later, or 280 ms and cleaner.",
)
@click.option(
    "--source",
    type=click.IntRange(1, 64),
    help="Of --separate: first of two input channels, beside the mic; what the mic hears by default.",
)
@click.option(
    "--source-device",
    help="Of --separate: an input beside the mic's, such as the monitor of what another program plays.",
)
@click.option("--mute", help="Of --separate: stems to leave out, e.g. vocals.")
@click.option("--solo", help="Of --separate: the only stem to hear.")
@click.option("--measure-latency", is_flag=True, help="First time a chirp through a loop.")
@click.option("--open-air", is_flag=True, help="Allow a built-in mic on built-in speakers.")
@json_option
def command(
    preset_name: str | None,
    device: str | None,
    input_device: str | None,
    channel: int,
    gain_db: float,
    seconds: float | None,
    rate_hz: int | None,
    block_frames: int | None,
    record_path: Path | None,
    record_kind: Literal["dry", "wet", "both"],
    denoise: str | None,
    model: str | None,
    mode: str,
    source: int | None,
    source_device: str | None,
    mute: str | None,
    solo: str | None,
    measure_latency: bool,
    open_air: bool,
    as_json: bool,
) -> None:
    """Hear the mic through its effects, or any input in stems, until Ctrl+C."""
    if model is None and (
        loose := _first_given(source=source, source_device=source_device, mute=mute, solo=solo)
    ):
        raise click.UsageError(f"--{loose} is about stems: give --separate MODEL too")
    preset = None if preset_name is None else _load(preset_name)
    find_output(device)
    request = StreamRequest(device=device, rate_hz=rate_hz, block_frames=block_frames or 0)
    choice = MicChoice(input_device, None if channel == 0 else channel - 1, open_air)
    with LiveSession(portaudio_opener(request), choice, gain_db=gain_db, on_notice=warn) as session:
        if preset is not None:
            session.mic.set_chain(preset.slots)
        if denoise is not None:
            session.mic.set_denoiser(denoise)
        if model is not None:
            first = None if source is None else source - 1
            stems = session.separate(default_home(), model, mode, first, source_device)
            _choose_stems(session, stems, mute, solo)
        if measure_latency:
            session.mic.measure_latency()
        if record_path is not None:
            session.mic.record(_take_request(record_path, record_kind))
        if not as_json:
            say(_opening_line(session, preset))
        played_s = _watch(session, seconds, quiet=as_json)
        session.mic.stop_recording()
        result = describe(session, played_s)
    if as_json:
        print_json(result)
        return
    say(
        f"live for {played_s:.1f} s, {result['xruns']} xruns, worst callback "
        f"{result['worst_callback_ms']:.2f} ms"
    )
    for path in result["recording"]:
        say(f"recorded {path}")


def _first_given(**options: object) -> str:
    """Name of the first option that was given, as it is typed; empty without one."""
    return next((name.replace("_", "-") for name, value in options.items() if value is not None), "")


def _choose_stems(session: LiveSession, stems: LiveSeparation, mute: str | None, solo: str | None) -> None:
    for names, change in ((mute, session.memory.set_mute), (solo, session.memory.set_solo)):
        for name in stem_names(names):
            change(stems.row(name), True)


def _load(name: str) -> VocalPreset:
    return PresetShelf(built_in_presets(), user_presets()).load(name)


def _take_request(path: Path, kind: Literal["dry", "wet", "both"]) -> TakeRequest:
    name = path.stem if path.suffix.casefold() == ".wav" else path.name
    return TakeRequest(path.parent, KINDS if kind == "both" else (kind,), name)


def _opening_line(session: LiveSession, preset: VocalPreset | None) -> str:
    latency = session.mic.latency()
    stream = session.stream
    where = "the device" if stream is None else f"{stream.name}, {stream.rate_hz} Hz"
    effects = "no effects" if preset is None else preset.title
    return f"{effects} on {where}, {1000.0 * latency.round_trip_s:.1f} ms from mouth to ear; Ctrl+C ends it"


def _watch(session: LiveSession, seconds: float | None, *, quiet: bool) -> float:
    """Wait until time is up or the user has enough; returns the seconds that the voice was live."""
    began_s = time.monotonic()
    gone_s: float | None = None
    try:
        with progress("live", seconds, quiet=quiet) as update:
            while True:
                now_s = time.monotonic()
                played_s = now_s - began_s
                update(played_s, _meter_line(session))
                if session.stream is not None:
                    gone_s = None
                elif now_s - (gone_s := gone_s or now_s) > GONE_TIMEOUT_S:
                    raise DeviceError(
                        f"the audio device went away and did not come back within {GONE_TIMEOUT_S:.0f} s"
                    )
                if (recorder := session.mic.recorder) is not None and recorder.failure is not None:
                    raise EncodeError(recorder.failure)
                if seconds is not None and played_s >= seconds:
                    return played_s
                time.sleep(LOOK_S)
    except KeyboardInterrupt:
        return time.monotonic() - began_s


def _meter_line(session: LiveSession) -> str:
    meters = session.memory.read_meters()
    if meters is None:
        return "opening"
    peak_in_db, peak_out_db = max(meters.mic_in.peak_db), max(meters.master.peak_db)
    return f"in {_level(peak_in_db)}, out {_level(peak_out_db)}"


def _level(peak_db: float) -> str:
    return "silent" if peak_db <= MIN_DB or math.isnan(peak_db) else f"{peak_db:.0f} dB"


def describe(session: LiveSession, played_s: float) -> dict[str, Any]:
    """What `charon live --json` prints.

    Parameters
    ----------
    session : LiveSession
        Still open.
    played_s : float
        Seconds it was live.
    """
    counters = session.memory.read_counters()
    latency = session.mic.latency()
    stream, measured, recorder = session.stream, session.mic.measured, session.mic.recorder
    return {
        "seconds_played": round(played_s, 3),
        "callbacks": counters.callbacks,
        "xruns": counters.xruns,
        "starved_frames": counters.mic_starved_frames,
        "late_frames": counters.mic_late_frames,
        "ducked_frames": counters.ducked_frames,
        "worst_callback_ms": counters.worst_callback_ms,
        "device": None if stream is None else stream.name,
        "sample_rate_hz": session.memory.rate_hz,
        "block_frames": round(counters.frames / max(1, counters.callbacks)),
        "input_latency_ms": 1000.0 * latency.input_s,
        "output_latency_ms": 1000.0 * latency.output_s,
        "algorithmic_latency_ms": 1000.0 * latency.algorithmic_s,
        "reported_roundtrip_ms": 1000.0 * latency.round_trip_s,
        # The chirp does not pass through the chain; the voice does.
        "measured_roundtrip_ms": None
        if measured is None
        else 1000.0 * (measured.seconds + latency.insert_s + latency.chain_s),
        "denoising": None if session.mic.denoising is None else asdict(session.mic.denoising),
        "separation": None if session.separation is None else asdict(session.separation.state),
        "recording": [] if recorder is None else [str(path) for path in recorder.paths.values()],
        "recorded_s": 0.0 if recorder is None else round(recorder.seconds, 3),
        "recording_lost_frames": 0 if recorder is None else recorder.lost_frames,
        "recording_failure": None if recorder is None else recorder.failure,
    }
