"""Sections one behind the other, in stereo, with coefficients that go straight from one set to the next.

An effect designs its sections at grid points (a few thousand times a second while a knob moves, not at all
otherwise); between two of them this draws coefficients straight from the old set to the new one. A mixture
of two sections is as safe as each of them (see `biquad`), so no sweep, however fast, makes a state grow.

Pure functions of the audio callback: no allocation, no exceptions. All of a bank lies in one stretch of
cells: whether it is turning, then for each section its coefficients at the last and at the next grid
point and the states of left and right.
"""

from typing import Final

import numpy as np

from engine.kernels.biquad import Section, drop_silence
from engine.kernels.jit import fast_kernel, kernel
from engine.units import F32, F64

_N_SECTION: Final = 6
_N_TURNING: Final = 2 * _N_SECTION
_N_STATE: Final = 4
_N_CELLS: Final = _N_TURNING + _N_STATE
_SECTIONS: Final = 1


def n_bank_cells(n_sections: int) -> int:
    """Cells of a bank of `n_sections`."""
    return _SECTIONS + n_sections * _N_CELLS


@kernel
def turn_section(coefficients: Section, k: int, at_once: bool, cells: F64, at: int) -> None:
    """Make `coefficients` section k's goal at the next grid point.

    Parameters
    ----------
    coefficients : tuple of float
        A `Section`.
    k : int
        Which one of the bank.
    at_once : bool
        No ramp: for the first ones.
    cells : float64 array, shape (any,)
        Holds the bank; changed in place.
    at : int
        Where the bank begins in it.
    """
    here = at + _SECTIONS + k * _N_CELLS
    goal = here + _N_SECTION
    for j in range(_N_SECTION):
        cells[here + j] = cells[goal + j]
    cells[goal], cells[goal + 1], cells[goal + 2] = coefficients[0], coefficients[1], coefficients[2]
    cells[goal + 3], cells[goal + 4], cells[goal + 5] = coefficients[3], coefficients[4], coefficients[5]
    if at_once:
        for j in range(_N_SECTION):
            cells[here + j] = cells[goal + j]
    else:
        cells[at] = 1.0


@kernel
def hold_bank(cells: F64, at: int, n_sections: int) -> None:
    """At a grid point, before any `turn_section`: every goal is reached, and decayed states are silence.

    Parameters
    ----------
    cells : float64 array, shape (any,)
        Holds the bank; changed in place.
    at, n_sections : int
        Where the bank begins in it, and its length.
    """
    if cells[at] != 0.0:
        cells[at] = 0.0
        for k in range(n_sections):
            here = at + _SECTIONS + k * _N_CELLS
            for j in range(_N_SECTION):
                cells[here + j] = cells[here + _N_SECTION + j]
    for k in range(n_sections):
        drop_silence(cells, at + _SECTIONS + k * _N_CELLS + _N_TURNING, _N_STATE)


@fast_kernel
def _filter_still(audio: F32, span: tuple[int, int], cells: F64, at: int) -> None:
    """Run a span through the section whose cells begin at `at`."""
    goal, state_at = at + _N_SECTION, at + _N_TURNING
    a, b, c = cells[goal], cells[goal + 1], cells[goal + 2]
    d1, d2, d0 = cells[goal + 3], cells[goal + 4], cells[goal + 5]
    s1, s2 = cells[state_at], cells[state_at + 1]
    t1, t2 = cells[state_at + 2], cells[state_at + 3]
    left, right = audio[0], audio[1]
    for i in range(span[0], span[1]):
        x = np.float64(left[i])
        y = np.float64(right[i])
        dx = x - s2
        dy = y - t2
        left[i] = d0 * x + (d1 * s1 + d2 * s2)
        right[i] = d0 * y + (d1 * t1 + d2 * t2)
        s2 += b * s1 + c * dx
        t2 += b * t1 + c * dy
        s1 = a * s1 + b * dx
        t1 = a * t1 + b * dy
    cells[state_at], cells[state_at + 1] = s1, s2
    cells[state_at + 2], cells[state_at + 3] = t1, t2


@fast_kernel
def _filter_turning(
    audio: F32, span: tuple[int, int], ramp: tuple[float, float], cells: F64, at: int
) -> None:
    """`_filter_still` while the coefficients move."""
    goal, state_at = at + _N_SECTION, at + _N_TURNING
    for i in range(span[0], span[1]):
        w = ramp[0] + (i - span[0] + 1) * ramp[1]
        a = cells[at] + w * (cells[goal] - cells[at])
        b = cells[at + 1] + w * (cells[goal + 1] - cells[at + 1])
        c = cells[at + 2] + w * (cells[goal + 2] - cells[at + 2])
        d1 = cells[at + 3] + w * (cells[goal + 3] - cells[at + 3])
        d2 = cells[at + 4] + w * (cells[goal + 4] - cells[at + 4])
        d0 = cells[at + 5] + w * (cells[goal + 5] - cells[at + 5])
        for channel in range(2):
            row = state_at + 2 * channel
            x = np.float64(audio[channel, i])
            s1, s2 = cells[row], cells[row + 1]
            d = x - s2
            audio[channel, i] = d0 * x + (d1 * s1 + d2 * s2)
            cells[row] = a * s1 + b * d
            cells[row + 1] = s2 + b * s1 + c * d


@kernel
def filter_bank(
    audio: F32, span: tuple[int, int], ramp: tuple[float, float], cells: F64, at: int, n_sections: int
) -> None:
    """Run frames of two channels through a bank, in place.

    Parameters
    ----------
    audio : float32 array, shape (2, frames)
        Changed in place.
    span : tuple of int
        First frame, and the one behind the last; within one stretch between grid points.
    ramp : tuple of float
        Share of the way between the grid points just before the first frame, and what a frame adds.
    cells : float64 array, shape (any,)
        Holds the bank, whose states are advanced.
    at, n_sections : int
        Where the bank begins in it, and how many of its sections to run, from the first on.
    """
    turning = cells[at] != 0.0
    for k in range(n_sections):
        here = at + _SECTIONS + k * _N_CELLS
        if turning:
            _filter_turning(audio, span, ramp, cells, here)
        else:
            _filter_still(audio, span, cells, here)
