"""How well a way of steering answers songs: the table that a network is judged by.

Benchmarks and the end of a training run; numpy and numba only. Songs are walked as the visuals walk them, by
engine/kernels/orbit.py itself, and every picture is drawn.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from engine.kernels.control_rules import rule_controls
from engine.kernels.jit import RowPool
from engine.kernels.orbit import (
    CONTROL_HIGH,
    CONTROL_LOW,
    N_CONTROLS,
    N_LOBES,
    advance_orbit,
    new_orbit,
    orbit_c,
)
from engine.stream.orbit_features import FEATURES, HOP, RATE_HZ, windows_of
from engine.units import F32, F64, AnyArray
from models.training.orbit.pictures import METRICS, measure_walk
from models.training.orbit.ranks import spearman
from models.training.orbit.songs import Song

PAIRS = (("rms", "motion"), ("onset", "pulse"), ("centroid", "hue"), ("flux", "edges"))
"""Which number of the music is compared with which of the pictures."""
SECTION_ROWS = round(20.0 * RATE_HZ / HOP)
"""A song's sections are not asked for here: every 20 s the walk is sent to the next lobe."""
SETTLING_ROWS = 94
"""2 s at the start of a song that do not count: features are not normalised yet, the orbit is at rest."""

Steer = Callable[[F32], F64]
"""windows (n, 60) -> controls (n, 9)."""


@dataclass(frozen=True)
class Score:
    """One way of steering on one song, or the mean over songs.

    Attributes
    ----------
    correlations : dict of float, 0..1
        "rms-motion" and so on: absolute values of Spearman's correlation.
    correlation : float
        Their mean.
    jerk : float
        99th percentile of the third derivative of c, 1/s^3.
    range_use : float, 0..1
        5th to 95th percentile of a control as a share of its range, mean over the controls.
    """

    correlations: dict[str, float]
    correlation: float
    jerk: float
    range_use: float


def steer_by_rules(seen: F32) -> F64:
    """Controls of the rules.

    Parameters
    ----------
    seen : float32 array, shape (n, 60)
    """
    out = np.empty((len(seen), N_CONTROLS))
    for window, controls in zip(seen, out, strict=True):
        rule_controls(window, controls)
    return out


def walk_song(controls: F64) -> AnyArray:
    """Let the orbit walk through a song without a known tempo.

    Parameters
    ----------
    controls : float64 array, shape (n, 9)

    Returns
    -------
    complex128 array, shape (n,)
    """
    state = new_orbit()
    c = np.empty(len(controls), np.complex128)
    for t, row in enumerate(controls):
        advance_orbit(state, row, HOP / RATE_HZ, t // SECTION_ROWS % N_LOBES, 0.0, np.nan)
        c[t] = orbit_c(state)
    return c


def score_song(song: Song, steer: Steer, threads: RowPool | None = None) -> Score:
    """Walk through a song, draw it, and compare.

    Parameters
    ----------
    song : Song
    steer : callable
    threads : RowPool or None
        Shares the pictures.
    """
    controls = np.asarray(steer(windows_of(song.rows)), np.float64)
    c = walk_song(controls)
    heard = song.rows[SETTLING_ROWS:]
    seen = measure_walk(c, threads)[SETTLING_ROWS:]
    found = {
        f"{feature}-{metric}": abs(
            spearman(heard[:, FEATURES.index(feature)], seen[:, METRICS.index(metric)])
        )
        for feature, metric in PAIRS
    }
    third = np.abs(np.diff(c[SETTLING_ROWS:], 3)) * (RATE_HZ / HOP) ** 3
    low, high = np.percentile(controls[SETTLING_ROWS:], (5, 95), axis=0)
    return Score(
        correlations=found,
        correlation=float(np.mean(list(found.values()))),
        jerk=float(np.percentile(third, 99)),
        range_use=float(np.mean((high - low) / (CONTROL_HIGH - CONTROL_LOW))),
    )


def mean_score(scores: Sequence[Score]) -> Score:
    """Mean over songs, or over seeds."""
    return Score(
        correlations={
            name: float(np.mean([s.correlations[name] for s in scores])) for name in scores[0].correlations
        },
        correlation=float(np.mean([s.correlation for s in scores])),
        jerk=float(np.mean([s.jerk for s in scores])),
        range_use=float(np.mean([s.range_use for s in scores])),
    )


def score_rows(rows: dict[str, Score]) -> list[dict[str, object]]:
    """Rows of the table, for print and for JSON: steering, four correlations, their mean, jerk, range use."""
    return [
        {
            "steering": name,
            **{pair: round(value, 3) for pair, value in score.correlations.items()},
            "correlation": round(score.correlation, 3),
            "jerk_99": round(score.jerk, 3),
            "range_use": round(score.range_use, 3),
        }
        for name, score in rows.items()
    ]
