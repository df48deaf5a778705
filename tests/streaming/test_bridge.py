"""Two clocks made one: the bridge between a separate input and the output, in simulated time."""

from dataclasses import dataclass

import numpy as np
import pytest

from engine.realtime.bridge import Bridge, bridge_taps
from engine.realtime.capture import RING_FRAMES, CaptureMemory, capture_block

TONE_HZ = 997.0


@dataclass
class Run:
    """What came out, and how the bridge stood at the end."""

    out: np.ndarray
    starved: int
    drift_ppm: float
    latency_s: float


def simulate(
    seconds: float,
    *,
    drift_ppm: float = 0.0,
    blocks: tuple[int, int] = (128, 128),
    rates_hz: tuple[int, int] = (48_000, 48_000),
    jitter_s: float = 0.0,
    silent_s: tuple[float, float] = (0.0, 0.0),
) -> Run:
    """A sine through two callbacks, each on its own clock; the input calls nobody during `silent_s`."""
    rng = np.random.default_rng(0)
    in_hz, out_hz = rates_hz
    true_in_hz = in_hz * (1.0 + 1e-6 * drift_ppm)
    capture = CaptureMemory()
    capture.set_input(1, 0)
    bridge = Bridge(capture, in_hz, out_hz)
    n_in = starved = 0
    out_s = 0.0037
    parts: list[np.ndarray] = []
    while out_s < seconds:
        in_s = (n_in + blocks[0]) / true_in_hz
        jitter_ns = int(1e9 * jitter_s * abs(rng.normal()))
        if in_s <= out_s:
            phase = 2 * np.pi * TONE_HZ * np.arange(n_in, n_in + blocks[0]) / true_in_hz
            if not silent_s[0] <= in_s < silent_s[1]:
                heard = (0.5 * np.sin(phase)).astype(np.float32)
                capture_block(capture.table, heard, blocks[0], int(1e9 * in_s) + jitter_ns)
            n_in += blocks[0]
            continue
        voice = np.zeros((2, blocks[1]), np.float32)
        starved += bridge.pull(int(1e9 * out_s) + jitter_ns, voice)
        parts.append(voice)
        out_s += blocks[1] / out_hz
    assert np.array_equal(np.concatenate(parts, axis=1)[0], np.concatenate(parts, axis=1)[1])
    return Run(np.concatenate(parts, axis=1)[0], starved, bridge.drift_ppm, bridge.latency_s)


def tone_and_rest(y: np.ndarray, rate_hz: int) -> tuple[float, float]:
    """Frequency of the tone in Hz, and how far the rest lies below it in dB, over a quarter of a second."""
    t = np.arange(y.size) / rate_hz
    # A frequency that moves a little, as a straight line, over the window.
    low, high = 2 * np.pi * TONE_HZ * t, y
    basis = [t**k * f(low) for k in range(3) for f in (np.sin, np.cos)]
    fit, *_ = np.linalg.lstsq(np.stack(basis, axis=1), high, rcond=None)
    rest = high - np.stack(basis, axis=1) @ fit
    slope = (fit[3] * fit[0] - fit[2] * fit[1]) / (fit[0] ** 2 + fit[1] ** 2)
    return TONE_HZ + slope / (2 * np.pi), 10 * np.log10(np.sum(high**2) / np.sum(rest**2))


@pytest.mark.parametrize(
    ("drift_ppm", "blocks", "rates_hz"),
    [
        (0.0, (128, 128), (48_000, 48_000)),
        (100.0, (128, 64), (48_000, 48_000)),
        (-300.0, (441, 128), (48_000, 48_000)),
        (300.0, (1024, 64), (48_000, 48_000)),
        (100.0, (480, 128), (44_100, 48_000)),
        (-50.0, (128, 512), (96_000, 44_100)),
    ],
)
def test_the_clocks_are_found_and_no_frame_is_missing(
    drift_ppm: float, blocks: tuple[int, int], rates_hz: tuple[int, int]
) -> None:
    run = simulate(40.0, drift_ppm=drift_ppm, blocks=blocks, rates_hz=rates_hz, jitter_s=0.0003)
    assert run.starved == 0
    assert run.drift_ppm == pytest.approx(drift_ppm, abs=10.0)
    window = rates_hz[1] // 4
    for at in range(run.out.size - 8 * window, run.out.size - window, window):
        heard_hz, clean_db = tone_and_rest(run.out[at : at + window], rates_hz[1])
        assert heard_hz == pytest.approx(TONE_HZ, rel=60e-6), "0.1 cent"
        assert clean_db > 58.0
    # Two blocks, half a filter, 1.5 ms for the threads.
    expected_s = blocks[0] / rates_hz[0] + blocks[1] / rates_hz[1] + 0.0015 + 0.001
    assert run.latency_s < expected_s


def test_without_jitter_it_is_as_clean_as_its_filter() -> None:
    run = simulate(30.0, drift_ppm=100.0)
    _, clean_db = tone_and_rest(run.out[-12_000:], 48_000)
    assert clean_db > 85.0


def test_an_input_that_stops_fades_to_silence_and_comes_back_without_a_click() -> None:
    run = simulate(6.0, silent_s=(2.0, 4.0))
    silent = run.out[round(2.2 * 48_000) : round(3.9 * 48_000)]
    assert not np.any(silent)
    assert run.starved == pytest.approx(2.0 * 48_000, abs=2000)
    assert np.max(np.abs(np.diff(run.out))) < 1.15 * 0.5 * 2 * np.pi * TONE_HZ / 48_000
    _, clean_db = tone_and_rest(run.out[-24_000:-12_000], 48_000)
    assert clean_db > 60.0


def test_an_output_that_stops_loses_the_past_only() -> None:
    capture = CaptureMemory()
    capture.set_input(1, 0)
    bridge = Bridge(capture, 48_000, 48_000)
    voice = np.zeros((2, 128), np.float32)
    now_ns = 0
    for k in range(3 * RING_FRAMES // 128):
        now_ns = int(1e9 * k * 128 / 48_000)
        capture_block(capture.table, np.full(128, 0.25, np.float32), 128, now_ns)
    assert capture.lost_frames > RING_FRAMES
    for k in range(100):
        later_ns = now_ns + int(1e9 * (k + 1) * 128 / 48_000)
        capture_block(capture.table, np.full(128, 0.5, np.float32), 128, later_ns)
        bridge.pull(later_ns + 1000, voice)
    assert np.allclose(voice, 0.5, atol=1e-4)


def test_the_interpolator_passes_a_constant_and_stops_what_would_fold() -> None:
    taps = bridge_taps(96_000, 48_000)
    assert np.allclose(taps.sum(axis=1), 1.0, atol=1e-6)
    fine = np.zeros(taps.shape[1] * 256)
    for phase in range(256):
        fine[255 - phase :: 256][: taps.shape[1]] = taps[phase]
    gain_db = 20 * np.log10(np.abs(np.fft.rfft(fine, 1 << 20)) / 256 + 1e-12)
    frequency_hz = np.fft.rfftfreq(1 << 20, 1 / (256 * 96_000))
    assert np.max(gain_db[(frequency_hz > 27_000) & (frequency_hz < 90_000)]) < -75.0
    assert np.all(np.abs(gain_db[frequency_hz < 17_000]) < 0.1)
