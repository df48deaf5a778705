"""Pictures of frames: repeatable to the bit, varied, never black; moved and lit by what they should."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from app.visual.budget import LADDER, Fineness
from app.visual.offscreen import Canvas, Offscreen
from app.visual.palettes import palettes
from app.visual.renderer import JuliaRenderer, Look, Shot, look_of
from app.visual.scenes import scenes
from engine.kernels.orbit import LOBES, lobe_point
from engine.services.visual_frame import CALM_FRAME, VisualFrame

SIZE = (160, 90)
FINE = Fineness(1.0, 256, 2)
DT_S = 1.0 / 60.0


class Easel:
    """Draws frames one after another, and reads them."""

    def __init__(self, offscreen: Offscreen) -> None:
        self._renderer = JuliaRenderer(offscreen.context, SIZE)
        self._canvas = Canvas(offscreen, SIZE)

    def draw(
        self,
        frames: Sequence[VisualFrame],
        look: Look,
        fineness: Fineness = FINE,
        *,
        to_memory: bool = True,
    ) -> np.ndarray:
        """Pictures from the beginning, uint8 (n, height, width, 3)."""
        self._renderer.forget()
        out = np.empty((len(frames), SIZE[1], SIZE[0], 4), np.uint8)
        for k, frame in enumerate(frames):
            self._renderer.draw(frame, self._canvas.frame, Shot(look, DT_S, fineness, to_memory=to_memory))
            self._canvas.read_into(out[k])
        return out[..., :3]

    def release(self) -> None:
        self._canvas.release()
        self._renderer.release()


@pytest.fixture
def easel(offscreen: Offscreen) -> Iterator[Easel]:
    made = Easel(offscreen)
    yield made
    made.release()


def walk(n: int) -> list[VisualFrame]:
    """A second's walk with all that moves."""
    return [
        replace(
            CALM_FRAME,
            time_s=k * DT_S,
            c=CALM_FRAME.c + 0.02 * complex(math.sin(0.1 * k), math.cos(0.1 * k)),
            pulse=max(0.0, 1.0 - 0.1 * (k % 30)),
            rotation=0.02 * k,
            hue=0.01 * k,
            scale=1.0 + 0.2 * math.sin(0.2 * k),
            glow=0.8,
        )
        for k in range(n)
    ]


def test_the_same_frames_give_the_same_pictures(easel: Easel) -> None:
    first, again = (easel.draw(walk(20), look_of()) for _ in range(2))
    assert np.array_equal(first, again)


def test_rows_in_memory_stand_from_the_top_blue_first(easel: Easel) -> None:
    frame = replace(CALM_FRAME, c=0.285 + 0.01j, rotation=0.3)
    screen = easel.draw([frame], look_of(), to_memory=False)[0]
    memory = easel.draw([frame], look_of())[0]
    # The noise against bands stands still on the screen: half a step, rounded.
    assert np.abs(memory[::-1, :, ::-1].astype(int) - screen).max() <= 1


@pytest.mark.parametrize("name", scenes())
def test_a_scene_is_never_black_nor_flat_wherever_the_orbit_is(easel: Easel, name: str) -> None:
    look = look_of(name, limited=False)
    for lobe in range(len(LOBES)):
        for turn in range(5):
            re, im = lobe_point(lobe, 2.0 * math.pi * turn / 5, 1.04)
            frame = replace(CALM_FRAME, c=complex(re, im), hue=0.21 * turn)
            picture = easel.draw([frame], look)[0]
            assert picture.mean() > 12.0, (name, LOBES[lobe], turn)
            assert picture.std() > 8.0, (name, LOBES[lobe], turn)
            assert picture.max() > 90, (name, LOBES[lobe], turn)


def test_palettes_colour_the_same_set_differently(easel: Easel) -> None:
    means = [easel.draw([CALM_FRAME], look_of("lagoon", name))[0].mean(axis=(0, 1)) for name in palettes()]
    gaps = [np.abs(a - b).max() for i, a in enumerate(means) for b in means[:i]]
    assert min(gaps) > 1.5


def test_each_drive_moves_its_own_part(easel: Easel) -> None:
    look = look_of("furnace", limited=False)
    calm = replace(CALM_FRAME, glow=0.7)
    still = easel.draw([calm], look)[0].astype(float)

    def of(**change: float) -> np.ndarray:
        return easel.draw([replace(calm, **change)], look)[0].astype(float)

    assert of(pulse=1.0).mean() > still.mean() + 3.0
    assert of(glow=0.0).mean() < still.mean() - 2.0
    # Half a turn leads a Julia set into itself, but for the light and the middle that wanders.
    assert np.abs(of(rotation=math.pi) - still).mean() < np.abs(of(rotation=math.pi / 2) - still).mean()
    assert np.abs(of(hue=0.5).mean(axis=(0, 1)) - still.mean(axis=(0, 1))).max() > 5.0
    assert np.array_equal(of(hue=3.0), of(hue=0.0))
    assert np.abs(of(scale=1.4) - still).mean() > 5.0


def test_every_rung_draws_nearly_the_same(easel: Easel) -> None:
    frames = [CALM_FRAME] * 8
    finest = easel.draw(frames, look_of(), LADDER[-1])[-1].astype(float)
    for fineness in LADDER[2:-1]:
        rung = easel.draw(frames, look_of(), fineness)[-1]
        assert np.abs(rung - finest).mean() < 14.0, fineness


def test_a_new_size_goes_on_from_the_old_picture(offscreen: Offscreen) -> None:
    renderer = JuliaRenderer(offscreen.context, SIZE)
    for size in (SIZE, (64, 120), (200, 40), SIZE):
        canvas = Canvas(offscreen, size)
        renderer.resize(size)
        out = np.zeros((size[1], size[0], 4), np.uint8)
        for frame in walk(3):
            renderer.draw(frame, canvas.frame, Shot(look_of(), DT_S, FINE, to_memory=True))
        canvas.read_into(out)
        canvas.release()
        assert out[..., :3].mean() > 12.0
    renderer.release()
