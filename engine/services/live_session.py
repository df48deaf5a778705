"""An input without a song: a mic, and stems of whatever comes in, looked after by a thread of its own.

What `charon live` runs. Playback does the same beside a song; both keep to `Output` for the device and to
`LiveMic` for the voice.
"""

import gc
import logging
import threading
import time
from collections.abc import Callable
from typing import Self

from engine.errors import CharonError, ModelError
from engine.io.device import OutputStream, StreamOpener
from engine.io.home import Home
from engine.realtime import layout as at
from engine.realtime.memory import EngineMemory
from engine.services.live_mic import LiveMic, MicChoice
from engine.services.live_separation import LiveSeparation, check_live
from engine.services.live_source import close_source, find_source, open_source
from engine.services.output import DeviceEvent, Output

_log = logging.getLogger(__name__)

POLL_S = 0.05


class LiveSession:
    """A device with the mic open on it.

    Parameters
    ----------
    opener : StreamOpener
        Opens the device; its own input is used unless `choice` names another.
    choice : MicChoice
        Which mic.
    gain_db : float
        Of the voice in the mix, -200 to +24 dB.
    on_notice : callable or None
        Given one line whenever something happens that the user should know, on the session's thread.

    Raises
    ------
    DeviceError
        No device, no mic, one of them refuses, or they would howl.
    """

    def __init__(
        self,
        opener: StreamOpener,
        choice: MicChoice,
        *,
        gain_db: float = 0.0,
        on_notice: Callable[[str], None] | None = None,
    ) -> None:
        self._on_notice = on_notice or _log.info
        self.memory = EngineMemory()
        self._output = Output(self.memory, opener)
        self.mic = LiveMic(self.memory, self._output)
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self.separation: LiveSeparation | None = None
        self._asked: tuple[Home, str, str, int | None, int | str | None] | None = None
        try:
            self.mic.set_gain_db(gain_db)
            self.mic.open(choice)
        except CharonError:
            self._output.close()
            raise
        self._supervisor = threading.Thread(target=self._supervise, name="mic", daemon=True)
        self._supervisor.start()

    def separate(
        self,
        home: Home,
        model: str,
        mode: str,
        channel: int | None = None,
        device: int | str | None = None,
    ) -> LiveSeparation:
        """Make stems of an input from now on, a fixed time later, instead of any before.

        Parameters
        ----------
        home : Home
            Where models lie.
        model, mode : str
            See `LiveSeparation`.
        channel : int or None
            First of two input channels, from 0, with the mic beside it; None takes what the mic hears, which
            is then not heard by itself.
        device : int, str or None
            Input device whose channels these are, the first two where none is given; None is the one that
            plays.

        Raises
        ------
        ModelError, ParameterError
            As `LiveSeparation`.
        DeviceError
            There is no such input, or it refuses, or it is what we play; nothing is separated.
        """
        is_apart = channel is not None or device is not None
        with self._lock:
            self.stop_separating()
            check_live(home, model, mode)
            try:
                if is_apart:
                    source = find_source(self._output, device, channel or 0)
                    open_source(self.memory, self._output, self.mic, source, channel or 0)
                self.separation = LiveSeparation(
                    self.memory,
                    home,
                    model,
                    mode,
                    channel=channel or 0 if is_apart else None,
                    apart=self._output.source is not None,
                )
            except CharonError:
                close_source(self._output, self.mic)
                raise
            if not is_apart:
                self.mic.set_mute(True)
            self._asked = (home, model, mode, channel, device)
            return self.separation

    def stop_separating(self) -> None:
        """Let go of the stems."""
        with self._lock:
            if self.separation is not None:
                self.separation.close()
                self.separation = None
                close_source(self._output, self.mic)

    @property
    def stream(self) -> OutputStream | None:
        """The open device; None while it is gone."""
        return self._output.stream

    def _supervise(self) -> None:
        while not self._closing.wait(POLL_S):
            with self._lock:
                event = self._output.watch(time.monotonic())
                notice = self.mic.poll()
                notices = self._poll_separation()
                if event is DeviceEvent.BACK:
                    notices += self._keep_step()
            for line in [notice, *notices]:
                if line is not None:
                    self._on_notice(line)
            stream = self._output.stream
            if event is DeviceEvent.BACK and stream is not None:
                self._on_notice(f"the mic is back on {stream.name!r}")
            elif event is not None:
                self._on_notice(self._output.refusal)

    def _poll_separation(self) -> list[str]:
        if self.separation is None:
            return []
        source, lost = self._output.source, None
        if source is not None and self._output.stream is not None:
            lost = source.watch(time.monotonic())
        notices = [] if lost is None else [lost]
        try:
            return notices + self.separation.poll()
        except ModelError as err:
            self.stop_separating()
            return [*notices, str(err)]

    def _keep_step(self) -> list[str]:
        """The device is back: at another rate the stems begin anew, each as loud as it was."""
        if self.separation is None or self._asked is None or self.separation.rate_hz == self.memory.rate_hz:
            return []
        strips = self.memory.params[: at.MAX_LANES].copy()
        try:
            self.separate(*self._asked)
        except CharonError as err:
            return [str(err)]
        self.memory.params[: at.MAX_LANES] = strips
        return []

    def close(self) -> None:
        """Fade out and release the device; safe to call twice."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._supervisor.join()
        with self._lock:
            self.memory.set_playing(False)
            self.mic.hush()
            self._output.wait_for_fade()
            self.stop_separating()
            self._output.close()
        gc.unfreeze()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
