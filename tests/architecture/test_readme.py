"""What the README promises is there: its commands with their options, its files, its Python."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from engine.io.home import default_home

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FIRST_SCREEN_LINES = 24
ROWS = re.findall(r"(?m)^\| `charon (\w+)([^`]*)` \|(.*)\|$", README)
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def python(*arguments: str | Path, **settings) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, **settings)


def test_the_first_screen_shows_the_two_commands():
    first_screen = "\n".join(README.splitlines()[:FIRST_SCREEN_LINES])
    shown = re.findall(r"(?m)^    python3 bootstrap\.py (\w+)", first_screen)
    assert shown == ["run", "test"]
    told = python(ROOT / "bootstrap.py", "--help").stdout
    assert all(command in told for command in shown)


@pytest.mark.parametrize(("name", "arguments", "does"), ROWS, ids=[row[0] for row in ROWS])
def test_commands_take_what_the_readme_says(name: str, arguments: str, does: str):
    told = python("-m", "app", name, "--help", cwd=ROOT)
    assert told.returncode == 0, told.stderr
    parts = re.match(r" ([a-z]+(?:\\\|[a-z]+)+)", arguments)
    expected = parts[1].split("\\|") if parts else []
    expected += re.findall(r"--[a-z]+|(?<= )-[a-z]\b", arguments + does)
    assert [word for word in expected if word not in told.stdout] == []


def test_no_command_is_left_out():
    told = python("-m", "app", "--help", cwd=ROOT).stdout
    listed = re.findall(r"(?m)^  ([a-z]+)  ", told.partition("Commands:")[2])
    assert sorted(listed) == sorted(row[0] for row in ROWS)


def test_files_that_are_named_exist():
    named = re.findall(r"`((?:[\w.-]+/)*[\w.-]+\.(?:py|md|txt)|LICENSE|NOTICE|[\w/]+/)`", README)
    assert {"LICENSE", "NOTICE", "resources/demo/README.md"} <= set(named)
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("code", PYTHON, ids=["files", "segments", "voice"])
def test_python_examples_run(code: str, tmp_path: Path):
    # As typed in the checkout, but with stems and results where they leave nothing behind.
    (tmp_path / "resources").symlink_to(ROOT / "resources")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "models").symlink_to(default_home().models)
    environment = {**os.environ, "CHARON_HOME": str(tmp_path / "home")}
    done = python("-c", code, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    if "save_all" in code:
        assert len(list((tmp_path / "stems").rglob("*.wav"))) == 4
        assert re.search(r"(?m)^vocals .* dBFS  ", done.stdout)
    elif "process_vocal" in code:
        assert re.fullmatch(r"[1-9]\d*\.\d s\n", done.stdout)
    else:
        counted = [tuple(map(int, line.split(" of "))) for line in done.stdout.splitlines()]
        assert counted[-1][0] == counted[-1][1] == len(counted)
