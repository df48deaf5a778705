"""The laws of house.md for the insert, with a worker that answers in this thread."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.stream.insert import CAPACITY_FRAMES, FADE_FRAMES, Insert

N = 3000
LATENCY = 700


def _through(insert: Insert, x: np.ndarray, blocks: list[int], gain: float = 1.0) -> np.ndarray:
    """Send `x` in blocks (the last size repeats); the worker answers everything after each."""
    out = np.zeros_like(x)
    buffer = np.zeros((CAPACITY_FRAMES, 2), np.float32)
    at = k = 0
    while at < x.shape[1]:
        n = min(blocks[min(k, len(blocks) - 1)], x.shape[1] - at)
        part = x[:, at : at + n].copy()
        insert.process(part)
        out[:, at : at + n] = part
        insert.answer(np.float32(gain) * buffer[: insert.fetch(buffer)])
        at, k = at + n, k + 1
    return out


def _signal() -> np.ndarray:
    return np.random.default_rng(5).normal(0.0, 0.2, (2, N)).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, LATENCY), min_size=1, max_size=20))
def test_any_partition_gives_the_same_output(blocks: list[int]) -> None:
    x = _signal()
    outs = []
    for sizes in ([64], blocks):
        insert = Insert(LATENCY)
        insert.join()
        outs.append(_through(insert, x, sizes, -0.5))
    assert np.array_equal(*outs)


def test_an_impulse_comes_out_exactly_the_latency_later() -> None:
    insert = Insert(LATENCY)
    insert.join()
    x = np.zeros((2, N), np.float32)
    x[:, 300] = 1.0
    assert np.array_equal(np.flatnonzero(_through(insert, x, [100])[0]), [300 + insert.latency_frames])


def test_a_worker_that_changes_nothing_is_a_delay() -> None:
    insert = Insert(LATENCY)
    insert.join()
    x = _signal()
    assert np.array_equal(_through(insert, x, [128])[:, LATENCY:], x[:, :-LATENCY])


def test_without_a_worker_it_is_the_same_delay() -> None:
    x = _signal()
    insert = Insert(LATENCY)
    out = np.concatenate([insert_block(insert, x[:, k : k + 100]) for k in range(0, N, 100)], axis=1)
    assert np.array_equal(out[:, LATENCY:], x[:, :-LATENCY])


def insert_block(insert: Insert, x: np.ndarray) -> np.ndarray:
    """One block with nobody at the other end: never counted as late, because nobody ever joined."""
    out = x.copy()
    assert insert.process(out) == 0
    return out


def test_reset_equals_a_new_object() -> None:
    x = _signal()
    used, new = Insert(LATENCY), Insert(LATENCY)
    used.join()
    _through(used, x, [333], 2.0)
    used.reset()
    for insert in (used, new):
        insert.join()
    assert np.array_equal(_through(used, x, [50], -1.0), _through(new, x, [50], -1.0))


def test_a_worker_that_overslept_is_told_and_joins_again() -> None:
    insert = Insert(LATENCY)
    insert.join()
    buffer = np.zeros((CAPACITY_FRAMES, 2), np.float32)
    x = np.tile(_signal(), (1, 7))
    for k in range(0, x.shape[1], 500):
        insert.process(x[:, k : k + 500].copy())
    assert insert.fetch(buffer) == -1
    assert insert.join() == x.shape[1]
    assert insert.fetch(buffer) == 0
    out = _through(insert, x[:, :N], [128], -1.0)
    settled = LATENCY + FADE_FRAMES
    assert np.array_equal(out[:, settled:], -x[:, FADE_FRAMES : N - LATENCY])


def test_both_sides_share_a_buffer() -> None:
    buffer = bytearray(Insert.n_bytes())
    callback_side = Insert(LATENCY, buffer)
    worker_side = Insert(LATENCY, buffer, fresh=False)
    worker_side.join()
    x = _signal()
    frames = np.zeros((N, 2), np.float32)
    callback_side.process(x[:, :600].copy())
    assert worker_side.fetch(frames) == 600
    assert np.array_equal(frames[:600].T, x[:, :600])
    worker_side.answer(3.0 * frames[:600])
    block = x[:, 600:1400].copy()
    assert callback_side.process(block) == 100
    assert np.array_equal(block[:, 100 + FADE_FRAMES : 700], 3.0 * x[:, FADE_FRAMES:600])
