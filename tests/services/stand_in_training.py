"""A program that speaks the training's protocol and trains nothing: for tests of what happens to a process.

Words before those of the training: how long an epoch takes, which network to hand over, how to misbehave.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def say(**event: object) -> None:
    print(json.dumps(event), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--epoch-s", type=float, default=0.02)
    parser.add_argument("--network", type=Path)
    parser.add_argument("--manner", default="good")
    parser.add_argument("--data", nargs="+", required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--resume", action="store_true")
    options, _ = parser.parse_known_args()
    if options.manner == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    checkpoints = options.out / "checkpoints"
    checkpoints.mkdir(exist_ok=True)
    say(event="start", total_epochs=options.epochs)
    if options.manner == "error":
        say(event="error", message="the songs are all shorter\nthan a window")
        return 1
    if options.manner == "crash":
        print("Traceback ...\nRuntimeError: no room on the graphics card", file=sys.stderr)
        return 3
    if options.manner == "parent":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        (options.out / "child.pid").write_text(str(child.pid))
    if options.manner == "noise":
        print("\n[1, 2]\nno JSON\n" + json.dumps({"event": "epoch"}) + "\n" + "x" * 3_000_000, flush=True)
    first = len(list(checkpoints.glob("*.pt"))) if options.resume else 0
    for epoch in range(first + 1, options.epochs + 1):
        for batch in (1, 2):
            time.sleep(options.epoch_s / 2)
            say(event="batch", epoch=epoch, batch=batch, n_batches=2, loss=1.0 / epoch)
        (checkpoints / f"epoch-{epoch:04}.pt").write_bytes(b"")
        say(
            event="epoch",
            epoch=epoch,
            total_epochs=options.epochs,
            loss={"total": 1.0 / epoch, "smoothness": float("nan")},
            validation={"total": 1.5 / epoch},
            wall_s=options.epoch_s,
        )
    if options.manner == "modest":
        return 0
    model = options.out / "orbit-control.onnx"
    model.write_bytes(b"" if options.network is None else options.network.read_bytes())
    say(event="done", model=str(model))
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)
