"""The lyrics among the rest of the window: state, model, panel, menus, files, what is remembered.

GUI thread; built with the rooms.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtWidgets import QFileDialog

from app.jobs import Task
from app.karaoke_show import KaraokeShow
from app.lyric_edits import LyricEdits
from app.lyric_lines import moved
from app.lyrics_model import LyricsModel
from app.lyrics_state import LYRIC_SUFFIXES, LyricsState
from app.panels.licence_dialog import LicenceDialog
from app.panels.lyrics import LyricsPanel
from app.panels.lyrics_head import OFFSET_STEP_S
from app.panels.lyrics_view import stepped_px
from app.panels.sing_ribbon import SingRibbon
from app.sing_along import SingAlong
from app.task_models import TaskModels
from app.tick import Tick
from engine.inference.model_store import ModelStore
from engine.io.home import Home
from engine.io.lyric_files import write_lyrics
from engine.lyrics import Lyrics
from engine.services.transcription_job import Hearing

if TYPE_CHECKING:
    from app.desktop import Desktop
    from app.mic_desk import MicDesk
    from app.visual_desk import VisualDesk

LEAST_PX, OPEN_PX = 180, 280
"""A panel that is lower than the first when it is first seen is opened as high as the second."""
_IN_MENU = ("open_lyrics", "paste_lyrics", "", "align_lyrics", "", "save_lyrics", "drop_lyrics")
_FORMATS: tuple[tuple[str, str, str], ...] = (
    ("lrc", "LRC, a time a line", "*.lrc"),
    ("lrc-words", "LRC, a time a word", "*.lrc"),
    ("srt", "SRT subtitles", "*.srt"),
    ("vtt", "WebVTT subtitles", "*.vtt"),
    ("txt", "Text", "*.txt"),
    ("json", "JSON", "*.json"),
)


class LyricsDesk(QObject):
    """Connects them.

    Parameters
    ----------
    desktop : Desktop
    home : Home
        Where models, stems and lyrics lie.
    neighbours : (MicDesk, VisualDesk)
        Whose voice is followed, and whose picture stands behind karaoke.

    Attributes
    ----------
    state : LyricsState
    edits : LyricEdits
    model : LyricsModel
    models : TaskModels
        That transcribe.
    along : SingAlong
    panel : LyricsPanel
    ribbon : SingRibbon
    karaoke : KaraokeShow
    """

    def __init__(self, desktop: "Desktop", home: Home, neighbours: "tuple[MicDesk, VisualDesk]") -> None:
        super().__init__(desktop)
        self._desktop = desktop
        self._window = desktop.window
        self._mic = neighbours[0]
        self.state = LyricsState(self)
        self.edits = LyricEdits(self.state, desktop.edits)
        self.model = LyricsModel(self.state, self.edits, desktop.pool, home, self)
        make_store = partial(ModelStore, home.models, home.cards)
        self.models = TaskModels(make_store, desktop.pool, "transcribe", self)
        self._after_fetch = ""
        self._gesture = 0
        self._gesture_over = QTimer(self)
        self._gesture_over.setSingleShot(True)
        self._gesture_over.setInterval(800)
        self._dock = self._window.dock("lyrics")
        self.panel = LyricsPanel(self.state, self.edits, (self.model, self.models), self._entries())
        self.along = SingAlong(desktop.bridge, desktop.pool, self)
        self.karaoke = KaraokeShow(desktop, self.state, self.along, neighbours)
        self.ribbon = SingRibbon(self.along, self.panel)
        self.ribbon.hide()
        self.panel.add_below(self.ribbon)
        self._dock.setWidget(self.panel)
        self._dock.visibilityChanged.connect(self._seen)
        self._recall()
        self._connect()
        self._connect_actions()
        self.models.refresh()
        self._show_actions()
        if self._dock.isVisible():
            self._seen(True)

    # --- building ----------------------------------------------------------------------------------

    def _entries(self) -> list[QAction | None]:
        return [self._window.actions_[name] if name else None for name in _IN_MENU]

    def _connect(self) -> None:
        status, head, panel = self._window.status, self.panel.head, self.panel
        panel.first_wanted.connect(self.transcribe)
        panel.file_dropped.connect(self._take_file)
        panel.empty.paste_wanted.connect(self.paste)
        panel.empty.open_wanted.connect(self.choose_file)
        panel.view.seek_wanted.connect(self._desktop.bridge.seek)
        panel.view.size_wanted.connect(self._change_size)
        head.transcribe_pressed.connect(self.transcribe)
        head.size_wanted.connect(self._change_size)
        head.offset_wanted.connect(self._set_offset)
        head.model_chosen.connect(self._choose_model)
        head.language_chosen.connect(self._choose_language)
        head.hearing_chosen.connect(self._choose_hearing)
        self.model.failed.connect(status.warn)
        self.model.notice.connect(status.tell)
        self.models.failed.connect(status.warn)
        self.models.ready.connect(self._fetched)
        self.models.changed.connect(self._note_models)
        head.full_screen_wanted.connect(self._window.actions_["karaoke"].trigger)
        head.sing_wanted.connect(self._window.actions_["sing"].setChecked)
        self._window.actions_["sing"].toggled.connect(self._sing)
        self.ribbon.mic_wanted.connect(self._mic.switch_on)
        self._mic.engine.opened.connect(self.ribbon.show_mic)
        self.along.switched.connect(head.show_singing)
        self.along.failed.connect(status.warn)
        self.state.changed.connect(self._show_actions)
        self.model.changed.connect(self._show_actions)

    def _connect_actions(self) -> None:
        actions = self._window.actions_
        for name, call in (
            ("transcribe", self.transcribe),
            ("align_lyrics", self.align),
            ("open_lyrics", self.choose_file),
            ("paste_lyrics", self.paste),
            ("save_lyrics", self.ask_to_save),
            ("drop_lyrics", self._drop),
            ("lyrics_sooner", partial(self._step_offset, -OFFSET_STEP_S)),
            ("lyrics_later", partial(self._step_offset, OFFSET_STEP_S)),
        ):
            actions[name].triggered.connect(lambda _checked=False, call=call: call())

    def _show_actions(self) -> None:
        actions, some = self._window.actions_, self.state.lyrics is not None
        has_song = self.model.song is not None
        for name in ("align_lyrics", "save_lyrics", "drop_lyrics"):
            actions[name].setEnabled(some)
        for name in ("transcribe", "open_lyrics", "paste_lyrics"):
            actions[name].setEnabled(has_song)
        for name in ("lyrics_sooner", "lyrics_later"):
            actions[name].setEnabled(self.state.is_timed)

    @property
    def shown(self) -> Lyrics | None:
        """The lyrics as they are shown: moved by their offset."""
        lyrics = self.state.lyrics
        return None if lyrics is None else moved(lyrics, self.state.offset_s)

    def show_tick(self, tick: Tick) -> None:
        """Follow the song, and what is heard of it."""
        if tick.song != self.model.song:
            self.model.set_song(tick.song)
        self.model.set_playhead(tick.position_s)
        self.panel.show_tick(tick)
        self.along.show_tick(tick)
        self.ribbon.show_tick(tick)
        self.karaoke.show_tick(tick)

    def close(self) -> None:
        """End the worker and the singer's thread; what is not kept yet is."""
        # What a thread still has to tell would find the window's actions gone.
        self.state.changed.disconnect(self._show_actions)
        self.model.changed.disconnect(self._show_actions)
        self.karaoke.close()
        self.along.close()
        self.model.close()

    def _seen(self, visible: bool) -> None:
        if visible:
            self._dock.visibilityChanged.disconnect(self._seen)
            QTimer.singleShot(0, self, self._make_room)

    def _make_room(self) -> None:
        """Let the words be seen where the dock comes up as a strip; a size that the user gave it stays."""
        layout = self._window.layout()
        if layout is not None:
            layout.activate()
        if self.panel.height() < LEAST_PX:
            self._window.resizeDocks([self._dock], [OPEN_PX], Qt.Orientation.Vertical)

    # --- what is remembered ------------------------------------------------------------------------

    def _recall(self) -> None:
        lyrics = self._desktop.settings.current.lyrics
        hearing: dict[str, Hearing] = {"mix": "mix", "vocals": "vocals"}
        self.model.order = replace(
            self.model.order,
            model=lyrics.model,
            language=lyrics.language,
            hearing=hearing.get(lyrics.hearing, "both"),
        )
        self.panel.view.set_font_px(lyrics.font_px)
        self.panel.head.show_choice(lyrics.model, lyrics.language, lyrics.hearing)
        self._note_models()

    def _choose_language(self, code: str) -> None:
        self._change(language=code)

    def _choose_hearing(self, name: str) -> None:
        self._change(hearing=name)

    def _change(self, **values: str) -> None:
        self._desktop.settings.change("lyrics", **values)
        self._recall()
        self.panel.show_state()

    def _change_size(self, steps: int) -> None:
        lyrics = self._desktop.settings.current.lyrics
        px = stepped_px(lyrics.font_px, steps)
        self._desktop.settings.change("lyrics", font_px=px)
        self.panel.view.set_font_px(px)

    def _set_offset(self, offset_s: float, in_gesture: bool) -> None:
        if not (in_gesture and self._gesture_over.isActive()):
            self._gesture = self._desktop.edits.begin_gesture()
        self._gesture_over.start()
        self.edits.set_offset_s(offset_s, self._gesture)

    def _step_offset(self, by_s: float) -> None:
        self._set_offset(round(self.state.offset_s + by_s, 3), True)

    # --- hearing -----------------------------------------------------------------------------------

    def transcribe(self) -> None:
        """Hear the words, or stop that; fetch the model first where it is not here."""
        if self.models.fetching:
            self._after_fetch = ""
            self.models.cancel()
        elif self.model.is_working:
            self.model.cancel()
        elif self.panel.is_model_missing:
            self._fetch(self.model.order.model, "transcribe")
        else:
            self._window.open_panel("lyrics")
            self.model.transcribe()

    def align(self) -> None:
        """Find when each word of the lines is sung; fetch the model first where it is not here."""
        if self.panel.is_model_missing:
            self._fetch(self.model.order.model, "align")
        else:
            self.model.align_again()

    def _choose_model(self, name: str) -> None:
        row = self.models.row(name)
        if row is not None and not row.present:
            self._fetch(name, "")
        self._change(model=name)

    def _fetch(self, name: str, then: str) -> None:
        row = self.models.row(name)
        self._after_fetch = then
        if row is None or not row.card.licence.requires_acceptance:
            self.models.want(name)
            return
        dialog = LicenceDialog(row.card, self._window)
        dialog.accepted.connect(partial(self.models.want, name, accept_licence=True))
        dialog.open()

    def _fetched(self, name: str) -> None:
        self._window.status.tell(self.tr("{} is here").format(name))
        then, self._after_fetch = self._after_fetch, ""
        # Its row is read again behind this.
        if then == "transcribe":
            self.model.transcribe()
        elif then == "align":
            self.model.align_again()

    def _note_models(self) -> None:
        row = self.models.row(self.model.order.model)
        self.model.can_hear = row is not None and row.present

    # --- singing -----------------------------------------------------------------------------------

    def _sing(self, on: bool) -> None:
        self.along.switch(on)
        self.ribbon.setVisible(on)
        self._window.order_tabs()
        if on:
            self._window.open_panel("lyrics")
            self.ribbon.show_mic(self._mic.engine.is_open)

    # --- files -------------------------------------------------------------------------------------

    def paste(self) -> None:
        """Take what was copied."""
        text = QGuiApplication.clipboard().text()
        if text.strip():
            self._window.open_panel("lyrics")
            self.model.import_text(text)
        else:
            self._window.status.warn(self.tr("Nothing to paste: copy the lyrics first"))

    def choose_file(self) -> None:
        """Ask for a file of lyrics."""
        dialog = QFileDialog(self._window, self.tr("Open lyrics"), self._folder())
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        endings = " ".join(f"*{suffix}" for suffix in sorted(LYRIC_SUFFIXES))
        dialog.setNameFilter(self.tr("Lyrics") + f" ({endings})")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self._open_file)
        dialog.open()

    def _open_file(self, name: str) -> None:
        self._desktop.settings.change("lyrics", folder=str(Path(name).parent))
        self.model.import_file(Path(name))

    def _take_file(self, path: object) -> None:
        if isinstance(path, Path):
            self.take_file(path)

    def take_file(self, path: Path) -> None:
        """Take lyrics that were dropped, and show them."""
        self._window.open_panel("lyrics")
        self.model.import_file(path)

    def _folder(self) -> str:
        song, kept = self.model.song, self._desktop.settings.current.lyrics.folder
        return kept if kept or song is None else str(song.parent)

    def ask_to_save(self) -> None:
        """Ask where the lyrics go, and in which format."""
        song = self.model.song
        if song is None or self.state.lyrics is None:
            return
        dialog = QFileDialog(self._window, self.tr("Save lyrics"), self._folder())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        filters = {f"{title} ({pattern})": kind for kind, title, pattern in _FORMATS}
        dialog.setNameFilters(list(filters))
        dialog.setDefaultSuffix("lrc")
        dialog.selectFile(f"{song.stem}.lrc")

        def suit(chosen: str) -> None:
            dialog.setDefaultSuffix(filters[chosen].partition("-")[0])

        def save(name: str) -> None:
            self._desktop.settings.change("lyrics", folder=str(Path(name).parent))
            self.save(Path(name), filters[dialog.selectedNameFilter()])

        dialog.filterSelected.connect(suit)
        dialog.fileSelected.connect(save)
        dialog.open()

    def save(self, path: Path, kind: str) -> None:
        """Write the lyrics as they are shown, moved by their offset.

        Parameters
        ----------
        path : Path
        kind : str
            One of `engine.io.lyric_files.KINDS`.
        """
        lyrics = self.shown
        if lyrics is None:
            return
        title = self._desktop.bridge.tick.title

        def write(_task: Task) -> Path:
            write_lyrics(lyrics, path, kind, title=title)
            return path

        job = self._desktop.pool.start(write)
        job.done.connect(partial(self._saved, path))
        job.failed.connect(self._window.status.warn)

    def _saved(self, path: Path, _same: object) -> None:
        self._window.status.tell(self.tr("Saved {}").format(path))

    def _drop(self) -> None:
        self.model.cancel()
        self.edits.show(self.tr("Remove lyrics"), None)
