"""The fingerprint of a song or a stem: 25 numbers that say what it sounds like.

Pure arithmetic on what was heard (listening.py), on whichever thread analyses. Every number is finite
whatever was heard. Songs are compared by fingerprints whose columns are standardised over the library;
the numbers themselves keep their units, so that a person can read them.

"Sounding" rows and seconds are those within SILENCE_BELOW_DB of the loudest and above SILENCE_DBFS; rows
are 43 a second, in mono at 22.05 kHz (mono_rows.py). Shares are of energy.
"""

from collections.abc import Iterable
from dataclasses import astuple, dataclass

import numpy as np

from engine.errors import ParameterError
from engine.kernels.pitch import PitchTrack
from engine.services.listening import Heard, Listener
from engine.services.mono_rows import ROWS_PER_S, MonoHeard
from engine.services.stereo_figures import StereoHeard
from engine.units import F32, F64, AnyArray, gain_to_db, power_to_db

SILENCE_BELOW_DB = 40.0
SILENCE_DBFS = -80.0
RATIO_LIMIT_DB = 60.0
VOICED_BELOW = 0.2
"""Aperiodicity below which a row has a pitch, after de Cheveigne and Kawahara 2002."""

_STEADY_CENTS = 50.0
_ONSET_REACH, _ONSET_AROUND = 2, 8  # rows on both sides: 46 ms to be the highest in, 186 ms for the mean
_ONSET_ABOVE_DB = 1.0
_LEAST_BAND_POWER = 1e-10  # -100 dBFS: below, what is left of a constant by rounding would have shares
_RANGE_GATE_LU = 20.0


@dataclass(frozen=True)
class Dimension:
    """What one number means.

    Attributes
    ----------
    name : str
        Of the field in `Fingerprint`.
    unit : str
        "" for a plain number.
    low, high : float
        It never leaves this range.
    formula : str
        In one line.
    """

    name: str
    unit: str
    low: float
    high: float
    formula: str


_BAND = "energy between {} Hz over that between 20 Hz and 20 kHz, both channels, Hann windows of 93 ms"

DIMENSIONS = (
    Dimension("sub_bass", "", 0.0, 1.0, _BAND.format("20 and 60")),
    Dimension("bass", "", 0.0, 1.0, _BAND.format("60 and 250")),
    Dimension("low_mid", "", 0.0, 1.0, _BAND.format("250 and 500")),
    Dimension("mid", "", 0.0, 1.0, _BAND.format("500 and 2000")),
    Dimension("upper_mid", "", 0.0, 1.0, _BAND.format("2000 and 4000")),
    Dimension("presence", "", 0.0, 1.0, _BAND.format("4000 and 6000")),
    Dimension("air", "", 0.0, 1.0, _BAND.format("6000 and 20000")),
    Dimension("lufs", "LUFS", -70.0, 125.0, "integrated loudness (ITU-R BS.1770-4), -70 for silence"),
    Dimension(
        "crest_db", "dB", 0.0, 200.0, "20 log10(highest sample / effective value), 0 for silence"
    ),
    Dimension(
        "bass_mid_ratio", "dB", -60.0, 60.0, "10 log10((sub_bass + bass) / (low_mid + mid + upper_mid))"
    ),
    Dimension("tempo_bpm", "1/min", 0.0, 330.0, "beats a minute (tempo.py), 0 when no onset repeats"),
    Dimension(
        "rhythm_stability", "", 0.0, 1.0,
        "how far the onsets' autocorrelation after one beat stands above its surroundings (Tempo.confidence)",
    ),
    Dimension(
        "transient_density", "1/s", 0.0, 15.0,
        "onsets a second: rows whose onset strength is the highest within 46 ms and 1 dB above the mean "
        "within 186 ms",
    ),
    Dimension("silence_ratio", "", 0.0, 1.0, "rows that are not sounding over all rows"),
    Dimension("centroid", "Hz", 0.0, 11025.0, "mean over sounding rows of sum(f |X|) / sum(|X|)"),
    Dimension(
        "rolloff", "Hz", 0.0, 11025.0, "mean over sounding rows of the frequency below which 85 % of |X| lie"
    ),
    Dimension(
        "flatness", "", 0.0, 1.0, "mean over sounding rows of the geometric over the arithmetic mean of |X|^2"
    ),
    Dimension(
        "harmonic_ratio", "", 0.0, 1.0,
        "energy of |X| times its harmonic mask (medians of 31, soft, power 2) over the energy of |X|",
    ),
    Dimension(
        "pitch_stability", "", 0.0, 1.0,
        "neighbouring sounding rows that both have a pitch (YIN, aperiodicity < 0.2), less than 50 cents "
        "apart, over all neighbouring sounding rows",
    ),
    Dimension(
        "chroma_energy", "", 0.0, 1.0,
        "mean over sounding rows and the 12 notes of the constant-Q chroma, a row's highest being 1: 1/12 "
        "for single notes, near 1 for noise",
    ),
    Dimension(
        "dynamic_range_variation", "dB", 0.0, 100.0, "deviation of the crest factor over sounding seconds"
    ),
    Dimension(
        "loudness_variation", "LU", 0.0, 100.0,
        "deviation of short-term loudness (3 s, 10 a second) above -70 LUFS and 20 LU below its mean",
    ),
    Dimension(
        "peak_consistency", "", 0.0, 1.0, "mean of the sounding seconds' highest samples over the song's"
    ),
    Dimension(
        "width", "", 0.0, 1.0, "energy of (L - R) / 2 over that and (L + R) / 2: 0 mono, 0.5 unrelated"
    ),
    Dimension(
        "phase_correlation", "", -1.0, 1.0, "sum(L R) / sqrt(sum(L^2) sum(R^2)); 0 when a channel is silent"
    ),
)  # fmt: skip
"""All 25 in their order: frequency, dynamics, time, spectrum, harmony, variation, stereo."""

FINGERPRINT_NAMES: tuple[str, ...] = tuple(dimension.name for dimension in DIMENSIONS)
N_DIMENSIONS = len(DIMENSIONS)


@dataclass(frozen=True)
class Fingerprint:
    """What a song sounds like; each field is described, with unit, range and formula, in DIMENSIONS."""

    sub_bass: float
    bass: float
    low_mid: float
    mid: float
    upper_mid: float
    presence: float
    air: float
    lufs: float
    crest_db: float
    bass_mid_ratio: float
    tempo_bpm: float
    rhythm_stability: float
    transient_density: float
    silence_ratio: float
    centroid: float
    rolloff: float
    flatness: float
    harmonic_ratio: float
    pitch_stability: float
    chroma_energy: float
    dynamic_range_variation: float
    loudness_variation: float
    peak_consistency: float
    width: float
    phase_correlation: float

    def to_array(self) -> F32:
        """All numbers.

        Returns
        -------
        float32 array, shape (25,)
            In the order of DIMENSIONS, finite.
        """
        return np.array(astuple(self), np.float32)

    def to_dict(self) -> dict[str, float]:
        """All numbers by name."""
        return dict(zip(FINGERPRINT_NAMES, astuple(self), strict=True))

    @staticmethod
    def from_array(values: AnyArray) -> "Fingerprint":
        """The fingerprint that `to_array` gave.

        Parameters
        ----------
        values : array, shape (25,)
            Finite.
        """
        if values.shape != (N_DIMENSIONS,) or not np.all(np.isfinite(values)):
            raise ParameterError(f"a fingerprint is {N_DIMENSIONS} finite numbers, not {values}")
        return Fingerprint(*(float(value) for value in values))


def fingerprint_of_blocks(blocks: Iterable[F32], rate_hz: int, threads: int | None = None) -> Fingerprint:
    """Take the fingerprint of sound.

    Parameters
    ----------
    blocks : iterable of float32 arrays, shape (2, n)
        Stereo, finite, at least one frame in all.
    rate_hz : int, 1000 to 768000
    threads : int or None
        As `RowPool`.

    Returns
    -------
    Fingerprint
    """
    with Listener(rate_hz, threads) as listener:
        for block in blocks:
            listener.push(block)
        return fingerprint_of(listener.finish())


def fingerprint_of(heard: Heard) -> Fingerprint:
    """Take the fingerprint of a song that was heard.

    Parameters
    ----------
    heard : Heard

    Returns
    -------
    Fingerprint
    """
    stereo, mono = heard.stereo, heard.mono
    numbers = {
        **_bands(stereo),
        **_levels(stereo),
        **_time(heard),
        **_spectrum(mono),
        **_variation(stereo),
        **_stereo(stereo),
    }
    limited = (
        min(max(float(numbers[d.name]), d.low), d.high) for d in DIMENSIONS
    )  # rounding may leave a range by its last bit
    return Fingerprint(*limited)


def onset_rows(onset: F32) -> AnyArray:
    """Rows where something begins.

    Parameters
    ----------
    onset : float32 array, shape (n,), dB
        `MonoHeard.onset`.

    Returns
    -------
    int64 array, shape (m,)
        Ascending.
    """

    def windows(reach: int) -> AnyArray:
        padded = np.pad(onset, reach, mode="edge")
        return np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)

    highest = windows(_ONSET_REACH).max(axis=1)
    around = windows(_ONSET_AROUND).mean(axis=1)
    # A plateau counts once: a row must be higher than the one before it.
    before = np.concatenate([onset[:1] * 0, onset[:-1]])
    found = (onset >= highest) & (onset > before) & (onset > around + _ONSET_ABOVE_DB)
    return np.flatnonzero(found)


def sounding(power: AnyArray) -> AnyArray:
    """Which stretches of a song are not silence.

    Parameters
    ----------
    power : array, shape (n,)
        Mean squares.

    Returns
    -------
    bool array, shape (n,)
    """
    if power.size == 0:
        return np.zeros(0, np.bool_)
    floor = max(float(power.max()) * 10.0 ** (-SILENCE_BELOW_DB / 10.0), 10.0 ** (SILENCE_DBFS / 10.0))
    return power >= floor


def voiced(track: PitchTrack | MonoHeard) -> AnyArray:
    """Which rows have a pitch, bool array of the shape of `track.aperiodicity`."""
    return track.aperiodicity < VOICED_BELOW


def _bands(stereo: StereoHeard) -> dict[str, float]:
    power = stereo.band_power
    total = float(power.sum())
    shares: F64 = power / total if total > _LEAST_BAND_POWER else np.zeros_like(power)
    low, middle = float(shares[:2].sum()), float(shares[2:5].sum())
    least = 10.0 ** (-RATIO_LIMIT_DB / 10.0)
    ratio = power_to_db(max(low, least) / max(middle, least)) if low > 0.0 or middle > 0.0 else 0.0
    names = FINGERPRINT_NAMES[: power.size]
    return {**dict(zip(names, shares.tolist(), strict=True)), "bass_mid_ratio": ratio}


def _levels(stereo: StereoHeard) -> dict[str, float]:
    effective = (stereo.energy / (2 * stereo.n_frames)) ** 0.5
    crest_db = gain_to_db(stereo.peak / effective) if effective > 0.0 else 0.0
    return {"lufs": stereo.lufs, "crest_db": crest_db}


def _time(heard: Heard) -> dict[str, float]:
    mono = heard.mono
    return {
        "tempo_bpm": heard.tempo.bpm,
        "rhythm_stability": heard.tempo.confidence,
        "transient_density": onset_rows(mono.onset).size * ROWS_PER_S / mono.onset.size,
        "silence_ratio": 1.0 - float(sounding(np.square(mono.rms)).mean()),
    }


def _spectrum(mono: MonoHeard) -> dict[str, float]:
    heard = sounding(np.square(mono.rms))
    pairs = heard[1:] & heard[:-1]
    has_pitch = voiced(mono)
    cents = 1200.0 * np.abs(np.diff(np.log2(mono.f0_hz)))
    steady = pairs & has_pitch[1:] & has_pitch[:-1] & (cents < _STEADY_CENTS)
    return {
        "centroid": _mean(mono.centroid_hz[heard]),
        "rolloff": _mean(mono.rolloff_hz[heard]),
        "flatness": _mean(mono.flatness[heard]),
        "harmonic_ratio": mono.harmonic_energy / mono.energy if mono.energy > 0.0 else 0.0,
        "pitch_stability": float(steady.sum()) / max(int(pairs.sum()), 1),
        "chroma_energy": _mean(mono.chroma[heard]),
    }


def _variation(stereo: StereoHeard) -> dict[str, float]:
    heard = sounding(stereo.second_power)
    power, peak = stereo.second_power[heard], stereo.second_peak[heard]
    crest_db = 20.0 * np.log10(peak) - 10.0 * np.log10(power)
    loudness = stereo.short_term_lufs[stereo.short_term_lufs > -70.0].astype(np.float64)
    if loudness.size:
        mean_power = float((10.0 ** (loudness / 10.0)).mean())
        loudness = loudness[loudness >= power_to_db(mean_power) - _RANGE_GATE_LU]
    return {
        "dynamic_range_variation": _deviation(crest_db),
        "loudness_variation": _deviation(loudness),
        "peak_consistency": _mean(peak) / stereo.peak if stereo.peak > 0.0 else 0.0,
    }


def _stereo(stereo: StereoHeard) -> dict[str, float]:
    both = (stereo.left * stereo.right) ** 0.5
    return {
        "width": 0.5 - stereo.product / stereo.energy if stereo.energy > 0.0 else 0.0,
        "phase_correlation": stereo.product / both if both > 0.0 else 0.0,
    }


def _mean(x: AnyArray) -> float:
    return float(x.mean(dtype=np.float64)) if x.size else 0.0


def _deviation(x: AnyArray) -> float:
    return float(x.std(dtype=np.float64)) if x.size else 0.0
