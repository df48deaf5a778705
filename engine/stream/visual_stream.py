"""Sound in, rows of everything that is drawn out: the one path that a window and a video share.

Visuals and rendering threads; memory is fixed at construction. It always works in steps of the same length,
whatever the blocks that sound comes in and however often pictures are drawn, so that neither the driver's
block nor the frame rate changes the picture.
"""

import math
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from engine.errors import ParameterError
from engine.kernels.control_rules import rule_controls
from engine.kernels.orbit import CALM_CONTROLS, N_CONTROLS
from engine.stream.orbit_features import RATE_HZ, OrbitFeatures
from engine.stream.resampler import Resampler
from engine.stream.sections import SectionListener
from engine.stream.visual_levels import N_ROLES, ROLES, BandPowers
from engine.stream.visual_motion import N_ROW, Motion
from engine.units import F32, F64

Steer = Callable[[F32], F64]
"""Controls, float64 (9,), from a window of features, float32 (60,)."""
LEAST_BEATS: Final = 4
"""Fewer beats are no tempo."""
_STEM_ROLES: Final = {name: ROLES.index(name) for name in ROLES}


def role_of(stem: str) -> int:
    """Which of ROLES a stem drives: its own, or "other" for guitar, piano, accompaniment and strangers."""
    return _STEM_ROLES.get(stem, ROLES.index("other"))


def rules() -> Steer:
    """Steering by `rule_controls`, where there is no network."""
    controls = np.empty(N_CONTROLS)

    def steer(window: F32) -> F64:
        rule_controls(window, controls)
        return controls

    return steer


class VisualStream:
    """Follow a mix, and its stems where there are any.

    Parameters
    ----------
    rate_hz : int, 8000 to 768000
        Of the sound.
    steer : callable or None
        Gives the controls from a window of features; None steers by rules.
    seed : int, >= 0
        See `Motion`.

    Attributes
    ----------
    steer : callable
        May be replaced between two calls.
    step_frames : int
        Frames a row.

    Notes
    -----
    About 60 us a step of 5.3 ms. One thread at a time.
    """

    def __init__(self, rate_hz: int, steer: Steer | None = None, seed: int = 0) -> None:
        self.steer: Steer = steer or rules()
        self._motion = Motion(seed)
        self._sections = SectionListener()
        self._features = OrbitFeatures()
        self._controls: F64 = CALM_CONTROLS.copy()
        self._beats_s: F64 = np.zeros(0)
        self._beat_hz = 0.0
        self.set_rate(rate_hz)

    def set_rate(self, rate_hz: int) -> None:
        """Go on with sound of another rate; the picture has no jump."""
        self._bands = BandPowers(rate_hz)
        self._rate_hz = rate_hz
        self.step_frames = self._bands.step_frames
        self._resampler = None if rate_hz == RATE_HZ else Resampler(1, rate_hz, RATE_HZ, "fast")
        self._waiting: F32 = np.empty(0, np.float32)

    def set_beats(self, beats_s: Sequence[float], tempo_bpm: float | None = None) -> None:
        """Lock the orbit to a song's beats.

        Parameters
        ----------
        beats_s : sequence of float, seconds
            Rising song times; fewer than LEAST_BEATS give no lock.
        tempo_bpm : float or None
            Where only the tempo is known.
        """
        beats = np.asarray(beats_s, np.float64)
        if beats.size and not (np.isfinite(beats).all() and (np.diff(beats) > 0.0).all()):
            raise ParameterError("beats must be finite times that rise")
        self._beats_s = beats if beats.size >= LEAST_BEATS else np.zeros(0)
        hz = tempo_bpm / 60.0 if tempo_bpm is not None and math.isfinite(tempo_bpm) else 0.0
        if self._beats_s.size:
            hz = float((beats.size - 1) / (beats[-1] - beats[0]))
        self._beat_hz = max(hz, 0.0)

    def new_song(self) -> None:
        """Forget the parts and the beats of the song before; the picture goes on from where it is."""
        self._sections.reset()
        self.set_beats(())

    @property
    def n_waiting(self) -> int:
        """Frames of the step under way."""
        return self._waiting.shape[0]

    def push(self, mono: F32, stems: F64 | None = None, song_s: float = math.nan) -> F64:
        """Take the next block.

        Parameters
        ----------
        mono : float32 array, shape (n,)
            The mix; NaN counts as silence.
        stems : float64 array, shape (4,) or (rows, 4), or None
            Mean squares of the stems in the order of ROLES, for all steps or for each; NaN where there is no
            such stem, and a band of the mix stands in.
        song_s : float, seconds
            Song time of the first frame of the block; NaN where no song plays.

        Returns
        -------
        float64 array, shape (steps completed, N_ROW)
            The picture after each step, see ROW_* of engine.stream.visual_motion.
        """
        if mono.ndim != 1 or mono.dtype != np.float32:
            raise ParameterError(f"the mix is float32 of shape (n,), not {mono.dtype} {mono.shape}")
        begun = self._waiting.shape[0]
        sound = np.concatenate([self._waiting, mono])
        n = sound.shape[0] // self.step_frames
        out = np.empty((n, N_ROW))
        for k in range(n):
            powers = stems[k] if stems is not None and stems.ndim == 2 else stems
            place_s = song_s + (k * self.step_frames - begun) / self._rate_hz
            step = sound[k * self.step_frames : (k + 1) * self.step_frames]
            out[k] = self._advance(np.ascontiguousarray(step), powers, place_s)
        self._waiting = sound[n * self.step_frames :].copy()
        return out

    def _advance(self, step: F32, stems: F64 | None, song_s: float) -> F64:
        mono = step if self._resampler is None else self._resampler.process(step[None])[0]
        powers = self._bands.push(step)[0]
        if stems is not None:
            powers = np.where(np.isnan(stems), powers, stems)
        if self._features.push(mono).shape[0]:
            self._controls[:] = self.steer(self._features.window())
            self._sections.push(self._features.levels)
        beat = math.nan
        if self._beats_s.size and math.isfinite(song_s):
            beat = self._beat_at(song_s)
        return self._motion.advance(
            powers,
            self._controls,
            self.step_frames / self._rate_hz,
            self._sections.section,
            self._beat_hz,
            beat,
        )

    def _beat_at(self, song_s: float) -> float:
        """Beats since the first one, with the mean tempo before it and after the last."""
        beats = self._beats_s
        if song_s < beats[0]:
            return float((song_s - beats[0]) * self._beat_hz)
        if song_s > beats[-1]:
            return float(beats.size - 1 + (song_s - beats[-1]) * self._beat_hz)
        return float(np.interp(song_s, beats, np.arange(beats.size)))


def no_stems() -> F64:
    """Powers that leave every role to the bands of the mix: float64, shape (4,), NaN."""
    return np.full(N_ROLES, math.nan)
