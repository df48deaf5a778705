"""What the benchmarks of transcription share: songs heard in an empty home, texts compared by words."""

import contextlib
import tempfile
import warnings
from collections.abc import Generator
from pathlib import Path

from engine.errors import CharonWarning
from engine.io.home import Home, default_home
from engine.lyrics import Word
from engine.services.lyric_choice import plain_word
from engine.services.transcribe_song import Transcriber


@contextlib.contextmanager
def fresh_transcriber(budget_bytes: int | None = None) -> Generator[Transcriber]:
    """A transcriber that knows no song yet, with the user's models."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", CharonWarning)
        home = Home(Path(folder))
        home.models.symlink_to(default_home().models)
        with Transcriber(home=home, budget_bytes=budget_bytes) as transcriber:
            yield transcriber


def plain(text: str) -> str:
    """A text as word errors are counted: no case, no punctuation, titles in full."""
    words = (plain_word(word) for word in text.replace("-", " ").split())
    full = {"mrs": "missus", "mr": "mister"}
    return " ".join(full.get(word, word) for word in words if word)


def onset_errors_ms(true: list[tuple[str, float]], heard: list[Word]) -> list[float]:
    """How much too late each word begins that both have, in milliseconds.

    Words are paired by the best way to lay the two texts side by side; what was misheard has no partner.
    """
    from difflib import SequenceMatcher

    ours = [plain_word(word.text) for word in heard]
    matcher = SequenceMatcher(None, [plain_word(text) for text, _ in true], ours, autojunk=False)
    return [
        1000.0 * (heard[block.b + k].start_s - true[block.a + k][1])
        for block in matcher.get_matching_blocks()
        for k in range(block.size)
    ]
