"""Which denoiser the mic has: chosen, followed through changes of the device, given up in words.

Called on a control thread and by whoever polls the mic; one lock keeps them apart. The voice is faded out
and in around a change, because a denoiser delays it by some 40 ms and a voice that jumps in time clicks.
"""

import threading
from collections.abc import Callable

from engine.errors import ModelError
from engine.io.home import Home
from engine.realtime.layout import MIC_ROW
from engine.realtime.memory import EngineMemory
from engine.services.denoising import DenoiseState, Denoising
from engine.services.output import Output
from engine.stream.insert import Insert


class MicDenoiser:
    """At most one denoiser on one mic.

    Parameters
    ----------
    home : Home
        Where models lie.
    memory : EngineMemory
    output : Output
        Whose fades are waited for.
    attach : callable
        Hangs an insert, or None, into the mic's path.
    """

    def __init__(
        self, home: Home, memory: EngineMemory, output: Output, attach: Callable[[Insert | None], None]
    ) -> None:
        self._home = home
        self._memory = memory
        self._output = output
        self._attach_now = attach
        self._attached = False
        self._rate_hz = 0
        self._denoising: Denoising | None = None
        self._lock = threading.RLock()

    @property
    def state(self) -> DenoiseState | None:
        """How the denoiser is; None without one. Any thread may ask."""
        denoising = self._denoising
        return None if denoising is None else denoising.state

    def set(self, model: str | None) -> None:
        """Use this denoiser from now on, or none.

        Raises
        ------
        ModelMissing, ModelError
            It is not here, or does something else; the one before goes on.
        """
        with self._lock:
            if model is None:
                self.close()
            elif self._denoising is None or self._denoising.state.model != model:
                Denoising.check(self._home, model)
                self.close()
                self._start(model)

    def _start(self, model: str) -> None:
        self._rate_hz = self._memory.rate_hz
        self._denoising = Denoising(self._home, model, self._attach, self._rate_hz)

    def _attach(self, insert: Insert | None) -> None:
        changes = insert is not None or self._attached
        self._attached = insert is not None
        if not changes or not self._memory.mic.is_on:
            self._attach_now(insert)
            return
        muted = self._memory.set_mute(MIC_ROW, True)
        self._output.wait_for_fade()
        self._attach_now(insert)
        self._memory.set_mute(MIC_ROW, muted)

    def poll(self) -> list[str]:
        """Look after it; some ten times a second. What the user should know, a line each."""
        with self._lock:
            return [] if self._denoising is None else self._look_after(self._denoising)

    def _look_after(self, denoising: Denoising) -> list[str]:
        try:
            if self._memory.rate_hz != self._rate_hz:
                # The device has come back with another rate: the insert's frames mean another time.
                model = denoising.state.model
                self.close()
                self._start(model)
                return []
            return denoising.poll()
        except ModelError as err:
            self.close()
            return [str(err)]

    def close(self) -> None:
        """Use none."""
        with self._lock:
            if self._denoising is not None:
                self._denoising.close()
                self._denoising = None
