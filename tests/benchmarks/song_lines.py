"""The lines of songs, heard in the mix, in the vocals, and in both.

    python -m tests.benchmarks.song_lines SONG... [--model whisper-base]

Prints one JSON object: a row a song and a way of hearing, with the number of lines and words, the mean
log-probability of the words, lines that follow themselves (a refrain, or a loop), and the lines with their
times, to be read against the sound. An instrumental should have none.
"""

import argparse
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from engine.services.transcription_job import DEFAULT_MODEL, TranscriptionOrder
from tests.benchmarks.heard_songs import fresh_transcriber, plain


def main() -> None:
    """Parse, hear, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("songs", type=Path, nargs="+")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with fresh_transcriber() as transcriber:
        for path in arguments.songs:
            for hearing in ("mix", "vocals", "both"):
                with transcriber.open(path, TranscriptionOrder(arguments.model, hearing=hearing)) as song:
                    lines = sorted(song.segments(), key=lambda segment: segment.start_s)
                    language = song.language
                weights = [max(1, len(line.words)) for line in lines]
                certainty = [line.average_log_probability for line in lines]
                rows.append(
                    {
                        "song": path.name,
                        "hearing": hearing,
                        "language": language,
                        "n_lines": len(lines),
                        "n_words": sum(len(line.words) for line in lines),
                        "log_probability": round(float(np.average(certainty, weights=weights)), 3)
                        if lines
                        else None,
                        "n_repeated": sum(plain(a.text) == plain(b.text) for a, b in pairwise(lines)),
                        "lines": [
                            f"{line.start_s:6.2f}-{line.end_s:6.2f} {line.source:6} "
                            f"{line.average_log_probability:5.2f} {line.text}"
                            for line in lines
                        ],
                    }
                )
    print(json.dumps({"rows": rows}, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
