"""`charon serve` as a process: it says where it is, answers, and ends in order."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.services.conftest import REPOSITORY

SAID = "a-token-of-23-characters"


def serve(home: Path, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "app", "serve", *words],
        cwd=REPOSITORY,
        env={"PATH": "", "CHARON_HOME": str(home), "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text(SAID + "\n")
    with serve(tmp_path, "--port", "0", "--token-file", str(token_file), "--json") as process:
        try:
            told = json.loads("".join(iter(process.stdout.readline, "}\n")) + "}")
            assert told["url"].startswith("http://127.0.0.1:")
            assert told["token_needed"] is True
            assert SAID not in json.dumps(told)
            assert httpx.get(f"{told['url']}api/about", trust_env=False).status_code == 401
            headers = {"Authorization": f"Bearer {SAID}"}
            about = httpx.get(f"{told['url']}api/about", headers=headers, trust_env=False).json()
            assert about["version"]
            # The same port again is refused at once.
            port = told["url"].rstrip("/").rpartition(":")[2]
            with serve(tmp_path, "--port", port) as second:
                assert second.wait(30) == 1
                assert "cannot listen" in second.stderr.read()
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--host", "::"), "give --token"),
        (("--token", "short"), "16 or more"),
        (("--port", "70000"), "70000"),
    ],
)
def test_what_is_unsafe_or_wrong_is_refused(tmp_path: Path, words: tuple[str, ...], complaint: str) -> None:
    with serve(tmp_path, *words) as process:
        assert process.wait(30) == 2
        assert complaint in process.stderr.read()
