"""Does a fingerprint know a song again? Halves of songs, each to find the other by sound alone.

    python -m tests.benchmarks.similar_halves FOLDER_OR_WHEEL...

Every song is cut in two; the first half is kept as FLAC, the second becomes an MP3 of 96 kbit/s and is
6 dB softer. All halves go into one library by the ordinary scan, and each asks for its nearest
neighbour. Prints a line for each song and one JSON object.
"""

import json
import sys
import tempfile
import zipfile
from pathlib import Path

import av
import numpy as np
import soundfile

from engine.io.decode import read_song
from engine.io.sound_files import SoundFile, sound_files
from engine.services.library import Library
from engine.services.library_scan import scan_folders
from engine.services.song_similarity import similar_songs
from engine.units import F32

GAIN = 10 ** (-6 / 20)
BIT_RATE = 96_000


def write_mp3(path: Path, x: F32, rate_hz: int) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libmp3lame", rate=rate_hz, bit_rate=BIT_RATE, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(x), format="fltp", layout="stereo")
        frame.sample_rate = rate_hz
        for part in (frame, None):
            container.mux(stream.encode(part))


def songs_in(places: list[str], scratch: Path) -> list[Path]:
    found: list[Path] = []
    for place in map(Path, places):
        folder = place
        if place.suffix == ".whl":
            folder = scratch / place.stem
            zipfile.ZipFile(place).extractall(folder)
        found += [item.path for item in sound_files(folder) if isinstance(item, SoundFile)]
    return found


def main(places: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name, Library(Path(name) / "library.db") as library:
        scratch = Path(name)
        halves = scratch / "halves"
        halves.mkdir()
        for i, path in enumerate(songs_in(places, scratch)):
            x, rate_hz = read_song(path)
            middle = x.shape[1] // 2
            soundfile.write(halves / f"{i:03d} {path.stem} 1.flac", x[:, :middle].T, rate_hz)
            write_mp3(halves / f"{i:03d} {path.stem} 2.mp3", np.float32(GAIN) * x[:, middle:], rate_hz)
        report = scan_folders(library, [halves])
        for failed, reason in report.failed:
            print(failed.name, reason)
        n_right = 0
        songs = library.songs()
        for song in songs:
            (near,) = similar_songs(library, song.song_id, 1)
            right = near.song.paths[0].stem[:-2] == song.paths[0].stem[:-2]
            n_right += right
            if not right:
                print(f"{song.paths[0].stem}: {near.song.paths[0].stem} ({near.distance:.2f})")
    share = n_right / max(1, len(songs))
    print(json.dumps({"halves": len(songs), "right": n_right, "share": share, "scan_s": report.wall_s}))


if __name__ == "__main__":
    main(sys.argv[1:])
