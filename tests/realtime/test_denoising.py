"""The denoiser beside the callback: in time, as good as alone, and no loss when it dies."""

import os
import signal
import time

import numpy as np
import pytest
from scipy.signal import resample_poly

from engine.errors import ModelError
from engine.inference.denoise import load_denoiser
from engine.inference.model_store import ModelStore
from engine.io.decode import read_song
from engine.io.home import default_home
from engine.realtime.limiter import LOOKAHEAD_FRAMES
from engine.services.denoise_process import VoiceDenoiser
from engine.services.denoising import Denoising
from engine.stream.insert import FADE_FRAMES
from tests.inference.test_denoise import SPEECH
from tests.realtime.mic_rig import MicRig

BLOCK_FRAMES = 480


@pytest.fixture(scope="module")
def models() -> ModelStore:
    home = default_home()
    store = ModelStore(home.models, home.cards)
    for name in ("rnnoise", "dtln", "deepfilternet3"):
        store.get(name)
    return store


def noisy_voice(rate_hz: int, seconds: float) -> np.ndarray:
    voice, own_hz = read_song(SPEECH)
    voice = 0.5 * resample_poly(voice.mean(axis=0), rate_hz, own_hz)[: round(seconds * rate_hz)]
    hiss = np.random.default_rng(3).normal(0.0, 0.01, len(voice))
    return (voice + hiss).astype(np.float32)[np.newaxis]


class Live:
    """A mic rig turned at real time, with a denoiser on it."""

    def __init__(self, model: str, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self.rig = MicRig(block_frames=BLOCK_FRAMES, rate_hz=rate_hz)
        self.denoising = Denoising(default_home(), model, self.rig.memory.mic.attach_insert, rate_hz)
        self.notices: list[str] = []

    def wait_until_ready(self) -> None:
        deadline_s = time.monotonic() + 30.0
        while not self.denoising.state.ready:
            assert time.monotonic() < deadline_s
            self.notices += self.denoising.poll()
            time.sleep(0.02)

    def hear(self, x: np.ndarray) -> np.ndarray:
        """Output while the mic hears `x`, shape (1, n), at the pace of a device."""
        outs, began_s = [], time.monotonic()
        for start in range(0, x.shape[1], BLOCK_FRAMES):
            time.sleep(max(0.0, began_s + start / self.rate_hz - time.monotonic()))
            outs.append(self.rig.run(x[:, start : start + BLOCK_FRAMES]))
        return np.concatenate(outs, axis=1)

    @property
    def late(self) -> int:
        return int(self.rig.memory.read_counters().mic_late_frames)


@pytest.mark.parametrize(
    ("model", "rate_hz"), [("rnnoise", 48_000), ("dtln", 48_000), ("deepfilternet3", 44_100)]
)
def test_live_is_what_the_model_gives_alone(models, model, rate_hz):
    live = Live(model, rate_hz)
    try:
        live.wait_until_ready()
        x = noisy_voice(rate_hz, 3.0)
        got = live.hear(x)[0]
        late = live.late
    finally:
        live.denoising.close()
    denoiser = load_denoiser(models.card(model), models.files(model, "denoise"))
    alone = VoiceDenoiser(denoiser, rate_hz)
    # As in the worker, whose network has heard silence before it is ready.
    alone.process(np.zeros((rate_hz // 2, 2), np.float32))
    alone.reset()
    wanted = alone.process(np.repeat(x.T, 2, axis=1))[alone.latency_frames :, 0]
    denoiser.close()
    delay = live.denoising.latency_frames + LOOKAHEAD_FRAMES
    n = min(len(wanted), len(got) - delay)
    # Whatever a busy machine let come too late is the bare voice, and counted; never most of it.
    assert late < 0.5 * x.shape[1]
    same = np.abs(got[delay : delay + n] - wanted[:n]) < 1e-5
    assert np.count_nonzero(~same) <= FADE_FRAMES + 2 * late
    assert np.isfinite(got).all()


def test_a_killed_worker_is_the_bare_voice_within_a_block_and_comes_back(models):
    live = Live("rnnoise", 48_000)
    try:
        live.wait_until_ready()
        x = noisy_voice(48_000, 1.5)
        live.hear(x[:, :24_000])
        pid = live.denoising.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
        before = live.late
        delay = live.denoising.latency_frames + LOOKAHEAD_FRAMES
        out = live.hear(x)[0]
        # What the worker had answered already, a fade, and then the voice itself at the same delay.
        settled = delay + 2 * BLOCK_FRAMES
        assert np.array_equal(out[settled:], x[0, settled - delay : len(out) - delay])
        assert live.late > before
        assert np.abs(np.diff(out)).max() < 0.3
        live.notices += live.denoising.poll()
        live.wait_until_ready()
        assert live.denoising.state.restarts == 1
        assert any("rnnoise stopped" in line for line in live.notices)
        again = live.hear(x)[0]
        assert not np.array_equal(again[settled:], x[0, settled - delay : len(again) - delay])
    finally:
        live.denoising.close()


def test_what_does_not_denoise_is_refused_before_anything_starts(models):
    with pytest.raises(ModelError, match="spleeter-2stems"):
        Denoising(default_home(), "spleeter-2stems", lambda _insert: None, 48_000)
