"""Test files are made here, from a known signal, by the encoders that ship with PyAV and soundfile."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

F32 = NDArray[np.float32]
Encode = Callable[..., Path]


@pytest.fixture(scope="session")
def music() -> Callable[..., F32]:
    """A signal that shows every shift: noise under 6 kHz in bursts, different on each channel."""

    def make(frames: int, channels: int = 2, rate_hz: int = 44_100, seed: int = 0) -> F32:
        rng = np.random.default_rng(seed)
        spectrum = np.fft.rfft(rng.standard_normal((channels, frames)))
        spectrum[:, np.fft.rfftfreq(frames, 1 / rate_hz) > 6000] = 0
        x = np.fft.irfft(spectrum, frames)
        bursts = 0.3 + 0.7 * (np.sin(2 * np.pi * 3.1 * np.arange(frames) / rate_hz) > 0)
        return (0.5 * x * bursts / np.abs(x).max()).astype(np.float32)

    return make


def _audio_frames(x: F32, layout: str, rate_hz: int, sample_format: str) -> Iterator[av.AudioFrame]:
    for start in range(0, x.shape[1], 16_384):
        block = np.ascontiguousarray(x[:, start : start + 16_384].T).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(block, format="flt", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate_hz, start, Fraction(1, rate_hz)
        yield from av.AudioResampler(format=sample_format).resample(frame)


@pytest.fixture(scope="session")
def encode() -> Encode:
    """Encode with ffmpeg: encode(path, x, rate_hz, codec, layout=, video=, **container_options)."""

    def write(
        path: Path,
        x: F32,
        rate_hz: int,
        codec: str,
        layout: str = "stereo",
        video: str = "",
        bit_rate: int = 256_000,
        **options: str,
    ) -> Path:
        with av.open(str(path), "w", options=options) as container:
            if video:
                picture = container.add_stream(video, rate=25)
                picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
            stream = container.add_stream(codec, rate=rate_hz, layout=layout)
            formats = {"libmp3lame": "fltp", "aac": "fltp", "libopus": "flt", "flac": "s32", "ac3": "fltp"}
            stream.bit_rate, stream.format = bit_rate, formats[codec]
            if video:
                for n in range(int(25 * x.shape[1] / rate_hz)):
                    image = av.VideoFrame.from_ndarray(
                        np.full((48, 64, 3), n % 255, np.uint8), format="rgb24"
                    )
                    image.pts, image.time_base = n, Fraction(1, 25)
                    container.mux(picture.encode(image.reformat(format="yuv420p")))
                container.mux(picture.encode(None))
            for frame in _audio_frames(x, layout, rate_hz, formats[codec]):
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return write


@pytest.fixture(scope="session")
def write_pcm() -> Callable[..., Path]:
    """Write with libsndfile: write_pcm(path, x, rate_hz, subtype)."""

    def write(path: Path, x: F32, rate_hz: int, subtype: str | None = None) -> Path:
        with soundfile.SoundFile(path, "w", rate_hz, x.shape[0], subtype) as file:
            # In pieces: libsndfile's Vorbis encoder overflows its stack on long single writes.
            for start in range(0, x.shape[1], 16_384):
                file.write(x[:, start : start + 16_384].T)
        return path

    return write


@pytest.fixture(scope="session")
def aligned_error_db() -> Callable[[F32, F32], float]:
    """Energy of the difference against the reference in dB, after asserting that their lag is 0 frames."""

    def measure(reference: F32, y: F32) -> float:
        assert y.shape == reference.shape
        n = 2 * reference.shape[1]
        for ours, theirs in zip(y, reference, strict=True):
            correlation = np.fft.irfft(np.fft.rfft(ours, n) * np.conj(np.fft.rfft(theirs, n)), n)
            lag = int(np.argmax(correlation))
            assert lag == 0, f"decoded sound is {lag if lag < n // 2 else lag - n} frames late"
        error = np.sum(np.square(y - reference, dtype=np.float64))
        return float(10 * np.log10(error / np.sum(np.square(reference, dtype=np.float64)) + 1e-20))

    return measure


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real music beside the checkout."""
    return Path(__file__).parents[2] / ".." / "shared" / "data"
