"""Which lines are believed, where words are looked for, and to which onsets they are drawn."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.inference.whisper_decode import HeardSegment
from engine.lyrics import Segment, SegmentSource, Word
from engine.services.align_lyrics import _matches
from engine.services.lyric_choice import believed, choose_lines, without_loops
from engine.services.lyric_windows import (
    MAX_WINDOW_S,
    STEP_S,
    Window,
    nearest,
    plan_windows,
    voiced_share,
    voiced_stretches,
)
from engine.services.voice_onsets import onsets, snap_words
from engine.services.voice_track import RATE_HZ, VoiceTrack, make_track
from engine.units import F32


def line(
    text: str,
    start_s: float = 0.0,
    word_s: float = 0.4,
    *,
    sure: float = -0.2,
    source: SegmentSource = "mix",
    probability: float = 0.9,
    no_speech: float = 0.0,
) -> HeardSegment:
    words = tuple(
        Word(start_s + i * word_s, start_s + (i + 1) * word_s, word, probability)
        for i, word in enumerate(text.split())
    )
    return HeardSegment(Segment(start_s, words[-1].end_s, text, words, sure, source), no_speech, 1.0)


def texts(lines: list[HeardSegment]) -> list[str]:
    return [heard.segment.text for heard in lines]


def test_the_surer_side_is_taken_moment_by_moment():
    mix = [line("the cat sat", 0.0, sure=-0.9), line("over the moon", 5.0, sure=-0.1)]
    vocals = [
        line("the cat sat down", 0.0, sure=-0.2, source="vocals"),
        line("all over them one", 5.0, sure=-0.5, source="vocals"),
        line("only here", 10.0, sure=-0.6, source="vocals"),
    ]
    assert texts(choose_lines(mix, vocals)) == ["the cat sat down", "over the moon", "only here"]
    assert texts(choose_lines(mix, [])) == texts(mix)


def test_two_lines_against_one_are_weighed_together():
    """One side cut a line in two: no moment is in the result twice."""
    mix = [line("one two three four", 0.0, sure=-0.3)]
    vocals = [
        line("one two", 0.0, sure=-0.1, source="vocals"),
        line("three four", 0.8, sure=-0.2, source="vocals"),
    ]
    assert texts(choose_lines(mix, vocals)) == ["one two", "three four"]
    assert texts(choose_lines([line("one two three four", 0.0, sure=-0.01)], vocals)) == [
        "one two three four"
    ]


@pytest.mark.parametrize(
    ("heard", "share", "kept"),
    [
        (line("words that are sung"), 1.0, True),
        (line("words over a solo"), 0.1, False),
        (line("hardly believed", sure=-1.3), 1.0, False),
        (line("unsure of a quiet moment", sure=-1.1, no_speech=0.8), 1.0, False),
        (line("unsure but a voice", sure=-1.1, no_speech=0.1), 1.0, True),
        (line("half a voice and unsure", sure=-0.8), 0.5, False),
        (line("Thanks for watching!", sure=-0.5), 1.0, False),
        (line("Thanks for watching!", sure=-0.1), 1.0, True),  # a song may say so
        (line("[Music]"), 0.4, False),
    ],
    ids=lambda value: value.segment.text if isinstance(value, HeardSegment) else str(value),
)
def test_invented_lines_are_not_believed(heard: HeardSegment, share: float, kept: bool):
    assert bool(believed([heard], lambda _start_s, _stop_s: share)) is kept


def test_loops_are_taken_out_and_refrains_are_not():
    said = line("so we go " + "round and round " * 12, word_s=0.05).segment
    assert without_loops(said).text == "so we go round and round"
    assert without_loops(said).end_s == without_loops(said).words[-1].end_s
    sung = line("so we go " + "round and round " * 12, word_s=0.3).segment
    assert without_loops(sung) is sung
    unsure = line("la " * 30, word_s=0.3, probability=0.1).segment
    assert without_loops(unsure).text == "la"


def track(voice: F32, level_db: F32 | None = None) -> VoiceTrack:
    levels = np.full(len(voice), -20.0, np.float32) if level_db is None else level_db
    return VoiceTrack(Path("none"), round(len(voice) * STEP_S * RATE_HZ), levels, voice)


def voiced(*stretches: tuple[float, float], seconds: float) -> F32:
    voice = np.zeros(round(seconds / STEP_S), np.float32)
    for start_s, stop_s in stretches:
        voice[round(start_s / STEP_S) : round(stop_s / STEP_S)] = 0.9
    return voice


def test_windows_hold_the_voice_and_nothing_else():
    found = plan_windows(track(voiced((10.0, 20.0), (22.5, 25.0), (60.0, 64.0), seconds=100.0)))
    assert [(round(w.start_s, 1), round(w.stop_s, 1)) for w in found] == [(9.6, 25.6), (59.6, 64.6)]
    assert plan_windows(track(voiced(seconds=30.0))) == []
    assert plan_windows(track(np.zeros(0, np.float32))) == []
    # A squeak is no voice, nor is what leaks from the band 40 dB below the singer.
    voice = voiced((10.0, 10.1), (20.0, 25.0), (40.0, 45.0), seconds=60.0)
    level_db = np.full(len(voice), -20.0, np.float32)
    level_db[round(35.0 / STEP_S) :] = -62.0
    assert len(plan_windows(track(voice, level_db))) == 1


def test_a_long_stretch_is_cut_where_the_voice_rests():
    voice = voiced((0.0, 90.0), seconds=90.0)
    level_db = np.full(len(voice), -20.0, np.float32)
    for at_s in (22.0, 45.0, 70.0):
        level_db[round(at_s / STEP_S) : round((at_s + 0.3) / STEP_S)] = -45.0
    found = plan_windows(track(voice, level_db))
    assert [round(w.stop_s, 0) for w in found[:3]] == [22.0, 45.0, 70.0]


@given(st.lists(st.floats(0.0, 1.0, width=32), max_size=4000), st.integers(0, 3))
def test_windows_of_anything_are_in_order_and_short(voice: list[float], seed: int):
    levels = np.random.default_rng(seed).uniform(-70.0, 0.0, len(voice)).astype(np.float32)
    whole = track(np.array(voice, np.float32), levels)
    found = plan_windows(whole)
    for window in found:
        assert 0.0 <= window.start_s < window.stop_s <= max(whole.seconds, STEP_S)
        assert window.seconds <= MAX_WINDOW_S + 1e-6
        assert 0.0 <= voiced_share(whole, window.start_s, window.stop_s) <= 1.0
    assert all(a.stop_s <= b.start_s + 1e-6 for a, b in pairwise(found))
    stretches = voiced_stretches(whole)
    assert all(a.stop_s < b.start_s for a, b in pairwise(stretches))


def test_the_window_at_the_play_head_goes_first():
    windows = [Window(0.0, 10.0), Window(20.0, 30.0), Window(40.0, 50.0)]
    assert nearest(windows, [0, 1, 2], 0.0) == 0
    assert nearest(windows, [0, 1, 2], 12.0) == 1
    assert nearest(windows, [0, 1, 2], 25.0) == 1
    assert nearest(windows, [0, 1], 45.0) == 0


def test_onsets_are_found_to_a_few_milliseconds():
    """Bursts of a tone over a quiet floor."""
    rng = np.random.default_rng(3)
    sound = (1e-4 * rng.standard_normal(4 * RATE_HZ)).astype(np.float32)
    begins_s = (0.5, 1.2, 2.03, 3.111)
    for begin_s in begins_s:
        at = round(begin_s * RATE_HZ)
        sound[at : at + 4000] += np.sin(2 * np.pi * 900.0 / RATE_HZ * np.arange(4000)).astype(np.float32)
    times_s, rises_db = onsets(sound)
    strong = times_s[rises_db > 8.0]
    for begin_s in begins_s:
        assert np.abs(strong - begin_s).min() <= 0.025
    drawn = zip(begins_s, (0.12, -0.1, 0.05, -0.15), strict=True)
    words = [Word(100.0 + begin_s + off_s, 100.0 + begin_s + 0.3, "la") for begin_s, off_s in drawn]
    snapped = snap_words(words, sound, 100.0)
    for word, begin_s in zip(snapped, begins_s, strict=True):
        assert abs(word.start_s - 100.0 - begin_s) <= 0.025
        assert word.end_s - word.start_s >= 0.2
    # Nothing near: a word stays where it was put.
    (far,) = snap_words([Word(100.95, 100.99, "la")], sound[:RATE_HZ], 100.0)
    assert far.start_s == pytest.approx(100.95)


@given(st.lists(st.floats(0.0, 3.9), min_size=1, max_size=12), st.integers(0, 5))
def test_words_keep_their_order_wherever_they_are_drawn(starts_s: list[float], seed: int):
    rng = np.random.default_rng(seed)
    gate = np.repeat(rng.uniform(0.0, 1.0, 40) > 0.5, RATE_HZ // 10)
    sound = (0.1 * gate * rng.standard_normal(4 * RATE_HZ)).astype(np.float32)
    words = [Word(start_s, start_s + 0.2, "la") for start_s in sorted(starts_s)]
    snapped = snap_words(words, sound, 0.0)
    assert [w.text for w in snapped] == [w.text for w in words]
    begins_s = [w.start_s for w in snapped]
    assert begins_s == sorted(begins_s)
    assert all(w.start_s <= w.end_s for w in snapped)


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000])
def test_a_track_keeps_its_time(tmp_path: Path, rate_hz: int):
    """A click comes out of the resampler where it went in, and nothing is added at the end."""
    sound = np.zeros((2, 3 * rate_hz + 17), np.float32)
    sound[:, 2 * rate_hz] = 0.5
    blocks = [sound[:, at : at + 4097] for at in range(0, sound.shape[1], 4097)]
    told: list[float] = []
    whole = make_track(blocks, rate_hz, tmp_path / "mix.s16", told.append)
    heard = whole.read(0.0, 100.0)
    assert len(heard) == whole.n_frames
    assert abs(whole.n_frames - sound.shape[1] * RATE_HZ / rate_hz) <= 1.0
    assert abs(int(np.argmax(np.abs(heard))) - 2 * RATE_HZ) <= 1
    assert len(whole.voice) == len(whole.level_db) == -(-whole.n_frames // 512)
    assert told == sorted(told)
    np.testing.assert_array_equal(whole.read(1.9, 2.1), heard[round(1.9 * RATE_HZ) : round(2.1 * RATE_HZ)])
    assert len(whole.read(50.0, 60.0)) == 0


def test_given_words_find_what_was_heard_of_them():
    given_words = ["come", "on", "lets", "go", "fishing", "yeah"]
    heard = ["come", "let", "us", "go", "fishin", "now", "yeah"]
    pairs = dict(_matches(given_words, heard))
    assert pairs[0] == 0
    assert pairs[3] == 3
    assert pairs[4] == 4
    assert pairs[5] == 6
    assert _matches([], heard) == []
    firsts = [i for i, _ in _matches(given_words, heard)]
    assert firsts == sorted(firsts)


def test_a_line_is_replaced_by_nothing_when_it_has_no_words():
    empty = replace(line("x"), segment=Segment(0.0, 1.0, "x"))
    assert believed([empty], lambda _start_s, _stop_s: 1.0) == []
