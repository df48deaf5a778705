"""Karaoke on the whole screen: the stage with the Julia set, the words on it, the vocals turned down.

GUI thread. The stage is the visual desk's; while karaoke is on, a `KaraokeSheet` lies on it. The vocals are
turned down for as long as it lasts and no longer, which is no step of the undo stack.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from app.lyrics_state import LyricsState
from app.panels.karaoke import KaraokeSheet
from app.panels.lyrics_view import stepped_px
from app.sing_along import VOCALS, SingAlong
from app.tick import Tick

if TYPE_CHECKING:
    from app.desktop import Desktop
    from app.mic_desk import MicDesk
    from app.visual_desk import VisualDesk


class KaraokeShow(QObject):
    """Puts it on and takes it off.

    Parameters
    ----------
    desktop : Desktop
    state : LyricsState
    along : SingAlong
    neighbours : (MicDesk, VisualDesk)

    Attributes
    ----------
    sheet : KaraokeSheet or None
        While it is on.
    """

    def __init__(
        self,
        desktop: "Desktop",
        state: LyricsState,
        along: SingAlong,
        neighbours: "tuple[MicDesk, VisualDesk]",
    ) -> None:
        super().__init__(desktop)
        self._desktop = desktop
        self._state = state
        self._along = along
        self._mic, self._visual = neighbours
        self._own_stage = False
        self._gain_before_db: float | None = None
        self._guide_db = 0.0
        self.sheet: KaraokeSheet | None = None
        desktop.window.actions_["karaoke"].toggled.connect(self._switch)
        self._mic.engine.opened.connect(self._show_mic)
        desktop.mixer.changed.connect(self._show_vocals)

    def show_tick(self, tick: Tick) -> None:
        """Follow what is heard."""
        if self.sheet is not None:
            self.sheet.show_tick(tick)

    def close(self) -> None:
        """Leave it."""
        self._desktop.window.actions_["karaoke"].setChecked(False)

    # --- on and off --------------------------------------------------------------------------------

    def _switch(self, on: bool) -> None:
        picture = self._desktop.window.actions_["picture"]
        if on and self.sheet is None:
            self._own_stage = self._visual.stage is None
            picture.setChecked(True)
            self._lay_sheet()
        elif not on and self.sheet is not None:
            sheet, self.sheet = self.sheet, None
            sheet.hide()
            sheet.deleteLater()
            self._raise_vocals()
            if self._own_stage:
                picture.setChecked(False)

    def _lay_sheet(self) -> None:
        stage = self._visual.stage
        if stage is None:
            self.close()
            return
        desktop = self._desktop
        sheet = self.sheet = KaraokeSheet(self._state, self._along, desktop.edits, stage.view)
        stage.left.connect(self._stage_left)
        sheet.view.set_font_px(desktop.settings.current.lyrics.karaoke_font_px)
        sheet.view.seek_wanted.connect(desktop.bridge.seek)
        sheet.view.size_wanted.connect(self._change_size)
        sheet.vocals_wanted.connect(self._set_vocals)
        sheet.ribbon.mic_wanted.connect(self._mic.switch_on)
        sheet.ribbon.show_mic(self._mic.engine.is_open)
        sheet.show_tick(desktop.bridge.tick)
        sheet.show()
        sheet.view.setFocus()
        self._lower_vocals()

    def _stage_left(self) -> None:
        """The stage closes, and the sheet with it."""
        if self.sheet is not None:
            self.sheet = None
            self._raise_vocals()
            self._desktop.window.actions_["karaoke"].setChecked(False)

    def _show_mic(self, is_open: bool) -> None:
        if self.sheet is not None:
            self.sheet.ribbon.show_mic(is_open)

    def _change_size(self, steps: int) -> None:
        settings = self._desktop.settings
        px = stepped_px(settings.current.lyrics.karaoke_font_px, steps)
        settings.change("lyrics", karaoke_font_px=px)
        if self.sheet is not None:
            self.sheet.view.set_font_px(px)

    # --- the vocals --------------------------------------------------------------------------------

    def _lower_vocals(self) -> None:
        mixer = self._desktop.mixer
        has_vocals = VOCALS in mixer.stems
        if self.sheet is not None:
            self.sheet.set_has_vocals(has_vocals)
        if has_vocals:
            self._gain_before_db = mixer.strip(VOCALS).gain_db
            self._turn(min(self._gain_before_db, self._desktop.settings.current.lyrics.guide_db))

    def _set_vocals(self, gain_db: float) -> None:
        self._desktop.settings.change("lyrics", guide_db=gain_db)
        self._turn(gain_db)

    def _turn(self, gain_db: float) -> None:
        mixer = self._desktop.mixer
        if VOCALS in mixer.stems:
            self._guide_db = gain_db
            mixer.set_strip(VOCALS, replace(mixer.strip(VOCALS), gain_db=gain_db))
            self._show_vocals(VOCALS)

    def _raise_vocals(self) -> None:
        """As it was before, unless somebody has turned it in the mixer meanwhile."""
        before_db, self._gain_before_db = self._gain_before_db, None
        mixer = self._desktop.mixer
        if before_db is not None and VOCALS in mixer.stems:
            strip = mixer.strip(VOCALS)
            if strip.gain_db == self._guide_db:
                mixer.set_strip(VOCALS, replace(strip, gain_db=before_db))

    def _show_vocals(self, name: str) -> None:
        if self.sheet is not None and name == VOCALS and VOCALS in self._desktop.mixer.stems:
            self.sheet.show_vocals(self._desktop.mixer.strip(VOCALS).gain_db)
