"""A live input among the rest of the window: its bar, its lanes, its mixer; the song steps aside.

GUI thread; built with the rooms. The strips of an input are its own: the song's mixer, its session and its
steps back are what they were when it returns. The steps themselves lie on the one stack, in the order of the
hand.
"""

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from app.edits import Edits
from app.jobs import Task
from app.live_engine import LiveEngine
from app.live_tick import LiveTick
from app.mixer_state import MixerState
from app.models_model import short_title
from app.panels.live_bar import LiveBar
from app.panels.live_lanes import LiveLanes
from engine.errors import CharonError
from engine.inference.model_store import ModelStore
from engine.io.device import list_devices
from engine.io.home import Home
from engine.services.live_separation import check_live
from engine.services.live_stems import LiveChoice

if TYPE_CHECKING:
    from app.desktop import Desktop


class LiveDesk(QObject):
    """Connects them.

    Parameters
    ----------
    desktop : Desktop
    home : Home
        Where models lie.
    song_lanes : QWidget
        The lanes that are put aside.

    Attributes
    ----------
    mixer : MixerState
        Of the input's stems.
    edits : Edits
    engine : LiveEngine
    bar : LiveBar
    lanes : LiveLanes
    """

    def __init__(self, desktop: "Desktop", home: Home, song_lanes: QWidget) -> None:
        super().__init__(desktop)
        self._desktop = desktop
        self._home = home
        self._song_lanes = song_lanes
        self._window = desktop.window
        self.mixer = MixerState(self)
        self.edits = Edits(self.mixer, desktop.loop, desktop.edits.stack)
        self.engine = LiveEngine(self.mixer, desktop.bridge, self)
        self.bar = LiveBar()
        self.bar.hide()
        self.lanes = LiveLanes(self.mixer, self.edits)
        self._window.set_live(self.bar, self.lanes)
        live = desktop.settings.current.live
        model = live.model or ModelStore(home.models, home.cards).default
        self.bar.show_choice(LiveChoice(live.device or None, live.channel, model, live.mode))
        self._connect()

    def _connect(self) -> None:
        status, bar, engine = self._window.status, self.bar, self.engine
        action = self._window.actions_["live"]
        action.toggled.connect(self._show_bar)
        bar.close_wanted.connect(partial(action.setChecked, False))
        bar.switch_wanted.connect(self._switch)
        bar.choice_changed.connect(self._choose)
        bar.devices_wanted.connect(self._list_devices)
        engine.ticked.connect(self._show_tick)
        engine.switched.connect(self._switched)
        engine.refused.connect(status.warn)
        engine.refused.connect(lambda _why: bar.set_ready(True))  # pyright: ignore
        self.mixer.stems_changed.connect(self._window.order_tabs)
        self._desktop.bridge.attached.connect(partial(bar.set_ready, True))
        bar.set_ready(self._desktop.bridge.playback is not None)

    # --- wishes ------------------------------------------------------------------------------------

    def _show_bar(self, shown: bool) -> None:
        self.bar.setVisible(shown)
        if shown:
            self._list_devices()
            self._list_models()
            self._window.order_tabs()
            self.bar.power.setFocus()
        elif self.engine.is_on:
            self.engine.stop()

    def _switch(self, on: bool) -> None:
        if on:
            self.engine.start(self.bar.choice)
        else:
            self.engine.stop()

    def _choose(self, choice: object) -> None:
        if not isinstance(choice, LiveChoice):
            return
        self._desktop.settings.change(
            "live",
            device=str(choice.device or ""),
            channel=choice.channel,
            model=choice.model,
            mode=choice.mode,
        )
        if self.engine.is_on:
            self.engine.start(choice)

    def _list_devices(self) -> None:
        job = self._desktop.pool.start(lambda _task: list_devices())
        job.done.connect(self.bar.show_devices)
        job.failed.connect(self._no_devices)

    def _no_devices(self, why: str) -> None:
        self.bar.show_devices(())
        self._window.status.warn(why)

    def _list_models(self) -> None:
        job = self._desktop.pool.start(partial(_live_models, self._home))
        job.done.connect(self.bar.show_models)

    # --- what is -----------------------------------------------------------------------------------

    def look(self) -> None:
        """Follow the engine; with the bridge's ticks."""
        self.engine.look()

    def _show_tick(self, tick: LiveTick) -> None:
        self.bar.set_ready(True)
        self.bar.show_tick(tick)
        if self.lanes.isVisible():
            self.lanes.show_tick(tick)

    def _switched(self, on: bool) -> None:
        desktop = self._desktop
        if on:
            self._window.actions_["live"].setChecked(True)
            self._window.show_live()
            desktop.lane_keys.turn_to(self.mixer, self.edits, self.lanes)
        else:
            self._window.show_lanes(desktop.bridge.song is not None)
            desktop.lane_keys.turn_to(desktop.mixer, desktop.edits, self._song_lanes)


def _live_models(home: Home, _task: Task) -> dict[str, str]:
    """Models that are here and can run live, with their titles."""
    found: dict[str, str] = {}
    for card in ModelStore(home.models, home.cards).cards.values():
        try:
            check_live(home, card.name, "tight")
        except CharonError:
            continue
        found[card.name] = short_title(card)
    return found
