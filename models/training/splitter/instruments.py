"""Instruments: General MIDI programs of sound fonts, and oscillators and strings that are computed.

Everything gives float32 arrays of shape (2, frames) at 44.1 kHz.
"""

import importlib.util
import os
from functools import lru_cache
from typing import Any

import numpy as np
from scipy import signal

from engine.errors import TrainingError
from engine.units import F32
from models.training.splitter.effects import RATE_HZ
from models.training.splitter.score import CLIP_S, Note
from models.training.splitter.sounds import SoundShelf

N_FRAMES = int(CLIP_S * RATE_HZ)
_BLOCK = 64  # note starts are quantised to 1.5 ms, as a sequencer's are


def check_player() -> None:
    """Refuse to play sound fonts where their player is missing.

    Raises
    ------
    TrainingError
        The line says how to install it: what it depends on plays to a device, which nobody here does.
    """
    if importlib.util.find_spec("tinysoundfont") is None:
        raise TrainingError(
            "playing sound fonts needs the package tinysoundfont (pip install --no-deps tinysoundfont); "
            "without it: --sounds computed"
        )


class FontPlayer:
    """Two sound fonts in memory.

    Parameters
    ----------
    shelf : SoundShelf
    """

    def __init__(self, shelf: SoundShelf) -> None:
        check_player()
        import tinysoundfont

        self._synth: Any = tinysoundfont.Synth(gain=-6, samplerate=RATE_HZ)
        self.fonts: list[int] = [
            self._synth.sfload(os.fspath(shelf.file(sound)), max_voices=128)
            for sound in shelf.of_role("font")
        ]

    def play(self, notes: list[Note], program: int, font: int, *, is_drums: bool = False) -> F32:
        """Play one part dry.

        Parameters
        ----------
        notes : list of Note
        program : int, 0 to 127
        font : int
            0 or 1.
        is_drums : bool
            Of the bank of drum kits.
        """
        out = np.zeros((2, N_FRAMES), np.float32)
        if not notes:
            return out
        synth = self._synth
        chan = 9 if is_drums else 0
        synth.sounds_off()
        synth.program_select(
            chan, self.fonts[font % len(self.fonts)], 128 if is_drums else 0, program, is_drums
        )
        events = sorted(
            [(round(n.start_s * RATE_HZ / _BLOCK), 1, n.pitch, n.velocity) for n in notes]
            + [(round((n.start_s + n.length_s) * RATE_HZ / _BLOCK), 0, n.pitch, 0) for n in notes]
        )
        at = 0
        for block, is_on, pitch, velocity in events:
            when = min(N_FRAMES, max(0, block * _BLOCK))
            if when > at:
                out[:, at:when] = _frames(synth, when - at)
                at = when
            if is_on:
                synth.noteon(chan, pitch, velocity)
            else:
                synth.noteoff(chan, pitch)
        if at < N_FRAMES:
            out[:, at:] = _frames(synth, N_FRAMES - at)
        synth.sounds_off()
        return out


def _frames(synth: Any, n: int) -> F32:
    return np.frombuffer(synth.generate(n), np.float32).reshape(-1, 2).T


@lru_cache(maxsize=2048)
def _plucked(pitch: int, place: int, damping: int, n: int) -> F32:
    """A plucked string after Karplus and Strong, as a comb filter of a burst of noise."""
    period = RATE_HZ / (440.0 * 2.0 ** ((pitch - 69) / 12.0))
    whole = int(period - 0.5)
    part = period - 0.5 - whole
    rng = np.random.default_rng([pitch, place, damping])
    burst = np.zeros(n)
    burst[:whole] = rng.uniform(-1.0, 1.0, whole)
    smooth = 0.15 + 0.2 * place
    burst = signal.lfilter([1.0 - smooth], [1.0, -smooth], burst)
    comb = np.zeros(whole + 1)
    comb[0], comb[max(1, int(whole * (0.08 + 0.1 * place)))] = 1.0, -0.9
    burst = signal.lfilter(comb, [1.0], burst)
    loss = 0.9995 - 0.0018 * damping
    feed = np.zeros(whole + 3)
    feed[0] = 1.0
    # Half a frame of delay from the average, the rest of the fraction from linear interpolation.
    for k, weight in ((whole, 1.0 - part), (whole + 1, part)):
        feed[k] -= 0.5 * loss * weight
        feed[k + 1] -= 0.5 * loss * weight
    return signal.lfilter([1.0], feed, burst).astype(np.float32)


def strings(rng: np.random.Generator, notes: list[Note]) -> F32:
    """Play computed strings: a bass guitar below, a guitar above."""
    place, damping = int(rng.integers(4)), int(rng.integers(4))
    out = np.zeros(N_FRAMES, np.float32)
    for note in notes:
        n = min(int((note.length_s + 0.08) * RATE_HZ), N_FRAMES - int(note.start_s * RATE_HZ), 3 * RATE_HZ)
        if n < 400:
            continue
        ring = _plucked(note.pitch, place, damping, 3 * RATE_HZ)[:n].copy()
        fade = min(n, 2000)
        ring[-fade:] *= np.linspace(1.0, 0.0, fade, dtype=np.float32)
        at = int(note.start_s * RATE_HZ)
        out[at : at + n] += ring * (note.velocity / 100.0) ** 1.5
    return np.stack([out, out])


def struck(rng: np.random.Generator, x: F32, notes: list[Note]) -> F32:
    """Attacks as hands make them: a note begins louder, and with the thump of finger, pick or key.

    Without it a splitter takes every hard attack of a bass for a kick.
    """
    swell, fall_s = float(rng.uniform(0.0, 1.75)), float(np.exp(rng.uniform(np.log(0.008), np.log(0.06))))
    band_hz = float(rng.uniform(35.0, 150.0)), float(np.exp(rng.uniform(np.log(250.0), np.log(4000.0))))
    sos = signal.butter(1, band_hz, "bandpass", fs=RATE_HZ, output="sos")
    n = int(0.12 * RATE_HZ)
    t = np.arange(n) / RATE_HZ
    thump = signal.sosfilt(sos, rng.normal(size=(4, n)), axis=1) * np.exp(-t / rng.uniform(0.004, 0.025))
    thump *= 10.0 ** (rng.uniform(-30.0, -4.0) / 20.0) * float(np.abs(x).max()) / np.abs(thump).max()
    louder = 1.0 + swell * np.exp(-t / fall_s)
    out, gain = x.copy(), np.ones(N_FRAMES, np.float32)
    for note in notes:
        at = min(N_FRAMES, max(0, int(note.start_s * RATE_HZ)))
        stop = min(N_FRAMES, at + n)
        np.maximum(gain[at:stop], louder[: stop - at], out=gain[at:stop])
        level = (note.velocity / 100.0) ** 2 * 10.0 ** (rng.normal(0.0, 2.0) / 20.0)
        out[:, at:stop] += (level * thump[int(rng.integers(4)), : stop - at]).astype(np.float32)
    return (out * gain).astype(np.float32)


def oscillators(rng: np.random.Generator, notes: list[Note], *, bass: bool) -> F32:
    """Play a computed synthesiser: saws, squares, FM, 808 or reese, with filter envelopes."""
    kind = str(
        rng.choice(
            ["saw", "square", "fm", "808", "reese", "sine"] if bass else ["saw", "square", "fm", "super"]
        )
    )
    cutoff_hz = float(np.exp(rng.uniform(np.log(250.0), np.log(6000.0))))
    decay_s = float(rng.uniform(0.08, 1.5))
    attack_s = float(rng.uniform(0.002, 0.01) if bass or rng.random() < 0.6 else rng.uniform(0.05, 0.4))
    detune = float(rng.uniform(0.001, 0.008))
    ratio, index = float(rng.choice([0.5, 1.0, 2.0, 3.0])), float(rng.uniform(0.5, 4.0))
    out = np.zeros((2, N_FRAMES), np.float32)
    for note in notes:
        at = int(note.start_s * RATE_HZ)
        n = min(int((note.length_s + 0.06) * RATE_HZ), N_FRAMES - at)
        if n < 400:
            continue
        t = np.arange(n) / RATE_HZ
        hz = 440.0 * 2.0 ** ((note.pitch - 69) / 12.0)
        if kind == "808":
            swept = hz * (1.0 + 1.5 * np.exp(-t / 0.02))
            tone = np.tanh(1.5 * np.sin(2 * np.pi * np.cumsum(swept) / RATE_HZ)) * np.exp(-t / (2 * decay_s))
            wave = np.stack([tone, tone])
        elif kind == "fm":
            bend = index * np.exp(-t / decay_s)
            tone = np.sin(2 * np.pi * hz * t + bend * np.sin(2 * np.pi * ratio * hz * t))
            wave = np.stack([tone, tone])
        elif kind == "sine":
            tone = np.sin(2 * np.pi * hz * t) + 0.25 * np.sin(4 * np.pi * hz * t)
            wave = np.stack([tone, tone])
        else:
            wave = _analogue(kind, hz, t, detune)
            wave = _swept_low_pass(wave, max(cutoff_hz, 1.5 * hz), decay_s)
        envelope = np.minimum(1.0, t / attack_s) * np.minimum(1.0, (n / RATE_HZ - t) / 0.04)
        out[:, at : at + n] += (wave * envelope * (note.velocity / 100.0)).astype(np.float32)
    return out


def _analogue(kind: str, hz: float, t: np.ndarray, detune: float) -> np.ndarray:
    """Saws and squares, band-limited enough by leaving out what would alias above 18 kHz."""
    if kind == "square":
        tone = _harmonics(hz, t, odd=True)
        return np.stack([tone, tone])
    if kind == "saw":
        tone = _harmonics(hz, t, odd=False)
        return np.stack([tone, tone])
    left = _harmonics(hz * (1.0 - detune), t, odd=False)
    right = _harmonics(hz * (1.0 + detune), t, odd=False)
    centre = left + right
    return (
        np.stack([centre, centre]) if kind == "reese" else np.stack([left + 0.3 * right, right + 0.3 * left])
    )


def _harmonics(hz: float, t: np.ndarray, *, odd: bool) -> np.ndarray:
    phase = np.mod(hz * t, 1.0)
    wave = np.where(phase < 0.5, 1.0, -1.0) if odd else 2.0 * phase - 1.0
    # The jump smoothed over one frame on both sides: the cheapest remedy against aliases.
    return np.convolve(wave, [0.25, 0.5, 0.25], mode="same")


def _swept_low_pass(x: np.ndarray, cutoff_hz: float, decay_s: float) -> np.ndarray:
    """A filter that closes: bright and dark versions cross-faded, cheaper than a filter that moves."""
    t = np.arange(x.shape[1]) / RATE_HZ
    dark = signal.sosfilt(signal.butter(2, min(cutoff_hz, 18_000.0), fs=RATE_HZ, output="sos"), x, axis=1)
    bright = signal.sosfilt(
        signal.butter(2, min(4 * cutoff_hz, 18_000.0), fs=RATE_HZ, output="sos"), x, axis=1
    )
    return dark + (bright - dark) * np.exp(-t / decay_s)


_VOWELS_HZ = (
    (730, 1090, 2440),
    (530, 1840, 2480),
    (390, 1990, 2550),
    (570, 840, 2410),
    (440, 1020, 2240),
    (660, 1720, 2410),
)


def voice(rng: np.random.Generator, notes: list[Note]) -> F32:
    """Sing wordless syllables: a glottal pulse with vibrato through formants, consonants of noise."""
    size = float(rng.uniform(0.95, 1.25))
    out = np.zeros(N_FRAMES)
    for note in notes:
        at = int(note.start_s * RATE_HZ)
        n = min(int(note.length_s * RATE_HZ), N_FRAMES - at)
        if n < 2000:
            continue
        t = np.arange(n) / RATE_HZ
        hz = 440.0 * 2.0 ** ((note.pitch - 69) / 12.0)
        glide = -0.6 * np.exp(-t / 0.04)
        vibrato = 0.35 * np.minimum(1.0, t / 0.4) * np.sin(2 * np.pi * rng.uniform(4.8, 6.2) * t)
        drift = np.cumsum(rng.normal(0.0, 1.0, n // 512 + 2))[(np.arange(n) // 512)] * 0.01
        phase = np.cumsum(hz * 2.0 ** ((glide + vibrato + drift) / 12.0)) / RATE_HZ
        pulse = (1.0 - np.mod(phase, 1.0)) ** 3 + 0.03 * rng.normal(size=n)
        sung = np.zeros(n)
        vowel = _VOWELS_HZ[rng.integers(len(_VOWELS_HZ))]
        for k, (formant_hz, width_hz) in enumerate(
            zip((*vowel, 3400, 4500), (80, 100, 140, 200, 300), strict=True)
        ):
            b, a = signal.iirpeak(min(size * formant_hz, 20_000.0), formant_hz / width_hz, fs=RATE_HZ)
            sung += signal.lfilter(b, a, pulse) * (1.0, 0.7, 0.5, 0.35, 0.2)[k]
        envelope = np.minimum(1.0, t / 0.03) * np.minimum(1.0, (n / RATE_HZ - t) / 0.05)
        out[at : at + n] += sung * envelope * (note.velocity / 100.0)
        if rng.random() < 0.5:
            length = min(int(rng.uniform(0.03, 0.1) * RATE_HZ), n)
            hiss = signal.sosfilt(
                signal.butter(2, rng.uniform(3000, 6000), "highpass", fs=RATE_HZ, output="sos"),
                rng.normal(size=length),
            )
            out[at : at + length] += 0.08 * hiss * np.hanning(length)
    x = out.astype(np.float32)
    return np.stack([x, x])
