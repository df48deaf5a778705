"""Where in a song words are looked for: stretches with a voice, cut where it rests, at most 28 s long.

Pure functions, any thread. It exists because Whisper writes something over every sound it is given: what
is not sung must not reach it, and a window that ends inside a word loses it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.services.voice_track import STEP_S, VoiceTrack
from engine.units import F32

VOICE_ON = 0.5
VOICE_OFF = 0.2
"""A stretch begins at the one probability and lasts while the other is not undercut for `CLOSE_S`."""
CLOSE_S = 2.0
"""Held notes are lost by the detector for a second or two."""
BEFORE_S, AFTER_S = 0.4, 0.6
LEAST_VOICED_S = 0.25
"""What is certain of a voice in a stretch; less is a squeak of something else."""
QUIET_DB = 35.0
"""Below the loud part of a voice: what leaks into the vocal stem, not what is sung."""
FLOOR_DB = -55.0
GAP_S = 4.0
"""A rest this long ends a window: over it Whisper invents."""
MAX_WINDOW_S = 28.0
LEAST_WINDOW_S = 16.0
"""A long stretch is cut between these two, where the voice is weakest."""


@dataclass(frozen=True, slots=True)
class Window:
    """What goes through the network at once, in seconds of the song."""

    start_s: float
    stop_s: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.stop_s - self.start_s


def voiced_stretches(track: VoiceTrack) -> list[Window]:
    """Where there is a voice.

    Parameters
    ----------
    track : VoiceTrack
        Of the vocals, or of the whole song where there are none.

    Returns
    -------
    list of Window
        In time order, apart from one another.
    """
    voice, level_db = track.voice, track.level_db
    if not len(voice):
        return []
    loud = voice >= VOICE_ON
    if not loud.any():
        return []
    audible_db = max(FLOOR_DB, float(np.percentile(level_db[loud], 90)) - QUIET_DB)
    sure = loud & (level_db >= audible_db)
    kept = (voice >= VOICE_OFF) & (level_db >= audible_db)
    stretches: list[list[int]] = []
    for step in np.flatnonzero(sure | kept):
        at = int(step)
        if stretches and at - stretches[-1][1] <= CLOSE_S / STEP_S:
            stretches[-1][1] = at
        else:
            stretches.append([at, at])
    found: list[Window] = []
    for first, last in stretches:
        if np.count_nonzero(sure[first : last + 1]) * STEP_S < LEAST_VOICED_S:
            continue
        start_s = max(0.0, first * STEP_S - BEFORE_S)
        stop_s = min(track.seconds, (last + 1) * STEP_S + AFTER_S)
        if found and start_s <= found[-1].stop_s:
            found[-1] = Window(found[-1].start_s, stop_s)
        else:
            found.append(Window(start_s, stop_s))
    return found


def plan_windows(track: VoiceTrack) -> list[Window]:
    """Cut a song into windows for the network.

    Parameters
    ----------
    track : VoiceTrack
        As for `voiced_stretches`.

    Returns
    -------
    list of Window
        In time order, none longer than `MAX_WINDOW_S`; the same for the same track.
    """
    windows: list[Window] = []
    for stretch in voiced_stretches(track):
        for piece in _cut(stretch, track.voice, track.level_db):
            last = windows[-1] if windows else None
            if (
                last is not None
                and piece.start_s - last.stop_s < GAP_S
                and piece.stop_s - last.start_s <= MAX_WINDOW_S
            ):
                windows[-1] = Window(last.start_s, piece.stop_s)
            else:
                windows.append(piece)
    return windows


def _cut(stretch: Window, voice: F32, level_db: F32) -> list[Window]:
    """Pieces of a stretch, cut where it is quietest and least of a voice."""
    pieces: list[Window] = []
    start_s = stretch.start_s
    while stretch.stop_s - start_s > MAX_WINDOW_S:
        first = round((start_s + LEAST_WINDOW_S) / STEP_S)
        last = round((start_s + MAX_WINDOW_S) / STEP_S)
        # A fifth of a second of rest counts, not one quiet consonant.
        weight = voice[first:last] + np.clip(level_db[first:last], -80.0, 0.0) / 40.0
        smooth = np.convolve(weight, np.ones(7, np.float32) / 7.0, "same")
        cut_s = (first + int(np.argmin(smooth)) + 0.5) * STEP_S
        pieces.append(Window(start_s, cut_s))
        start_s = cut_s
    pieces.append(Window(start_s, stretch.stop_s))
    return pieces


def voiced_share(track: VoiceTrack, start_s: float, stop_s: float) -> float:
    """Part of a stretch in which there is a voice that can be heard, 0 to 1.

    Parameters
    ----------
    track : VoiceTrack
    start_s, stop_s : float
    """
    first, last = int(start_s / STEP_S), max(int(start_s / STEP_S) + 1, round(stop_s / STEP_S))
    voice, level_db = track.voice[first:last], track.level_db[first:last]
    if not len(voice):
        return 0.0
    return float(np.mean((voice >= VOICE_OFF) & (level_db >= FLOOR_DB)))


def nearest(windows: Sequence[Window], left: Sequence[int], at_s: float) -> int:
    """Which of the windows that are left is wanted first: the one being heard, ahead before behind.

    Parameters
    ----------
    windows : sequence of Window
    left : sequence of int
        Indices, at least one.
    at_s : float
        Where the listener is.
    """
    ahead = [index for index in left if windows[index].stop_s > at_s]
    return min(ahead) if ahead else min(left)
