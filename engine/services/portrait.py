"""What a song is compared by beside its fingerprint: its moments, and their sum over the song.

Pure arithmetic on what was heard (listening.py), on whichever thread analyses. A moment is 0.19 s of timbre,
notes and onsets; every segment of a song, of any length from anywhere, is a run of them, so that nothing
has to be listened to again when somebody points at a bar. A portrait says what the moments have in
common, and how the rhythm goes. None of it changes with the level of the song.

References
----------
.. [1] S. Davis, P. Mermelstein, "Comparison of parametric representations for monosyllabic word
   recognition", IEEE Trans. ASSP 28(4), 1980: the cosine transform of levels in mel bands.
.. [2] J. Foote, M. Cooper, U. Nam, "Audio retrieval by rhythmic similarity", ISMIR 2002: rhythm as the
   self-similarity of onsets over lag.
"""

from dataclasses import dataclass

import numpy as np

from engine.services.fingerprint import sounding
from engine.services.mono_rows import MOMENT_ROWS, N_MOMENT_BANDS, ROWS_PER_S, MonoHeard
from engine.units import F32, F64

MOMENT_S = MOMENT_ROWS / ROWS_PER_S
"""0.186 s."""

N_TIMBRE, N_NOTES, N_ONSET = 16, 12, 2
N_MOMENT = N_TIMBRE + N_NOTES + N_ONSET
"""Numbers a moment: 60 bytes as half floats, 0.32 kB a second of a song."""

TIMBRE = slice(0, N_TIMBRE)
NOTES = slice(N_TIMBRE, N_TIMBRE + N_NOTES)
ONSET = slice(N_TIMBRE + N_NOTES, N_MOMENT)

N_RHYTHM = 48
_FIRST_LAG_ROWS, _LAG_ROWS = 8, 3  # 0.19 s to 3.5 s in steps of 70 ms
RANGE_DB = 70.0
"""Bands further below a song's loudest count as just that far below."""

# Two moments of two songs differ by about 1 in each of the three (measured on 70 rendered pop songs), so
# that none of them drowns the others.
_TIMBRE_SCALE, _NOTES_SCALE, _ONSET_SCALE = 0.018, 0.72, 0.15
_LEAST_POWER = 1e-10


@dataclass(frozen=True, eq=False)
class Portrait:
    """What a song or a stem is compared by.

    Attributes
    ----------
    moments : float32 array, shape (n, N_MOMENT)
        TIMBRE, NOTES and ONSET of every MOMENT_S seconds, scaled so that Euclidean distance compares them.
        A silent moment has no notes: zeros.
    whole : float32 array, shape (2 * N_TIMBRE + N_NOTES + N_RHYTHM,)
        Mean and deviation of timbre, mean of the notes, and rhythm, of what sounds; zeros for silence.
    """

    moments: F32
    whole: F32


N_PORTRAIT = 2 * N_TIMBRE + N_NOTES + N_RHYTHM
PORTRAIT_TIMBRE = slice(0, 2 * N_TIMBRE)
PORTRAIT_NOTES = slice(2 * N_TIMBRE, 2 * N_TIMBRE + N_NOTES)
PORTRAIT_RHYTHM = slice(2 * N_TIMBRE + N_NOTES, N_PORTRAIT)


def portrait_of(mono: MonoHeard) -> Portrait:
    """Draw a song that was heard to its end.

    Parameters
    ----------
    mono : MonoHeard

    Returns
    -------
    Portrait
        Finite whatever was heard.
    """
    power = np.square(mono.rms.astype(np.float64))
    heard = sounding(_means(power[:, None])[:, 0])
    notes = _notes(mono.chroma) * heard[:, None]
    timbre, onsets = _timbre(mono.moment_power), _onsets(mono.onset)
    parts = [timbre * _TIMBRE_SCALE, notes * _NOTES_SCALE, onsets * _ONSET_SCALE]
    moments = np.concatenate(parts, axis=1).astype(np.float32)
    if not heard.any():
        return Portrait(np.zeros_like(moments), np.zeros(N_PORTRAIT, np.float32))
    timbre = timbre[heard]
    whole = [timbre.mean(axis=0), timbre.std(axis=0), notes[heard].mean(axis=0), rhythm(mono.onset)]
    return Portrait(moments, np.concatenate(whole).astype(np.float32))


def rhythm(onset: F32) -> F64:
    """How the onsets of a song repeat.

    Parameters
    ----------
    onset : float32 array, shape (n,), dB
        `MonoHeard.onset`.

    Returns
    -------
    float64 array, shape (N_RHYTHM,), 0..1
        Square roots of their autocorrelation over that at lag 0, at lags from 0.19 to 3.5 s, each the mean
        of 70 ms; where it is negative 0.
    """
    x = onset.astype(np.float64) - float(onset.mean(dtype=np.float64))
    last = _FIRST_LAG_ROWS + N_RHYTHM * _LAG_ROWS
    spectrum = np.fft.rfft(x, 2 ** int(np.ceil(np.log2(x.size + last))))
    products = np.fft.irfft(np.square(np.abs(spectrum)))[:last]
    if not products[0] > 1e-9 * x.size:
        return np.zeros(N_RHYTHM)
    lags = (products[_FIRST_LAG_ROWS:] / products[0]).reshape(N_RHYTHM, _LAG_ROWS).mean(axis=1)
    return np.sqrt(np.clip(lags, 0.0, 1.0))


def _timbre(power: F32) -> F64:
    """Shape of the spectrum without its level, (n, N_TIMBRE)."""
    levels = 10.0 * np.log10(np.maximum(power.astype(np.float64), _LEAST_POWER))
    levels = np.maximum(levels, levels.max() - RANGE_DB)
    k = np.arange(1, N_TIMBRE + 1)[None, :]
    band = np.arange(N_MOMENT_BANDS)[:, None]
    waves = np.cos(np.pi * k * (band + 0.5) / N_MOMENT_BANDS) * (2.0 / N_MOMENT_BANDS) ** 0.5
    return levels @ waves


def _notes(chroma: F32) -> F64:
    """How the notes differ from each other, each row of (n, N_NOTES) of length 1, or 0 without any."""
    notes = _means(chroma.astype(np.float64))
    notes -= notes.mean(axis=1, keepdims=True)
    length = np.sqrt(np.square(notes).sum(axis=1, keepdims=True))
    return np.where(length > 1e-6, notes / np.maximum(length, 1e-6), 0.0)


def _onsets(onset: F32) -> F64:
    """Mean and highest onset strength of each moment, (n, N_ONSET)."""
    starts = np.arange(0, onset.size, MOMENT_ROWS)
    highest = np.maximum.reduceat(onset, starts)
    return np.stack([_means(onset.astype(np.float64)[:, None])[:, 0], highest], axis=1)


def _means(rows: F64) -> F64:
    """Means of every MOMENT_ROWS rows, the last of what is left."""
    starts = np.arange(0, rows.shape[0], MOMENT_ROWS)
    counts = np.diff(starts, append=rows.shape[0])
    return np.add.reduceat(rows, starts, axis=0) / counts[:, None]
