"""Denoisers through the model store: as late as they say, and worth their name in real noise."""

from pathlib import Path

import numpy as np
import pytest
from scipy.signal import resample_poly

from engine.errors import ModelError
from engine.inference.cards import read_card
from engine.inference.denoise import Denoiser, load_denoiser, total_latency_ms
from engine.io.decode import read_song
from engine.units import F32

SPEECH = Path(__file__).parents[2].parent / "shared" / "data" / "speech.ogg"
# SI-SDR in dB at 5 dB of pink noise: what the models reach here, less half a dB.
LEAST_DB = {"rnnoise": 9.5, "dtln": 12.3, "deepfilternet3": 8.3}
LATENCY_MS = {"rnnoise": 20, "dtln": 24, "deepfilternet3": 30}


@pytest.fixture(scope="module", params=list(LEAST_DB))
def denoiser(request, store):
    store.get(request.param)
    model = load_denoiser(store.card(request.param), store.files(request.param, "denoise"))
    model.name = request.param
    yield model
    model.close()


def pink(n_frames: int) -> F32:
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(n_frames))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    return np.fft.irfft(spectrum, n_frames)


def si_sdr_db(reference: F32, estimate: F32) -> float:
    reference, estimate = reference.astype(np.float64), estimate.astype(np.float64)
    target = (estimate @ reference) / (reference @ reference) * reference
    return 10 * np.log10((target @ target) / ((estimate - target) @ (estimate - target)))


def run(model: Denoiser, x: F32) -> F32:
    hop = model.hop_frames
    out = np.zeros(len(x) // hop * hop, np.float32)
    for start in range(0, len(out), hop):
        model.process(x[start : start + hop], out[start : start + hop])
    return out


def test_a_voice_in_pink_noise_comes_out_cleaner_and_as_late_as_declared(denoiser):
    voice, rate_hz = read_song(SPEECH)
    voice = resample_poly(voice.mean(axis=0), denoiser.rate_hz, rate_hz)[: 6 * denoiser.rate_hz]
    noise = pink(len(voice))
    noise *= np.sqrt((voice @ voice) / (noise @ noise) / 10**0.5)
    denoiser.reset()
    got = run(denoiser, (voice + noise).astype(np.float32))
    late = denoiser.latency_frames
    size = 2 * len(voice)
    match = np.fft.irfft(np.fft.rfft(got, size) * np.conj(np.fft.rfft(voice, size)))
    assert int(np.argmax(match[: size // 2])) == late
    assert round(1000 * late / denoiser.rate_hz) == LATENCY_MS[denoiser.name]
    assert total_latency_ms(denoiser) <= 40.0
    assert si_sdr_db(voice[: len(got) - late], got[late:]) >= LEAST_DB[denoiser.name]


def test_silence_stays_silence_and_reset_forgets(denoiser):
    rng = np.random.default_rng(1)
    noise = (0.1 * rng.standard_normal(20 * denoiser.hop_frames)).astype(np.float32)
    denoiser.reset()
    first = run(denoiser, noise)
    denoiser.reset()
    assert np.array_equal(run(denoiser, noise), first)
    denoiser.reset()
    assert np.abs(run(denoiser, np.zeros(50 * denoiser.hop_frames, np.float32))).max() < 1e-4


def test_separation_and_denoising_do_not_take_each_others_models(store, spleeter):
    with pytest.raises(ModelError, match="dtln"):
        store.files("dtln")
    with pytest.raises(ModelError, match=spleeter.name):
        store.files(spleeter.name, "denoise")
    with pytest.raises(ModelError, match="denoises nothing"):
        load_denoiser(spleeter, store.files(spleeter.name))


def test_a_library_that_is_none_is_one_line(store, tmp_path):
    store.get("rnnoise")
    card = store.card("rnnoise")
    fake = tmp_path / card.files[0].name
    fake.write_bytes(b"no library at all" * 100)
    with pytest.raises(ModelError) as caught:
        load_denoiser(card, {card.files[0].name: fake})
    assert "\n" not in str(caught.value)


def test_files_for_other_machines_are_left_out(tmp_path, monkeypatch):
    card = Path(__file__).parents[2] / "models" / "cards" / "rnnoise.toml"
    for system, name in (
        ("Linux-x86_64", "librnnoise.so"),
        ("Windows-AMD64", "rnnoise.dll"),
        ("Plan9-mips", ""),
    ):
        monkeypatch.setattr("platform.system", lambda word=system: word.split("-")[0])
        monkeypatch.setattr("platform.machine", lambda word=system: word.split("-")[1])
        found = read_card(card)
        assert [file.name for file in found.files] == ([name] if name else [])
        pypi = [source for source in found.sources if source.kind == "pypi"]
        assert len(pypi) == len(found.files)
