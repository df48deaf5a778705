"""The course of the picture over a file: repeatable, at any frame rate, driven by what is in it."""

import itertools
import tracemalloc

import numpy as np
import pytest
import soundfile

from engine.errors import DecodeError, ParameterError
from engine.kernels.orbit import CALM_CONTROLS
from engine.services.visual_frame import VisualFrame
from engine.services.visual_score import ScoreOptions, n_pictures, score_song, score_sound
from engine.units import F32
from tests.services.conftest import SHARED

RATE_HZ = 44_100


def _song(seconds: float, seed: int = 0) -> F32:
    """A beat, a bass line and a voice."""
    n = round(seconds * RATE_HZ)
    t = np.arange(n) / RATE_HZ
    rng = np.random.default_rng(seed)
    x = 0.2 * np.sin(2 * np.pi * 80 * t) * (np.sin(2 * np.pi * 0.5 * t) > 0)
    x += 0.1 * np.sin(2 * np.pi * 700 * t + 3 * np.sin(2 * np.pi * 5 * t)) * (t % 4 > 2)
    for at in range(0, n - 4000, RATE_HZ // 2):
        x[at : at + 4000] += 0.5 * rng.standard_normal(4000) * np.exp(-np.arange(4000) / 600)
    return np.stack([x, 0.9 * x]).astype(np.float32)


def _numbers(frame: VisualFrame) -> list[float]:
    return [
        frame.time_s,
        frame.c.real,
        frame.c.imag,
        frame.scale,
        frame.pulse,
        frame.hue,
        frame.rotation,
        frame.glow,
        *frame.levels,
        *frame.controls,
    ]


def test_a_file_gives_as_many_pictures_as_it_lasts_and_the_same_ones_every_time(tmp_path):
    path = tmp_path / "song.wav"
    soundfile.write(path, _song(4.3).T, RATE_HZ)
    options = ScoreOptions(fps=25, seed=5, tempo_bpm=120.0)
    first, again = ([_numbers(f) for f in score_song(path, None, options)] for _ in range(2))
    assert len(first) == n_pictures(4.3, 25) == 108
    assert first == again
    assert [row[0] for row in first] == [k / 25 for k in range(108)]
    other = [_numbers(f) for f in score_song(path, None, ScoreOptions(fps=25, seed=6))]
    assert np.abs(np.array(other)[:, 1:3] - np.array(first)[:, 1:3]).max() > 0.05


def test_the_frame_rate_only_chooses_the_moments():
    x = _song(6.0)
    slow, fast = (
        np.array([_numbers(f) for f in score_sound(x, RATE_HZ, None, ScoreOptions(fps=fps))])
        for fps in (30, 120)
    )
    assert np.array_equal(slow, fast[::4])


def test_every_number_keeps_its_range_and_the_orbit_its_smoothness():
    frames = list(score_song(SHARED / "vibeace.ogg", None, ScoreOptions(fps=60)))
    assert len(frames) > 3600
    for frame in frames:
        assert abs(frame.c) < 1.6
        assert 0.7 <= frame.scale <= 1.4
        assert all(0.0 <= value <= 1.0 for value in (frame.pulse, frame.glow, *frame.levels))
    c = np.array([frame.c for frame in frames])
    step = np.abs(np.diff(c))
    assert step.max() < 0.03
    assert step.min() > 0.0
    pulse = np.array([frame.pulse for frame in frames])
    assert 0.02 < (pulse > 0.4).mean() < 0.5
    turns = np.diff([frame.hue for frame in frames])
    assert turns.min() > 0.0
    # Jazz with solos: more than one lobe is seen in a minute.
    assert np.ptp(c.real) > 0.5


def test_stems_of_a_folder_drive_what_they_should(tmp_path):
    n = 6 * RATE_HZ
    t = np.arange(n) / RATE_HZ
    tone = (0.2 * np.sin(2 * np.pi * 440 * t)).astype(np.float32)
    silence = np.zeros(n, np.float32)
    for name in ("drums", "bass", "vocals", "other"):
        soundfile.write(tmp_path / f"A song - {name}.wav", tone if name == "other" else silence, RATE_HZ)
    soundfile.write(tmp_path / "original.wav", tone, RATE_HZ)
    x = np.stack([tone, tone])
    alone, stems = (
        list(score_sound(x, RATE_HZ, None, ScoreOptions(fps=30, stems=folder)))[-1]
        for folder in (None, tmp_path)
    )
    assert alone.levels[2] > 0.9
    assert stems.levels[2] == 0.0
    assert stems.levels[3] > 0.9
    assert stems.rotation > 2 * 0.22 * 3.0


def test_silence_is_a_slow_drift():
    frames = list(score_sound(np.zeros((2, 10 * RATE_HZ), np.float32), RATE_HZ, None, ScoreOptions(fps=30)))
    c = np.array([frame.c for frame in frames])
    step = np.abs(np.diff(c)) * 30
    assert step.min() > 0.004
    assert step.max() < 0.1
    assert all(frame.pulse == 0.0 and frame.glow == 0.0 for frame in frames)
    assert frames[-1].controls == pytest.approx(tuple(CALM_CONTROLS))


def test_sick_sound_is_drawn_and_forgotten():
    x = _song(6.0)
    x[:, 40_000:50_000] = np.nan
    x[0, 60_000] = np.inf
    x[1, 70_000] = -3e38
    frames = [_numbers(f) for f in score_sound(x, RATE_HZ, None, ScoreOptions(fps=30))]
    assert np.isfinite(frames).all()


def test_memory_does_not_grow_with_the_song(tmp_path):
    path = tmp_path / "long.wav"
    with soundfile.SoundFile(path, "w", RATE_HZ, 2) as file:
        block = _song(10.0).T
        for _ in range(6):
            file.write(block)
    pictures = score_song(path, None, ScoreOptions(fps=5))
    list(itertools.islice(pictures, 25))
    tracemalloc.start()
    list(pictures)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # A minute of stereo is 21 MB; blocks of 1.4 s take about 3.
    assert peak < 8e6


def test_what_cannot_be_drawn_is_said_before_the_first_picture(tmp_path):
    with pytest.raises(ParameterError, match=r"1\.\.240"):
        ScoreOptions(fps=0.0)
    with pytest.raises(DecodeError):
        score_song(tmp_path / "gone.wav")
    path = tmp_path / "song.wav"
    soundfile.write(path, _song(1.0).T, RATE_HZ)
    with pytest.raises(ParameterError, match="no stems"):
        score_song(path, None, ScoreOptions(stems=tmp_path / "nowhere"))
    folder = tmp_path / "stems"
    folder.mkdir()
    soundfile.write(folder / "drums.wav", np.zeros(1000), 22_050)
    with pytest.raises(ParameterError, match="22050 Hz"):
        score_song(path, None, ScoreOptions(stems=folder))
    with pytest.raises(ParameterError, match="rise"):
        next(iter(score_song(path, None, ScoreOptions(beats_s=(1.0, 0.5, 2.0, 3.0)))))
