"""No picture may flash more often than WCAG 2.3.1 allows, whatever is drawn; what is slow is let through."""

from collections.abc import Callable

import numpy as np
import pytest

from app.visual.flash_limiter import FlashLimiter
from app.visual.offscreen import Offscreen
from app.visual.targets import Target

SIZE = (96, 54)
RATE_HZ = 60.0
FLASH = 0.1
"""Relative luminance that one half of a flash takes, WCAG 2.2."""
ALLOWED = 3
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])

Draw = Callable[[float], np.ndarray]


def shown(offscreen: Offscreen, draw: Draw, seconds: float) -> np.ndarray:
    """What the limiter shows of pictures in linear light, float64 of shape (n, height, width, 3)."""
    width, height = SIZE
    limiter = FlashLimiter(offscreen.context, SIZE)
    source = Target(offscreen.context, SIZE, n_bytes=4)
    pictures = []
    for k in range(round(seconds * RATE_HZ)):
        light = np.ones((height, width, 4), np.float32)
        light[..., :3] = draw(k / RATE_HZ)
        source.texture.write(light.tobytes())
        limited = limiter.limit(source.texture, 1.0 / RATE_HZ)
        pictures.append(np.frombuffer(limited.read(), np.float16).reshape(height, width, 4)[..., :3])
    limiter.release()
    source.release()
    return np.array(pictures, np.float64)


def n_flashes(level: np.ndarray, step: float) -> int:
    """The most flashes, pairs of opposing changes by `step` or more, in any second of a course."""
    ends, last, way = [0], level[0], 0
    extreme = level[0]
    for k, value in enumerate(level):
        extreme = max(extreme, value) if way >= 0 else min(extreme, value)
        change = value - (extreme if way else last)
        if (way >= 0 and change <= -step) or (way <= 0 and change >= step):
            way = 1 if change > 0 else -1
            extreme = value
            ends.append(k)
    changes = np.array(ends[1:])
    n = round(RATE_HZ)
    most = max((np.count_nonzero((changes >= k) & (changes < k + n)) for k in changes), default=0)
    return most // 2


def third(pictures: np.ndarray, channels: np.ndarray) -> np.ndarray:
    """Mean of weighted channels over every quarter of a third-by-third part, shape (n, parts)."""
    n, height, width, _ = pictures.shape
    rows, columns = height // 6, width // 6
    light = pictures @ channels
    return (
        light[:, : 6 * rows, : 6 * columns].reshape(n, 6, rows, 6, columns).mean(axis=(2, 4)).reshape(n, 36)
    )


def square(hz: float) -> Callable[[float], bool]:
    return lambda at_s: (at_s * hz) % 1.0 < 0.5


@pytest.mark.parametrize("hz", [4.0, 5.0, 10.0, 15.0, 30.0])
def test_a_strobe_is_held_below_three_flashes_a_second(offscreen: Offscreen, hz: float) -> None:
    lit = square(hz)
    raw = np.array([float(lit(k / RATE_HZ)) for k in range(240)])
    assert n_flashes(raw, FLASH) > ALLOWED
    pictures = shown(offscreen, lambda at_s: np.full(3, float(lit(at_s))), 4.0)
    level = third(pictures, LUMINANCE)
    assert max(n_flashes(part, FLASH) for part in level.T) <= ALLOWED


def test_a_strobe_of_one_corner_is_held_too_and_the_rest_is_left_alone(offscreen: Offscreen) -> None:
    lit = square(8.0)

    def draw(at_s: float) -> np.ndarray:
        picture = np.full((SIZE[1], SIZE[0], 3), 0.3)
        picture[:18, :32] = float(lit(at_s))
        return picture

    pictures = shown(offscreen, draw, 3.0)
    level = third(pictures, LUMINANCE)
    assert max(n_flashes(part, FLASH) for part in level.T) <= ALLOWED
    assert np.abs(pictures[:, 36:, 64:] - 0.3).max() < 2e-3


def test_saturated_red_is_held_more_strictly(offscreen: Offscreen) -> None:
    lit = square(6.0)
    pictures = shown(offscreen, lambda at_s: np.array([0.35 * lit(at_s), 0.0, 0.0]), 4.0)
    # 20 of the 320 steps of (R - G - B) count as one half of a flash.
    red = third(pictures, np.array([1.0, -1.0, -1.0]))
    assert max(n_flashes(part, 20.0 / 320.0) for part in red.T) <= ALLOWED


def test_random_flicker_is_held(offscreen: Offscreen) -> None:
    rng = np.random.default_rng(7)
    blocks = rng.random((240, 6, 6))

    def draw(at_s: float) -> np.ndarray:
        k = round(at_s * RATE_HZ)
        return np.repeat(np.repeat(blocks[k], 9, axis=0), 16, axis=1)[..., None] * np.ones(3)

    level = third(shown(offscreen, draw, 4.0), LUMINANCE)
    assert max(n_flashes(part, FLASH) for part in level.T) <= ALLOWED


def test_slow_changes_are_shown_as_they_are(offscreen: Offscreen) -> None:
    # A swell of four seconds: 0.25 of luminance a second.
    pictures = shown(offscreen, lambda at_s: np.full(3, 0.1 + 0.25 * at_s), 3.0)
    wanted = 0.1 + 0.25 * np.arange(len(pictures)) / RATE_HZ
    assert np.abs(pictures[:, 27, 48, 1] - wanted).max() < 5e-3


def test_the_first_picture_comes_whole_and_a_still_one_arrives(offscreen: Offscreen) -> None:
    pictures = shown(offscreen, lambda at_s: np.full(3, 0.8 if at_s < 1.0 else 0.1), 5.0)
    assert np.abs(pictures[0] - 0.8).max() < 1e-3
    assert np.abs(pictures[-1] - 0.1).max() < 1e-2
