"""One song from a seed: its score, its players, its mix, as stems that sum to it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.units import F32
from models.training.splitter import effects
from models.training.splitter.arrangement import bass_line, comping, drum_hits, power_chords
from models.training.splitter.drums import DrumShop, Hit, play_kit
from models.training.splitter.instruments import N_FRAMES, FontPlayer, oscillators, strings, struck, voice
from models.training.splitter.score import Note, Score, make_up, read_folder
from models.training.splitter.sounds import SoundShelf

STEMS = ("drums", "bass", "other", "vocals")
_BASS_PROGRAMS = (32, 33, 33, 33, 34, 34, 34, 35, 36, 37, 38, 39)
_LEAD_PROGRAMS = (
    0,
    4,
    11,
    16,
    21,
    22,
    26,
    27,
    28,
    40,
    41,
    42,
    48,
    56,
    57,
    61,
    64,
    65,
    66,
    68,
    71,
    73,
    75,
    80,
    81,
    87,
)
_CHORD_PROGRAMS = (
    0,
    1,
    2,
    4,
    5,
    6,
    7,
    7,
    8,
    11,
    12,
    16,
    17,
    18,
    19,
    21,
    24,
    25,
    26,
    27,
    28,
    46,
    48,
    49,
    50,
    61,
    61,
    62,
    63,
    88,
    89,
    90,
    92,
)
_SUNG_PROGRAMS = (52, 53, 54, 65, 66, 73, 80, 85)


@dataclass(frozen=True)
class Studio:
    """What a rendering process keeps: instruments and drums in memory.

    Attributes
    ----------
    player : FontPlayer or None
        None computes every instrument.
    shop : DrumShop
    songs : tuple of Path
        Folders of POP909; none makes every song up.
    """

    player: FontPlayer | None
    shop: DrumShop
    songs: tuple[Path, ...]


def open_studio(shelf: SoundShelf | None, songs: tuple[Path, ...]) -> Studio:
    """Load the sound fonts, once a process; without a shelf every sound is computed."""
    player = None if shelf is None else FontPlayer(shelf)
    return Studio(player, DrumShop(shelf, player), songs)


def render_song(studio: Studio, seed: int, index: int) -> F32:
    """Render song number `index` of the set that `seed` names.

    Returns
    -------
    float32 array, shape (4, 2, frames)
        drums, bass, other, vocals; their sum peaks at about -1 dB.
    """
    rng = np.random.default_rng([seed, index])
    if studio.songs and rng.random() < 0.75:
        score = read_folder(studio.songs[int(rng.integers(len(studio.songs)))], rng)
    else:
        score = make_up(rng)
    hits = drum_hits(rng, score)
    drums = _drums(rng, studio, hits)
    bass = _bass(rng, studio, bass_line(rng, score, hits))
    other = _other(rng, studio, score)
    vocals = _vocals(rng, studio, score)
    levels_db = np.array([0.0, -1.0, 0.5, 1.0]) + rng.normal(0.0, 2.5, 4)
    if rng.random() < 0.4:
        # Drums far behind a wall of horns or guitars are where a splitter fails first.
        levels_db[0] -= rng.uniform(3.0, 12.0)
    stems = np.stack([effects.normalised(stem) for stem in (drums, bass, other, vocals)])
    stems *= (10.0 ** (levels_db / 20.0)).astype(np.float32)[:, None, None]
    if rng.random() < 0.6:
        gain = effects.compressor_gain(
            stems.sum(axis=0),
            -float(rng.uniform(8.0, 20.0)),
            float(rng.uniform(1.5, 5.0)),
            float(rng.uniform(60, 300)),
        )
        stems *= gain
    return stems * np.float32(0.89 / max(1e-6, float(np.abs(stems.sum(axis=0)).max())))


def _drums(rng: np.random.Generator, studio: Studio, hits: list[Hit]) -> F32:
    x = play_kit(rng, studio.shop.kit(rng), hits)
    if rng.random() < 0.5:
        x = x * effects.compressor_gain(x, -float(rng.uniform(6, 24)), float(rng.uniform(2, 8)), 80.0)
    if rng.random() < 0.25:
        x = np.tanh(x * np.float32(rng.uniform(1.0, 6.0)))
    if rng.random() < 0.6:
        x = effects.reverb(rng, x, float(rng.uniform(0.03, 0.35)))
    x = effects.random_tone(rng, x)
    if rng.random() < 0.1:
        # Played back from an old record: fewer bits, nothing above a few kilohertz.
        x = np.round(effects.random_tone(rng, x, 8.0) * 200.0) / np.float32(200.0)
    return x.astype(np.float32)


def _bass(rng: np.random.Generator, studio: Studio, notes: list[Note]) -> F32:
    source = str(rng.choice(["font", "font", "font", "strings", "strings", "oscillators"]))
    if source == "font":
        x = _play(rng, studio, notes, _BASS_PROGRAMS)
    elif source == "strings":
        x = strings(rng, notes)
    else:
        x = oscillators(rng, notes, bass=True)
    x = np.repeat(x.mean(axis=0, keepdims=True), 2, axis=0)
    if rng.random() < 0.5:
        x = struck(rng, x, notes)
    if source != "oscillators" and rng.random() < 0.4:
        # A bright amplifier beside the direct sound: what keeps a bass audible between guitars.
        dirty = effects.amplifier(rng, x, float(rng.uniform(6.0, 30.0)))
        x = effects.normalised(x) + np.float32(rng.uniform(0.2, 1.0)) * effects.normalised(dirty)
    elif rng.random() < 0.4:
        x = effects.dulled(rng, x)
    if rng.random() < 0.6:
        x = x * effects.compressor_gain(x, -float(rng.uniform(8, 20)), float(rng.uniform(2, 6)), 150.0)
    if rng.random() < 0.12:
        x = effects.reverb(rng, x, float(rng.uniform(0.03, 0.15)))
    return effects.random_tone(rng, x).astype(np.float32)


def _other(rng: np.random.Generator, studio: Studio, score: Score) -> F32:
    out = np.zeros((2, N_FRAMES), np.float32)
    parts = [score.parts.get("piano", []), score.parts.get("bridge", [])]
    parts = [notes for notes in parts if notes and rng.random() < 0.7]
    parts += [comping(rng, score) for _ in range(int(rng.integers(1, 4)))]
    if rng.random() < 0.45:
        parts.append(score.parts.get("melody", []))
    for rank, notes in enumerate(parts):
        programs = _LEAD_PROGRAMS if rank == 1 or notes is score.parts.get("melody") else _CHORD_PROGRAMS
        out += _placed(rng, _part(rng, studio, notes, programs)) * np.float32(
            10 ** (rng.normal(0.0, 3.0) / 20.0)
        )
    if rng.random() < 0.3:
        out += np.float32(rng.uniform(0.4, 1.2)) * _distorted(rng, studio, power_chords(rng, score))
    return out


def _play(rng: np.random.Generator, studio: Studio, notes: list[Note], programs: tuple[int, ...]) -> F32:
    """One of some General MIDI programs; a computed instrument where there are no fonts."""
    program, font = int(rng.choice(programs)), int(rng.integers(2))
    if studio.player is not None:
        return studio.player.play(notes, program, font)
    return strings(rng, [note for note in notes if note.pitch > 20])


def _part(rng: np.random.Generator, studio: Studio, notes: list[Note], programs: tuple[int, ...]) -> F32:
    source = rng.random()
    if source < 0.78:
        x = _play(rng, studio, notes, programs)
    elif source < 0.88:
        x = strings(rng, [note for note in notes if note.pitch > 35])
    else:
        x = oscillators(rng, notes, bass=False)
    if rng.random() < 0.25:
        x = struck(rng, x, notes)
    if rng.random() < 0.15:
        x = effects.amplifier(rng, x, float(rng.uniform(0.0, 25.0)))
    return x


def _placed(rng: np.random.Generator, x: F32) -> F32:
    """Tone, place and room of one part, at a common level."""
    x = effects.random_tone(rng, effects.normalised(x))
    if rng.random() < 0.5:
        x = effects.lows_cut(x, float(rng.uniform(60.0, 250.0)))
    if rng.random() < 0.5:
        x = effects.reverb(rng, x, float(rng.uniform(0.05, 0.5)))
    return effects.panned(x, float(rng.uniform(-0.8, 0.8)) if rng.random() < 0.6 else 0.0)


def _distorted(rng: np.random.Generator, studio: Studio, notes: list[Note]) -> F32:
    """Two guitars through amplifiers, left and right; the second plays a little differently."""
    out = np.zeros((2, N_FRAMES), np.float32)
    drive_db = float(rng.uniform(12.0, 40.0))
    from_font = rng.random() < 0.6
    for side in (-1.0, 1.0):
        late = [
            Note(max(0.0, n.start_s + float(rng.normal(0, 0.008))), n.length_s, n.pitch, n.velocity)
            for n in notes
        ]
        dry = _play(rng, studio, late, (25, 27, 28)) if from_font else strings(rng, late)
        mono = np.repeat(dry.mean(axis=0, keepdims=True), 2, axis=0)
        out += effects.panned(effects.normalised(effects.amplifier(rng, mono, drive_db)), side * 0.8)
    return out


def _vocals(rng: np.random.Generator, studio: Studio, score: Score) -> F32:
    notes = score.parts.get("melody", [])
    shift = int(rng.choice([-12, 0, 0]))
    notes = [Note(n.start_s, n.length_s, n.pitch + shift, n.velocity) for n in notes]
    x = voice(rng, notes)
    if rng.random() < 0.25:
        x = _play(rng, studio, notes, _SUNG_PROGRAMS)
    if rng.random() < 0.7:
        x = effects.reverb(rng, effects.normalised(x), float(rng.uniform(0.05, 0.4)))
    return effects.random_tone(rng, x, 3.0)
