"""A song's words by the in-process interface: heard, kept, gone on with, refused; a real small model."""

import gc
import warnings
from dataclasses import replace
from pathlib import Path

import jiwer
import numpy as np
import psutil
import pytest
import soundfile

from engine.errors import (
    CharonWarning,
    DecodeError,
    JobCancelled,
    ModelError,
    ModelMissing,
    ParameterError,
    StoreBusy,
)
from engine.io.home import Home
from engine.lyrics import Lyrics, Segment
from engine.services.align_lyrics import align_lyrics, parse_given
from engine.services.lyric_choice import plain_word
from engine.services.lyrics_store import LyricsStore
from engine.services.transcribe_song import Transcriber
from engine.services.transcription_job import TranscriptionOrder
from tests.services.conftest import SHARED, noise
from tests.services.singing import DRAFT, MIX, RATE_HZ, SAID, whisper_home, write_verses


@pytest.fixture(scope="module")
def own(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    return whisper_home(tmp_path_factory.mktemp("whisper"), home)


@pytest.fixture(scope="module")
def transcriber(own: Home):
    with Transcriber(home=own) as transcriber:
        yield transcriber


def words_of(segments: tuple[Segment, ...] | list[Segment]) -> str:
    return " ".join(plain_word(word.text) for segment in segments for word in segment.words)


SPOKEN = " ".join(map(plain_word, SAID.split()))


def test_words_of_a_song_and_what_is_known_of_them(transcriber: Transcriber, own: Home):
    """Vocals are taken out, both are heard, and what was heard once is not heard again."""
    told: list[tuple[str, float]] = []
    with transcriber.open(SHARED / "speech.ogg", DRAFT) as song:
        segments = list(song.segments(lambda what, part: told.append((what, part))))
        assert song.ran_on == f"{song.ran_on.partition(',')[0]}, int8"
        assert (song.language, song.resumed_windows, song.warnings) == ("en", 0, [])
        assert song.inference_s > 0.0
        assert song.lyrics.segments == tuple(sorted(segments, key=lambda segment: segment.start_s))
    assert jiwer.wer(SPOKEN, words_of(segments)) <= 0.1
    assert {segment.source for segment in segments} <= {"mix", "vocals"}
    assert [what for what, _ in told] == sorted(what for what, _ in told)  # preparing, then transcribing
    assert told[-1] == ("transcribing", 1.0)
    assert all(part >= -1.0 for _, part in told)
    parts = [part for what, part in told if what == "preparing" and part >= 0.0]
    assert parts == sorted(parts)
    loads = transcriber.cache.loads
    with transcriber.open(SHARED / "speech.ogg", DRAFT) as song:
        assert list(song.segments()) == segments
        assert song.resumed_windows > 0
        assert song.inference_s == 0.0
        left = {path.suffix for path in song.transcript.folder.iterdir()}
    assert transcriber.cache.loads == loads
    assert left == {".jsonl", ".lock"}
    kept = LyricsStore(own).read(SHARED / "speech.ogg")
    assert kept is not None
    assert kept.segments == tuple(segments)
    assert kept.model == DRAFT.model


def test_a_run_that_was_left_goes_on_where_it_was(transcriber: Transcriber, home: Home, tmp_path: Path):
    path = write_verses(tmp_path / "verses.wav")
    with transcriber.open(path, MIX) as song:
        heard = [next(song.segments())]  # whoever asks for no more has cancelled
    with transcriber.open(path, MIX) as song:
        assert song.resumed_windows == 1
        with pytest.raises(StoreBusy, match="another Charon transcribes this song"):
            transcriber.open(path, MIX)
        heard = list(song.segments())
    with Transcriber(home=whisper_home(tmp_path / "other", home)) as other, other.open(path, MIX) as whole:
        assert list(whole.segments()) == heard
        assert whole.resumed_windows == 0
    assert len(heard) >= 3
    assert words_of(heard).count("allen") == 3


def test_the_window_that_is_listened_to_goes_first(transcriber: Transcriber, tmp_path: Path):
    path = write_verses(tmp_path / "verses.wav", rest_s=4.7)
    with transcriber.open(path, MIX) as song:
        first = next(song.segments(playhead_s=lambda: 9.0))
    assert 7.5 < first.start_s < 12.0


def test_cancelling_keeps_what_is_heard(transcriber: Transcriber, tmp_path: Path):
    path = write_verses(tmp_path / "verses.wav", rest_s=4.9)

    def stop(what: str, part: float) -> None:
        if what == "transcribing" and part > 0.3:
            raise JobCancelled("cancelled")

    with transcriber.open(path, MIX) as song, pytest.raises(JobCancelled):
        list(song.segments(stop))
    with transcriber.open(path, MIX) as song:
        assert song.resumed_windows >= 1
        assert len(list(song.segments())) >= 3


@pytest.mark.parametrize("kind", ["silence", "noise", "a moment", "one frame"])
def test_where_nobody_sings_there_are_no_words(transcriber: Transcriber, tmp_path: Path, kind: str):
    n_frames = {"a moment": RATE_HZ // 10, "one frame": 1}.get(kind, 40 * RATE_HZ)
    sound = np.zeros((2, n_frames), np.float32) if kind == "silence" else noise(n_frames)
    path = tmp_path / f"{kind}.wav"
    soundfile.write(path, sound.T, RATE_HZ)
    with transcriber.open(path, MIX) as song:
        assert list(song.segments()) == []
        assert song.transcript.record.done
        assert song.lyrics == Lyrics((), song.language, MIX.model)
    with transcriber.open(path, MIX) as song, pytest.raises(ParameterError, match="no words are heard"):
        align_lyrics(song, parse_given("la la la"), lambda _what, _part: None)


def test_without_a_separator_the_mix_is_heard_and_that_is_said(transcriber: Transcriber, tmp_path: Path):
    path = write_verses(tmp_path / "verse.wav", n=1)
    order = replace(DRAFT, separator="htdemucs-4stems")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CharonWarning)
        with transcriber.open(path, order) as song:
            assert {segment.source for segment in song.segments()} == {"mix"}
            assert len(song.warnings) == 1
            assert song.warnings[0].startswith("only the mix is heard")


def test_what_cannot_be_done_is_said_before_any_work(transcriber: Transcriber, own: Home, tmp_path: Path):
    song = SHARED / "speech.ogg"
    text = tmp_path / "no sound.ogg"
    text.write_text("words")
    for path, order, error, why in (
        (song, replace(DRAFT, language="xx"), ParameterError, "no language 'xx'"),
        (song, replace(DRAFT, language="de"), ParameterError, "English only"),
        (song, replace(DRAFT, precision="int4"), ParameterError, "no precision"),
        (song, replace(DRAFT, device="tpu"), ParameterError, "no device"),
        (song, TranscriptionOrder(model="whisper-large-v3-turbo"), ModelMissing, "whisper-large-v3-turbo"),
        (song, TranscriptionOrder(model="wisper-base"), ModelMissing, "whisper-base"),
        (song, TranscriptionOrder(model="quarter"), ModelError, "quarter"),
        (text, DRAFT, DecodeError, r"no sound\.ogg"),
        (tmp_path / "missing.ogg", DRAFT, DecodeError, r"missing\.ogg"),
    ):
        before = sorted(own.root.rglob("*"))
        with pytest.raises(error, match=why):
            transcriber.open(path, order)
        assert sorted(own.root.rglob("*")) == before
    small = Transcriber(home=own, budget_bytes=10_000_000)
    with (
        small.open(song, replace(MIX, language="en")) as opened,
        pytest.raises(ModelError, match="10 MB are"),
    ):
        next(opened.segments())


def test_given_lyrics_are_put_in_time(transcriber: Transcriber):
    """Each word once, in order, where it is said; a heading is not sung."""
    told: list[str] = []
    with transcriber.open(SHARED / "speech.ogg", DRAFT) as song:
        heard = list(song.segments())
        given = parse_given(f"[Verse 1]\n\n{SAID}")
        lyrics = align_lyrics(song, given, lambda what, _part: told.append(what))
    assert [segment.text for segment in lyrics.segments] == SAID.splitlines()
    assert {segment.source for segment in lyrics.segments} == {"given"}
    words = [word for segment in lyrics.segments for word in segment.words]
    assert [word.text for word in words] == SAID.split()
    starts_s = [word.start_s for word in words]
    assert starts_s == sorted(starts_s)
    assert all(word.start_s <= word.end_s for word in words)
    assert "aligning" in told
    # Both come from the same sound, by two ways.
    known = {plain_word(word.text): word.start_s for segment in heard for word in segment.words}
    apart_s = [abs(known[plain_word(w.text)] - w.start_s) for w in words if plain_word(w.text) in known]
    assert np.median(apart_s) <= 0.05


def test_a_long_song_takes_no_more_memory_than_a_short_one(transcriber: Transcriber, tmp_path: Path):
    """Ten minutes against one, of a voice that comes once in five."""
    verse, _ = soundfile.read(SHARED / "speech.ogg", dtype="float32", frames=4 * RATE_HZ)
    peaks: list[int] = []
    for minutes in (1, 10):
        path = tmp_path / f"{minutes}.wav"
        with soundfile.SoundFile(path, "w", RATE_HZ, 1) as file:
            for minute in range(minutes):
                file.write(verse if minute % 5 == 0 else np.zeros(4 * RATE_HZ, np.float32))
                file.write(np.zeros(56 * RATE_HZ, np.float32))
        gc.collect()
        process, peak = psutil.Process(), 0

        def look(_what: str, _part: float, process: psutil.Process = process) -> None:
            nonlocal peak
            peak = max(peak, process.memory_info().rss)

        with transcriber.open(path, MIX) as song:
            assert len(list(song.segments(look))) >= (minutes + 4) // 5
        peaks.append(peak)
    # The sound of the nine minutes between them is 17 MB as 16-bit frames, 69 MB as it is decoded.
    assert peaks[1] - peaks[0] < 12e6, peaks
