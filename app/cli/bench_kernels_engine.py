"""The rows of `charon bench kernels` for playback and separation: transforms, resampler, loudness."""

from functools import cache, partial

import numpy as np

from app.cli.kernel_case import Call, KernelCase, library
from engine.kernels.loudness import LoudnessMeter, k_weighting
from engine.kernels.resample import design, resample_frames
from engine.kernels.stft import Stft
from engine.units import F32, AnyArray

RATE_HZ = 44100
N_FFT = 4096
HOP_FRAMES = 1024
EDGE_FRAMES = 2 * N_FFT
"""What libraries make of the first and last frames differs by choice; errors leave them out."""

FFT_DB, STFT_DB, RESAMPLE_DB, LOUDNESS_DB = -120.0, -120.0, -85.0, -60.0
"""How far results may be from the reference's: rounding; two filters alike; 0.004 LU, as gated blocks end."""


@cache
def _noise(seconds: float) -> F32:
    """Stereo noise below 16 kHz, shape (2, frames): above, two resamplers' slopes may differ."""
    n = max(round(seconds * RATE_HZ), 8 * EDGE_FRAMES)
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal((2, n)))
    spectrum[:, int(16000 / RATE_HZ * n) :] = 0
    return (0.2 * np.fft.irfft(spectrum, n)).astype(np.float32)


def _frames(seconds: float, n_fft: int, threads: int, inverse: bool) -> tuple[Call, Call]:
    """The bare transforms: frames side by side, no overlap, no window."""
    fft = library("scipy.fft")
    x = _noise(seconds)
    n = x.shape[1] // n_fft
    x = np.ascontiguousarray(x[:, : n * n_fft])
    frames = x.reshape(2, n, n_fft)
    plan = Stft(n_fft, n_fft, np.ones(n_fft, np.float32), threads)
    spec = plan.forward(x)
    if inverse:
        back = np.empty_like(x)
        return (
            lambda: plan.inverse(spec, back),
            lambda: fft.irfft(spec, n_fft, workers=threads).reshape(2, -1),
        )
    return lambda: plan.forward(x, spec), lambda: fft.rfft(frames, workers=threads)


def _stft(seconds: float, threads: int, reference: str) -> tuple[Call, Call]:
    x = _noise(seconds)
    plan = Stft(N_FFT, HOP_FRAMES, threads=threads)
    out = plan.forward(x)
    if reference == "librosa":
        librosa = library("librosa")
        hop = {"n_fft": N_FFT, "hop_length": HOP_FRAMES, "center": False}
        return lambda: plan.forward(x, out), lambda: librosa.stft(x, **hop).transpose(0, 2, 1)
    signal = library("scipy.signal")
    scale = float(plan.window.sum())

    def scipy_forward() -> AnyArray:
        z = signal.stft(x, nperseg=N_FFT, noverlap=N_FFT - HOP_FRAMES, padded=False, boundary=None)[2]
        return z.transpose(0, 2, 1) * scale

    return lambda: plan.forward(x, out), scipy_forward


def _istft(seconds: float, threads: int, reference: str) -> tuple[Call, Call]:
    plan = Stft(N_FFT, HOP_FRAMES, threads=threads)
    spec = plan.forward(_noise(seconds))
    back = plan.inverse(spec)
    turned = np.ascontiguousarray(spec.transpose(0, 2, 1))
    inner = slice(EDGE_FRAMES, back.shape[1] - EDGE_FRAMES)

    def ours() -> AnyArray:
        return plan.inverse(spec, back)[:, inner]

    if reference == "librosa":
        librosa = library("librosa")
        hop = {"n_fft": N_FFT, "hop_length": HOP_FRAMES, "center": False}
        return ours, lambda: librosa.istft(turned, **hop)[:, inner]
    signal = library("scipy.signal")
    scale = float(plan.window.sum())

    def scipy_inverse() -> AnyArray:
        # `boundary=True` drops half a window at both ends; without it scipy warns of the edges.
        y = signal.istft(turned, nperseg=N_FFT, noverlap=N_FFT - HOP_FRAMES, boundary=True)[1] / scale
        half = N_FFT // 2
        return y[:, inner.start - half : inner.stop - half]

    return ours, scipy_inverse


def _resample(seconds: float, from_hz: int, to_hz: int) -> tuple[Call, Call]:
    soxr = library("soxr")
    x = _noise(seconds)
    f = design(from_hz, to_hz)
    out = np.empty((2, x.shape[1] * to_hz // from_hz), np.float32)
    interleaved = np.ascontiguousarray(x.T)
    inner = slice(EDGE_FRAMES, out.shape[1] - EDGE_FRAMES)

    def ours() -> AnyArray:
        resample_frames(x, 0, f, 0, out)
        return out[:, inner]

    return ours, lambda: soxr.resample(interleaved, from_hz, to_hz, quality="HQ").T[:, inner]


def _loudness(seconds: float) -> tuple[Call, Call]:
    signal = library("scipy.signal")
    x = _noise(seconds)
    shelf, high_pass = k_weighting(RATE_HZ)
    sections = np.array([[b0, b1, b2, 1.0, a1, a2] for b0, b1, b2, a1, a2 in (shelf, high_pass)])

    def ours() -> AnyArray:
        meter = LoudnessMeter(RATE_HZ)
        meter.push(x)
        return np.array([10.0 ** (meter.integrated_lufs / 10.0)])

    def reference() -> AnyArray:
        # Steady noise passes both gates everywhere, so the gated mean is the mean.
        y = signal.sosfilt(sections, x.astype(np.float64))
        return np.array([10.0**-0.0691 * np.sum(np.square(y).mean(axis=1))])

    return ours, reference


def engine_cases(seconds: float, threads: int) -> list[KernelCase]:
    """Rows on `seconds` of stereo sound at 44.1 kHz, with `threads` where both sides have them."""
    cases: list[KernelCase] = []
    for n_fft in (1024, N_FFT):
        for name, inverse in (("rfft", False), ("irfft", True)):
            make = partial(_frames, seconds, n_fft, threads, inverse)
            cases.append(KernelCase(f"{name} {n_fft}", seconds, f"scipy.fft.{name}", FFT_DB, make))
    for name, maker in (("stft", _stft), ("istft", _istft)):
        for reference in ("scipy.signal", "librosa"):
            make = partial(maker, seconds, threads, reference)
            title = f"{name} {N_FFT}/{HOP_FRAMES}"
            cases.append(KernelCase(title, seconds, f"{reference}.{name}", STFT_DB, make))
    for from_hz, to_hz in ((RATE_HZ, 48000), (48000, RATE_HZ)):
        make = partial(_resample, seconds, from_hz, to_hz)
        title = f"resample {from_hz}-{to_hz}"
        cases.append(KernelCase(title, seconds, "soxr.resample HQ", RESAMPLE_DB, make))
    make = partial(_loudness, seconds)
    cases.append(KernelCase("loudness", seconds, "scipy.signal.sosfilt", LOUDNESS_DB, make))
    return cases
