"""When words are said to begin, against when they do: synthesised speech with known times.

    python -m tests.benchmarks.spoken FOLDER --voice VOICE.onnx      # see there
    python -m tests.benchmarks.word_times FOLDER [--models whisper-base whisper-tiny-en]

Prints one JSON object: a row a clip, a model and a way (heard: Whisper's own words; aligned: the right words
given), with the onset errors of all words in milliseconds: median and 90th percentile of their size, their
mean with its sign, and how many of the words could be compared.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from engine.lyrics import Segment
from engine.services.align_lyrics import align_lyrics, parse_given
from engine.services.transcription_job import DEFAULT_MODEL, DRAFT_MODEL, TranscriptionOrder
from tests.benchmarks.heard_songs import fresh_transcriber, onset_errors_ms


def figures(true: list[tuple[str, float]], segments: list[Segment]) -> dict[str, Any]:
    """Errors of one run."""
    errors_ms = np.array(onset_errors_ms(true, [word for segment in segments for word in segment.words]))
    sizes_ms = np.abs(errors_ms)
    return {
        "n_words": len(true),
        "n_compared": len(errors_ms),
        "median_ms": round(float(np.median(sizes_ms)), 1),
        "p90_ms": round(float(np.percentile(sizes_ms, 90)), 1),
        "mean_ms": round(float(np.mean(errors_ms)), 1),
    }


def main() -> None:
    """Parse, hear, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", nargs="+", default=[DEFAULT_MODEL, DRAFT_MODEL])
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with fresh_transcriber() as transcriber:
        for path in sorted(arguments.folder.glob("*.wav")):
            told = json.loads(path.with_suffix(".json").read_text())
            true = [(word["text"], word["start_s"]) for word in told["words"]]
            for model in arguments.models:
                with transcriber.open(path, TranscriptionOrder(model=model)) as song:
                    row = {"clip": path.name, "model": model}
                    heard = sorted(song.segments(), key=lambda segment: segment.start_s)
                    rows.append({**row, "way": "heard", **figures(true, heard)})
                    given = parse_given("\n".join(told["sentences"]))
                    aligned = align_lyrics(song, given, lambda _what, _part: None)
                    rows.append({**row, "way": "aligned", **figures(true, list(aligned.segments))})
    print(json.dumps({"rows": rows}, indent=2))


if __name__ == "__main__":
    main()
