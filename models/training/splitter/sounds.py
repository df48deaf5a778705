"""The list of sounds that may be used, and the files themselves, checked against it.

Debian's packages bring them. A sound without an entry cannot be asked for: each is fetched by its entry.
"""

import hashlib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ChecksumMismatch, TrainingError

MANIFEST = Path(__file__).with_name("sounds.toml")
FREE_LICENCES = frozenset(["MIT", "CC0", "CC-BY-3.0", "CC-BY-4.0"])
"""What a network that is given away may be trained on."""
SYSTEM_ROOT = Path("/usr/share")


@dataclass(frozen=True, slots=True)
class Sound:
    """An entry of the manifest; `role` says what it is played as, `path` lies under the root."""

    path: str
    role: str
    package: str
    licence: str
    author: str
    sha256: str


def read_manifest(path: Path = MANIFEST) -> list[Sound]:
    """Read the entries.

    Raises
    ------
    TrainingError
        One of them is under a licence that the network could not be given away with.
    """
    sounds = [Sound(**entry) for entry in tomllib.loads(path.read_text(encoding="utf-8"))["sound"]]
    for sound in sounds:
        if sound.licence not in FREE_LICENCES:
            raise TrainingError(
                f"{sound.path} is under {sound.licence!r}; only {sorted(FREE_LICENCES)} may be used"
            )
    return sounds


class SoundShelf:
    """Files of the manifest, each checked before it is used for the first time.

    Parameters
    ----------
    root : Path
        Where Debian's /usr/share is, or packages unpacked elsewhere.
    sounds : sequence of Sound or None
        None takes those of the manifest.

    Raises
    ------
    TrainingError
        Files are missing; the message names the packages that bring them.
    """

    def __init__(self, root: Path = SYSTEM_ROOT, sounds: Sequence[Sound] | None = None) -> None:
        self._root = root
        self.sounds = read_manifest() if sounds is None else list(sounds)
        missing = sorted({s.package for s in self.sounds if not (root / s.path).is_file()})
        if missing:
            raise TrainingError(
                f"sounds to render songs with are not under {root}; on Debian or Ubuntu: apt-get install "
                f"{' '.join(missing)}; or compute every sound, which is poorer: --sounds computed"
            )
        self._checked: set[str] = set()

    def of_role(self, role: str) -> list[Sound]:
        """Every sound that is played as `role`."""
        return [sound for sound in self.sounds if sound.role == role]

    def file(self, sound: Sound) -> Path:
        """Path of a sound.

        Raises
        ------
        ChecksumMismatch
            The file is not the one whose licence was looked up.
        """
        path = self._root / sound.path
        if sound.path not in self._checked:
            found = hashlib.sha256(path.read_bytes()).hexdigest()
            if found != sound.sha256:
                raise ChecksumMismatch(
                    f"{path} is not the file that sounds.toml names ({found[:12]}..., not "
                    f"{sound.sha256[:12]}...); install the package {sound.package} of Debian 12"
                )
            self._checked.add(sound.path)
        return path
