"""Starts the engine behind the open window.

Importing numba, the decoders and the network library takes about a second, loading the compiled
callback and opening the device some more: all of it on one thread, so that the window is there first
and stays alive. What of the window needs those modules is built as soon as they are imported.
"""

import importlib
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QObject, Qt, Signal

from app.output_choice import GivenOutput, OutputChoice, SettingsOutput, open_nothing
from app.settings import AudioSettings
from engine.errors import CharonError, DeviceError, ModelError

if TYPE_CHECKING:
    from engine.io.device import StreamOpener
    from engine.io.home import Home
    from engine.services.playback import Playback

_log = logging.getLogger(__name__)

HEAVY = (
    "engine.services.playback",
    "engine.services.peaks",
    "engine.kernels.wave_image",
    "engine.services.mixdown",
    "engine.services.export",
)
"""Rooms of the engine that import numpy, numba, the decoders and the network library. None of the window's
own: PySide makes its classes when they are first named, and only the GUI thread may do that safely."""


@dataclass(frozen=True, slots=True)
class Started:
    """A running engine.

    Parameters
    ----------
    playback : Playback
    output : OutputChoice
        Where its sound goes, or would go.
    no_sound : str
        Why it has no sound device, in one line; empty when it has one.
    note : str
        What the user should know of the choice of the device.
    titles : mapping of str to str
        What each model is called, without the list of its stems.
    """

    playback: "Playback"
    output: OutputChoice
    no_sound: str
    note: str
    titles: Mapping[str, str]


class EngineStart(QObject):
    """One start at a time; may be asked again when it was refused.

    Parameters
    ----------
    on_notice : callable
        For the engine: given a line for the user, on any thread.
    read_files : callable
        Called first, on the thread of the start.
    engine : (StreamOpener or None, Home or None)
        Opens the output; None opens what the settings say. And where models and stems are; None is the
        user's own.

    Attributes
    ----------
    imported : Signal()
        The engine's modules are there: what needs them can be built.
    started : Signal(Started)
    refused : Signal(str, bool)
        Why there is no engine, and whether a model is what is missing.
    """

    imported = Signal()
    started = Signal(object)
    refused = Signal(str, bool)
    _imported = Signal()
    _started = Signal(object)
    _refused = Signal(str, bool)

    def __init__(
        self,
        on_notice: Callable[[str], None],
        read_files: Callable[[], None],
        engine: "tuple[StreamOpener | None, Home | None]" = (None, None),
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._on_notice = on_notice
        self._read_files = read_files
        self._opener, self._home = engine
        self._thread: threading.Thread | None = None
        self._abandoned = threading.Event()
        queued = Qt.ConnectionType.QueuedConnection
        self._imported.connect(self.imported, queued)
        self._started.connect(self.started, queued)
        self._refused.connect(self.refused, queued)

    def start(self, audio: AudioSettings, model: str) -> None:
        """Begin; does nothing while a start is under way.

        Parameters
        ----------
        audio : AudioSettings
            The device that is wanted.
        model : str
            The model that separates; empty is `ModelStore.default`.
        """
        if self._thread is not None and self._thread.is_alive():
            return
        self._thread = threading.Thread(
            target=self._run, args=(audio, model), name="engine-start", daemon=True
        )
        self._thread.start()

    def abandon(self) -> None:
        """The window closes: an engine that comes up after this is closed at once. Waits for it."""
        self._abandoned.set()
        if self._thread is not None:
            self._thread.join(20.0)

    def _run(self, audio: AudioSettings, model: str) -> None:
        try:
            self._read_files()
            for room in HEAVY:
                importlib.import_module(room)
            self._imported.emit()
            started = self._start(audio, model)
        except CharonError as err:
            _log.warning("the engine did not start: %s", err)
            self._refused.emit(str(err), isinstance(err, ModelError))
            return
        except BaseException as err:
            self._refused.emit(f"{type(err).__name__}: {err}", False)
            raise
        if self._abandoned.is_set():
            started.playback.close()
        else:
            self._started.emit(started)

    def _start(self, audio: AudioSettings, model: str) -> Started:
        from engine.services.playback import Playback

        output: OutputChoice = SettingsOutput(audio) if self._opener is None else GivenOutput(self._opener)
        no_sound = note = ""
        try:
            chosen = output.choose(afresh=False)
            opener, note = chosen.opener, chosen.note
        except DeviceError:
            opener = open_nothing
            no_sound = _tr("No sound device: connect one, Charon takes it as soon as it is there")
        try:
            playback = Playback(opener, self._home, model=model, on_notice=self._on_notice)
        except DeviceError as err:
            # It is there and refuses (busy, another rate): everything but sound still works.
            no_sound = _tr("Sound device refused: {}").format(err)
            playback = Playback(open_nothing, self._home, model=model, on_notice=self._on_notice)
        return Started(playback, output, no_sound, note, self._titles())

    def _titles(self) -> dict[str, str]:
        from engine.inference.model_store import ModelStore
        from engine.io.home import default_home

        home = self._home or default_home()
        cards = ModelStore(home.models, home.cards).cards
        return {n: card.title.partition(":")[0] for n, card in cards.items() if card.task == "separate"}


def _tr(text: str) -> str:
    return QCoreApplication.translate("EngineStart", text)
