"""What a song is like: tempo, beats, key, loudness, tuning, pitch, notes, and its fingerprint.

Called by the command line, by the library's processes and by jobs of the window; on the caller's thread
and those of a `Listener`. It decodes block by block: memory does not grow with the sound, only by about
12 MB an hour with what is measured. Whatever cannot be said of a song is None, with the reason in
words in `Analysis.reasons`; no number is ever NaN or infinite.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from engine.errors import DecodeError, ParameterError
from engine.io.decode import decode_blocks, probe
from engine.kernels.beats import find_bars, track_beats
from engine.kernels.constant_q import BINS_PER_OCTAVE
from engine.kernels.key import Key, estimate_key, note_shares
from engine.kernels.loudness import SILENCE_LUFS
from engine.kernels.true_peak import TruePeakMeter
from engine.services.fingerprint import Fingerprint, fingerprint_of, sounding, voiced
from engine.services.listening import Heard, Listener
from engine.services.mono_rows import ROWS_PER_S
from engine.services.portrait import Portrait, portrait_of
from engine.units import MIN_DB

ANALYSIS_VERSION = 2
"""Raised when any number here changes its meaning: what was stored under another is analysed again."""

BLOCK_FRAMES = 65_536
"""1.5 s at 44.1 kHz: some milliseconds of work between two calls of `progress`."""

LEAST_CONFIDENCE = 0.08
"""Of a tempo that is reported: noise reaches 0.05, quiet songs without drums 0.1."""

LEAST_KEY_S = 1.0
LEAST_NOTE_DEVIATION = 0.15
"""Of the notes' shares, over their mean, from which on they have a key: noise reaches 0.02, music 0.3."""

_CENTS_PER_BIN = 1200.0 / BINS_PER_OCTAVE


@dataclass(frozen=True)
class Analysis:
    """What is known of a song.

    Attributes
    ----------
    version : int
        ANALYSIS_VERSION of the code that made it.
    duration_s : float
    rate_hz, channels : int
        Of the file.
    tempo_bpm : float or None
    tempo_confidence : float, 0..1
        About 0.3 for music with a beat, below 0.05 for noise.
    beats_s : tuple of float
        Times of the beats; empty without a tempo.
    downbeats_s : tuple of float
        Those of them that begin a bar.
    beats_per_bar : int
        3 or 4; 0 when unknown.
    key : str or None
        Such as "F# minor".
    key_clarity : float, 0..2
        How far the next best key lies below; near 0 the key is a guess.
    lufs : float or None
        Integrated loudness, of stereo as it is played: a mono file counts on both sides.
    momentary_max_lufs : float or None
        Loudest 400 ms.
    loudness_range_lu : float or None
    true_peak_db : float or None
        dB relative to full scale.
    tuning_cents : float or None
        Of the notes from A = 440 Hz, -17 to 17.
    pitch_hz : float or None
        Median pitch of the sounding rows that have one (C2 to C7).
    notes : tuple of 12 floats, 0..1
        Shares of C, C sharp, .. B; 0 throughout for silence.
    fingerprint : Fingerprint
    reasons : dict of str to str
        Why a field is None.
    portrait : Portrait or None
        What it is compared by; no part of `to_dict`, so that None comes back from there.
    """

    version: int
    duration_s: float
    rate_hz: int
    channels: int
    tempo_bpm: float | None
    tempo_confidence: float
    beats_s: tuple[float, ...]
    downbeats_s: tuple[float, ...]
    beats_per_bar: int
    key: str | None
    key_clarity: float
    lufs: float | None
    momentary_max_lufs: float | None
    loudness_range_lu: float | None
    true_peak_db: float | None
    tuning_cents: float | None
    pitch_hz: float | None
    notes: tuple[float, ...]
    fingerprint: Fingerprint
    reasons: dict[str, str]
    portrait: Portrait | None = field(default=None, compare=False, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON: numbers (finite), texts, None, lists and dicts of them."""
        plain = asdict(replace(self, portrait=None))
        del plain["portrait"]
        return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> "Analysis":
        """The analysis that `to_dict` gave.

        Parameters
        ----------
        values : mapping of str to JSON values
            Of any age; `version` tells whether the numbers still mean the same.

        Returns
        -------
        Analysis

        Raises
        ------
        ParameterError
            A field is missing, or there is one that nobody knows.
        """
        names = {field.name for field in fields(Analysis)} - {"portrait"}
        parts = {field.name for field in fields(Fingerprint)}
        fingerprint = values.get("fingerprint")
        if set(values) != names or not isinstance(fingerprint, Mapping):
            raise ParameterError(
                f"this is no analysis: {', '.join(sorted(names ^ set(values))) or 'fingerprint'} do not fit"
            )
        fingerprint = cast("Mapping[str, float]", fingerprint)
        if set(fingerprint) != parts:
            raise ParameterError(
                f"this is no fingerprint: {', '.join(sorted(parts ^ set(fingerprint)))} do not fit"
            )
        known: dict[str, Any] = dict(values)
        for name in ("beats_s", "downbeats_s", "notes"):
            known[name] = tuple(known[name])
        known["fingerprint"] = Fingerprint(**fingerprint)
        return Analysis(**known)


def analyse_song(
    path: Path, progress: Callable[[float], None] | None = None, threads: int | None = None
) -> Analysis:
    """Analyse a song.

    Parameters
    ----------
    path : Path
        Any file that decodes.
    progress : callable or None
        Called with the finished part, 0 to 1, every one or two seconds of sound; what it raises stops the
        work.
    threads : int or None
        As `RowPool`; 1 where processes share the cores.

    Returns
    -------
    Analysis

    Raises
    ------
    DecodeError
        In one line, when the file is missing, no sound, holds no frame, or holds NaN.

    Warns
    -----
    CharonWarning
        When the file is cut off or damaged; the rest of it is analysed.
    """
    report = progress or _ignore
    info = probe(Path(path))
    true_peak = TruePeakMeter(2)
    n_frames = 0
    with Listener(info.rate_hz, threads) as listener:
        for block in decode_blocks(info.path, BLOCK_FRAMES):
            listener.push(block)
            true_peak.push(block)
            n_frames += block.shape[1]
            report(min(0.99, n_frames / info.max_frames))
        if not n_frames:
            raise DecodeError(f"{path} holds no frame of sound")
        heard = listener.finish()
    duration_s = n_frames / info.rate_hz
    found = describe(heard, info.rate_hz, info.channels, duration_s, true_peak.true_peak_dbtp)
    report(1.0)
    return found


def describe(heard: Heard, rate_hz: int, channels: int, duration_s: float, true_peak_db: float) -> Analysis:
    """Say what a song is like that was heard to its end.

    Parameters
    ----------
    heard : Heard
    rate_hz, channels : int
        Of the file or the lane.
    duration_s : float
    true_peak_db : float
        dB relative to full scale, as `TruePeakMeter` gives it.

    Returns
    -------
    Analysis
    """
    stereo, mono, tempo = heard.stereo, heard.mono, heard.tempo
    reasons: dict[str, str] = {}
    has_tempo = tempo.confidence >= LEAST_CONFIDENCE
    key, key_reason = _key(heard)
    silent = not stereo.peak > 0.0
    gated = stereo.lufs <= SILENCE_LUFS
    has_momentary = stereo.momentary_max_lufs > SILENCE_LUFS
    has_range = stereo.short_term_lufs.size > 0 and not gated
    heard_rows = sounding(np.square(mono.rms))
    pitched = mono.f0_hz[heard_rows & voiced(mono)]
    if not has_tempo:
        reasons["tempo_bpm"] = "nothing repeats clearly enough to be a beat"
    if key is None:
        reasons["key"] = key_reason
    if gated:
        reasons["lufs"] = _too_quiet(duration_s, 0.4)
    if not has_momentary:
        reasons["momentary_max_lufs"] = _too_quiet(duration_s, 0.4)
    if not has_range:
        reasons["loudness_range_lu"] = _too_quiet(duration_s, 3.0)
    if silent:
        reasons["true_peak_db"] = reasons["tuning_cents"] = "it is silent"
    if not pitched.size:
        reasons["pitch_hz"] = "no part of it has a clear pitch"
    beats = track_beats(mono.onset, ROWS_PER_S, tempo.bpm if has_tempo else 0.0)
    bars = find_bars(beats, mono.onset, mono.chroma)
    return Analysis(
        version=ANALYSIS_VERSION,
        duration_s=duration_s,
        rate_hz=rate_hz,
        channels=channels,
        tempo_bpm=tempo.bpm if has_tempo else None,
        tempo_confidence=tempo.confidence,
        beats_s=_times(beats.tolist()),
        downbeats_s=_times(bars.downbeats(beats).tolist()),
        beats_per_bar=bars.beats_per_bar,
        key=None if key is None else key.name,
        key_clarity=0.0 if key is None else key.clarity,
        lufs=None if gated else stereo.lufs,
        momentary_max_lufs=stereo.momentary_max_lufs if has_momentary else None,
        loudness_range_lu=stereo.range_lu if has_range else None,
        true_peak_db=None if silent else max(MIN_DB, true_peak_db),
        tuning_cents=None if silent else mono.tuning * _CENTS_PER_BIN,
        pitch_hz=float(np.median(pitched)) if pitched.size else None,
        notes=tuple(note_shares(mono.chroma[heard_rows]).tolist()),
        fingerprint=fingerprint_of(heard),
        reasons=reasons,
        portrait=portrait_of(mono),
    )


def _key(heard: Heard) -> tuple[Key | None, str]:
    """The key of what sounds, or why there is none."""
    rows = heard.mono.chroma[sounding(np.square(heard.mono.rms))]
    if rows.shape[0] < LEAST_KEY_S * ROWS_PER_S:
        return None, f"less than {LEAST_KEY_S:.0f} s of it sounds"
    shares = note_shares(rows)
    key = estimate_key(rows)
    if key is None or float(shares.std()) < LEAST_NOTE_DEVIATION * float(shares.mean()):
        return None, "no note stands out"
    return key, ""


def _too_quiet(duration_s: float, window_s: float) -> str:
    if duration_s < window_s:
        return f"it is shorter than {window_s:g} s"
    return f"no {window_s:g} s of it are louder than {SILENCE_LUFS:.0f} LUFS"


def _times(rows: list[int]) -> tuple[float, ...]:
    return tuple(round(row / ROWS_PER_S, 4) for row in rows)


def _ignore(part: float) -> None:
    del part
