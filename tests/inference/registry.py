"""A small package registry on this machine: what pip, npm and huggingface_hub need of theirs.

The clients under test are the real ones; only the far end is here. It can cut a connection in the
middle of a file, and be slow.
"""

import base64
import gzip
import hashlib
import io
import json
import tarfile
import threading
import time
import zipfile
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def wheel(name: str, version: str, members: Mapping[str, bytes]) -> tuple[str, bytes]:
    """File name and bytes of a wheel that asks for a Python of long ago, as Spleeter's does."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    files = {
        **members,
        f"{info}/METADATA": (
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
            "Requires-Python: <3.5\nRequires-Dist: no-such-package-anywhere\n"
        ).encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle:
        for path, data in {**files, f"{info}/RECORD": record.encode()}.items():
            bundle.writestr(path, data)
    return f"{name.replace('-', '_')}-{version}-py3-none-any.whl", buffer.getvalue()


def npm_package(name: str, version: str, members: Mapping[str, bytes]) -> bytes:
    """Bytes of an npm package's archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as bundle:
        manifest = json.dumps({"name": name, "version": version}).encode()
        for path, data in {"package.json": manifest, **members}.items():
            entry = tarfile.TarInfo(f"package/{path}")
            entry.size = len(data)
            bundle.addfile(entry, io.BytesIO(data))
    return gzip.compress(buffer.getvalue(), 1, mtime=0)


class Registry:
    """Serves files on 127.0.0.1; as a context manager.

    Attributes
    ----------
    wheels, npm : dict
        (file name -> bytes) and ((name, version) -> bytes).
    repository : dict of str to bytes
        Files of the one Hugging Face repository "tests/model".
    cuts : int
        How many of the next large answers break off in the middle.
    bytes_a_second : int or None
        Speed of large answers.
    ranges : list of str
        Range headers seen on large files.
    """

    def __init__(self) -> None:
        self.wheels: dict[str, bytes] = {}
        self.npm: dict[tuple[str, str], bytes] = {}
        self.repository: dict[str, bytes] = {}
        self.cuts = 0
        self.bytes_a_second: int | None = None
        self.ranges: list[str] = []
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                registry._answer(self, body=True)

            def do_HEAD(self) -> None:
                registry._answer(self, body=False)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> "Registry":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, request: BaseHTTPRequestHandler, *, body: bool) -> None:
        parts = [part for part in request.path.split("?")[0].split("/") if part]
        if parts[:1] == ["simple"]:
            links = "".join(
                f'<a href="/wheels/{name}#sha256={hashlib.sha256(data).hexdigest()}">{name}</a>'
                for name, data in self.wheels.items()
            )
            self._send(
                request, f"<!DOCTYPE html><html><body>{links}</body></html>".encode(), "text/html", body
            )
        elif parts[:1] == ["wheels"] and parts[1] in self.wheels:
            self._send_large(request, self.wheels[parts[1]], body)
        elif parts[:1] == ["archives"]:
            self._send_large(request, self.npm[parts[1], parts[2]], body)
        elif any(parts == [name] for name, _ in self.npm):
            self._send(request, json.dumps(self._packument(parts[0])).encode(), "application/json", body)
        elif parts[:4] == ["tests", "model", "resolve", "main"] and "/".join(parts[4:]) in self.repository:
            self._send_large(request, self.repository["/".join(parts[4:])], body)
        else:
            request.send_error(404)

    def _packument(self, wanted: str) -> dict:
        versions = {}
        for (name, version), data in self.npm.items():
            if name == wanted:
                digest = base64.b64encode(hashlib.sha512(data).digest()).decode()
                dist = {
                    "tarball": f"{self.address}/archives/{name}/{version}",
                    "integrity": f"sha512-{digest}",
                    "shasum": hashlib.sha1(data).hexdigest(),  # noqa: S324  npm's own field
                }
                versions[version] = {"name": name, "version": version, "dist": dist}
        return {"name": wanted, "dist-tags": {"latest": list(versions)[-1]}, "versions": versions}

    def _send(self, request: BaseHTTPRequestHandler, data: bytes, kind: str, body: bool) -> None:
        request.send_response(200)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        if body:
            request.wfile.write(data)

    def _send_large(self, request: BaseHTTPRequestHandler, data: bytes, body: bool) -> None:
        start, wanted = 0, request.headers.get("Range", "")
        if body and wanted:
            self.ranges.append(wanted)
        if wanted.startswith("bytes="):
            start = int(wanted[6:].split("-")[0])
        etag = hashlib.sha256(data).hexdigest()
        request.send_response(206 if start else 200)
        request.send_header("Content-Type", "application/octet-stream")
        request.send_header("Content-Length", str(len(data) - start))
        request.send_header("Accept-Ranges", "bytes")
        request.send_header("ETag", f'"{etag}"')
        request.send_header("X-Repo-Commit", "0" * 40)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        request.end_headers()
        if not body:
            return
        stop = len(data)
        if self.cuts > 0:
            self.cuts -= 1
            stop = start + (len(data) - start) // 2
        try:
            for at in range(start, stop, 1 << 16):
                request.wfile.write(data[at : min(at + (1 << 16), stop)])
                if self.bytes_a_second:
                    time.sleep((1 << 16) / self.bytes_a_second)
        except (BrokenPipeError, ConnectionResetError):
            pass
        request.close_connection = True
