"""Where Charon keeps what it fetches and computes: one folder, a room for each kind.

Any thread. The engine is given a `Home`; only `default_home` looks at the environment, so that a
test or a second program can keep its models and stems somewhere else.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

_CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of one user's models and stems.

    Parameters
    ----------
    root : Path
        Need not exist; whoever writes into a room creates it.
    """

    root: Path

    @property
    def models(self) -> Path:
        """Folder of fetched model files (see `engine.inference.model_store`)."""
        return self.root / "models"

    @property
    def stems(self) -> Path:
        """Folder of separated songs (see `engine.io.stem_store`)."""
        return self.root / "stems"

    @property
    def lyrics(self) -> Path:
        """Folder of transcribed songs (see `engine.services.lyrics_store`)."""
        return self.root / "lyrics"

    @property
    def cards(self) -> tuple[Path, ...]:
        """Folders of model cards: those shipped beside the engine, then the user's own."""
        return (_CHECKOUT / "models" / "cards", self.root / "cards")


def default_home() -> Home:
    """Home in $CHARON_HOME, or in the platform's cache folder when that is not set.

    Notes
    -----
    Everything inside can be fetched or computed again, hence the cache folder.
    """
    chosen = os.environ.get("CHARON_HOME", "")
    root = Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("charon", False))
    return Home(root.absolute())
