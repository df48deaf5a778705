"""Every kind of file decodes to the signal it was made from, in place and in length."""

import hashlib
import time
import tracemalloc
import warnings
import wave
from pathlib import Path

import av
import mutagen.mp4
import numpy as np
import pytest
import soundfile

from engine.errors import ParameterError
from engine.io.decode import content_hash, decode_blocks, probe, read_song
from engine.io.demux import open_audio

RATE_HZ = 44_100
N = 3 * RATE_HZ + 1234


@pytest.mark.parametrize(
    ("name", "subtype", "rate_hz", "limit_db"),
    [
        ("a.wav", "PCM_U8", 44_100, -20.0),
        ("a.wav", "PCM_16", 44_100, -70.0),
        ("a.wav", "PCM_24", 48_000, -118.0),
        ("a.wav", "PCM_32", 96_000, -140.0),
        ("a.wav", "FLOAT", 192_000, -199.0),
        ("a.wav", "DOUBLE", 44_100, -199.0),
        ("a.aiff", "PCM_16", 44_100, -70.0),
        ("a.flac", "PCM_16", 44_100, -70.0),
        ("a.flac", "PCM_24", 192_000, -118.0),
        ("a.ogg", "VORBIS", 44_100, -9.0),
        ("a.mp3", "MPEG_LAYER_III", 44_100, -9.0),
        ("a.mp3", "MPEG_LAYER_III", 48_000, -9.0),
        ("a.mp3", "MPEG_LAYER_III", 22_050, -9.0),
    ],
)
def test_kinds_of_libsndfile(
    tmp_path, music, write_pcm, aligned_error_db, name, subtype, rate_hz, limit_db
) -> None:
    x = music(N, rate_hz=rate_hz)
    path = write_pcm(tmp_path / name, x, rate_hz, subtype)
    y, decoded_hz = read_song(path)
    assert decoded_hz == rate_hz
    assert aligned_error_db(x, y) < limit_db


@pytest.mark.parametrize(
    ("name", "codec", "rate_hz", "video", "limit_db"),
    [
        ("a.mp3", "libmp3lame", 44_100, "", -25.0),
        ("a.m4a", "aac", 44_100, "", -25.0),
        ("a.m4a", "aac", 48_000, "", -20.0),
        ("a.mp4", "aac", 44_100, "mpeg4", -25.0),
        ("a.opus", "libopus", 48_000, "", -18.0),
        ("a.webm", "libopus", 48_000, "libvpx", -18.0),
        ("a.mkv", "flac", 44_100, "mpeg4", -118.0),
        ("a.flac", "flac", 44_100, "", -118.0),
    ],
)
def test_kinds_of_ffmpeg(
    tmp_path, music, encode, aligned_error_db, name, codec, rate_hz, video, limit_db
) -> None:
    x = music(N, rate_hz=rate_hz)
    path = encode(tmp_path / name, x, rate_hz, codec, video=video)
    y, decoded_hz = read_song(path)
    assert decoded_hz == rate_hz
    assert aligned_error_db(x, y) < limit_db


def test_m4a_of_itunes_is_gapless(tmp_path, music, encode, aligned_error_db) -> None:
    # iTunes states delay and padding in a tag of its own and no edit list.
    x = music(N)
    padded = np.concatenate([x, np.zeros((2, 5000), np.float32)], axis=1)
    path = encode(tmp_path / "a.m4a", padded, RATE_HZ, "aac", use_editlist="0")
    tags = mutagen.mp4.MP4(path)
    text = f" 00000000 {1024:08X} {5000:08X} {N:016X} 00000000"
    tags["----:com.apple.iTunes:iTunSMPB"] = mutagen.mp4.MP4FreeForm(text.encode())
    tags.save()
    y, _ = read_song(path)
    assert aligned_error_db(x, y) < -25.0


@pytest.mark.parametrize(
    ("layout", "codec", "suffix"),
    [("mono", "aac", "m4a"), ("5.1", "ac3", "ac3"), ("7.1", "flac", "flac"), ("7.1", "aac", "m4a")],
)
def test_layouts_fold_to_stereo(tmp_path, music, encode, aligned_error_db, layout, codec, suffix) -> None:
    channels = {"mono": 1, "5.1": 6, "7.1": 8}[layout]
    x = music(N, channels, 48_000)
    x[:, -4096:] = 0  # AC-3 states no length: it ends with silence of the encoder's.
    path = encode(tmp_path / f"a.{suffix}", x, 48_000, codec, layout=layout, bit_rate=640_000)
    info = probe(path)
    assert info.channels == channels
    y, _ = read_song(path)
    g = 0.5**0.5
    expected = {
        "mono": lambda: np.repeat(x, 2, axis=0),
        "5.1": lambda: np.stack([x[0] + g * x[2] + g * x[4], x[1] + g * x[2] + g * x[5]]),
        "7.1": lambda: np.stack(
            [x[0] + g * (x[2] + x[4] + x[6]), x[1] + g * (x[2] + x[5] + x[7])],
        ),
    }[layout]()
    if codec == "ac3":
        # 256 frames of encoder delay that the format has no place for, so as many are lost at the end.
        y = y[:, 256:]
        expected = expected[:, : y.shape[1]]
    assert aligned_error_db(expected, y) < -15.0


def test_wav_of_8_channels_without_a_layout(tmp_path, music, write_pcm, aligned_error_db) -> None:
    x = music(N, 8)
    path = write_pcm(tmp_path / "a.wav", x, RATE_HZ, "FLOAT")
    y, _ = read_song(path)
    g = 0.5**0.5
    expected = np.stack([x[0] + g * (x[2] + x[4] + x[6]), x[1] + g * (x[2] + x[5] + x[7])])
    assert aligned_error_db(expected, y) < -120.0


def test_stem_file_gives_its_mixture(stem_mp4: Path) -> None:
    info = probe(stem_mp4)
    y, rate_hz = read_song(stem_mp4)
    assert (rate_hz, y.shape) == (44_100, (2, 268_288))
    with av.open(str(stem_mp4)) as container:
        stems = [np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], axis=1)]
        container.seek(0)
        for index in range(1, 5):
            container.seek(0)
            stems.append(np.concatenate([f.to_ndarray() for f in container.decode(audio=index)], axis=1))
    assert np.array_equal(y, stems[0])
    # It is the mixture and no stem: the stems sum to it, to what AAC leaves.
    error = np.sum(np.square(y - sum(stems[1:])))
    assert 10 * np.log10(error / np.sum(np.square(y))) < -15
    assert info.duration_s == pytest.approx(268_288 / 44_100)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "b.m4a", "b.opus", "b.webm"])
def test_fifty_milliseconds(tmp_path, music, write_pcm, encode, name) -> None:
    n = 2400
    x = music(n, rate_hz=48_000)
    if name.startswith("a"):
        path = write_pcm(tmp_path / name, x, 48_000)
    else:
        codec = "aac" if name.endswith("m4a") else "libopus"
        path = encode(tmp_path / name, x, 48_000, codec, bit_rate=128_000)
    y, rate_hz = read_song(path)
    assert rate_hz == 48_000
    assert y.shape == (2, n)
    assert probe(path).max_frames >= n


@pytest.mark.parametrize("block_frames", [1, 1000, 65_536, 10_000_000])
def test_any_block_size_gives_the_same_sound(tmp_path, music, write_pcm, block_frames) -> None:
    x = music(5000)
    path = write_pcm(tmp_path / "a.mp3", x, RATE_HZ)
    blocks = list(decode_blocks(path, block_frames))
    assert all(block.shape == (2, block_frames) for block in blocks[:-1])
    assert all(block.dtype == np.float32 for block in blocks)
    assert 1 <= blocks[-1].shape[1] <= block_frames
    assert np.array_equal(np.concatenate(blocks, axis=1), read_song(path)[0])


def test_blocks_belong_to_the_caller(tmp_path, music, write_pcm) -> None:
    path = write_pcm(tmp_path / "a.wav", music(N), RATE_HZ, "FLOAT")
    kept = []
    for block in decode_blocks(path, 10_000):
        kept.append(block.copy())
        block[:] = 0
    assert np.array_equal(np.concatenate(kept, axis=1), read_song(path)[0])


def test_a_block_of_no_frames_is_refused(tmp_path, music, write_pcm) -> None:
    path = write_pcm(tmp_path / "a.wav", music(100), RATE_HZ)
    with pytest.raises(ParameterError, match="0 frames"):
        decode_blocks(path, 0)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.aiff"])
def test_probe_bounds_the_length_closely(tmp_path, music, write_pcm, name) -> None:
    path = write_pcm(tmp_path / name, music(N), RATE_HZ)
    info = probe(path)
    assert N <= info.max_frames <= N + 2 * RATE_HZ
    assert abs(info.duration_s - N / RATE_HZ) < 0.03
    assert info.path == path


def test_real_vorbis_is_bounded_and_whole(shared_data: Path) -> None:
    # The stamps of its first page lead its sound by 448 frames: no hole, and no warning (-W error).
    path = shared_data / "fishin.ogg"
    n = sum(block.shape[1] for block in decode_blocks(path))
    assert n == soundfile.info(path).frames
    assert n <= probe(path).max_frames <= n + 2 * RATE_HZ


def test_floats_above_full_scale_are_kept(tmp_path, music, write_pcm) -> None:
    x = 4 * music(N)
    y, _ = read_song(write_pcm(tmp_path / "a.wav", x, RATE_HZ, "FLOAT"))
    assert np.abs(x).max() > 1.5
    assert np.array_equal(x, y)


def test_content_hash_follows_the_content(tmp_path, music, write_pcm) -> None:
    a = write_pcm(tmp_path / "a.wav", music(N), RATE_HZ)
    b = tmp_path / "renamed.wav"
    b.write_bytes(a.read_bytes())
    c = write_pcm(tmp_path / "c.wav", music(N, seed=1), RATE_HZ)
    assert content_hash(a) == content_hash(b) == hashlib.sha256(a.read_bytes()).hexdigest()
    assert content_hash(a) != content_hash(c)


@pytest.mark.parametrize(
    "name", ["live: take 2.mp3", "file:x.mp3", "100%03d.mp3", "Ünïcödé 日本語 🎵.mp3", "n" * 200 + ".mp3"]
)
def test_odd_names(tmp_path, music, write_pcm, monkeypatch, name) -> None:
    plain = write_pcm(tmp_path / "plain.mp3", music(N), RATE_HZ)
    plain.rename(tmp_path / name)
    assert probe(tmp_path / name).codec.startswith("mp3")
    monkeypatch.chdir(tmp_path)
    assert read_song(Path(name))[0].shape == (2, N)


def test_tags_in_an_old_code_page_do_not_stop_a_song(tmp_path, music, write_pcm) -> None:
    path = write_pcm(tmp_path / "a.mp3", music(N), RATE_HZ)
    plain = path.read_bytes()
    # ID3v1: 128 bytes at the end, in whatever code page the writer had.
    path.write_bytes(plain + b"TAG" + "Żółć łąki".encode("cp1250").ljust(124, b"\0") + b"\xff")
    assert read_song(path)[0].shape == (2, N)


def test_a_closed_iterator_closes_the_file(tmp_path, music, write_pcm) -> None:
    path = write_pcm(tmp_path / "a.flac", music(20 * RATE_HZ), RATE_HZ)
    blocks = decode_blocks(path, 1000)
    next(blocks)

    def is_open() -> bool:
        return any(link.resolve() == path for link in Path("/proc/self/fd").iterdir() if link.exists())

    assert is_open()
    blocks.close()
    assert not is_open()


def test_memory_does_not_grow_with_the_length(tmp_path, music, write_pcm) -> None:
    path = write_pcm(tmp_path / "a.flac", music(60 * RATE_HZ), RATE_HZ)
    tracemalloc.start()
    for _ in decode_blocks(path):
        pass
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Blocks of 65,536 frames x 2 channels x 4 bytes are 0.5 MB; the song is 21 MB.
    assert peak_bytes < 4e6


@pytest.mark.parametrize("name", ["a.mp3", "a.flac", "a.m4a"])
def test_speed_and_first_block(tmp_path, music, write_pcm, encode, name) -> None:
    x = music(120 * RATE_HZ)
    if name.endswith("m4a"):
        path = encode(tmp_path / name, x, RATE_HZ, "aac")
    else:
        path = write_pcm(tmp_path / name, x, RATE_HZ)
    fastest_s = first_s = float("inf")
    for _ in range(3):
        start_s = time.perf_counter()
        blocks = decode_blocks(path)
        next(blocks)
        first_s = min(first_s, time.perf_counter() - start_s)
        for _ in blocks:
            pass
        fastest_s = min(fastest_s, time.perf_counter() - start_s)
    print(f"{name}: {120 / fastest_s:.0f} x real time, first block after {1e3 * first_s:.1f} ms")
    assert 120 / fastest_s > 150
    assert first_s < 0.1


def test_no_warning_for_whole_files(tmp_path, music, write_pcm, encode) -> None:
    x = music(N)
    paths = [write_pcm(tmp_path / f"a.{kind}", x, RATE_HZ) for kind in ("wav", "flac", "ogg", "mp3")]
    paths.append(encode(tmp_path / "a.webm", music(N, rate_hz=48_000), 48_000, "libopus", video="libvpx"))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for path in paths:
            read_song(path)
    assert not said


def fake_dts(n_frames: int) -> bytes:
    """Frames of DTS with a header that a decoder believes, in the byte order of a WAV."""
    fields = [(0x7FFE8001, 32), (1, 1), (31, 5), (0, 1), (15, 7), (2047, 14), (2, 6), (8, 4), (23, 5)]
    bits = "".join(f"{value:0{width}b}" for value, width in fields).ljust(120, "0")
    frame = int(bits, 2).to_bytes(15, "big").ljust(2048, b"\0")
    return np.frombuffer(frame * n_frames, ">i2").astype("<i2").tobytes()


@pytest.mark.parametrize("lead_s", [0.0, 1.0])
def test_what_a_wav_hides_is_found_and_a_plain_one_is_not_searched(tmp_path, lead_s: float) -> None:
    rng = np.random.default_rng(0)
    plain = rng.integers(-9000, 9000, 2 * RATE_HZ).astype("<i2").tobytes()
    codecs = {}
    for name, data in {"plain": plain, "dts": bytes(round(lead_s * RATE_HZ) * 4) + fake_dts(200)}.items():
        with wave.open(str(tmp_path / f"{name}.wav"), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(RATE_HZ)
            file.writeframes(data)
        with open_audio(tmp_path / f"{name}.wav") as (_container, stream):
            codecs[name] = stream.codec_context.name
    assert codecs == {"plain": "pcm_s16le", "dts": "dca"}
