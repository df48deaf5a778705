"""One OpenGL context without a window for all tests of this folder; Mesa's software renderer is enough."""

from collections.abc import Iterator

import pytest

from app.visual.offscreen import Offscreen


@pytest.fixture(scope="session")
def offscreen() -> Iterator[Offscreen]:
    """The context; every test draws on the same thread."""
    context = Offscreen()
    yield context
    context.release()
