"""Songs that no splitter has learnt from: rendered with sounds that the training never sees, to be judged by.

    python -m tests.benchmarks.held_back FOLDER --set acoustic [--root /usr/share] [--data POP909] [--songs 4]

Two sets, from packages of Debian whose licences forbid to train a network that is given away on them, so that
nobody is tempted: `acoustic` (TimGM6mb, the BJA Pacific kit) and `fm` (OPL-3 FM, the Colombo acoustic kit).
Writes a folder with a file a stem for each song; then `charon evaluate FOLDER --model ...`.
"""

import argparse
import hashlib
from pathlib import Path

import numpy as np
import soundfile

from models.training.splitter.dataset import song_folders
from models.training.splitter.effects import RATE_HZ
from models.training.splitter.mixing import STEMS, open_studio, render_song
from models.training.splitter.sounds import SYSTEM_ROOT, Sound, SoundShelf

SEED = 909
_KITS = "hydrogen/data/drumkits"
SETS = {
    "acoustic": {
        "font": ("timgm6mb-soundfont", "sounds/sf2", "TimGM6mb.sf2"),
        "kick": ("hydrogen-drumkits", f"{_KITS}/BJA_Pacific", "BD_*.aiff"),
        "snare": ("hydrogen-drumkits", f"{_KITS}/BJA_Pacific", "SN*.aiff"),
        "hat": ("hydrogen-drumkits", f"{_KITS}/BJA_Pacific", "HH_*.aiff"),
        "open_hat": ("hydrogen-drumkits", f"{_KITS}/BJA_Pacific", "HH3_*.aiff"),
        "cymbal": ("hydrogen-drumkits", f"{_KITS}/BJA_Pacific", "RD*.aiff"),
        "tom": ("hydrogen-drumkits", f"{_KITS}/BJA_Pacific", "TM*.aiff"),
        "percussion": ("hydrogen-drumkits", f"{_KITS}/BJA_Pacific", "BL_*.aiff"),
    },
    "fm": {
        "font": ("opl3-soundfont", "sounds/sf2", "OPL-3_FM_128M.sf2"),
        "kick": ("hydrogen-drumkits", f"{_KITS}/ColomboAcousticDrumkit", "bassdrum*.flac"),
        "snare": ("hydrogen-drumkits", f"{_KITS}/ColomboAcousticDrumkit", "snare*.flac"),
        "hat": ("hydrogen-drumkits", f"{_KITS}/ColomboAcousticDrumkit", "hihat-closed*.flac"),
        "open_hat": ("hydrogen-drumkits", f"{_KITS}/ColomboAcousticDrumkit", "hihat-open*.flac"),
        "cymbal": ("hydrogen-drumkits", f"{_KITS}/ColomboAcousticDrumkit", "crash*.flac"),
        "tom": ("hydrogen-drumkits", f"{_KITS}/ColomboAcousticDrumkit", "tom*.flac"),
        "percussion": ("hydrogen-drumkits", f"{_KITS}/ColomboAcousticDrumkit", "stick*.flac"),
    },
}


def sounds_of(name: str, root: Path) -> list[Sound]:
    """Every sound of a set, as it lies here."""
    found: list[Sound] = []
    for role, (package, folder, pattern) in SETS[name].items():
        paths = sorted((root / folder).glob(pattern))
        if not paths:
            raise SystemExit(f"{root / folder / pattern} is not there: apt-get install {package}")
        for path in paths:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            found.append(Sound(str(path.relative_to(root)), role, package, "for judging only", "", digest))
    return found


def main() -> None:
    """Render a set."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--set", choices=list(SETS), required=True)
    parser.add_argument("--root", type=Path, default=SYSTEM_ROOT)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--songs", type=int, default=4)
    given = parser.parse_args()
    shelf = SoundShelf(given.root, sounds_of(given.set, given.root))
    studio = open_studio(shelf, song_folders(given.data))
    for index in range(given.songs):
        stems = render_song(studio, SEED, index)
        folder = given.folder / f"{given.set} {index + 1}"
        folder.mkdir(parents=True, exist_ok=True)
        for name, stem in zip(STEMS, np.asarray(stems), strict=True):
            soundfile.write(folder / f"{name}.wav", stem.T, RATE_HZ, subtype="FLOAT")
        print(folder)


if __name__ == "__main__":
    main()
