"""Who may speak to the local server, and how much they may send: checked before any route sees a request.

Runs on the server's event loop. A server on 127.0.0.1 is within reach of every page that the user's browser
opens, so that being local proves nothing: a name that an attacker's DNS turns to 127.0.0.1 shows itself in
Host, and a page of another site in Origin or Sec-Fetch-Site. Requests without these two come from programs.
"""

import asyncio
import hmac
import ipaddress
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LEAST_TOKEN = 16
MAX_JSON_BYTES = 64 << 10
"""Sixty-four folders of a thousand characters each."""
BODY_S = 30.0
"""A body whose next part does not come within this time is not waited for."""
API = "/api/"

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True, slots=True)
class Access:
    """Who is let in.

    Parameters
    ----------
    token : str or None
        What every call of the API must carry as `Authorization: Bearer`; None asks for nothing.
    remote : bool
        Other machines may call, by any address of this one.
    names : frozenset of str
        Further names of this machine, lower case.
    """

    token: str | None = None
    remote: bool = False
    names: frozenset[str] = frozenset()

    def knows_host(self, host: str) -> bool:
        """Whether a Host header names this machine.

        Notes
        -----
        An address in figures is one that the browser was told, not one that DNS made up.
        """
        name = _host_name(host)
        if name is None:
            return False
        if name == "localhost" or name in self.names:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return self.remote and name == socket.gethostname().lower()
        return self.remote or address.is_loopback

    def knows_token(self, authorization: str) -> bool:
        """Whether an Authorization header carries the token; takes as long whatever is wrong with it."""
        if self.token is None:
            return True
        given = authorization.removeprefix("Bearer ").strip()
        return hmac.compare_digest(given.encode(), self.token.encode())


class Guard:
    """Refuses what must not come in; adds what browsers are to keep to.

    Parameters
    ----------
    app : ASGI application
    access : Access
    limits : mapping of (str, str) to int
        The longest body in bytes of a method and path; `MAX_JSON_BYTES` for all others.
    """

    def __init__(self, app: ASGIApp, access: Access, limits: Mapping[tuple[str, str], int]) -> None:
        self._app = app
        self._access = access
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # nothing here speaks WebSocket; uvicorn closes what is not accepted
        headers = Headers(scope=scope)
        limit = self._limits.get((scope["method"], scope["path"]), MAX_JSON_BYTES)
        refusal = self._refusal(scope, headers) or _length_refusal(headers, limit)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        if refusal is not None:
            await _refuse(send_with_headers, *refusal)
            return
        await self._app(scope, _limited(receive, limit), send_with_headers)

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        """Status and words for who must not come in."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._access.knows_host(hosts[0]):
            name = ", ".join(hosts)[:80] or "none"
            return 403, f"Host is {name!r}, which is no name of this server; call it by its address"
        origins = headers.getlist("origin")
        if origins and (len(origins) != 1 or not _same_origin(origins[0], hosts[0])):
            return 403, f"Origin is {', '.join(origins)[:80]!r}; only this server's own page may call it"
        if not scope["path"].startswith(API):
            return None
        if headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
            return 403, "a page of another site may not call this server"
        if not self._access.knows_token(headers.get("authorization", "")):
            return 401, "the token is missing or wrong; send it as Authorization: Bearer TOKEN"
        return None


def _limited(receive: Receive, limit: int) -> Receive:
    """Receive that ends a body which is too long, or does not come."""
    n_bytes, whole = 0, False

    async def limited() -> Message:
        nonlocal n_bytes, whole
        if whole:
            return await receive()  # the end of the connection, whenever that is
        try:
            message = await asyncio.wait_for(receive(), BODY_S)
        except TimeoutError as err:
            raise HTTPException(408, f"nothing came for {BODY_S:.0f} s; send it again") from err
        n_bytes += len(message.get("body", b""))
        if n_bytes > limit:
            raise HTTPException(413, _too_long(limit))
        whole = not message.get("more_body", False)
        return message

    return limited


def _length_refusal(headers: Headers, limit: int) -> tuple[int, str] | None:
    """Refuse a body by its announced length, before a byte of it was read."""
    text = headers.get("content-length", "0")
    if not text.isdecimal():
        return 400, f"Content-Length is {text[:20]!r}; give a number"
    return (413, _too_long(limit)) if int(text[:20]) > limit else None


def _too_long(limit: int) -> str:
    return f"at most {limit} bytes are taken here"


async def _refuse(send: Send, status: int, words: str) -> None:
    body = json.dumps({"error": words}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _host_name(host: str) -> str | None:
    """Name in a Host header, lower case; None when it is no such header."""
    name, colon, port = host.strip().lower().rpartition(":")
    if not colon or port.endswith("]"):
        name, port = host.strip().lower(), ""
    if port and not port.isdecimal():
        return None
    if name.startswith("["):
        return name[1:-1] if name.endswith("]") else None
    return None if not name or ":" in name else name.removesuffix(".")


def _same_origin(origin: str, host: str) -> bool:
    scheme, _, place = origin.strip().lower().partition("://")
    return scheme in {"http", "https"} and place == host.strip().lower()
