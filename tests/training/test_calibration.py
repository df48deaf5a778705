"""Offsets of drums and bass in the lows are found, and lie in the weights as they were judged."""

import numpy as np
import pytest
import torch

from engine.kernels.warped_bins import N_BINS
from models.training.splitter.calibration import (
    TRIED,
    Offsets,
    best_offsets,
    offset_masks,
    with_offsets,
)
from models.training.splitter.examples import LOOK_AHEAD, N_SPLIT, crop_frames, measure
from models.training.splitter.losses import Sums, part_errors
from models.training.splitter.network import SplitNetwork


def _song(seed: int) -> tuple[torch.Tensor, Sums]:
    """Masks that are as right as masks can be, and the sums of the song."""
    rng = np.random.default_rng(seed)
    parts = (0.1 * rng.standard_normal((N_SPLIT, 2, crop_frames(12)))).astype(np.float32)
    batch = measure(parts, np.ones((N_SPLIT, N_BINS), np.float32))
    mixed, shared, alone = (torch.from_numpy(a) for a in (batch.mixed, batch.shared, batch.alone))
    masks = alone / alone.sum(dim=1, keepdim=True)
    return masks, (mixed, shared, alone)


@pytest.mark.parametrize("wrong_by", [Offsets(-0.75, 0.0), Offsets(), Offsets(1.5, 0.4)])
def test_what_is_wrong_by_offsets_is_set_right(wrong_by):
    songs = [_song(1), _song(2)]
    true = best_offsets(songs)
    found = best_offsets([(offset_masks(masks, wrong_by), sums) for masks, sums in songs])
    assert found.drums == pytest.approx(true.drums - wrong_by.drums, abs=0.126)
    assert found.bass == pytest.approx(true.bass - wrong_by.bass, abs=0.201)


def test_they_have_the_highest_score_of_all():
    masks, sums = _song(3)
    masks = offset_masks(masks, Offsets(0.6, -0.3))

    def score(offsets: Offsets) -> float:
        error, true, _ = part_errors(offset_masks(masks, offsets), *sums)
        return float((10.0 * torch.log10(true / error))[0, :3].mean())

    assert best_offsets([(masks, sums)]) == max(TRIED, key=score)


def test_without_a_song_nothing_is_moved():
    assert best_offsets([]) == (0.0, 0.0)


def test_weights_with_offsets_give_the_masks_that_were_judged():
    with torch.random.fork_rng():
        torch.manual_seed(2)
        network = SplitNetwork((4, 6, 8, 8, 8), 12).eval()
        seen = torch.rand(1, 4, 5 + LOOK_AHEAD, 576)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with torch.no_grad():
        wanted = offset_masks(network(seen), Offsets(-1.25, 0.4))
        moved = with_offsets(network.state_dict(), Offsets(-1.25, 0.4))
        for name, value in network.state_dict().items():
            assert torch.equal(value, before[name])
        network.load_state_dict(moved)
        torch.testing.assert_close(network(seen), wanted)
        back = offset_masks(wanted, Offsets(1.25, -0.4))
        assert not torch.allclose(wanted[..., :27], back[..., :27])
        torch.testing.assert_close(wanted[..., 40:], back[..., 40:])
