"""Whisper itself, a real and small one: words, their times, and what it refuses."""

from dataclasses import replace
from pathlib import Path

import jiwer
import numpy as np
import pytest
from faster_whisper import tokenizer
from scipy.signal import resample_poly

from engine.errors import ModelError, ParameterError, ProviderUnavailable
from engine.inference.cards import ModelCard
from engine.inference.model_store import ModelStore
from engine.inference.whisper import (
    LANGUAGES,
    PRECISIONS,
    RATE_HZ,
    Whisper,
    WhisperPlan,
    check_language,
    choose_plan,
    needed_bytes,
)
from engine.inference.whisper_decode import hear
from engine.io.decode import read_song
from engine.services.lyric_choice import plain_word
from engine.units import F32
from tests.services.conftest import SHARED

SAID = (
    "Mrs. Allen said Catherine the next morning will there be any harm in my calling on Miss Tilney today "
    "I shall not be easy till I have explained everything go by all means my dear only put on a white gown "
    "Miss Tilney always wears white"
)
INT8 = WhisperPlan("cpu", "int8")


def plain(text: str) -> str:
    return " ".join(map(plain_word, text.split()))


@pytest.fixture(scope="module")
def speech() -> F32:
    """14 s of a read novel, 16 kHz mono."""
    sound, rate_hz = read_song(SHARED / "speech.ogg")
    return resample_poly(sound.mean(axis=0), RATE_HZ, rate_hz).astype(np.float32)


@pytest.fixture(scope="module")
def tiny(store: ModelStore, whisper_tiny: ModelCard):
    model = Whisper(whisper_tiny, store.files(whisper_tiny.name, "transcribe"), INT8)
    yield model
    model.close()


def test_speech_is_written_down_with_its_times(tiny: Whisper, speech: F32):
    heard = hear(tiny, {"mix": speech}, 100.0, "en")["mix"]
    words = [word for line in heard for word in line.segment.words]
    assert jiwer.wer(plain(SAID), plain(" ".join(word.text for word in words))) <= 0.1
    starts_s = [word.start_s for word in words]
    assert starts_s == sorted(starts_s)
    assert 100.0 <= starts_s[0] < 101.0
    assert 112.0 < words[-1].end_s <= 100.0 + len(speech) / RATE_HZ
    for line in heard:
        assert " ".join(word.text for word in line.segment.words) == line.segment.text
        assert line.segment.start_s == line.segment.words[0].start_s
        assert all(word.start_s <= word.end_s for word in line.segment.words)
        assert all(0.0 < word.probability <= 1.0 for word in line.segment.words)
        assert -0.8 < line.segment.average_log_probability < 0.0
        assert line.no_speech_probability < 0.3


def test_the_same_sound_gives_the_same_words(tiny: Whisper, speech: F32):
    first, second = (hear(tiny, {"mix": speech[: 5 * RATE_HZ]}, 0.0, "en") for _ in range(2))
    assert first == second


def test_sources_that_are_heard_together_are_heard_as_each_by_itself(tiny: Whisper, speech: F32):
    vocals = np.roll(0.5 * speech, 3 * RATE_HZ)
    both = hear(tiny, {"mix": speech, "vocals": vocals}, 7.0, "en")
    alone = {"mix": speech, "vocals": vocals}
    known = {"vocals": tiny.encode(vocals)}
    again = hear(tiny, {"mix": speech, "vocals": vocals}, 7.0, "en", known)
    for source, sound in alone.items():
        expected = hear(tiny, {source: sound}, 7.0, "en")[source]
        assert len(expected) > 0
        for found in (both[source], again[source]):
            assert [line.segment.text for line in found] == [line.segment.text for line in expected]
            assert [line.segment.source for line in found] == [source] * len(found)
            starts_s = [[line.segment.start_s for line in lines] for lines in (found, expected)]
            np.testing.assert_allclose(*starts_s, atol=0.05)


@pytest.mark.parametrize("n_frames", [0, 1, 1600, RATE_HZ])
def test_silence_of_any_length_is_no_accident(tiny: Whisper, n_frames: int):
    for line in hear(tiny, {"mix": np.zeros(n_frames, np.float32)}, 0.0, "en")["mix"]:
        assert line.segment.end_s <= n_frames / RATE_HZ + 0.02


def test_given_words_are_found_where_they_are_said(tiny: Whisper, speech: F32):
    """Twice the same words, one second apart: the times move by that second."""
    tokens = [token for word in SAID.split() for token in tiny.tokenizer("en").encode(f" {word}")]
    plain_s, _ = tiny.attend(tiny.encode(speech), "en", tokens)
    later = np.concatenate([np.zeros(RATE_HZ, np.float32), speech])
    moved_s, probabilities = tiny.attend(tiny.encode(later), "en", tokens)
    assert len(plain_s) == len(tokens) + 1
    assert len(probabilities) == len(tokens)
    assert (np.diff(plain_s) >= 0.0).all()
    assert abs(np.median(moved_s - plain_s) - 1.0) <= 0.06


def test_what_runs_where_is_chosen_and_shown():
    plan = choose_plan("cpu")
    assert plan == INT8
    assert plan.text == "CPU, int8"
    assert choose_plan("cpu", "float32").text == "CPU, float32"
    with pytest.raises(ProviderUnavailable, match="cannot compute in float16 here: choose int8, float32"):
        choose_plan("cpu", "float16")
    with pytest.raises(ParameterError, match="no precision 'int4'"):
        choose_plan("cpu", "int4")
    with pytest.raises(ParameterError, match="no device 'tpu'"):
        choose_plan("tpu")


def test_a_missing_graphics_card_is_one_line(monkeypatch: pytest.MonkeyPatch):
    """Other machines are reached through the two questions that CTranslate2 is asked."""
    import ctranslate2

    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 0)
    assert choose_plan().device == "cpu"
    with pytest.raises(ProviderUnavailable, match="no graphics card"):
        choose_plan("cuda")
    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 1)
    monkeypatch.setattr(ctranslate2, "get_supported_compute_types", lambda _device: {"float16", "float32"})
    assert choose_plan().text == "CUDA, float16"
    assert choose_plan("cpu").text == "CPU, float32"


def test_languages_are_those_of_the_library(tiny: Whisper):
    multilingual = replace(tiny.card, name="whisper-base")
    assert set(tokenizer._LANGUAGE_CODES) == LANGUAGES
    assert check_language(multilingual, "") == ""
    assert check_language(multilingual, "de") == "de"
    assert check_language(tiny.card, "") == check_language(tiny.card, "en") == "en"
    assert not tiny.is_multilingual
    with pytest.raises(ParameterError, match="English only"):
        check_language(tiny.card, "de")
    with pytest.raises(ParameterError, match="no language 'english'"):
        check_language(multilingual, "english")


def test_memory_is_told_before_it_is_taken(store: ModelStore, whisper_tiny: ModelCard):
    sizes = [needed_bytes(whisper_tiny, WhisperPlan("cpu", precision)) for precision in PRECISIONS]
    assert sizes == sorted(sizes)
    base = needed_bytes(store.card("whisper-base"), INT8)
    assert needed_bytes(whisper_tiny, INT8) < base < 1e9


def test_a_broken_model_is_one_line(store: ModelStore, whisper_tiny: ModelCard, tmp_path: Path):
    for name, path in store.files(whisper_tiny.name, "transcribe").items():
        data = path.read_bytes()
        (tmp_path / name).write_bytes(data[:1000] if name == "model.bin" else data)
    with pytest.raises(ModelError, match="cannot be loaded on CPU, int8"):
        Whisper(whisper_tiny, {"model.bin": tmp_path / "model.bin"}, INT8)
