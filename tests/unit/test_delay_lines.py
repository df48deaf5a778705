"""Delay lines give back what was written, also between two frames; networks of them lose what they should."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.kernels.delay import (
    MIRROR_FRAMES,
    N_FRACTIONS,
    N_TAP_CELLS,
    N_TAPS,
    STEP_FRAMES,
    between8,
    cubic8,
    cut_share,
    darken,
    flush_cuts,
    fraction_taps,
    line_frames,
    look_back,
    next_place,
    pick_taps,
    slide,
    write_line,
)
from engine.kernels.feedback_network import (
    GROUP_FRAMES,
    N_LINES,
    N_SHELF_CELLS,
    feed_lines,
    fit_losses,
    hear_lines,
    loss_solver,
    low_shelf_db,
    pass_all8,
    set_damping,
)
from engine.kernels.jit import kernel
from engine.kernels.lanes import load8, splat8, store8


@kernel
def read_cubic(line, i, fraction, out):
    store8(out, 0, cubic8(line, i, splat8(np.float32(fraction))))


@kernel
def read_between(x, i, taps, out):
    store8(out, 0, between8(x, i, taps))


@kernel
def smear(cells, size, at, delay_frames, x):
    store8(x, 0, pass_all8(cells, 0, size, (at, delay_frames), load8(x, 0)))


@settings(deadline=None, max_examples=30)
@given(longest=st.integers(1, 200), steps=st.lists(st.integers(1, STEP_FRAMES), min_size=1, max_size=60))
def test_a_line_gives_back_what_was_written_however_far_it_looks(longest, steps):
    line = np.zeros(line_frames(longest), np.float32)
    heard, at = [], 0
    for n in steps:
        n = min(n, STEP_FRAMES - at % STEP_FRAMES)
        new = np.arange(len(heard) + 1, len(heard) + n + 1, dtype=np.float32)
        write_line(line, at, new, 0, n)
        heard.extend(new)
        at = next_place(line, at, n)
        for back in {1, n, longest}:
            if back <= len(heard):
                place = look_back(line, at, back)
                ahead = min(back, STEP_FRAMES)
                assert line[place : place + ahead].tolist() == heard[len(heard) - back :][:ahead]
    assert (line.size - MIRROR_FRAMES) % STEP_FRAMES == 0


@pytest.mark.parametrize("fraction", [0.0, 0.25, 0.5, 0.9, 1.0])
def test_a_cubic_is_read_exactly_between_its_frames(fraction):
    t = np.arange(16.0)
    line = (0.01 * t**3 - 0.1 * t**2 + t - 3).astype(np.float32)
    out = np.empty(8, np.float32)
    read_cubic(line, 2, fraction, out)
    at = 3 + np.arange(8) + fraction
    np.testing.assert_allclose(out, 0.01 * at**3 - 0.1 * at**2 + at - 3, atol=2e-5)


@settings(deadline=None, max_examples=50)
@given(frequency=st.floats(0.0, 0.375), fraction=st.floats(0.0, 1.0))
def test_tones_are_read_between_frames_within_60_millibels_up_to_18_khz(frequency, fraction):
    x = np.sin(2 * np.pi * frequency * np.arange(64) + 0.7).astype(np.float32)
    taps, out = np.empty(N_TAPS, np.float32), np.empty(8, np.float32)
    pick_taps(fraction_taps(), fraction, taps)
    read_between(x, 24, taps, out)
    expected = np.sin(2 * np.pi * frequency * (24 + np.arange(8) + fraction) + 0.7)
    assert np.abs(out - expected).max() < 7e-3


def test_no_fraction_is_the_frame_itself():
    table = fraction_taps()
    assert table.shape == (N_TAP_CELLS,)
    first = table.reshape(N_FRACTIONS + 1, N_TAPS)[0]
    assert first[N_TAPS // 2 - 1] == 1.0
    assert np.count_nonzero(first) == 1


def test_a_row_slides_back_to_its_history_when_it_is_full():
    row = np.arange(100, dtype=np.float32)
    assert slide(row, 60, 20, 40) == 60
    assert slide(row, 90, 20, 40) == 20
    assert row[:20].tolist() == list(range(70, 90))


def test_cuts_halve_the_power_at_their_corners():
    rate_hz, n = 48_000.0, 48_000
    for low_hz, high_hz, corner_hz in ((20.0, 2000.0, 2000), (500.0, 20_000.0, 500)):
        x = np.zeros((2, n), np.float32)
        x[:, 0] = 1.0
        darken(x, cut_share(low_hz, rate_hz), cut_share(high_hz, rate_hz), np.zeros(4), x, n)
        assert 20 * np.log10(np.abs(np.fft.rfft(x[0]))[corner_hz]) == pytest.approx(-3.0, abs=0.8)


def test_what_is_left_of_cuts_is_flushed():
    cuts = np.array([1e-13, -1e-11, 0.0, -1e-14])
    flush_cuts(cuts)
    assert cuts.tolist() == [0.0, -1e-11, 0.0, 0.0]


def network(tank, lengths, damping, groups):
    """Energy in the lines and what is heard, group by group, after one impulse."""
    heard, new = np.zeros(N_LINES * GROUP_FRAMES, np.float32), np.zeros(2 * GROUP_FRAMES, np.float32)
    new[0], new[GROUP_FRAMES] = 1.0, -0.5
    memories = np.zeros(2 * N_LINES, np.float32)
    ring = tank.size // N_LINES - MIRROR_FRAMES
    at, total = 0, []
    for _ in range(groups):
        feed_lines(tank, at, heard, new)
        new[:] = 0.0
        at = (at + GROUP_FRAMES) % ring
        hear_lines(tank, at, lengths, (0.0, 0.0), (damping, memories), heard)
        total.append(heard.astype(np.float64) ** 2)
    return np.array(total).sum(axis=1)


def test_lines_without_damping_keep_all_the_energy():
    damping = np.zeros(N_SHELF_CELLS, np.float32)
    damping[:N_LINES] = damping[3 * N_LINES : 4 * N_LINES] = 1.0
    lengths = np.tile(np.random.default_rng(0).permutation(np.arange(41.0, 131.0))[:N_LINES], 2)
    energy = network(np.zeros(N_LINES * line_frames(200), np.float32), lengths, damping, 4000)
    early, late = energy[200:1200].mean(), energy[3000:].mean()
    assert late == pytest.approx(early, rel=0.02)
    # In as many frames as the lines are long, on average, all of it passes: eight lines got 1, eight 0.25.
    assert early * lengths.mean() / GROUP_FRAMES == pytest.approx(8 * 1.25, rel=0.03)


@pytest.mark.parametrize("wanted_db", [(-1.0, -1.2, -3.0), (-6.0, -4.0, -9.0), (-0.2, -0.2, -0.2)])
def test_damping_loses_what_is_wanted_in_each_band(wanted_db):
    rate_hz, bands_hz, corners_hz = 48_000.0, (125.0, 1000.0, 8000.0), (300.0, 3500.0)
    tans = np.tan(np.pi * np.array(bands_hz + corners_hz) / rate_hz)
    losses = np.zeros(3)
    fit_losses(wanted_db, tans, loss_solver(tans), losses)
    cells = np.zeros(N_SHELF_CELLS, np.float32)
    set_damping(cells, 3, losses, tans)
    new_low, memory_low, keep_low, new_high, memory_high, keep_high = cells.reshape(6, N_LINES)[:, 3]
    z = np.exp(-2j * np.pi * np.array(bands_hz) / rate_hz)
    response = (new_low + memory_low * z / (1 - keep_low * z)) * (
        new_high + memory_high * z / (1 - keep_high * z)
    )
    np.testing.assert_allclose(20 * np.log10(np.abs(response)), wanted_db, atol=0.02)


def test_a_shelf_is_whole_at_zero_and_half_at_its_corner():
    assert low_shelf_db(1e-6, 0.1, -8.0) == pytest.approx(-8.0, abs=1e-6)
    assert low_shelf_db(0.1, 0.1, -8.0) == pytest.approx(-4.0, abs=1e-6)
    assert low_shelf_db(1e3, 0.1, -8.0) == pytest.approx(0.0, abs=1e-6)


def test_an_all_pass_keeps_every_frequency_as_loud():
    cells = np.zeros(line_frames(100), np.float32)
    ring = cells.size - MIRROR_FRAMES
    parts = []
    for at in range(0, 4096, GROUP_FRAMES):
        x = np.zeros(GROUP_FRAMES, np.float32)
        x[0] = at == 0
        smear(cells, ring, at % ring, 61, x)
        parts.append(x)
    response = np.abs(np.fft.rfft(np.concatenate(parts)))
    np.testing.assert_allclose(response, 1.0, atol=1e-3)
