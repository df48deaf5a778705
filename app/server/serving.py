"""The server as a thing that is started and stopped: socket, event loop on a thread, end in order.

The caller's thread opens the socket, so that a port that is taken is told before anything runs, and waits;
uvicorn runs on a thread of its own, where it leaves the signals of the process alone.
"""

import asyncio
import socket
import sys
import threading
from types import TracebackType
from typing import Self

import uvicorn

from app.server.api import Api, make_app
from app.server.guard import Access
from engine.errors import ParameterError

DEFAULT_PORT = 8420
MAX_CONNECTIONS = 100
_BACKLOG = 64
_GRACE_S = 2
_GONE_MS = 30_000
"""A peer that acknowledges nothing for this long has gone without a word."""


class LocalServer:
    """One server; it answers once it is made, until `close`.

    Parameters
    ----------
    api : Api
        Closed by its owner, after the server.
    access : Access
    host : str
        Address to listen at.
    port : int
        0 takes any that is free.

    Attributes
    ----------
    url : str

    Raises
    ------
    ParameterError
        The address cannot be listened at.
    """

    def __init__(self, api: Api, access: Access, host: str = "127.0.0.1", port: int = DEFAULT_PORT) -> None:
        self._api = api
        self._socket = _listen(host, port)
        address, bound_port = self._socket.getsockname()[:2]
        shown = f"[{address}]" if ":" in address else address
        self.url = f"http://{shown}:{bound_port}/"
        config = uvicorn.Config(
            make_app(api, access),
            http="h11",
            ws="none",
            lifespan="off",
            loop="asyncio",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=_GRACE_S,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="local-server", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        asyncio.run(self._server.serve([self._socket]))

    @property
    def running(self) -> bool:
        """Whether it still answers."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Answer nobody any more; streams end, and what is being answered is answered."""
        self._api.listeners.closing = True
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises
    ------
    ParameterError
        The port is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":
            # On Windows this would let two servers share a port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        user_timeout = getattr(socket, "TCP_USER_TIMEOUT", None)
        if user_timeout is not None:
            listener.setsockopt(socket.IPPROTO_TCP, user_timeout, _GONE_MS)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as err:
        listener.close()
        raise ParameterError(
            f"cannot listen at {host} port {port}: {err.strerror or err}; "
            "try another --port (0 takes a free one)"
        ) from err
    return listener
