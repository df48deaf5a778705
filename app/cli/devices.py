"""`charon devices`: the audio devices of this machine, as PortAudio offers them.

Runs on the main thread. Asking opens no stream, so it never disturbs what is playing.
"""

import click

from app.cli.console import json_option, print_json, say, table
from engine.errors import DeviceError
from engine.io.device import DeviceInfo, list_devices


@click.command(
    short_help="List the audio devices of this machine.",
    epilog="Example: charon devices --json",
)
@json_option
def command(as_json: bool) -> None:
    """List the audio devices of this machine.

    The number or a part of the name is what `charon play --device` takes. An arrow marks the default
    output. Exit code 1 when there is no device at all.
    """
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
