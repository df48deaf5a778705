"""Renew the lock files beside this script: `.venv/bin/python packaging/locks/renew.py [--check]`.

Every lock is resolved for all systems and Python versions at once, holds a hash for each file that
may be installed, and names no registry. `test.txt` is resolved first and binds the others, so that
what is tested is what runs. `--check` resolves nothing: it says whether the locks still hold what
`pyproject.toml` asks for, by their first line.
"""

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent.parent

# In this order: what stands first binds what follows.
REQUESTS = {
    "test": ["--group", "dev"],
    "run": ["--group", "build"],
    "train": ["--group", "dev", "--extra", "train"],
    "uv": ["--only-group", "installer"],
}
_ADDRESS = re.compile(
    r"https?:|file:|--(index|extra-index|find-links)|/(home|root|work|opt|tmp)/", re.IGNORECASE
)


def main() -> int:
    """Renew or check all lock files; 0 when they are as they should be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say whether they are out of date")
    header = f"# Made by packaging/locks/renew.py from pyproject.toml {requirements_hash()}; do not edit.\n"
    if parser.parse_args().check:
        stale = [name for name in REQUESTS if _first_line(FOLDER / f"{name}.txt") != header]
        for name in stale:
            print(f"packaging/locks/{name}.txt is out of date: run packaging/locks/renew.py")
        return 1 if stale else 0
    for name, request in REQUESTS.items():
        text = header + resolve(request, bound=None if name in ("test", "uv") else FOLDER / "test.txt")
        found = _ADDRESS.search(text)
        if found:
            print(f"{name}.txt would hold an address or a path of this machine: {found.group()!r}")
            return 1
        (FOLDER / f"{name}.txt").write_text(text, encoding="utf-8", newline="\n")
        print(f"packaging/locks/{name}.txt: {len(re.findall(r'(?m)^[a-zA-Z0-9]', text))} pins")
    return 0


def requirements_hash() -> str:
    """Hash of the parts of pyproject.toml that decide what is locked."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    deciding = [
        project["project"]["requires-python"],
        project["project"]["dependencies"],
        project["project"]["optional-dependencies"],
        project["dependency-groups"],
        project["tool"]["uv"],
    ]
    return hashlib.sha256(repr(deciding).encode()).hexdigest()[:16]


def resolve(request: list[str], bound: Path | None) -> str:
    """Resolve one lock and return its text, without a header."""
    uv = Path(sys.executable).with_name("uv.exe" if os.name == "nt" else "uv")
    if not uv.exists():
        sys.exit(f"{uv} is missing: run `python3 bootstrap.py setup` first")
    source = ["--project", str(ROOT)] if "--only-group" in request else [str(ROOT / "pyproject.toml")]
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "lock.txt"
        command = [str(uv), "pip", "compile", *source, "--universal", "--generate-hashes", "--upgrade"]
        command += ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links", "--quiet"]
        command += ["--output-file", str(target)]
        for option in request:
            command.append(option.replace("--only-group", "--group"))
        if bound is not None:
            command += ["--constraint", str(bound)]
        subprocess.run(command, check=True, cwd=ROOT)
        return target.read_text(encoding="utf-8")


def _first_line(path: Path) -> str:
    if not path.exists():
        return ""
    with path.open(encoding="utf-8") as lock:
        return lock.readline()


if __name__ == "__main__":
    sys.exit(main())
