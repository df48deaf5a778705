"""kill -9 in the middle of a real separation, then again: the same bits as an uninterrupted run."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.io.home import default_home

REPOSITORY = Path(__file__).parents[2]
SONG = REPOSITORY.parent / "shared" / "data" / "vibeace.ogg"


def start(root: Path, folder: Path) -> subprocess.Popen[str]:
    if not root.exists():
        root.mkdir()
        (root / "models").symlink_to(default_home().models)
    return subprocess.Popen(
        [sys.executable, "-m", "app", "separate", SONG, "-o", folder, "--json"],
        cwd=REPOSITORY,
        env={**os.environ, "CHARON_HOME": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(root: Path, folder: Path) -> dict:
    process = start(root, folder)
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    return json.loads(out)["songs"][0]


@pytest.mark.usefixtures("spleeter")
def test_killed_in_the_middle_it_goes_on_and_ends_with_the_same_bits(tmp_path):
    whole = finish(tmp_path / "home-whole", tmp_path / "whole")
    process = start(tmp_path / "home-killed", tmp_path / "killed")
    journals = tmp_path / "home-killed" / "stems"
    while not any(path.read_text().count('"segment":') >= 3 for path in journals.glob("*/journal.jsonl")):
        assert process.poll() is None
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (tmp_path / "killed" / "vibeace").exists()
    resumed = finish(tmp_path / "home-killed", tmp_path / "killed")
    assert whole["resumed_segments"] == 0
    assert resumed["resumed_segments"] >= 3
    for name, path in whole["stems"].items():
        assert Path(resumed["stems"][name]).read_bytes() == Path(path).read_bytes(), name
