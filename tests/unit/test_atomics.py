import threading

import numba
import numpy as np

from engine.kernels.jit import kernel
from engine.stream.atomics import (
    array_address,
    exchange,
    f32_at,
    f64_at,
    fence_acquire,
    fence_release,
    i64_at,
    load_acquire,
    store_release,
    u8_at,
)


@kernel
def _wait_for(cells, value):
    spins = 0
    while load_acquire(cells, 0) != value:
        spins += 1
    return spins


@kernel
def _send_tokens(cells, payload, n):
    for i in range(1, n + 1):
        payload[0] = i * 3
        fence_release()
        store_release(cells, 0, i)
        while load_acquire(cells, 1) != i:
            pass


@kernel
def _take_tokens(cells, payload, n):
    errors = 0
    for i in range(1, n + 1):
        while load_acquire(cells, 0) != i:
            pass
        fence_acquire()
        if payload[0] != i * 3:
            errors += 1
        store_release(cells, 1, i)
    return errors


def test_loads_and_stores_reach_the_right_cell_with_any_stride():
    cells = np.arange(24, dtype=np.int64)
    store_release(cells, 8, -(2**62))
    assert load_acquire(cells, 8) == cells[8] == -(2**62)
    every_third = cells[::3]
    store_release(every_third, 2, 77)
    assert cells[6] == load_acquire(every_third, 2) == 77
    assert np.array_equal(np.delete(cells, [6, 8]), np.delete(np.arange(24), [6, 8]))


def test_a_waiting_loop_sees_another_threads_store():
    # A plain load would be hoisted out of the loop, and this test would time out.
    cells = np.zeros(1, np.int64)
    _wait_for(cells, 0)
    thread = threading.Thread(target=_wait_for, args=(cells, 5))
    thread.start()
    store_release(cells, 0, 5)
    thread.join(timeout=20)
    assert not thread.is_alive()


def test_what_was_written_before_a_release_is_seen_after_the_acquire():
    cells = np.zeros(16, np.int64)
    payload = np.zeros(1, np.int64)
    n = 200
    _send_tokens(cells, payload, 0)
    errors = [_take_tokens(cells, payload, 0)]
    sender = threading.Thread(target=_send_tokens, args=(cells, payload, n))
    sender.start()
    errors.append(_take_tokens(cells, payload, n))
    sender.join()
    assert errors == [0, 0]


@kernel
def _take_numbers(cells, received):
    """Take numbers out of the mailbox until -1 comes."""
    number = 0
    while number >= 0:
        number = exchange(cells, 0, 0)
        if number > 0:
            received[number] += 1


def test_what_goes_through_a_cell_by_exchange_arrives_once_or_comes_back():
    cells = np.array([-1], np.int64)
    received = np.zeros(5001, np.int64)
    _take_numbers(cells, received)
    reader = threading.Thread(target=_take_numbers, args=(cells, received))
    reader.start()
    for number in range(1, 5001):
        unseen = exchange(cells, 0, number)
        if unseen:
            received[unseen] += 1
    unseen = exchange(cells, 0, -1)
    if unseen:
        received[unseen] += 1
    reader.join(timeout=20)
    assert np.all(received[1:] == 1)


def test_atomics_work_inside_a_cfunc():
    @numba.cfunc("int64(int64, int64)")
    def bump(address, by):
        cells = i64_at(address, 4)
        store_release(cells, 3, load_acquire(cells, 3) + by)
        fence_release()
        return load_acquire(cells, 3)

    cells = np.array([0, 0, 0, 40], np.int64)
    assert bump.ctypes(array_address(cells), 2) == 42
    assert cells[3] == 42


def test_arrays_over_addresses_are_views():
    for at, dtype in ((f32_at, np.float32), (f64_at, np.float64), (i64_at, np.int64), (u8_at, np.uint8)):
        memory = np.arange(5).astype(dtype)
        view = at(array_address(memory), 5)
        assert view.dtype == dtype
        assert np.array_equal(view, memory)
        memory[4] = 9
        assert view[4] == 9
