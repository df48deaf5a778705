import threading
import time

import numpy as np
import pytest

from engine.errors import ParameterError
from engine.kernels.jit import kernel
from engine.stream.atomics import load_acquire, store_release
from engine.stream.latest import Latest, latest_publish, latest_read


@kernel
def _publish_until_stopped(seq, values, stop):
    new = np.empty(values.shape[0], np.int64)
    n = 0
    while load_acquire(stop, 0) == 0:
        n += 1
        for i in range(new.shape[0]):
            new[i] = n * (i + 1)
        latest_publish(seq, values, new)
    return n


@kernel
def _read_many(seq, values, n_reads):
    """Readings that were torn although reported whole, went back in time, or succeeded."""
    out = np.empty(values.shape[0], np.int64)
    torn = 0
    back = 0
    whole = 0
    last = 0
    while whole < n_reads:
        if latest_read(seq, values, out):
            whole += 1
            if out[0] < last:
                back += 1
            last = out[0]
            for i in range(out.shape[0]):
                if out[i] != last * (i + 1):
                    torn += 1
                    break
    return torn, back


def test_a_reading_is_never_torn_and_never_older():
    box = Latest(60, np.int64)
    stop = np.ones(1, np.int64)
    _publish_until_stopped(box.seq, box.values, stop)
    _read_many(box.seq, box.values, 0)
    stop[0] = 0
    writer = threading.Thread(target=_publish_until_stopped, args=(box.seq, box.values, stop))
    writer.start()
    while box.seq[0] == 0:
        time.sleep(0.001)
    first = int(box.seq[0])
    torn, back = _read_many(box.seq, box.values, 300_000)
    last = int(box.seq[0])
    store_release(stop, 0, 1)
    writer.join()
    assert last - first > 10_000, "both must have run at the same time"
    assert torn == 0
    assert back == 0


@pytest.mark.parametrize("dtype", [np.float64, np.int64])
def test_the_newest_value_is_read(dtype):
    box = Latest(3, dtype)
    assert box.read() is None
    for n in range(3):
        box.publish(np.full(3, n, dtype))
    assert np.array_equal(box.read(), [2, 2, 2])


def test_a_writer_that_died_is_reported_and_its_successor_heals():
    box = Latest(2)
    box.publish(np.array([1.0, 2.0]))
    box.seq[0] |= 1
    assert box.read() is None
    box.publish(np.array([3.0, 4.0]))
    assert np.array_equal(box.read(), [3.0, 4.0])


def test_a_second_side_joins():
    memory = bytearray(Latest.n_bytes(2))
    Latest(2, buffer=memory).publish(np.array([1.0, 2.0]))
    assert np.array_equal(Latest(2, buffer=memory, fresh=False).read(), [1.0, 2.0])
    assert Latest(2, buffer=memory).read() is None


def test_wrong_sizes_are_refused():
    with pytest.raises(ParameterError, match="0 values"):
        Latest(0)
    with pytest.raises(ParameterError, match="float32"):
        Latest(2, np.float32)
    with pytest.raises(ParameterError, match="too small"):
        Latest(2, buffer=bytearray(8))
    with pytest.raises(ParameterError, match=r"\(3,\)"):
        Latest(2).publish(np.zeros(3))
