"""Takes among the rest of the window: what was sung becomes a lane, is heard, named, removed, and kept.

GUI thread; placing a take in its song and measuring it is a job's, letting it be heard the control thread's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QInputDialog

from app.jobs import Task
from app.panels.lanes import LanesPanel
from app.panels.question import Question
from app.take_state import TakeEntry, TakeState
from engine.errors import CharonError
from engine.realtime.layout import MAX_LANES
from engine.services.take import KINDS, Kind, wav_path
from engine.services.take_lane import TakeLane, make_take_lane
from engine.services.take_peaks import TakePeaks

if TYPE_CHECKING:
    from pathlib import Path

    from app.desktop import Desktop
    from engine.services.playback import Playback


@dataclass(slots=True)
class _Placed:
    """What a job has made of some takes."""

    folder: "Path"
    lanes: dict[str, tuple[TakeLane, TakePeaks]] = field(default_factory=lambda: {})
    refused: dict[str, str] = field(default_factory=lambda: {})


class TakeDesk(QObject):
    """Connects them.

    Parameters
    ----------
    desktop : Desktop
    lanes : LanesPanel

    Attributes
    ----------
    state : TakeState
    heard : Signal()
        The engine plays the takes as they stand here.
    """

    heard = Signal()
    _answered = Signal(object)

    def __init__(self, desktop: "Desktop", lanes: LanesPanel) -> None:
        super().__init__(desktop)
        self._desktop = desktop
        self._lanes = lanes
        self.state = TakeState(desktop.edits, self)
        self._made: dict[str, tuple[TakeEntry, TakeLane, TakePeaks]] = {}
        self._folder: Path | None = None
        self._answered.connect(_run, Qt.ConnectionType.QueuedConnection)
        self.state.changed.connect(self._follow)
        desktop.bridge.song_changed.connect(self._forget)
        desktop.bridge.song_opened.connect(self._follow)
        lanes.rename_wanted.connect(self._ask_title)
        lanes.remove_wanted.connect(self.state.remove)
        lanes.delete_wanted.connect(self._ask_to_delete)

    def lanes(self) -> dict[str, TakeLane]:
        """Lanes of the takes that were made by now, in order; for an export."""
        made = ((entry.name, self._made.get(entry.name)) for entry in self.state.entries)
        return {name: one[1] for name, one in made if one is not None}

    def add(self, log: "Path", kind: Kind) -> TakeEntry | None:
        """Make a lane of a take; None, and a line that says so, where there is no room for another.

        Parameters
        ----------
        log : Path
            The ``.take`` file; not of a recording under way.
        kind : {"dry", "wet"}
        """
        most = MAX_LANES - 1 - len(self._desktop.mixer.stems)
        if len(self.state.entries) >= most:
            self._desktop.window.status.warn(
                self.tr("{} is recorded and no lane: {} takes are all that fit; remove one first").format(
                    log.stem, most
                )
            )
            return None
        return self.state.add(log, kind)

    def _forget(self, _song: object) -> None:
        """Another song: its takes are its session's affair."""
        self.state.clear()
        self._desktop.mixer.drop_takes()

    # --- from the state to the ear -----------------------------------------------------------------

    def _follow(self) -> None:
        """Show the lanes at once; make and hear those that are not heard yet."""
        state, folder = self.state, self._desktop.bridge.tick.folder
        playback = self._desktop.bridge.playback
        if playback is not None and playback.song_folder is not None:
            folder = playback.song_folder
        self._desktop.mixer.set_takes(state.titles())
        if folder != self._folder:
            self._folder = folder
            self._made.clear()
        entries = {entry.name: entry for entry in state.entries}
        for name in [name for name, made in self._made.items() if _differs(made[0], entries.get(name))]:
            del self._made[name]
        self._show_peaks()
        if folder is None:
            return
        missing = tuple(entry for name, entry in entries.items() if name not in self._made)
        if missing:
            job = self._desktop.pool.start(partial(_place, folder, missing))
            job.done.connect(self._take_placed)
            job.failed.connect(self._desktop.window.status.warn)
        else:
            self._send()

    def _take_placed(self, placed: object) -> None:
        if not isinstance(placed, _Placed) or placed.folder != self._folder:
            return
        for name, (lane, peaks) in placed.lanes.items():
            entry = self.state.entry(name)
            if entry is not None and not _differs(entry, TakeEntry(name, "", lane.log, lane.kind)):
                self._made[name] = entry, lane, peaks
        for name, why in placed.refused.items():
            self._desktop.window.status.warn(why)
            self.state.forget(name)
        self._show_peaks()
        if all(entry.name in self._made for entry in self.state.entries):
            self._send()

    def _show_peaks(self) -> None:
        self._lanes.waves.show_takes({name: made[2] for name, made in self._made.items()})

    def _send(self) -> None:
        """Let the engine play them, in the order of the lanes."""
        takes = {entry.name: self._made[entry.name][1] for entry in self.state.entries}

        def change(playback: "Playback") -> None:
            playback.takes.set(takes)
            self._answered.emit(self._sent)

        self._desktop.bridge.carry_out(change, "takes")

    def _sent(self) -> None:
        self._desktop.bridge.send_mix()
        self.heard.emit()

    # --- what else a hand does ---------------------------------------------------------------------

    def _ask_title(self, name: str) -> None:
        entry = self.state.entry(name)
        if entry is None:
            return
        dialog = QInputDialog(self._desktop.window)
        dialog.setWindowTitle(self.tr("Rename the take"))
        dialog.setLabelText(self.tr("What shall this take be called?"))
        dialog.setTextValue(entry.title)
        dialog.setOkButtonText(self.tr("Rename"))
        dialog.textValueSelected.connect(partial(self.state.rename, name))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _ask_to_delete(self, name: str) -> None:
        entry = self.state.entry(name)
        if entry is None:
            return
        question = Question(
            self.tr("Delete the recording of “{}”?").format(entry.title),
            self.tr("Its files in {} are deleted, and cannot be brought back.").format(entry.log.parent),
            self.tr("Delete"),
            self._desktop.window,
        )
        question.accepted.connect(partial(self._delete, entry))
        question.open()

    def _delete(self, entry: TakeEntry) -> None:
        made = self._made.get(entry.name)
        self.state.forget(entry.name)
        lane = None if made is None else made[1].path
        job = self._desktop.pool.start(partial(_delete_files, entry, lane))
        told = self.tr("{} is deleted").format(entry.title)
        job.done.connect(lambda _nothing: self._desktop.window.status.tell(told))  # pyright: ignore
        job.failed.connect(self._desktop.window.status.warn)


def _differs(entry: TakeEntry, other: TakeEntry | None) -> bool:
    """Whether they are other recordings; titles aside."""
    return other is None or (entry.log, entry.kind) != (other.log, other.kind)


def _place(folder: "Path", entries: tuple[TakeEntry, ...], task: Task) -> _Placed:
    """Make lanes of takes; on a job's thread."""
    placed = _Placed(folder)
    for entry in entries:
        task.check()
        try:
            lane = make_take_lane(entry.log, entry.kind, folder)
            placed.lanes[entry.name] = lane, TakePeaks(lane)
        except CharonError as err:
            placed.refused[entry.name] = str(err)
    return placed


def _delete_files(entry: TakeEntry, lane: "Path | None", _task: Task) -> None:
    for path in (
        *(wav_path(entry.log, kind) for kind in KINDS),
        entry.log,
        *(() if lane is None else (lane,)),
    ):
        try:
            path.unlink(missing_ok=True)
        except OSError as err:
            raise CharonError(f"{path} cannot be deleted: {(err.strerror or str(err)).lower()}") from err


def _run(call: "Mapping[str, object] | object") -> None:
    if callable(call):
        call()
