"""Whisper, loaded: where it runs and how precisely, what memory it needs, and one window through it.

Worker processes, or whoever calls the in-process interface; one thread at a time (see
`engine.inference.whisper_cache`). It stands on faster-whisper, of which the network (CTranslate2), the
spectra and the tokens are used; what is decided about songs lies above, in `whisper_decode` and the
services.
"""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np

from engine.errors import ModelError, ParameterError, ProviderUnavailable
from engine.inference.cards import ModelCard
from engine.units import F32

Device = Literal["cpu", "cuda"]
Precision = Literal["int8", "int8_float16", "float16", "float32"]
PRECISIONS: tuple[str, ...] = get_args(Precision)

RATE_HZ = 16_000
WINDOW_S = 30.0
"""What the network sees at once."""
SPECTRA_PER_S = 100
TOKEN_S = 0.02
"""Resolution of its time stamps and of its attention."""

_WANTED: dict[str, tuple[Precision, ...]] = {
    # Eight-bit sums are what a CPU is fastest at; a graphics card keeps the rest in half precision.
    "cpu": ("int8", "float32"),
    "cuda": ("int8_float16", "float16", "float32"),
}
_CODES = (
    "af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he "
    "hi hr ht hu hy id is it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl "
    "nn no oc pa pl ps pt ro ru sa sd si sk sl sn so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz "
    "vi yi yo yue zh"
)
LANGUAGES = frozenset(_CODES.split())
"""As ISO 639-1 has them, or 639-3 where that has none."""
_ENGLISH_ONLY = "-en"
"""How the names of such models end."""
_BYTES_PER_WEIGHT = {"int8": 1.0, "int8_float16": 1.0, "float16": 2.0, "float32": 4.0}
_FILE_BYTES_PER_WEIGHT = 2.0
"""The files hold half-precision numbers."""
_LATE_S = {"whisper-base": 0.105, "whisper-tiny-en": -0.04}
"""How much later than their attention says the words of a model begin, in the median: measured on
synthesised speech with known times (`tests.benchmarks.word_times`). It depends on the attention heads."""
_WORK_BYTES = 200_000_000
"""Of the libraries and of one window's activations, with some room: base takes 155 MB above its weights."""


@dataclass(frozen=True, slots=True)
class WhisperPlan:
    """Where a model runs and how precisely.

    Parameters
    ----------
    device : "cpu" or "cuda"
    precision : Precision
    """

    device: Device
    precision: Precision

    @property
    def text(self) -> str:
        """For people: "CPU, int8"."""
        return f"{self.device.upper()}, {self.precision}"


def choose_plan(device: str = "auto", precision: str = "auto") -> WhisperPlan:
    """Choose where to run.

    Parameters
    ----------
    device : "auto", "cpu" or "cuda"
        "auto" takes a graphics card that CTranslate2 can use, else the CPU.
    precision : "auto" or Precision
        "auto" takes the fastest that the device has.

    Raises
    ------
    ParameterError
        There is no such device or precision.
    ProviderUnavailable
        It was asked for and is not usable here.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise ParameterError(f"no device {device!r} to transcribe on: choose auto, cpu or cuda")
    if precision != "auto" and precision not in PRECISIONS:
        raise ParameterError(f"no precision {precision!r}: choose auto, {', '.join(PRECISIONS)}")
    import ctranslate2

    n_cards = int(ctranslate2.get_cuda_device_count())
    if device == "cuda" and not n_cards:
        raise ProviderUnavailable("no graphics card that CUDA can use is here; transcribe with --device cpu")
    chosen: Device = "cuda" if n_cards and device != "cpu" else "cpu"
    known = cast("set[str]", ctranslate2.get_supported_compute_types(chosen))
    if precision == "auto":
        usable: list[Precision] = [wanted for wanted in _WANTED[chosen] if wanted in known]
        return WhisperPlan(chosen, usable[0] if usable else "float32")
    if precision not in known:
        choice = ", ".join(name for name in PRECISIONS if name in known)
        raise ProviderUnavailable(f"{chosen.upper()} cannot compute in {precision} here: choose {choice}")
    return WhisperPlan(chosen, cast("Precision", precision))


def check_language(card: ModelCard, language: str) -> str:
    """The language to decode in, known before a model is loaded; empty when it is to be detected.

    Parameters
    ----------
    card : ModelCard
    language : str
        As ISO 639-1 has it; empty is whatever is sung.

    Returns
    -------
    str
        "en" where the model knows nothing else.

    Raises
    ------
    ParameterError
        There is no such language, or the model does not know it.
    """
    if language and language not in LANGUAGES:
        raise ParameterError(
            f"no language {language!r} is known to Whisper: write its code of two letters ('en', 'de'), "
            "or leave it out to have it detected"
        )
    if not card.name.endswith(_ENGLISH_ONLY):
        return language
    if language not in ("", "en"):
        raise ParameterError(
            f"{card.name} is English only: for language {language!r} choose another model, such as "
            "whisper-base"
        )
    return "en"


def needed_bytes(card: ModelCard, plan: WhisperPlan) -> int:
    """Memory that a loaded model takes at its highest, from the size of its weights.

    Parameters
    ----------
    card : ModelCard
    plan : WhisperPlan
    """
    weights = next((file.size_bytes for file in card.files if file.name == "model.bin"), card.size_bytes)
    scaled = weights * _BYTES_PER_WEIGHT[plan.precision] / _FILE_BYTES_PER_WEIGHT
    return math.ceil(scaled) + _WORK_BYTES


class Encoded:
    """A window of sound as the network keeps it, for decoding and aligning.

    Attributes
    ----------
    output : ctranslate2.StorageView
    n_spectra : int
        Spectra that hold sound; the window is filled up to 3000.
    """

    def __init__(self, output: Any, n_spectra: int) -> None:
        self.output = output
        self.n_spectra = n_spectra


@dataclass(frozen=True, slots=True)
class Decoded:
    """What the network wrote for a window.

    Parameters
    ----------
    tokens : list of int
        Text and time stamps.
    average_log_probability : float
    no_speech_probability : float, 0 to 1
    compression_ratio : float
        Bytes of the text over those of its compressed form; above 2.4 it repeats itself.
    """

    tokens: list[int]
    average_log_probability: float
    no_speech_probability: float
    compression_ratio: float


class Whisper:
    """A loaded model.

    Parameters
    ----------
    card : ModelCard
        Of the task "transcribe".
    files : dict of str to Path
        As `ModelStore.files(name, "transcribe")` gives them.
    plan : WhisperPlan
    threads : int
        On the CPU; 0 is one a core.

    Raises
    ------
    ModelError
        The files are no model that can be loaded, or memory does not suffice.
    """

    def __init__(
        self, card: ModelCard, files: Mapping[str, Path], plan: WhisperPlan, threads: int = 0
    ) -> None:
        from faster_whisper import WhisperModel

        self.card = card
        self.plan = plan
        folder = files["model.bin"].parent
        try:
            self._whisper: Any = WhisperModel(
                str(folder),
                device=plan.device,
                compute_type=plan.precision,
                cpu_threads=threads or os.cpu_count() or 1,
                local_files_only=True,
            )
        except (RuntimeError, ValueError, OSError, MemoryError) as err:
            reason = " ".join(str(err).split())[:200]
            raise ModelError(f"{card.title} cannot be loaded on {plan.text}: {reason}") from err
        self.model: Any = self._whisper.model
        self.is_multilingual = bool(self.model.is_multilingual)
        self._tokenizers: dict[str, Any] = {}
        self._suppressed: dict[str, Sequence[int]] = {}

    def tokenizer(self, language: str) -> Any:
        """The tokenizer of faster-whisper for a language; kept."""
        if language not in self._tokenizers:
            from faster_whisper.tokenizer import Tokenizer
            from faster_whisper.transcribe import get_suppressed_tokens

            tokenizer = Tokenizer(
                self._whisper.hf_tokenizer, self.is_multilingual, task="transcribe", language=language
            )
            self._tokenizers[language] = tokenizer
            self._suppressed[language] = list(get_suppressed_tokens(tokenizer, cast("Any", [-1])) or ())
        return self._tokenizers[language]

    def encode(self, sound: F32) -> Encoded:
        """Run the first half of the network.

        Parameters
        ----------
        sound : float32 array, shape (n,), 16 kHz mono
            At most 30 s; more is cut off.
        """
        n_window = round(WINDOW_S * SPECTRA_PER_S)
        spectra = self._whisper.feature_extractor(sound[: round(WINDOW_S * RATE_HZ)])
        n_spectra = min(n_window, len(sound) * SPECTRA_PER_S // RATE_HZ)
        window = np.zeros((spectra.shape[0], n_window), np.float32)
        window[:, :n_spectra] = spectra[:, :n_spectra]
        return Encoded(self._whisper.encode(window), n_spectra)

    def detect_language(self, encoded: Encoded) -> tuple[str, float]:
        """The likeliest language of a window, and how likely it is, 0 to 1."""
        if not self.is_multilingual:
            return "en", 1.0
        token, probability = self.model.detect_language(encoded.output)[0][0]
        return token[2:-2], float(probability)

    def decode(self, encoded: Sequence[Encoded], language: str, *, no_repeats: bool = False) -> list[Decoded]:
        """Run the second half of the network: words and time stamps of each window.

        Parameters
        ----------
        encoded : sequence of Encoded
            On a CPU two at once take three quarters of the time of one after the other: its weights are read
            once for both. What is written for one does not depend on the others.
        language : str
        no_repeats : bool
            Write no five tokens twice and like those less that were there already: the way out of a
            loop, the same at every run (sampling at a temperature is not).
        """
        tokenizer = self.tokenizer(language)
        results: list[Any] = []
        for output in self._together(encoded):
            results += self.model.generate(
                output,
                [tokenizer.sot_sequence] * output.shape[0],
                beam_size=5,
                max_length=448,
                no_repeat_ngram_size=5 if no_repeats else 0,
                repetition_penalty=1.1 if no_repeats else 1.0,
                return_scores=True,
                return_no_speech_prob=True,
                suppress_blank=True,
                suppress_tokens=self._suppressed[language],
                max_initial_timestamp_index=round(1.0 / TOKEN_S),
            )
        return [_decoded(tokenizer, result) for result in results]

    def _together(self, encoded: Sequence[Encoded]) -> list[Any]:
        """The windows as few batches: one on a CPU, where they can be joined without a copy to elsewhere."""
        if len(encoded) < 2 or self.plan.device != "cpu":
            return [one.output for one in encoded]
        from ctranslate2 import StorageView

        joined = np.concatenate([np.asarray(one.output) for one in encoded])
        return [StorageView.from_array(joined)]

    def attend(self, encoded: Encoded, language: str, tokens: Sequence[int]) -> tuple[F32, F32]:
        """Where in the window each token of a text is sung, by the network's attention.

        Parameters
        ----------
        encoded : Encoded
        language : str
        tokens : sequence of int
            Text without time stamps; given to the network as if it had written it.

        Returns
        -------
        starts_s : float32 array, shape (n + 1,)
            Seconds in the window; the last is the end of the text.
        probabilities : float32 array, shape (n,)

        References
        ----------
        Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022; alignment by
        dynamic time warping of the cross-attention, as in its section on time stamps of words.
        """
        tokenizer = self.tokenizer(language)
        result = self.model.align(
            encoded.output, tokenizer.sot_sequence, [list(tokens)], encoded.n_spectra, median_filter_width=7
        )[0]
        path = np.asarray(result.alignments, np.int64).reshape(-1, 2)
        starts_s = np.zeros(len(tokens) + 1, np.float32)
        # A token begins where the path first reaches it.
        first = np.unique(path[:, 0], return_index=True)
        for token, at in zip(*first, strict=True):
            if token <= len(tokens):
                starts_s[token] = path[at, 1] * TOKEN_S
        np.maximum.accumulate(starts_s, out=starts_s)
        late_s = _LATE_S.get(self.card.name, 0.0)
        starts_s = np.clip(starts_s + np.float32(late_s), 0.0, encoded.n_spectra / SPECTRA_PER_S)
        return starts_s, np.asarray(result.text_token_probs, np.float32)

    def close(self) -> None:
        """Give the memory back."""
        self.model.unload_model()


def _decoded(tokenizer: Any, result: Any) -> Decoded:
    from faster_whisper.transcribe import get_compression_ratio

    tokens: list[int] = list(result.sequences_ids[0])
    # Its score is the mean over the tokens; the end of the text counts as one too.
    average = float(result.scores[0]) * len(tokens) / (len(tokens) + 1)
    text = tokenizer.decode(tokens).strip()
    ratio = float(get_compression_ratio(text)) if text else 0.0
    return Decoded(tokens, average, float(result.no_speech_prob), ratio)
