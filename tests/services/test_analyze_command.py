"""`charon analyze` as a user types it, `charon bench analysis`, and the analysis that both stand on."""

import json
import math

import numpy as np
import pytest
from click.testing import CliRunner

from app.cli.bench_analysis import command as bench_command
from engine.errors import DecodeError, JobCancelled, ParameterError
from engine.services.analysis import ANALYSIS_VERSION, Analysis, analyse_song
from engine.services.fingerprint import DIMENSIONS, FINGERPRINT_NAMES
from tests.services.conftest import noise, write_song
from tests.services.test_fingerprint import RATE_HZ, both, clicks, sine

BPM = 110.0


def tune(seconds=12.0):
    """A cadence in A major, C4 to E5, with a click on every beat of 110 bpm."""
    chords = [
        (220.0, 277.18, 329.63),
        (293.66, 369.99, 440.0),
        (329.63, 415.30, 493.88),
        (220.0, 277.18, 329.63),
    ]
    beat_s = 60.0 / BPM
    n = round(seconds * RATE_HZ)
    x = np.zeros(n, np.float32)
    length = round(4 * beat_s * RATE_HZ)
    for i, start in enumerate(range(0, n, length)):
        for tone_hz in chords[i % 4]:
            part = x[start : start + length]
            part += sine(tone_hz, 4 * beat_s + 0.01, gain=0.1)[: part.size]
    return both(x + clicks(BPM, seconds)[:n])


@pytest.fixture
def tune_path(tmp_path):
    return write_song(tmp_path / "tune.wav", tune())


def numbers(value):
    """Every number in nested JSON."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from numbers(item)
    elif isinstance(value, int | float):
        yield value


def test_a_tune(tune_path):
    found = analyse_song(tune_path)
    assert found.version == ANALYSIS_VERSION
    assert (found.duration_s, found.rate_hz, found.channels) == (pytest.approx(12.0), RATE_HZ, 2)
    assert found.tempo_bpm == pytest.approx(BPM, rel=0.01)
    assert found.key == "A major"
    assert found.tuning_cents == pytest.approx(0, abs=2)
    assert -40 < found.lufs < found.momentary_max_lufs < 0
    assert found.reasons == {}
    beats = np.arange(23) * 60 / BPM
    away = np.abs(np.array(found.beats_s)[:, None] - beats).min(axis=1)
    assert len(found.beats_s) >= 18
    assert np.all(away < 0.06)
    assert set(found.downbeats_s) <= set(found.beats_s)
    assert sum(found.notes) == pytest.approx(1)


def test_json_gives_what_went_in(tune_path):
    found = analyse_song(tune_path, threads=1)
    text = json.dumps(found.to_dict(), allow_nan=False)
    assert Analysis.from_dict(json.loads(text)) == found
    broken = json.loads(text)
    del broken["key"]
    with pytest.raises(ParameterError, match="key"):
        Analysis.from_dict(broken)
    broken = json.loads(text)
    broken["fingerprint"]["warmth"] = 1.0
    with pytest.raises(ParameterError, match="warmth"):
        Analysis.from_dict(broken)


ODD = {
    "silence": (np.zeros((2, 4 * RATE_HZ), np.float32), {"tempo_bpm", "key", "lufs", "true_peak_db"}),
    "constant": (np.ones((2, 4 * RATE_HZ), np.float32), {"tempo_bpm", "pitch_hz"}),
    "click": (both(np.eye(1, 4 * RATE_HZ, RATE_HZ, dtype=np.float32)[0]), {"tempo_bpm", "key"}),
    "one frame": (np.full((2, 1), 0.5, np.float32), {"tempo_bpm", "key", "lufs", "loudness_range_lu"}),
    "a moment": (noise(RATE_HZ // 10), {"tempo_bpm", "key", "lufs", "loudness_range_lu"}),
    "mono at 8 kHz": (noise(40_000, 1), {"tempo_bpm", "key"}),
}


@pytest.mark.parametrize("name", ODD)
def test_what_cannot_be_said_has_a_reason_and_nothing_is_nan(tmp_path, name):
    x, unknown = ODD[name]
    rate_hz = 8000 if name == "mono at 8 kHz" else RATE_HZ
    found = analyse_song(write_song(tmp_path / "odd.wav", x, rate_hz)).to_dict()
    assert all(math.isfinite(value) for value in numbers(found))
    assert unknown <= set(found["reasons"])
    assert set(found["reasons"]) == {name for name, value in found.items() if value is None}


def test_ten_minutes_of_noise(tmp_path):
    block = noise(60 * RATE_HZ)
    path = write_song(tmp_path / "noise.wav", np.tile(block, (1, 10)), subtype="PCM_16")
    found = analyse_song(path).to_dict()
    assert all(math.isfinite(value) for value in numbers(found))
    assert found["duration_s"] == pytest.approx(600)
    assert {"tempo_bpm", "key"} <= set(found["reasons"])


def test_progress_rises_to_one_and_may_stop_the_work(tune_path):
    parts = []
    analyse_song(tune_path, parts.append)
    assert parts == sorted(parts)
    assert len(parts) > 5
    assert parts[-1] == 1.0

    def stop(part):
        if part > 0.3:
            raise JobCancelled("enough")

    with pytest.raises(JobCancelled):
        analyse_song(tune_path, stop)


def test_no_sound_is_said_in_words(tmp_path):
    empty = write_song(tmp_path / "empty.wav", np.zeros((2, 0), np.float32))
    for path in (empty, tmp_path / "missing.mp3"):
        with pytest.raises(DecodeError):
            analyse_song(path)


def test_json_of_a_song(charon, tune_path):
    told = charon("analyze", tune_path, "--json")
    assert told.code == 0, told.err
    (song,) = told.songs
    assert {"tempo_bpm", "key", "lufs", "fingerprint", "wall_s"} <= set(song)
    assert list(song["fingerprint"]) == list(FINGERPRINT_NAMES)
    assert song["key"] == "A major"
    assert song["wall_s"] > 0
    assert song["input"] == str(tune_path)


def test_the_table_names_every_dimension_and_says_why_there_is_no_key(charon, tune_path, tmp_path):
    quiet = write_song(tmp_path / "quiet.wav", np.zeros((2, RATE_HZ), np.float32))
    told = charon("analyze", tune_path, quiet)
    assert told.code == 0, told.err
    for dimension in DIMENSIONS:
        assert told.out.count(f"\n{dimension.name} ") == 2
    assert "A major" in told.out
    assert "it is silent" in told.out
    assert "nan" not in told.out.casefold()


def test_a_bad_song_does_not_stop_the_others(charon, tune_path, tmp_path):
    bad = tmp_path / "bad.mp3"
    bad.write_text("no sound at all")
    told = charon("analyze", bad, tune_path, "--json")
    assert told.code == 1
    assert len(told.error_lines) == 1
    assert "error" in told.songs[0]
    assert told.songs[1]["key"] == "A major"
    alone = charon("analyze", bad)
    assert alone.code != 0
    assert len(alone.error_lines) == 1


def test_the_bench_compares_in_one_run():
    told = CliRunner().invoke(
        bench_command, ["--seconds", "10", "--repeats", "1", "--threads", "1", "--json"]
    )
    assert told.exit_code == 0, told.output
    rows = json.loads(told.stdout)["rows"]
    assert [row["name"] for row in rows] == ["fingerprint", "orbit features", "control network x 200"]
    for row in rows:
        assert set(row) == {"name", "seconds", "ours_s", "reference", "reference_s", "ratio"}
        assert row["ratio"] == pytest.approx(row["reference_s"] / row["ours_s"])
