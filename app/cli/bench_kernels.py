"""`charon bench kernels`: each kernel against its reference library, alternately in one run.

Main thread, and the threads of the plans it makes. The references are test dependencies, imported
only here and only when asked for; the engine never sees them.
"""

import importlib
import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import click
import numpy as np

from app.cli.console import json_option, print_json, progress, table
from engine.errors import CharonError
from engine.kernels.loudness import LoudnessMeter, k_weighting
from engine.kernels.resample import design, resample_frames
from engine.kernels.stft import Stft
from engine.units import F32, AnyArray, energy_ratio_db

RATE_HZ = 44100
N_FFT = 4096
HOP_FRAMES = 1024
EDGE_FRAMES = 2 * N_FFT
"""What libraries make of the first and last frames differs by choice; errors leave them out."""


@dataclass(frozen=True)
class KernelRow:
    """One comparison.

    Attributes
    ----------
    name : str
    seconds : float
        Length of the sound worked on.
    ours_s, reference_s : float
        Median wall time of a call.
    reference : str
        The function it is compared with.
    ratio : float
        reference_s / ours_s: 2 means twice as fast as the reference.
    error_db : float
        Energy of the difference from the reference's result, over that of the result.
    """

    name: str
    seconds: float
    ours_s: float
    reference: str
    reference_s: float
    ratio: float
    error_db: float


@dataclass(frozen=True)
class _Case:
    name: str
    reference_name: str
    ours: Callable[[], AnyArray]
    reference: Callable[[], AnyArray]


def _library(name: str) -> Any:
    """A reference library, or one clear line."""
    try:
        return importlib.import_module(name)
    except ImportError as err:
        raise CharonError(
            f"charon bench kernels compares with {name}, which is not installed; "
            "`python3 bootstrap.py test` installs it"
        ) from err


def _noise(seconds: float) -> F32:
    """Stereo noise below 16 kHz, shape (2, frames): above, two resamplers' slopes may differ."""
    n = max(round(seconds * RATE_HZ), 8 * EDGE_FRAMES)
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal((2, n)))
    spectrum[:, int(16000 / RATE_HZ * n) :] = 0
    return (0.2 * np.fft.irfft(spectrum, n)).astype(np.float32)


def _frame_cases(x: F32, n_fft: int, threads: int) -> Iterator[_Case]:
    """The bare transforms: frames side by side, no overlap, no window."""
    fft = _library("scipy.fft")
    n = x.shape[1] // n_fft
    x = np.ascontiguousarray(x[:, : n * n_fft])
    frames = x.reshape(2, n, n_fft)
    plan = Stft(n_fft, n_fft, np.ones(n_fft, np.float32), threads)
    spec = plan.forward(x)
    out, back = np.empty_like(spec), np.empty_like(x)
    yield _Case(
        f"rfft {n_fft}",
        "scipy.fft.rfft",
        lambda: plan.forward(x, out),
        lambda: fft.rfft(frames, workers=threads),
    )
    yield _Case(
        f"irfft {n_fft}",
        "scipy.fft.irfft",
        lambda: plan.inverse(spec, back),
        lambda: fft.irfft(spec, n_fft, workers=threads).reshape(2, -1),
    )


def _stft_cases(x: F32, threads: int) -> Iterator[_Case]:
    signal, librosa = _library("scipy.signal"), _library("librosa")
    plan = Stft(N_FFT, HOP_FRAMES, threads=threads)
    spec = plan.forward(x)
    out, back = np.empty_like(spec), plan.inverse(spec)
    turned = np.ascontiguousarray(spec.transpose(0, 2, 1))
    inner = slice(EDGE_FRAMES, back.shape[1] - EDGE_FRAMES)
    scale = float(plan.window.sum())
    size = {"nperseg": N_FFT, "noverlap": N_FFT - HOP_FRAMES}
    hop = {"n_fft": N_FFT, "hop_length": HOP_FRAMES, "center": False}

    def scipy_forward() -> AnyArray:
        z = signal.stft(x, **size, padded=False, boundary=None)[2]
        return z.transpose(0, 2, 1) * scale

    def scipy_inverse() -> AnyArray:
        # `boundary=True` drops half a window at both ends; without it scipy warns of the edges.
        y = signal.istft(turned, **size, boundary=True)[1] / scale
        half = N_FFT // 2
        return y[:, inner.start - half : inner.stop - half]

    name = f"stft {N_FFT}/{HOP_FRAMES}"
    yield _Case(name, "scipy.signal.stft", lambda: plan.forward(x, out), scipy_forward)
    yield _Case(
        name,
        "librosa.stft",
        lambda: plan.forward(x, out),
        lambda: librosa.stft(x, **hop).transpose(0, 2, 1),
    )
    yield _Case(f"i{name}", "scipy.signal.istft", lambda: plan.inverse(spec, back)[:, inner], scipy_inverse)
    yield _Case(
        f"i{name}",
        "librosa.istft",
        lambda: plan.inverse(spec, back)[:, inner],
        lambda: librosa.istft(turned, **hop)[:, inner],
    )


def _resample_case(x: F32, from_hz: int, to_hz: int) -> _Case:
    soxr = _library("soxr")
    f = design(from_hz, to_hz)
    out = np.empty((2, x.shape[1] * to_hz // from_hz), np.float32)
    interleaved = np.ascontiguousarray(x.T)
    inner = slice(EDGE_FRAMES, out.shape[1] - EDGE_FRAMES)

    def ours() -> AnyArray:
        resample_frames(x, 0, f.taps, f.up, f.down, 0, out)
        return out[:, inner]

    return _Case(
        f"resample {from_hz}-{to_hz}",
        "soxr.resample HQ",
        ours,
        lambda: soxr.resample(interleaved, from_hz, to_hz, quality="HQ").T[:, inner],
    )


def _loudness_case(x: F32) -> _Case:
    signal = _library("scipy.signal")
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

    return _Case("loudness", "scipy.signal.sosfilt", ours, reference)


def _cases(seconds: float, threads: int) -> Iterator[_Case]:
    x = _noise(seconds)
    yield from _frame_cases(x, 1024, threads)
    yield from _frame_cases(x, N_FFT, threads)
    yield from _stft_cases(x, threads)
    yield _resample_case(x, RATE_HZ, 48000)
    yield _resample_case(x, 48000, RATE_HZ)
    yield _loudness_case(x)


def _measure(case: _Case, seconds: float, repeats: int) -> KernelRow:
    """Take turns, so that a machine that slows down slows both."""
    expected = case.reference().copy()
    found = case.ours()
    error_db = -energy_ratio_db(np.abs(expected), np.abs(found - expected))
    ours_s: list[float] = []
    reference_s: list[float] = []
    for _ in range(repeats):
        for function, times_s in ((case.ours, ours_s), (case.reference, reference_s)):
            start = time.perf_counter()
            function()
            times_s.append(time.perf_counter() - start)
    ours, reference = statistics.median(ours_s), statistics.median(reference_s)
    return KernelRow(case.name, seconds, ours, case.reference_name, reference, reference / ours, error_db)


@click.command(name="kernels")
@click.option(
    "--seconds", default=60.0, show_default=True, type=click.FloatRange(1, 600), help="Length of sound."
)
@click.option(
    "--repeats", default=5, show_default=True, type=click.IntRange(1, 100), help="Calls a median is of."
)
@click.option(
    "--threads", default=None, type=click.IntRange(1, 64), help="Threads on both sides. [default: cores]"
)
@json_option
def command(seconds: float, repeats: int, threads: int | None, as_json: bool) -> None:
    """Compare each kernel with its reference library in the same run.

    ratio is reference_s / ours_s: 2 means twice as fast as the reference. soxr, librosa, scipy.signal
    and the resampler use one thread, the Fourier transforms of both sides --threads.

    Example: charon bench kernels --seconds 60 --json
    """
    n_threads = threads or min(os.cpu_count() or 1, 8)
    rows: list[KernelRow] = []
    with progress("Measuring", 11, quiet=as_json) as update:
        for case in _cases(seconds, n_threads):
            update(len(rows), case.name)
            rows.append(_measure(case, seconds, repeats))
        update(11)
    if as_json:
        print_json({"kernels": rows, "threads": n_threads})
        return
    table(
        ["kernel", "ours ms", "reference ms", "reference", "ratio", "error dB"],
        [
            (
                r.name,
                f"{1e3 * r.ours_s:.1f}",
                f"{1e3 * r.reference_s:.1f}",
                r.reference,
                f"{r.ratio:.2f}",
                f"{r.error_db:.0f}",
            )
            for r in rows
        ],
    )
