"""Offsets as they are written and typed; where lyrics come from and how far the work is, in words."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lyric_words import offset_text, origin_text, parse_offset, work_text
from app.lyrics_state import MAX_OFFSET_S, LyricsState, Origin
from engine.lyrics import Lyrics, Segment, Word
from engine.services.transcription_job import JobState, TranscriptionJob


@pytest.mark.parametrize(
    ("text", "offset_s"),
    [
        ("250 ms", 0.25),
        ("-0,25", -0.25),
        ("\N{MINUS SIGN}1.5 s", -1.5),
        ("+2", 2.0),
        (".5s", 0.5),
        ("99 s", MAX_OFFSET_S),
        ("later", None),
        ("", None),
        ("1.2.3", None),
    ],
)
def test_typed_offsets(text: str, offset_s: float | None) -> None:
    assert parse_offset(text) == offset_s


@given(st.floats(-MAX_OFFSET_S, MAX_OFFSET_S))
def test_what_is_written_is_read_back(offset_s: float) -> None:
    assert parse_offset(offset_text(offset_s)) == pytest.approx(offset_s, abs=0.0051)


def test_where_lyrics_come_from() -> None:
    state = LyricsState()
    assert origin_text(state, "Whisper base") == ""
    words = Lyrics((Segment(1.0, 2.0, "la", (Word(1.0, 2.0, "la"),)),), "en")
    lines = Lyrics((Segment(1.0, 2.0, "la"),), "en")
    plain = Lyrics((Segment(0.0, 0.0, "la"),), "")
    for lyrics, origin, source, text in (
        (words, Origin.HEARD, "whisper-base", "Heard by Whisper base"),
        (words, Origin.ALIGNED, "whisper-base", "Yours, put in time by Whisper base"),
        (lines, Origin.FILE, "song.lrc", "From song.lrc, a time a line"),
        (plain, Origin.FILE, "", "Pasted, without times"),
        (words, Origin.TAGS, "", "From the song's tags"),
        (words, Origin.EDITED, "", "Edited"),
    ):
        state.show(lyrics, origin, source)
        assert origin_text(state, "Whisper base") == text
    state.show(Lyrics((), ""), Origin.FILE, "empty.lrc")
    assert (state.lyrics, state.origin, state.source) == (None, Origin.NONE, "")


def test_work_names_its_step_its_speed_and_what_it_runs_on() -> None:
    song = Path("song.wav")
    heard = TranscriptionJob(
        song, JobState.TRANSCRIBING, 0.429, language="en", ran_on="CPU, int8", speed=12.34
    )
    assert work_text(heard) == "Hearing the words, 42 %  ·  12x  ·  en  ·  CPU, int8"
    failed = TranscriptionJob(song, JobState.FAILED, message="no model")
    assert work_text(failed) == "no model"
    assert "kept" in work_text(TranscriptionJob(song, JobState.CANCELLED))
