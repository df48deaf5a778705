"""Transcription as the window uses it: songs in line, a real worker that is killed, cancelled and refused."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import ParameterError
from engine.io.decode import content_hash
from engine.io.home import Home
from engine.services.lyrics_store import LyricsStore
from engine.services.transcribe_song import Transcriber
from engine.services.transcription import Transcription
from engine.services.transcription_job import JobState, TranscriptionJob, TranscriptionOrder
from tests.services.conftest import SHARED
from tests.services.singing import DRAFT, MIX, SAID, whisper_home, write_verses


@pytest.fixture(scope="module")
def own(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    return whisper_home(tmp_path_factory.mktemp("whisper"), home)


@pytest.fixture(scope="module")
def service(own: Home) -> Iterator[Transcription]:
    service = Transcription(own)
    yield service
    service.close()
    service.close()
    assert service.pid is None


def wait_for(condition: Callable[[], bool], timeout_s: float = 90.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.01)


def over(service: Transcription, song: Path) -> TranscriptionJob:
    def is_over() -> bool:
        job = service.job(song)
        return job is not None and job.state.is_over

    wait_for(is_over)
    job = service.job(song)
    assert job is not None
    return job


def stored(own: Home, song: Path) -> Path:
    """The transcript's file."""
    return next(LyricsStore(own).folder(content_hash(song)).glob("*.jsonl"))


def test_a_song_from_the_wish_to_its_words(service: Transcription, own: Home) -> None:
    song = SHARED / "speech.ogg"
    assert service.job(song) is None
    assert service.start(song, DRAFT).state is JobState.WAITING
    seen: list[TranscriptionJob] = []

    def look() -> bool:
        job = service.job(song)
        assert job is not None
        if not seen or job is not seen[-1]:
            seen.append(job)
        return job.state.is_over

    wait_for(look)
    last = seen[-1]
    assert last.state is JobState.READY, last.message
    assert last.lyrics is not None
    assert last.segments == last.lyrics.segments
    assert "Catherine" in last.segments[0].text
    assert last.ran_on.endswith(", int8")
    assert (last.language, last.model, last.warnings) == ("en", DRAFT.model, ())
    states = [job.state for job in seen]
    order = [JobState.WAITING, JobState.PREPARING, JobState.TRANSCRIBING, JobState.READY]
    assert states == sorted(states, key=order.index)
    assert JobState.TRANSCRIBING in states
    assert all(0.0 <= job.part <= 1.0 for job in seen)
    assert LyricsStore(own).read(song) == last.lyrics
    # Asked again, it is known at once, by the same worker.
    pid = service.pid
    service.start(song, DRAFT)
    assert over(service, song).lyrics == last.lyrics
    assert service.pid == pid


def test_a_worker_that_is_killed_goes_on_from_its_last_line(
    service: Transcription, own: Home, home: Home, tmp_path: Path
) -> None:
    song = write_verses(tmp_path / "verses.wav", 5)
    restarts = service.restarts
    service.start(song, MIX)

    def heard() -> bool:
        job = service.job(song)
        return job is not None and bool(job.segments)

    wait_for(heard)
    assert service.pid is not None
    os.kill(service.pid, signal.SIGKILL)
    before = stored(own, song).read_bytes()
    before = before[: before.rfind(b"\n") + 1]
    job = over(service, song)
    assert job.state is JobState.READY, job.message
    assert service.restarts == restarts + 1
    after = stored(own, song).read_bytes()
    assert after.startswith(before)
    windows = [line["window"] for line in map(json.loads, after.splitlines()) if "window" in line]
    assert sorted(windows) == sorted(set(windows))  # none is heard twice
    with Transcriber(home=whisper_home(tmp_path / "other", home)) as other, other.open(song, MIX) as whole:
        assert tuple(whole.segments()) == job.segments


def test_songs_wait_in_line_and_can_be_taken_out(service: Transcription, tmp_path: Path) -> None:
    first, second, third = (write_verses(tmp_path / f"{n}.wav", n, rest_s=4.6) for n in (4, 1, 2))
    for song in (first, second, third):
        service.start(song, MIX)
    wait_for(lambda: _state(service, first) is not JobState.WAITING)
    assert _state(service, second) is _state(service, third) is JobState.WAITING
    service.cancel(second)  # waits
    service.cancel(first)  # is in work
    assert _state(service, second) is JobState.CANCELLED
    assert over(service, first).state is JobState.CANCELLED
    assert over(service, third).state is JobState.READY
    assert _state(service, second) is JobState.CANCELLED
    assert [job.song for job in service.jobs()][-3:] == [first, second, third]
    service.start(second, MIX)
    assert over(service, second).state is JobState.READY


def test_given_lyrics_are_aligned_and_kept(service: Transcription, own: Home) -> None:
    song = SHARED / "speech.ogg"
    service.align(song, SAID, DRAFT)
    job = over(service, song)
    assert job.state is JobState.READY, job.message
    assert job.lyrics is not None
    assert [segment.text for segment in job.lyrics.segments] == SAID.splitlines()
    assert LyricsStore(own).read(song) == job.lyrics
    for text, why in ((" \n", "empty"), ("la " * 20_000, "too long")):
        with pytest.raises(ParameterError, match=why):
            service.align(song, text)
    service.align(song, "...", DRAFT)
    assert "no line to align" in over(service, song).message


def test_what_goes_wrong_is_one_line(service: Transcription, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp3"
    broken.write_text("no music")
    for song, order, why in (
        (broken, MIX, "broken.mp3"),
        (SHARED / "speech.ogg", TranscriptionOrder(model="whisper-large-v3-turbo"), "whisper-large-v3-turbo"),
        (SHARED / "speech.ogg", replace(MIX, language="de"), "English only"),
    ):
        service.start(song, order)
        job = over(service, song)
        assert job.state is JobState.FAILED
        assert why in job.message
        assert "\n" not in job.message


def test_a_model_beyond_the_budget_is_refused_by_the_worker(own: Home, tmp_path: Path) -> None:
    service = Transcription(own, budget_bytes=50_000_000)
    song = write_verses(tmp_path / "verse.wav", 1)
    try:
        service.start(song, MIX)
        job = over(service, song)
        assert job.state is JobState.FAILED
        assert "50 MB are allowed: choose a smaller model" in job.message
    finally:
        service.close()


def _state(service: Transcription, song: Path) -> JobState:
    job = service.job(song)
    assert job is not None
    return job.state
