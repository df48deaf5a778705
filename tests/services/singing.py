"""What tests of transcription stand on: a home with a small Whisper and a stand-in for the separator, songs.

The separator is `quarter` (see conftest): its vocals are the song at a quarter of its level, which Whisper
hears as well as the song, and it costs nothing.
"""

from pathlib import Path

import numpy as np
import soundfile

from engine.inference.model_store import ModelStore
from engine.io.decode import read_song
from engine.io.home import Home, default_home
from engine.services.transcription_job import DRAFT_MODEL, TranscriptionOrder
from engine.units import F32
from tests.services.conftest import SHARED

SAID = (
    "Mrs. Allen said Catherine the next morning\n"
    "will there be any harm in my calling on Miss Tilney today\n"
    "I shall not be easy till I have explained everything\n"
    "Go by all means my dear only put on a white gown\n"
    "Miss Tilney always wears white\n"
)
"""What is read in speech.ogg, a sentence a line."""
DRAFT = TranscriptionOrder(model=DRAFT_MODEL, separator="quarter")
MIX = TranscriptionOrder(model=DRAFT_MODEL, hearing="mix")
RATE_HZ = 16_000


def whisper_home(folder: Path, separators: Home) -> Home:
    """A home of its own, in which songs are new, with the models of others."""
    store = ModelStore(default_home().models, default_home().cards)
    store.get(DRAFT_MODEL)
    home = Home(folder)
    home.models.mkdir(parents=True)
    (home.models / DRAFT_MODEL).symlink_to(store.folder / DRAFT_MODEL)
    (home.models / "quarter").symlink_to(separators.models / "quarter")
    (home.root / "cards").symlink_to(separators.root / "cards")
    return home


def speech() -> F32:
    """14 s of a read novel, (2, frames) at 16 kHz."""
    sound, rate_hz = read_song(SHARED / "speech.ogg")
    assert rate_hz == RATE_HZ
    return sound


def write_verses(path: Path, n: int = 3, rest_s: float = 5.0, seconds: float = 2.85) -> Path:
    """The beginning of the speech, several times, with rests between that end a window each."""
    verse = speech()[:, : round(seconds * RATE_HZ)]
    rest = np.zeros((2, round(rest_s * RATE_HZ)), np.float32)
    sound = np.concatenate([rest[:, : RATE_HZ // 2], *[part for _ in range(n) for part in (verse, rest)]], 1)
    soundfile.write(path, sound.T, RATE_HZ)
    return path
