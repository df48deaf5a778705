"""`charon devices`: the audio devices of this machine, as PortAudio offers them.

Runs on the main thread. A machine without any device is an answer (exit 0); one without PortAudio
is a failure with the command that installs it.
"""

import dataclasses
from typing import Any

import click

from app.cli.console import json_option, print_json, say, table
from engine.io.device import DeviceInfo, list_devices

NO_DEVICE = (
    "no audio device here: connect one or start a sound server, then call this again; "
    "`charon separate` works without"
)


def describe(devices: list[DeviceInfo]) -> dict[str, Any]:
    """What `charon devices --json` prints.

    Parameters
    ----------
    devices : list of DeviceInfo
        As the engine found them.

    Returns
    -------
    dict
        `host_apis` (names), `devices` (all that is known of each), `default_output` and
        `default_input` (index or None), `problem` (a line, or None).
    """
    return {
        "host_apis": list(dict.fromkeys(device.host_api for device in devices)),
        "devices": [dataclasses.asdict(device) for device in devices],
        "default_output": next((d.index for d in devices if d.is_default_output), None),
        "default_input": next((d.index for d in devices if d.is_default_input), None),
        "problem": None if devices else NO_DEVICE,
    }


@click.command(epilog="Example: charon devices --json")
@json_option
def command(as_json: bool) -> None:
    """List the audio devices: what they are called, their channels, rates and latencies."""
    devices = list_devices()
    if as_json:
        print_json(describe(devices))
        return
    if not devices:
        say(NO_DEVICE)
        return
    rows = [
        (
            device.index,
            device.host_api,
            device.name,
            device.inputs,
            device.outputs,
            device.default_rate_hz,
            device.low_output_latency_ms if device.outputs else device.low_input_latency_ms,
            _default_of(device),
        )
        for device in devices
    ]
    table(("", "host API", "device", "in", "out", "rate Hz", "latency ms", "default"), rows)


def _default_of(device: DeviceInfo) -> str:
    ways = (("output", device.is_default_output), ("input", device.is_default_input))
    return ", ".join(way for way, is_default in ways if is_default)
