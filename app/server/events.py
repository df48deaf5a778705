"""Server-sent events: how a training goes, told to whoever listens, until they or the server end.

Runs on the server's event loop. The status is looked at ten times a second, which costs comparing two
references; a listener that goes is noticed at once, one that vanishes without a word when its buffer is
full.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

from fastapi import Response
from starlette.types import Receive, Scope, Send

from app.server.answers import progress_answer, status_answer
from engine.services.training_report import TrainingStatus

MAX_LISTENERS = 32
LOOK_S = 0.1
QUIET_S = 10.0
"""A listener that hears nothing else hears a comment, or a proxy between would hang up."""
SEND_S = 20.0
"""A listener that takes nothing for this long is not there any more."""


class Listeners:
    """Those who listen.

    Parameters
    ----------
    status : callable
        Where the training is.

    Attributes
    ----------
    n_open : int
    closing : bool
        Set when the server ends: all streams end.
    """

    def __init__(self, status: Callable[[], TrainingStatus]) -> None:
        self._status = status
        self.n_open = 0
        self.closing = False

    async def events(self) -> AsyncIterator[bytes]:
        """The events of one listener: a whole `status` first and after each epoch, else `progress`."""
        told: TrainingStatus | None = None
        told_s = 0.0
        while not self.closing:
            status, now_s = self._status(), time.monotonic()
            if status is not told:
                whole = told is None or told.loss_history != status.loss_history
                text = (status_answer if whole else progress_answer)(status).model_dump_json()
                yield f"event: {'status' if whole else 'progress'}\ndata: {text}\n\n".encode()
                told, told_s = status, now_s
            elif now_s - told_s > QUIET_S:
                yield b": still here\n\n"
                told_s = now_s
            await asyncio.sleep(LOOK_S)


class EventStream(Response):
    """The answer that goes on.

    Parameters
    ----------
    listeners : Listeners
    """

    media_type = "text/event-stream"

    def __init__(self, listeners: Listeners) -> None:
        super().__init__()
        self._listeners = listeners
        # The length of an answer without an end is not known.
        del self.headers["content-length"]
        self.headers["X-Accel-Buffering"] = "no"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Tell until the listener has gone."""
        self._listeners.n_open += 1
        telling = asyncio.ensure_future(self._tell(send))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait((telling, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._listeners.n_open -= 1
            for task in (telling, leaving):
                task.cancel()
            for task in (telling, leaving):
                with contextlib.suppress(asyncio.CancelledError, TimeoutError, OSError):
                    await task

    async def _tell(self, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await asyncio.wait_for(send(start), SEND_S)
        async for data in self._listeners.events():
            message = {"type": "http.response.body", "body": data, "more_body": True}
            await asyncio.wait_for(send(message), SEND_S)
        await asyncio.wait_for(send({"type": "http.response.body", "body": b""}), SEND_S)


async def _left(receive: Receive) -> None:
    """Return when the listener has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
