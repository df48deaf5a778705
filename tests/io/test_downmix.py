"""The fold to stereo against the numbers of ITU-R BS.775."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ParameterError
from engine.io.downmix import downmix_matrix, fold_to_stereo

G = 0.5**0.5


@pytest.mark.parametrize(
    ("speakers", "left", "right"),
    [
        ("FC", [1], [1]),
        ("FL FR", [1, 0], [0, 1]),
        ("FR FL", [0, 1], [1, 0]),
        ("FL FR LFE", [1, 0, 0], [0, 1, 0]),
        ("FL FR FC", [1, 0, G], [0, 1, G]),
        ("FL FR BL BR", [1, 0, G, 0], [0, 1, 0, G]),
        ("FL FR FC LFE BL BR", [1, 0, G, 0, G, 0], [0, 1, G, 0, 0, G]),
        ("FL FR FC LFE SL SR", [1, 0, G, 0, G, 0], [0, 1, G, 0, 0, G]),
        ("FL FR FC LFE BC SL SR", [1, 0, G, 0, 0.5, G, 0], [0, 1, G, 0, 0.5, 0, G]),
        ("FL FR FC LFE BL BR SL SR", [1, 0, G, 0, G, 0, G, 0], [0, 1, G, 0, 0, G, 0, G]),
        # A file without names is read in the order of WAVE_FORMAT_EXTENSIBLE.
        ("NONE NONE NONE NONE NONE NONE", [1, 0, G, 0, G, 0], [0, 1, G, 0, 0, G]),
    ],
)
def test_coefficients(speakers: str, left: list[float], right: list[float]) -> None:
    assert np.allclose(downmix_matrix(speakers.split()), [left, right], atol=1e-7)


@given(channels=st.integers(2, 64))
def test_unknown_layouts_keep_both_sides_sounding(channels: int) -> None:
    matrix = downmix_matrix(["?"] * channels)
    assert matrix.shape == (2, channels)
    assert matrix.dtype == np.float32
    if channels > 8:
        # Means, so that they cannot overload.
        assert np.allclose(matrix.sum(axis=1), 1)
    assert (matrix.sum(axis=1) > 0).all()


def test_no_channels_are_refused() -> None:
    with pytest.raises(ParameterError):
        downmix_matrix([])


@pytest.mark.parametrize("channels", [1, 2, 6, 8, 12])
def test_fold_is_the_matrix_product(channels: int) -> None:
    x = np.random.default_rng(0).standard_normal((channels, 1000)).astype(np.float32)
    matrix = downmix_matrix(["?"] * channels)
    out = np.empty((2, 1000), np.float32)
    fold_to_stereo(x, matrix, out)
    assert np.allclose(out, matrix.astype(np.float64) @ x, atol=1e-5)


def test_stereo_passes_bit_for_bit() -> None:
    x = np.array([[0.0, -0.0, 1e-42, 1.5], [-1e-42, 3e38, -0.0, 0.1]], np.float32)
    out = np.empty_like(x)
    fold_to_stereo(x, downmix_matrix(["FL", "FR"]), out)
    assert out.tobytes() == x.tobytes()
