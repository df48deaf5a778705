"""`charon devices`: the audio devices of this machine, as PortAudio offers them.

Runs on the main thread. Asking opens no stream, so it never disturbs what is playing.
"""

import click

from app.cli.console import json_option, print_json, say, table, warn
from engine.errors import DeviceError
from engine.io.device import DeviceInfo, StreamRequest, find_output, list_devices, portaudio_opener
from engine.services.live_mic import MicChoice
from engine.services.live_session import LiveSession
from engine.units import MIN_DB


@click.command(
    short_help="List the audio devices of this machine.",
    epilog="Example: charon devices --json",
)
@click.option(
    "--measure-latency", is_flag=True, help="Send a chirp through a loop from output to input and time it."
)
@click.option("--device", help="Measure: the device that plays, its index or part of its name.")
@click.option("--input", "input_device", help="Measure: the device that listens.")
@click.option("--rate", "rate_hz", type=click.IntRange(8000, 384_000), help="Measure: rate, Hz.")
@click.option("--block", "block_frames", type=click.IntRange(16, 8192), help="Measure: frames a callback.")
@json_option
def command(
    measure_latency: bool,
    device: str | None,
    input_device: str | None,
    rate_hz: int | None,
    block_frames: int | None,
    as_json: bool,
) -> None:
    """List the audio devices of this machine, or measure the latency of one.

    The number or a part of the name is what `charon play --device` takes. An arrow marks the default
    output. Exit code 1 when there is no device at all. To measure, connect an output to an input: a cable,
    or a mic before a speaker.
    """
    if measure_latency:
        request = StreamRequest(device=device, rate_hz=rate_hz, block_frames=block_frames or 0)
        _measure(request, input_device, as_json=as_json)
        return
    devices = list_devices()
    if not devices:
        raise DeviceError("no sound device: connect one and start its sound server, then run this again")
    if as_json:
        print_json({"devices": devices})
        return
    table(
        ("", "device", "name", "system", "in", "out", "rate Hz", "output latency ms"),
        [_row(device) for device in devices],
    )
    if not any(device.outputs for device in devices):
        say("none of them can play: charon play needs an output")


def _measure(request: StreamRequest, input_device: str | None, *, as_json: bool) -> None:
    """Time chirps from the output to the input, and compare with what the driver says."""
    find_output(request.device)
    # A chirp is no voice: nothing is fed back, so a built-in pair may be measured.
    choice = MicChoice(input_device, confirmed=True)
    with LiveSession(portaudio_opener(request), choice, gain_db=MIN_DB, on_notice=warn) as session:
        found = session.mic.measure_latency()
        latency, stream = session.mic.latency(), session.stream
        counters = session.memory.read_counters()
    reported_s = latency.round_trip_s
    result = {
        "device": None if stream is None else stream.name,
        "sample_rate_hz": found.rate_hz,
        "block_frames": round(counters.frames / max(1, counters.callbacks)),
        "measured_roundtrip_ms": 1000.0 * found.seconds,
        "measured_roundtrip_frames": round(found.frames, 2),
        "spread_frames": round(found.spread_frames, 2),
        "reported_roundtrip_ms": 1000.0 * reported_s,
        "reported_roundtrip_frames": round(reported_s * found.rate_hz, 2),
        "input_latency_ms": 1000.0 * latency.input_s,
        "output_latency_ms": 1000.0 * latency.output_s,
        "algorithmic_latency_ms": 1000.0 * latency.algorithmic_s,
        "xruns": counters.xruns,
    }
    if as_json:
        print_json(result)
        return
    say(
        f"{result['device']}, {found.rate_hz} Hz, {result['block_frames']} frames: round trip "
        f"{1000.0 * found.seconds:.2f} ms measured, {1000.0 * reported_s:.2f} ms reported"
    )


def _row(device: DeviceInfo) -> tuple[object, ...]:
    return (
        "->" if device.is_default_output else "",
        device.index,
        device.name,
        device.host_api,
        device.inputs,
        device.outputs,
        device.default_rate_hz,
        device.low_output_latency_ms if device.outputs else None,
    )
