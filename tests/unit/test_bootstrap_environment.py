"""Which environments set-up goes on with, and which it makes anew; with real ones."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def bootstrap() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made here") / ".venv"
    subprocess.run([sys.executable, "-m", "venv", path], check=True)
    return path


def test_a_finished_environment_is_kept(bootstrap: ModuleType, venv: Path):
    assert bootstrap.is_whole(venv)


def test_an_environment_without_pip_is_made_anew(bootstrap: ModuleType, tmp_path: Path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / ".venv"], check=True)
    assert not bootstrap.is_whole(tmp_path / ".venv")


def test_none_at_all_is_made(bootstrap: ModuleType, tmp_path: Path):
    assert not bootstrap.is_whole(tmp_path / ".venv")


def test_a_moved_environment_is_made_anew(bootstrap: ModuleType, venv: Path, tmp_path: Path):
    moved = tmp_path / "moved" / ".venv"
    shutil.copytree(venv, moved, symlinks=True)
    assert not bootstrap.is_whole(moved)


def test_an_environment_of_another_python_is_made_anew(
    bootstrap: ModuleType, venv: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "version_info", (3, 99, 0))
    assert not bootstrap.is_whole(venv)
