"""Who is let in: names of this machine, its own page, the token; and how much they may send."""

import socket
import threading
import time
from collections.abc import Callable

import httpx
import pytest

from app.server import guard
from app.server.guard import MAX_JSON_BYTES, Access
from engine.inference.control_net import MAX_NET_BYTES
from tests.server.conftest import Place

SAID = "a-token-of-23-characters"
GIGABYTE = 1 << 30


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "localhost.evil.example", "192.168.0.7",
     "", "127.0.0.1:80:80", "[::1", "127.0.0.1:eighty"],
)  # fmt: skip
def test_a_name_that_is_not_this_server_s_is_refused(place: Place, host: str) -> None:
    for path in ("/api/train/status", "/", "/docs"):
        answer = place.client.get(path, headers={"Host": host.format(port=place.port)})
        assert answer.status_code == 403
        assert "Host" in answer.json()["error"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:{port}", "[::1]:{port}", "127.9.9.9"])
def test_names_of_this_machine_are_let_in(place: Place, host: str) -> None:
    answer = place.client.get("/api/train/status", headers={"Host": host.format(port=place.port)})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "https://evil.example:{port}", "null", "http://127.0.0.1:1", "file://", ""],
)
def test_a_page_of_another_origin_is_refused(place: Place, origin: str) -> None:
    headers = {"Origin": origin.format(port=place.port)}
    answer = place.client.post("/api/train/start", json=place.order(), headers=headers)
    assert answer.status_code == 403
    assert "Origin" in answer.json()["error"]
    assert place.run.status().status == "idle"


def test_its_own_page_is_let_in_and_another_site_s_is_not(place: Place) -> None:
    own = {"Origin": f"http://127.0.0.1:{place.port}", "Sec-Fetch-Site": "same-origin"}
    assert place.client.get("/api/train/status", headers=own).status_code == 200
    for site in ("cross-site", "same-site"):
        answer = place.client.get("/api/train/status", headers={"Sec-Fetch-Site": site})
        assert answer.status_code == 403
    # A link to the page itself may stand anywhere.
    assert place.client.get("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_no_page_may_read_answers_or_ask_first(place: Place) -> None:
    answer = place.client.options(
        "/api/train/start",
        headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"},
    )
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_two_hosts_are_none(place: Place) -> None:
    said = b"GET /api/train/status HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n"
    with socket.create_connection(("127.0.0.1", place.port), 10.0) as line:
        line.sendall(said)
        assert line.recv(4096).split(b" ", 2)[1] in {b"400", b"403"}


def test_without_the_token_only_the_page_comes(make_place: Callable[..., Place]) -> None:
    place = make_place(access=Access(SAID))
    assert place.client.get("/").status_code == 200
    for headers in ({}, {"Authorization": f"Bearer {SAID}x"}, {"Authorization": "Bearer"}):
        for method, path in (
            ("GET", "/api/models"),
            ("POST", "/api/train/stop"),
            ("GET", "/api/train/events"),
        ):
            answer = place.client.request(method, path, headers=headers)
            assert answer.status_code == 401
            assert "Bearer" in answer.headers["www-authenticate"]
    known = place.client.get("/api/models", headers={"Authorization": f"Bearer {SAID}"})
    assert known.status_code == 200


def test_other_machines_reach_a_remote_server_by_address_and_given_name() -> None:
    access = Access(SAID, remote=True, names=frozenset({"studio.example"}))
    assert access.knows_host("192.168.0.7:8420")
    assert access.knows_host("studio.example")
    assert access.knows_host(socket.gethostname())
    assert not access.knows_host("evil.example")
    assert not Access(SAID, names=frozenset({"studio.example"})).knows_host("192.168.0.7")


def test_browsers_are_told_to_load_nothing_from_elsewhere(place: Place) -> None:
    for path in ("/", "/api/train/status", "/no/such/page"):
        headers = place.client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers


# --- how much --------------------------------------------------------------------------------------------

HEAD = "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/octet-stream\r\n{length}\r\n\r\n"


def answer_on(line: socket.socket) -> bytes:
    """Head and body, which may come one after the other."""
    heard = b""
    while b'"}' not in heard and (more := line.recv(4096)):
        heard += more
    return heard


def send_until_refused(port: int, path: str, length: str, chunk: bytes) -> tuple[bytes, int]:
    """Send a gigabyte until an answer comes; the answer, and how much the server let come."""
    sent = 0
    answer: list[bytes] = []
    with socket.create_connection(("127.0.0.1", port), 20.0) as line:
        line.sendall(HEAD.format(path=path, length=length).encode())

        def listen() -> None:
            try:
                answer.append(line.recv(4096))
            except OSError:
                answer.append(b"")

        ear = threading.Thread(target=listen)
        ear.start()
        try:
            while ear.is_alive() and sent < GIGABYTE:
                line.sendall(chunk)
                sent += len(chunk)
        except OSError:
            pass  # hung up on, which is an answer too; what was said before stands
        ear.join(20.0)
    return answer[0], sent


@pytest.mark.parametrize("path", ["/api/models", "/api/train/start"])
def test_a_gigabyte_is_refused_by_its_announcement(place: Place, path: str) -> None:
    with socket.create_connection(("127.0.0.1", place.port), 10.0) as line:
        line.sendall(HEAD.format(path=path, length=f"Content-Length: {GIGABYTE}").encode())
        answer = answer_on(line)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"at most" in answer


def test_a_gigabyte_without_announcement_is_cut_off_at_the_limit(place: Place) -> None:
    part = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    answer, sent = send_until_refused(place.port, "/api/models", "Transfer-Encoding: chunked", part)
    assert answer.startswith(b"HTTP/1.1 413")
    # What lies in the buffers of two sockets was sent, not read.
    assert sent < MAX_NET_BYTES + (32 << 20)
    assert place.shelf.folder.exists() is False


def test_an_order_of_a_megabyte_is_refused(place: Place) -> None:
    answer = place.client.post("/api/train/start", content=b"[" * (MAX_JSON_BYTES + 1))
    assert answer.status_code == 413
    nested = place.client.post("/api/train/start", content=b"[" * MAX_JSON_BYTES)
    assert nested.status_code in {400, 422}


def test_a_body_that_does_not_come_is_not_waited_for(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "BODY_S", 0.2)
    started_s = time.monotonic()
    with socket.create_connection(("127.0.0.1", place.port), 10.0) as line:
        line.sendall(HEAD.format(path="/api/models", length="Content-Length: 1000").encode() + b"half")
        assert line.recv(4096).startswith(b"HTTP/1.1 408")
    assert time.monotonic() - started_s < 5.0


@pytest.mark.parametrize("length", ["-1", "1e9", "many"])
def test_a_length_that_is_no_number_is_refused(place: Place, length: str) -> None:
    with socket.create_connection(("127.0.0.1", place.port), 10.0) as line:
        line.sendall(HEAD.format(path="/api/models", length=f"Content-Length: {length}").encode())
        assert line.recv(4096).startswith(b"HTTP/1.1 400")


def test_the_server_answers_on_after_all_this(place: Place) -> None:
    for _ in range(3):
        send_until_refused(place.port, "/api/models", f"Content-Length: {GIGABYTE}", bytes(0x10000))
    assert httpx.get(f"{place.server.url}api/about", trust_env=False).status_code == 200
