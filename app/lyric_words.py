"""Lyrics in words: where they come from, how far the work on them is, and numbers as they are written.

GUI thread; pure functions.
"""

import re

from PySide6.QtCore import QCoreApplication

from app.lyrics_state import MAX_OFFSET_S, LyricsState, Origin
from app.queue_model import speed_text
from engine.services.transcription_job import JobState, TranscriptionJob

LANGUAGES: tuple[tuple[str, str], ...] = (
    ("", "As it is heard"),
    ("en", "English"),
    ("de", "Deutsch"),
    ("es", "Español"),
    ("fr", "Français"),
    ("it", "Italiano"),
    ("nl", "Nederlands"),
    ("pl", "Polski"),
    ("pt", "Português"),
    ("sv", "Svenska"),
    ("tr", "Türkçe"),
    ("uk", "Українська"),
    ("ja", "日本語"),
    ("ko", "한국어"),
    ("zh", "中文"),
)
"""Those that are asked for most; others are detected."""


def origin_text(state: LyricsState, model_title: str) -> str:
    """Where the lyrics come from, in some words.

    Parameters
    ----------
    state : LyricsState
    model_title : str
        What the user calls the model that heard them.
    """
    texts = {
        Origin.NONE: "",
        Origin.FILE: _tr("From {}").format(state.source) if state.source else _tr("Pasted"),
        Origin.TAGS: _tr("From the song's tags"),
        Origin.HEARD: _tr("Heard by {}").format(model_title),
        Origin.ALIGNED: _tr("Yours, put in time by {}").format(model_title),
        Origin.EDITED: _tr("Edited"),
    }
    text = texts[state.origin]
    if text and not state.is_timed:
        return _tr("{}, without times").format(text)
    return text if not text or state.has_words else _tr("{}, a time a line").format(text)


def work_text(job: TranscriptionJob, *, short: bool = False) -> str:
    """How far the work on a song's words is, in one line; short is without speed, language and processor."""
    percent = f"{int(100 * job.part)} %"
    texts = {
        JobState.WAITING: _tr("Another song is heard first"),
        JobState.PREPARING: _tr("Listening for the voice, {}").format(percent),
        JobState.TRANSCRIBING: _tr("Hearing the words, {}").format(percent),
        JobState.ALIGNING: _tr("Putting the words in time, {}").format(percent),
        JobState.READY: "",
        JobState.FAILED: job.message,
        JobState.CANCELLED: _tr("Stopped; what was heard is kept"),
    }
    if short:
        return texts[job.state]
    speed = "" if job.speed is None or job.state is JobState.PREPARING else speed_text(job.speed)
    parts = [texts[job.state], speed, job.language, job.ran_on]
    return "  ·  ".join(part for part in parts if part)


def offset_text(offset_s: float) -> str:
    """An offset with its sign, such as "+0.25 s"."""
    text = f"{offset_s:+.2f} s"
    return "0.00 s" if abs(offset_s) < 0.005 else text.replace("-", "\N{MINUS SIGN}")


def parse_offset(text: str) -> float | None:
    """The offset that a text stands for, in seconds; "250 ms" and "0,25" are read too."""
    found = re.fullmatch(r"\s*([+-]?\d*[.,]?\d+)\s*(ms|s)?\s*", text.replace("\N{MINUS SIGN}", "-"))
    if found is None:
        return None
    value = float(found[1].replace(",", ".")) / (1000.0 if found[2] == "ms" else 1.0)
    return max(-MAX_OFFSET_S, min(MAX_OFFSET_S, value))


def _tr(text: str) -> str:
    return QCoreApplication.translate("LyricWords", text)
