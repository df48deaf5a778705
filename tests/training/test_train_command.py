"""`charon train orbit` as it is typed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.training.conftest import REPOSITORY

SHARED = REPOSITORY.parent / "shared" / "data"


def charon(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app", "train", "orbit", *map(str, words)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def test_one_epoch_of_one_song(music: Path, tmp_path: Path) -> None:
    data = SHARED if SHARED.is_dir() else music
    words = ("--epochs", 1, "--max-files", 1, "--workers", 0)
    done = charon("--data", data, *words, "--out", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    for name in ("model", "metadata", "history"):
        assert Path(told[name]).is_file()
    assert [Path(path).name for path in told["checkpoints"]] == ["epoch-0001.pt"]
    assert len(told["songs"]) == 1
    assert told["training"]["epochs"] == 1
    assert [row["steering"] for row in told["scores"]["rows"]] == ["rules", "random", "network"]


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (("--data", "no-such-folder"), 2, "no-such-folder"),
        (("--data", ".", "--epochs", "0"), 2, "--epochs"),
        (("--epochs", "1"), 2, "--data"),
    ],
)
def test_wrong_words_are_refused_at_once(words: tuple[str, ...], code: int, complaint: str) -> None:
    done = charon(*words)
    assert done.returncode == code
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
