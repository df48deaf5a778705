"""The shader against double precision: its counts and distances are those of z -> z^2 + c, not like them."""

import numpy as np
import pytest

from app.visual.offscreen import Offscreen
from app.visual.program import Stage
from app.visual.targets import Target
from engine.kernels.julia import smooth_julia

SIZE = 64
SPAN = 2.5
ITERATIONS = 256
BAILOUT = 256.0
PARAMETERS = (-0.745 + 0.113j, 0.285 + 0.01j, -0.1226 + 0.7449j)
"""A dust of spirals, one beside the cardioid's cusp, and one whose inside is fat."""


def numpy_julia(c: complex) -> tuple[np.ndarray, np.ndarray]:
    """Smooth count and estimated distance in complex128, rows from the bottom, with nothing of ours."""
    axis = (np.arange(SIZE) + 0.5 - SIZE / 2) * (SPAN / SIZE)
    z = axis[None, :] + 1j * axis[:, None]
    slope = np.ones_like(z)
    count = np.full(z.shape, ITERATIONS + 1.0)
    distance = np.zeros(z.shape)
    inside = np.ones(z.shape, bool)
    for n in range(ITERATIONS + 1):
        left = inside & (np.abs(z) > BAILOUT)
        log_size = np.log(np.abs(z[left]))
        count[left] = n + 1.0 - np.log2(log_size / np.log(BAILOUT))
        distance[left] = np.abs(z[left]) * log_size / np.abs(slope[left])
        inside &= ~left
        slope[inside] = 2.0 * z[inside] * slope[inside]
        z[inside] = z[inside] ** 2 + c
    return count, distance


def drawn(
    offscreen: Offscreen, c: complex, turn: complex = 1.0 + 0.0j, middle: complex = 0.0j
) -> tuple[np.ndarray, np.ndarray]:
    """What the shader counts, rows from the bottom."""
    stage = Stage(offscreen.context, "julia", "COUNT")
    target = Target(offscreen.context, (SIZE, SIZE), n_bytes=4)
    axis = turn * (SPAN / SIZE)
    stage.draw(
        target.frame,
        {},
        {
            "u_size": (float(SIZE), float(SIZE)),
            "u_axis": (axis.real, axis.imag),
            "u_middle": (middle.real, middle.imag),
            "u_jitter": (0.0, 0.0),
            "u_c": (c.real, c.imag),
            "u_iterations": ITERATIONS,
        },
    )
    found = np.frombuffer(target.texture.read(), np.float32).reshape(SIZE, SIZE, 4).astype(np.float64)
    stage.release()
    target.release()
    return found[..., 0], found[..., 1]


@pytest.mark.parametrize("c", PARAMETERS)
def test_counts_and_distances_are_those_of_double_precision(offscreen: Offscreen, c: complex) -> None:
    count, distance = numpy_julia(c)
    found_count, found_distance = drawn(offscreen, c)
    away = distance > SPAN / SIZE
    assert 0.2 < away.mean() < 0.98
    assert np.abs(found_count - count)[away].mean() < 1e-2
    assert (np.abs(found_distance - distance)[away] / distance[away]).mean() < 1e-2
    # Next to the set single precision may leave a step earlier or later, but what is deep inside stays.
    settled = (count == ITERATIONS + 1.0) == (found_count == ITERATIONS + 1.0)
    assert settled.mean() > 0.98


@pytest.mark.parametrize("c", PARAMETERS)
def test_the_kernel_of_the_training_draws_the_same(c: complex) -> None:
    count, distance = numpy_julia(c)
    smooth, far = np.empty((SIZE, SIZE)), np.empty((SIZE, SIZE))
    smooth_julia(c, SPAN, ITERATIONS, BAILOUT, smooth, far)
    away = distance > SPAN / SIZE
    assert np.abs(smooth[::-1] - count)[away].max() < 1e-6
    assert np.abs(far[::-1] - distance)[away].max() < 1e-6


def test_a_quarter_turn_of_the_camera_turns_the_picture(offscreen: Offscreen) -> None:
    # Off the middle, where the set's own symmetry cannot stand in for the turn.
    c, middle = PARAMETERS[0], 0.1 + 0.05j
    straight, distance = drawn(offscreen, c, middle=middle)
    turned, _ = drawn(offscreen, c, 1j, middle)
    away = np.rot90(distance) > SPAN / SIZE
    assert np.abs(turned - np.rot90(straight))[away].mean() < 1e-2
    assert np.abs(turned - np.rot90(straight, -1))[away].mean() > 0.1
