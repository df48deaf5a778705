"""Word error rates of transcription on speech whose words are known.

    python -m tests.benchmarks.spoken FOLDER --voice VOICE.onnx      # see there
    python -m tests.benchmarks.word_errors [FOLDER] [--models whisper-base whisper-tiny-en]

Prints one JSON object: a row a clip, a model and a way of hearing, with the rate and the words that were
written. Beside `speech.ogg` (LibriSpeech 198-209-0000) the clips are the WAV files of FOLDER, with what is
said in them in the JSON beside each.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import jiwer

from engine.services.transcription_job import DEFAULT_MODEL, DRAFT_MODEL, TranscriptionOrder
from tests.benchmarks.heard_songs import fresh_transcriber, plain

SPEECH = Path(__file__).resolve().parents[3] / "shared" / "data" / "speech.ogg"
READ = (
    "MISSUS ALLEN SAID CATHERINE THE NEXT MORNING WILL THERE BE ANY HARM IN MY CALLING ON MISS TILNEY TODAY "
    "I SHALL NOT BE EASY TILL I HAVE EXPLAINED EVERYTHING GO BY ALL MEANS MY DEAR ONLY PUT ON A WHITE GOWN "
    "MISS TILNEY ALWAYS WEARS WHITE"
)


def main() -> None:
    """Parse, hear, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--models", nargs="+", default=[DEFAULT_MODEL, DRAFT_MODEL])
    arguments = parser.parse_args()
    clips = {SPEECH: READ}
    for path in sorted(arguments.folder.glob("*.wav")) if arguments.folder else ():
        clips[path] = " ".join(json.loads(path.with_suffix(".json").read_text())["sentences"])
    rows: list[dict[str, Any]] = []
    with fresh_transcriber() as transcriber:
        for path, said in clips.items():
            for model in arguments.models:
                for hearing in ("both", "mix"):
                    order = TranscriptionOrder(model=model, hearing=hearing)
                    with transcriber.open(path, order) as song:
                        heard = " ".join(segment.text for segment in song.segments())
                    rate = jiwer.wer(plain(said), plain(heard))
                    row = {"clip": path.name, "model": model, "hearing": hearing}
                    rows.append({**row, "word_error_rate": round(rate, 4), "heard": heard})
    print(json.dumps({"rows": rows}, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
