"""Drum kits: recorded one-shots, kits of sound fonts and computed drums, mixed at random, hit by hit."""

from dataclasses import dataclass

import numpy as np
import soundfile
from scipy import signal

from engine.units import F32
from models.training.splitter.effects import RATE_HZ, panned
from models.training.splitter.instruments import N_FRAMES, FontPlayer
from models.training.splitter.score import Note
from models.training.splitter.sounds import Sound, SoundShelf

VOICES = ("kick", "snare", "hat", "open_hat", "cymbal", "tom", "percussion")
_GENERAL_MIDI = {
    "kick": (35, 36),
    "snare": (38, 40, 37, 39),
    "hat": (42, 44),
    "open_hat": (46,),
    "cymbal": (49, 51, 53, 55, 57),
    "tom": (41, 43, 45, 47, 48, 50),
    "percussion": (54, 56, 60, 62, 63, 69, 70, 75),
}
_FONT_KITS = (0, 8, 16, 24, 25, 32, 40, 48)
_LEVEL_DB = {
    "kick": 0.0,
    "snare": -2.0,
    "hat": -13.0,
    "open_hat": -12.0,
    "cymbal": -9.0,
    "tom": -4.0,
    "percussion": -10.0,
}
_LONGEST = 2 * RATE_HZ


@dataclass(frozen=True, slots=True)
class Hit:
    """One stroke; `level` 0 to 1."""

    at_s: float
    voice: str
    level: float


class DrumShop:
    """Where kits are put together.

    Parameters
    ----------
    shelf : SoundShelf or None
        Without one every drum is computed.
    player : FontPlayer or None
    """

    def __init__(self, shelf: SoundShelf | None, player: FontPlayer | None) -> None:
        self._shelf = shelf
        self._player = player
        self._recorded: dict[str, F32] = {}
        self._played: dict[tuple[int, int, int, int], F32] = {}

    def kit(self, rng: np.random.Generator) -> dict[str, list[F32]]:
        """Put a kit together: for each voice variants of one drum, softest first."""
        source = str(rng.choice(["font", "font", "recorded", "computed", "mixed"]))
        font, number = int(rng.integers(2)), int(rng.choice(_FONT_KITS))
        kit: dict[str, list[F32]] = {}
        for name in VOICES:
            here = str(rng.choice(["font", "recorded", "computed"])) if source == "mixed" else source
            shots = self._shots(rng, name, here, (font, number))
            if rng.random() < 0.25 and name in ("kick", "snare"):
                shots = [_layered(shot, _computed(rng, name)) for shot in shots]
            kit[name] = [_worked(rng, shot, _seeded(rng)) for shot in shots]
        return kit

    def _shots(self, rng: np.random.Generator, name: str, source: str, kit: tuple[int, int]) -> list[F32]:
        """One drum as it was recorded, played or computed."""
        if self._shelf is not None and source == "recorded":
            sounds = self._shelf.of_role(name)
            return [self._from_file(self._shelf, sounds[int(rng.integers(len(sounds)))])]
        if self._player is not None and source == "font":
            pitch = int(rng.choice(_GENERAL_MIDI[name]))
            shots = [self._from_font(self._player, (*kit, pitch, velocity)) for velocity in (45, 85, 120)]
            if max(float(np.abs(shot).max()) for shot in shots) > 1e-4:
                return shots
        return [_computed(rng, name)]

    def _from_file(self, shelf: SoundShelf, sound: Sound) -> F32:
        if sound.path not in self._recorded:
            x, rate_hz = soundfile.read(shelf.file(sound), dtype="float32", always_2d=True)
            x = signal.resample_poly(x, RATE_HZ, rate_hz, axis=0) if rate_hz != RATE_HZ else x
            stereo = np.repeat(x.T, 2, axis=0)[:2] if x.shape[1] == 1 else x.T[:2]
            self._recorded[sound.path] = _trimmed(np.ascontiguousarray(stereo, np.float32))
        return self._recorded[sound.path]

    def _from_font(self, player: FontPlayer, key: tuple[int, int, int, int]) -> F32:
        """A stroke of (font, kit, pitch, velocity)."""
        if key not in self._played:
            font, kit, pitch, velocity = key
            sound = player.play([Note(0.0, 1.5, pitch, velocity)], kit, font, is_drums=True)
            self._played[key] = _trimmed(sound[:, :_LONGEST].copy())
        return self._played[key]


def _seeded(rng: np.random.Generator) -> tuple[float, float]:
    """Pitch ratio and decay in seconds of one drum; the same for its soft and loud strokes."""
    return float(2.0 ** rng.normal(0.0, 0.17)), float(np.exp(rng.uniform(np.log(0.12), np.log(3.0))))


def _trimmed(x: F32) -> F32:
    """Without silence before and after, at a peak of 1."""
    peak = float(np.abs(x).max())
    if peak < 1e-5:
        return np.zeros((2, 64), np.float32)
    loud = np.flatnonzero(np.abs(x).max(axis=0) > 1e-3 * peak)
    return (x[:, loud[0] : min(loud[-1] + 1, loud[0] + _LONGEST)] / peak).astype(np.float32)


def _worked(rng: np.random.Generator, shot: F32, change: tuple[float, float]) -> F32:
    """Pitch, decay and tone changed."""
    ratio, decay_s = change
    n = max(64, int(shot.shape[1] / ratio))
    at = np.arange(n) * ratio
    x = np.stack([np.interp(at, np.arange(shot.shape[1]), row) for row in shot])
    x *= np.exp(-np.arange(n) / (RATE_HZ * decay_s))
    fade = min(n, 256)
    x[:, -fade:] *= np.linspace(1.0, 0.0, fade)
    return x.astype(np.float32)


def _layered(one: F32, two: F32) -> F32:
    n = max(one.shape[1], two.shape[1])
    out = np.zeros((2, n), np.float32)
    out[:, : one.shape[1]] += 0.6 * one
    out[:, : two.shape[1]] += 0.6 * two
    return out


def _computed(rng: np.random.Generator, name: str) -> F32:
    """A drum from sweeps, noise and clangs, as drum machines have it."""
    length_s = {
        "kick": 0.5,
        "snare": 0.35,
        "hat": 0.1,
        "open_hat": 0.5,
        "cymbal": 1.8,
        "tom": 0.5,
        "percussion": 0.25,
    }
    n = int(length_s[name] * RATE_HZ * rng.uniform(0.6, 1.3))
    t = np.arange(n) / RATE_HZ
    noise = rng.normal(size=(2, n))
    if rng.random() < 0.6:
        noise[1] = noise[0]
    if name in ("kick", "tom"):
        low_hz = rng.uniform(38.0, 65.0) if name == "kick" else rng.uniform(75.0, 220.0)
        swept = low_hz * (1.0 + rng.uniform(0.5, 6.0) * np.exp(-t / rng.uniform(0.008, 0.05)))
        tone = np.sin(2 * np.pi * np.cumsum(swept) / RATE_HZ) * np.exp(-t / rng.uniform(0.06, 0.25))
        click = noise * np.exp(-t / 0.003) * rng.uniform(0.0, 0.4)
        return _trimmed((np.tanh(rng.uniform(1.0, 3.0) * tone) + click).astype(np.float32))
    if name == "snare":
        tone = np.sin(2 * np.pi * rng.uniform(150.0, 260.0) * t) * np.exp(-t / rng.uniform(0.03, 0.1))
        hiss = signal.sosfilt(
            signal.butter(1, rng.uniform(700.0, 2500.0), "highpass", fs=RATE_HZ, output="sos"), noise, axis=1
        )
        return _trimmed(
            (rng.uniform(0.2, 1.0) * tone + hiss * 0.5 * np.exp(-t / rng.uniform(0.05, 0.2))).astype(
                np.float32
            )
        )
    if name == "percussion":
        ring = sum(np.sin(2 * np.pi * hz * t) for hz in rng.uniform(400.0, 3000.0, 2))
        return _trimmed(
            (ring * np.exp(-t / rng.uniform(0.02, 0.12)) + 0.1 * noise * np.exp(-t / 0.01)).astype(np.float32)
        )
    clang = sum(
        np.sign(np.sin(2 * np.pi * hz * t + rng.uniform(0, 6))) for hz in rng.uniform(300.0, 1200.0, 6)
    )
    bright = signal.sosfilt(
        signal.butter(3, rng.uniform(5000.0, 9000.0), "highpass", fs=RATE_HZ, output="sos"),
        0.4 * rng.random() * clang + noise,
        axis=1,
    )
    decay_s = {"hat": 0.03, "open_hat": 0.25, "cymbal": 0.7}[name] * rng.uniform(0.6, 1.6)
    return _trimmed((bright * np.exp(-t / decay_s)).astype(np.float32))


def play_kit(rng: np.random.Generator, kit: dict[str, list[F32]], hits: list[Hit]) -> F32:
    """Play hits; each voice keeps its place and level, each stroke its own strength."""
    out = np.zeros((2, N_FRAMES + _LONGEST * 2), np.float32)
    width = rng.uniform(0.0, 0.8)
    placed = {name: 0.0 if name in ("kick", "snare") else width * rng.uniform(-1, 1) for name in VOICES}
    gain = {name: 10.0 ** ((_LEVEL_DB[name] + rng.normal(0.0, 3.0)) / 20.0) for name in VOICES}
    for hit in hits:
        shots = kit[hit.voice]
        shot = shots[min(len(shots) - 1, int(hit.level * len(shots)))]
        if hit.voice == "tom":
            step = 2.0 ** (int(rng.integers(3)) * 3 / 12.0)
            at = np.arange(int(shot.shape[1] / step)) * step
            shot = np.stack([np.interp(at, np.arange(shot.shape[1]), row) for row in shot]).astype(np.float32)
        at = int(hit.at_s * RATE_HZ)
        if 0 <= at < N_FRAMES:
            strength = gain[hit.voice] * hit.level**1.5 * 10.0 ** (rng.normal(0.0, 0.6) / 20.0)
            out[:, at : at + shot.shape[1]] += panned(shot * np.float32(strength), placed[hit.voice])
    return out[:, :N_FRAMES]
