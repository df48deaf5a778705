"""The control thread: what the user asks of the engine, in order, and never on the GUI thread.

Most calls into the playback service may wait some milliseconds for its lock, and opening a device a
second; here they wait without a frame of the window being late. Intents that come faster than they
are done (a drag along the ruler) are merged by their key: only the newest of a kind is kept.
"""

import logging
import threading
from collections.abc import Callable
from typing import NamedTuple

from engine.errors import CharonError

_log = logging.getLogger(__name__)


class _Intent(NamedTuple):
    key: str
    call: Callable[[], object]


class ControlThread:
    """One thread that carries intents out in the order they came.

    Parameters
    ----------
    name : str
        Of the thread.
    on_error : callable
        Given the line of a CharonError, on the control thread. Anything else that is raised is a bug
        and goes to `threading.excepthook`; the thread goes on.
    """

    def __init__(self, name: str, on_error: Callable[[str], None]) -> None:
        self._on_error = on_error
        self._wanted = threading.Condition()
        self._intents: list[_Intent] = []
        self._closing = False
        self._busy = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, call: Callable[[], object], key: str = "") -> None:
        """Carry `call` out soon; any thread.

        Parameters
        ----------
        call : callable
            What to do.
        key : str
            A waiting intent of the same key is replaced, unless the key is empty. It keeps its place at
            the end of the line, so that an intent never overtakes one that came before it.
        """
        with self._wanted:
            if self._closing:
                return
            if key:
                self._intents = [intent for intent in self._intents if intent.key != key]
            self._intents.append(_Intent(key, call))
            self._wanted.notify()

    def is_idle(self) -> bool:
        """Whether nothing waits or is being done."""
        with self._wanted:
            return not self._busy and not self._intents

    def close(self, timeout_s: float = 5.0) -> None:
        """Drop what waits, finish what is being done; safe to call twice."""
        with self._wanted:
            self._closing = True
            self._intents.clear()
            self._wanted.notify()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            with self._wanted:
                self._busy = False
                self._wanted.wait_for(lambda: self._intents or self._closing)
                if self._closing:
                    return
                intent = self._intents.pop(0)
                self._busy = True
            self._do(intent.call)

    def _do(self, call: Callable[[], object]) -> None:
        try:
            call()
        except CharonError as err:
            self._on_error(str(err))
        except Exception as err:  # noqa: BLE001  a bug in one intent must not end all that follow
            _log.exception("an intent failed")
            threading.excepthook(
                threading.ExceptHookArgs((type(err), err, err.__traceback__, threading.current_thread()))
            )
