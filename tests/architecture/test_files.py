"""Tracked files name no registry and no machine, locks are hashed, and the version stands in one place."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted((ROOT / "packaging" / "locks").glob("*.txt"))

# Where packages come from is the user's own setting.
REGISTRY = re.compile(
    rb"(pypi|pythonhosted|npmjs|npm\.pkg|anaconda)\.(org|com)|--(extra-)?index-url|--find-links",
    re.IGNORECASE,
)
# Quoted or after a space, so that a URL's path or a/home/b is no false alarm.
MACHINE = re.compile(
    rb"""(?:^|[\s"'=(`])(/root|/work|/home/\w+|/Users/\w+|[A-Z]:\\Users)(?=[/\\\s"'`)])""", re.M
)


def tracked() -> list[Path]:
    """Files of the next commit, those not yet added included."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    paths = [ROOT / name.decode() for name in names if name]
    return [path for path in paths if path.is_file() and path != Path(__file__).resolve()]


def found(pattern: re.Pattern[bytes]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}: {match[0].decode(errors='replace').strip()}"
        for path in tracked()
        if b"\0" not in path.read_bytes()[:8192]
        for match in pattern.finditer(path.read_bytes())
    ]


def test_no_file_names_a_registry():
    assert found(REGISTRY) == []


def test_no_file_names_a_folder_of_some_machine():
    assert found(MACHINE) == []


@pytest.mark.parametrize("text", ["x = '/root/a'", "cd /work/main", 'Path("/home/ann/x")'])
def test_machine_paths_are_seen(text: str):
    assert MACHINE.search(text.encode())


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_every_locked_package_has_hashes_and_no_address(lock: Path):
    text = lock.read_text(encoding="utf-8")
    requirements = [r for r in re.split(r"(?m)^(?=[A-Za-z0-9])", text) if re.match(r"[A-Za-z0-9]", r)]
    assert requirements
    unpinned = [r for r in requirements if not re.match(r"[\w.-]+(\[[\w,-]+\])?==\S+", r)]
    unhashed = [r for r in requirements if not re.search(r"--hash=sha256:[0-9a-f]{64}", r)]
    assert (unpinned, unhashed) == ([], [])
    assert not re.search(r"https?:|file:|@ ", text)


def test_locks_are_up_to_date():
    command = [sys.executable, "packaging/locks/renew.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_version_stands_in_pyproject_only():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    version = re.search(r'(?m)^version = "([^"]+)"', project)
    assert version
    assigned = re.compile(
        rb"(?m)^\s*(__version__|VERSION|version)\s*=\s*[\"']" + re.escape(version[1].encode())
    )
    holders = [
        path for path in tracked() if path.suffix in (".py", ".toml") and assigned.search(path.read_bytes())
    ]
    cards = ROOT / "models" / "cards"
    assert [path for path in holders if path.parent != cards] == [ROOT / "pyproject.toml"]
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"(?m)^## (\S+)", changes)[1] == version[1]
