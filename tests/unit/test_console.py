"""How results, progress and warnings look: as data, in a pipe, and on a real terminal."""

import dataclasses
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import IO

import numpy as np
import pytest

from app.cli.console import print_json, table

ROOT = Path(__file__).resolve().parents[2]
WORK = """
import warnings
from app.cli.console import progress, show_warnings_as_lines
from app.logs import configure
from engine.errors import CharonWarning
configure()
show_warnings_as_lines()
with progress("song [1].mp3", 4.0) as update:
    for done in range(5):
        update(done, f"{done} of 4")
        if done == 2:
            warnings.warn(CharonWarning("cut off at 2:10"), stacklevel=1)
            warnings.warn(UserWarning("none of the user's business"), stacklevel=1)
"""


@dataclasses.dataclass
class Level:
    path: Path
    peak_db: float


def test_json_holds_what_results_are_made_of(capsys: pytest.CaptureFixture[str]):
    print_json(
        {
            "levels": [Level(Path("a/b.wav"), float("-inf"))],
            "count": np.int64(3),
            "mean": np.float32(0.5),
            "bands": np.array([[1.0, np.nan]]),
            "stems": ("vocals", "bass"),
            "on": True,
            "name": "Sängerin 歌",
        }
    )
    assert json.loads(capsys.readouterr().out) == {
        "levels": [{"path": str(Path("a/b.wav")), "peak_db": None}],
        "count": 3,
        "mean": 0.5,
        "bands": [[1.0, None]],
        "stems": ["vocals", "bass"],
        "on": True,
        "name": "Sängerin 歌",
    }


def test_json_refuses_what_it_would_have_to_guess():
    with pytest.raises(TypeError, match="complex"):
        print_json({"z": 1j})


def test_tables_line_up_and_never_cut(capsys: pytest.CaptureFixture[str]):
    long_path = "stems/" + "x" * 200 + ".wav"
    table(("stem", "peak dBFS", "file"), [("歌", -3.25, long_path), ("bass", None, "b.wav")])
    heading, rule, first, second = capsys.readouterr().out.splitlines()
    assert heading == "stem  peak dBFS  file"
    assert rule.startswith("----  ---------  ----")
    assert first == f"歌         -3.2  {long_path}"
    assert second == "bass          -  b.wav"


def run_on_terminal(code: str, home: Path, out: IO[bytes] | None = None) -> str:
    """What a person sees on standard error, and on standard output unless that goes into a file."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=theirs if out is None else out,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "CHARON_HOME": str(home)},
    ) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                read = os.read(ours, 65536)
            except OSError:  # how Linux says that the other end is closed
                break
            if not read:
                break
            seen += read
    os.close(ours)
    assert process.returncode == 0, seen.decode()
    return seen.decode()


def test_a_terminal_shows_a_bar_and_warnings_as_lines_of_their_own(tmp_path: Path):
    seen = run_on_terminal(WORK, tmp_path)
    assert "song [1].mp3" in seen
    assert "4 of 4" in seen
    # At the beginning of a line that was cleared first, so that no part of the bar stands beside it.
    lines = [line.rsplit("\x1b[2K", 1)[-1] for line in seen.replace("\r", "").split("\n")]
    assert "charon: warning: cut off at 2:10" in lines
    assert "none of the user's business" not in seen
    assert "none of the user's business" in (tmp_path / "log" / "charon.log").read_text("utf-8")


def test_lines_of_the_result_stand_above_the_bar_or_in_the_file(tmp_path: Path):
    """Whether both go to the terminal, or the result into a file while the bar is on the terminal."""
    code = WORK.replace("import warnings\n", "import warnings\nfrom app.cli.console import say_above\n")
    code = code.replace(
        "        if done == 2:\n", "        say_above(f'line [{done}]')\n        if done == 2:\n"
    )
    seen = run_on_terminal(code, tmp_path)
    shown = [line.rsplit("\x1b[2K", 1)[-1] for line in seen.replace("\r", "").split("\n")]
    assert [line for line in shown if line.startswith("line")] == [f"line [{n}]" for n in range(5)]
    with (tmp_path / "out.txt").open("wb") as file:
        seen = run_on_terminal(code, tmp_path, file)
    assert "line [" not in seen
    assert (tmp_path / "out.txt").read_text().splitlines() == [f"line [{n}]" for n in range(5)]


def test_a_pipe_gets_warnings_and_no_bar(tmp_path: Path):
    environment = {**os.environ, "CHARON_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", WORK], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    assert "charon: warning: cut off at 2:10" in done.stderr
    assert "song [1].mp3" not in done.stderr
