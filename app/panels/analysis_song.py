"""A song's curves made ready to be drawn and read: levels for every zoom, and words for every moment.

Plain numbers and words. `prepare` runs on a job's thread; everything else is some microseconds on the
GUI thread.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QCoreApplication

from app.panels.analysis_levels import CurveLevels, PitchLevels, RasterLevels
from app.song_words import key_text, loudness_text, note_names, tempo_text
from engine.units import F64, U8

if TYPE_CHECKING:
    from engine.services.analysis import Analysis
    from engine.services.curves import SongCurves

PITCH, NOTES, LOUDNESS, SPECTRUM, BEATS = "pitch", "notes", "loudness", "spectrum", "beats"
PLOTS = (PITCH, NOTES, LOUDNESS, SPECTRUM, BEATS)
"""Every plot, from the top down."""

NOTE_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
A4_HZ, A4 = 440.0, 69

DASH = "–"  # noqa: RUF001 (what stands where there is no number)
_QUIET_DB, _LOUD_DB = -75.0, -50.0
"""Of a moment's strongest band: below, its notes are not shown; above, as they are."""
_STRONG = 150
"""Of 255: a note this strong beside the strongest belongs to the chord."""
_UNHEARD_DB = -96.0


@dataclass(frozen=True)
class SongPicture:
    """All that plots draw of a song or a stem.

    Parameters
    ----------
    curves : SongCurves
        What it was made of.
    pitch : PitchLevels
    notes, spectrum : RasterLevels
    momentary, short_term, onset : CurveLevels
    bands_hz : float64 array
        Centres of the spectrum's rows.
    loudest : int
        Byte of the spectrum that hardly any is above.
    beats_s : tuple of float
    bar_of : tuple of (int, int)
        For each beat its bar, from 1 (0 before the first), and its place in it, from 1.
    """

    curves: "SongCurves"
    pitch: PitchLevels
    notes: RasterLevels
    momentary: CurveLevels
    short_term: CurveLevels
    spectrum: RasterLevels
    onset: CurveLevels
    bands_hz: F64
    loudest: int
    beats_s: tuple[float, ...]
    bar_of: tuple[tuple[int, int], ...]

    @property
    def analysis(self) -> "Analysis":
        """What is said of the whole."""
        return self.curves.analysis

    @property
    def duration_s(self) -> float:
        """Length of the song."""
        return self.analysis.duration_s


@dataclass(frozen=True, slots=True)
class Reading:
    """What one plot says of a moment: a value, and what belongs to it."""

    value: str = ""
    detail: str = ""


def prepare(curves: "SongCurves") -> SongPicture:
    """Make curves ready; on a job's thread, some tens of milliseconds a song."""
    from engine.services.curves import DB_A_STEP, FLOOR_DB, TENTHS_PER_S

    with np.errstate(divide="ignore", invalid="ignore"):
        semitones = A4 + 12.0 * np.log2(curves.pitch_hz / A4_HZ)
    pitch = np.where(curves.pitch_hz > 0.0, semitones, np.nan).astype(np.float32)
    loud_db = FLOOR_DB + DB_A_STEP * curves.spectrum.max(axis=1, initial=0).astype(np.float32)
    rows = np.arange(len(curves.notes)) / curves.rows_per_s
    heard_db = np.interp(rows, np.arange(loud_db.size) / curves.spectrum_per_s, loud_db)
    weight = np.clip((heard_db - _QUIET_DB) / (_LOUD_DB - _QUIET_DB), 0.0, 1.0)
    notes = (curves.notes * weight[:, None]).astype(np.uint8)
    tenth_s = 1.0 / TENTHS_PER_S
    beats = curves.analysis.beats_s
    return SongPicture(
        curves=curves,
        pitch=PitchLevels(pitch, curves.clarity, curves.rows_per_s),
        notes=RasterLevels(notes, curves.rows_per_s),
        momentary=CurveLevels(curves.momentary_lufs, TENTHS_PER_S, tenth_s),
        short_term=CurveLevels(curves.short_term_lufs, TENTHS_PER_S, tenth_s),
        spectrum=RasterLevels(curves.spectrum, curves.spectrum_per_s),
        onset=CurveLevels(curves.onset_db, curves.rows_per_s),
        bands_hz=curves.bands_hz,
        loudest=_loudest(curves.spectrum),
        beats_s=beats,
        bar_of=_bars(beats, curves.analysis.downbeats_s),
    )


def _loudest(spectrum: U8) -> int:
    heard = spectrum[spectrum > 0]
    return int(np.percentile(heard, 99.7)) if heard.size else 255


def _bars(beats_s: tuple[float, ...], downbeats_s: tuple[float, ...]) -> tuple[tuple[int, int], ...]:
    downbeats = set(downbeats_s)
    bar, place = 0, 0
    found: list[tuple[int, int]] = []
    for beat in beats_s:
        if beat in downbeats:
            bar, place = bar + 1, 0
        place += 1
        found.append((bar, place))
    return tuple(found)


def plot_title(plot: str) -> str:
    """What the user calls a plot."""
    titles = {
        PITCH: _tr("Pitch"),
        NOTES: _tr("Notes"),
        LOUDNESS: _tr("Loudness"),
        SPECTRUM: _tr("Spectrum"),
        BEATS: _tr("Beats"),
    }
    return titles[plot]


def note_text(semitones: float, key: str | None) -> str:
    """A pitch as note and cents, such as "A4 +3 ct", spelt as in `key`."""
    nearest = round(semitones)
    octave, note = divmod(nearest, 12)
    cents = round(100.0 * (semitones - nearest))
    return f"{note_names(key)[note]}{octave - 1} {cents:+d} ct"


def hz_text(hz: float) -> str:
    """A frequency: 82.4 Hz, 440 Hz, 1.25 kHz."""
    if hz >= 1000.0:
        return f"{hz / 1000.0:.2f} kHz"
    return f"{hz:.1f} Hz" if hz < 100.0 else f"{hz:.0f} Hz"


def semitones_to_hz(semitones: float) -> float:
    """Frequency of a pitch."""
    return A4_HZ * 2.0 ** ((semitones - A4) / 12.0)


def read_moment(plot: str, song: SongPicture, time_s: float, hz: float | None = None) -> Reading:
    """Say what a plot shows at a time.

    Parameters
    ----------
    plot : str
        One of PLOTS.
    song : SongPicture
    time_s : float
    hz : float or None
        Of the spectrum, the frequency that is pointed at; None the strongest one.
    """
    if plot == PITCH:
        return _read_pitch(song, time_s)
    if plot == NOTES:
        return _read_notes(song, time_s)
    if plot == LOUDNESS:
        return _read_loudness(song, time_s)
    if plot == SPECTRUM:
        return _read_spectrum(song, time_s, hz)
    return _read_beats(song, time_s)


def read_whole(plot: str, song: SongPicture) -> Reading:
    """Say what a plot shows of the whole song."""
    found = song.analysis
    if plot == PITCH:
        if found.pitch_hz is None:
            return Reading(DASH, _tr("no clear pitch"))
        semitones = A4 + 12.0 * math.log2(found.pitch_hz / A4_HZ)
        return Reading(note_text(semitones, found.key), _tr("median, {}").format(hz_text(found.pitch_hz)))
    if plot == NOTES:
        tuning = "" if found.tuning_cents is None else _tr("tuned {:+.0f} ct").format(found.tuning_cents)
        return Reading(key_text(found.key) or _tr("no key"), tuning)
    if plot == LOUDNESS:
        wide = found.loudness_range_lu
        detail = "" if wide is None else _tr("range {:.1f} LU").format(wide)
        return Reading(_in_lufs(found.lufs), detail)
    if plot == SPECTRUM:
        return Reading(hz_text(found.fingerprint.centroid), _tr("centre of gravity"))
    if found.tempo_bpm is None:
        return Reading(DASH, _tr("no steady beat"))
    return Reading(
        _tr("{} BPM").format(tempo_text(found.tempo_bpm)), _tr("{} beats").format(len(song.beats_s))
    )


def facts_line(analysis: "Analysis") -> str:
    """Tempo, key, loudness, true peak and range of a song in one line; what is not known is left out."""
    facts = (
        (analysis.tempo_bpm, _tr("{} BPM"), tempo_text(analysis.tempo_bpm)),
        (analysis.key, "{}", key_text(analysis.key)),
        (analysis.lufs, _tr("{} LUFS"), loudness_text(analysis.lufs)),
        (analysis.true_peak_db, _tr("true peak {} dB"), f"{analysis.true_peak_db or 0.0:.1f}"),
        (analysis.loudness_range_lu, _tr("range {} LU"), f"{analysis.loudness_range_lu or 0.0:.1f}"),
    )
    return "  ·  ".join(words.format(text) for value, words, text in facts if value is not None)


def _read_pitch(song: SongPicture, time_s: float) -> Reading:
    semitones = song.pitch.at(time_s)
    if semitones is None:
        return Reading(DASH, _tr("no clear pitch"))
    return Reading(note_text(semitones, song.analysis.key), hz_text(semitones_to_hz(semitones)))


def _read_notes(song: SongPicture, time_s: float) -> Reading:
    column = song.notes.column(time_s)
    key = key_text(song.analysis.key) or _tr("no key")
    if column is None or column.max() < _STRONG:
        return Reading(DASH, key)
    order = np.argsort(-column.astype(np.int16), kind="stable")[:3]
    names = note_names(song.analysis.key)
    strong = [names[int(note)] for note in order if column[note] >= _STRONG]
    return Reading("  ".join(strong), key)


def _read_loudness(song: SongPicture, time_s: float) -> Reading:
    # A meter shows the tenths that are over.
    momentary, short = song.momentary.at(time_s - 0.05), song.short_term.at(time_s - 0.05)
    if momentary is None or short is None:
        return Reading(DASH, _tr("shorter than 0.1 s") if song.duration_s < 0.1 else "")
    return Reading(_in_lufs(momentary), _tr("3 s: {}").format(lufs_text(short)))


def lufs_text(lufs: float | None) -> str:
    """A loudness as a meter writes it; what is below the gate is a dash."""
    return DASH if lufs is None or lufs <= -69.95 else loudness_text(lufs)


def _in_lufs(lufs: float | None) -> str:
    text = lufs_text(lufs)
    return text if text == DASH else _tr("{} LUFS").format(text)


def _read_spectrum(song: SongPicture, time_s: float, hz: float | None) -> Reading:
    from engine.services.curves import BANDS_PER_OCTAVE, DB_A_STEP, FLOOR_DB

    column = song.spectrum.column(time_s)
    if column is None:
        return Reading(DASH)
    band = int(np.argmax(column))
    if hz is not None:
        band = round(BANDS_PER_OCTAVE * math.log2(hz / float(song.bands_hz[0])))
        band = min(max(band, 0), column.size - 1)
    level_db = FLOOR_DB + DB_A_STEP * float(column[band])
    where = hz_text(float(song.bands_hz[band]) if hz is None else hz)
    if level_db < _UNHEARD_DB:
        return Reading(where if hz is not None else DASH, _tr("silence"))
    return Reading(where, _tr("{:.0f} dB").format(level_db))


def _read_beats(song: SongPicture, time_s: float) -> Reading:
    tempo = song.analysis.tempo_bpm
    if tempo is None:
        return Reading(DASH, _tr("no steady beat"))
    detail = _tr("{} BPM").format(tempo_text(tempo))
    i = bisect_right(song.beats_s, time_s) - 1
    if i < 0:
        return Reading(DASH, detail)
    bar, place = song.bar_of[i]
    if bar == 0:
        return Reading(_tr("Beat {}").format(i + 1), detail)
    return Reading(_tr("Bar {} · {}").format(bar, place), detail)


def _tr(text: str) -> str:
    return QCoreApplication.translate("AnalysisSong", text)
