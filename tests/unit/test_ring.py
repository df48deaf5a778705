import multiprocessing
import threading
from multiprocessing.shared_memory import SharedMemory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ParameterError
from engine.kernels.jit import kernel
from engine.stream.message_ring import MessageRing
from engine.stream.ring import HEAD, TAIL, Ring, ring_pull, ring_push


@kernel
def _produce(header, data, n, largest):
    """Push the numbers 0, 1, 2, ... n-1 in blocks of changing size, each number in both columns."""
    block = np.empty((largest, 2), np.int64)
    sent = 0
    size = 1
    while sent < n:
        size = size * 7 % largest + 1
        wanted = min(size, n - sent)
        for i in range(wanted):
            block[i, 0] = sent + i
            block[i, 1] = -(sent + i)
        pushed = 0
        while pushed < wanted:
            pushed += ring_push(header, data, block[pushed:wanted])
        sent += wanted


@kernel
def _consume(header, data, n, largest):
    """Pull n numbers in blocks of changing size; how many were not the next one."""
    block = np.empty((largest, 2), np.int64)
    got = 0
    errors = 0
    size = 1
    while got < n:
        size = size * 5 % largest + 1
        pulled = ring_pull(header, data, block[: min(size, n - got)])
        for i in range(pulled):
            if block[i, 0] != got + i or block[i, 1] != -(got + i):
                errors += 1
        got += pulled
    return errors


def _produce_in_process(name, capacity, n):
    memory = SharedMemory(name)
    ring = Ring(capacity, 2, np.int64, memory.buf, fresh=False)
    _produce(ring.header, ring.data, n, 300)
    del ring
    memory.close()


def test_three_million_frames_cross_between_threads_in_order():
    ring = Ring(2048, 2, np.int64)
    n = 3_000_000
    _produce(ring.header, ring.data, 0, 1)
    assert _consume(ring.header, ring.data, 0, 1) == 0
    producer = threading.Thread(target=_produce, args=(ring.header, ring.data, n, 1000))
    producer.start()
    errors = _consume(ring.header, ring.data, n, 700)
    producer.join()
    assert errors == 0
    assert ring.readable == 0
    assert ring.header[HEAD] == ring.header[TAIL] == n


def test_frames_cross_between_processes_in_order():
    capacity, n = 1024, 1_000_000
    memory = SharedMemory(create=True, size=Ring.n_bytes(capacity, 2, np.int64))
    ring = Ring(capacity, 2, np.int64, memory.buf)
    producer = multiprocessing.get_context("spawn").Process(
        target=_produce_in_process, args=(memory.name, capacity, n)
    )
    producer.start()
    errors = _consume(ring.header, ring.data, n, 200)
    producer.join()
    del ring
    memory.close()
    memory.unlink()
    assert producer.exitcode == 0
    assert errors == 0


@settings(deadline=None, max_examples=100)
@given(
    st.sampled_from([1, 2, 8, 64]),
    st.integers(1, 3),
    st.lists(st.tuples(st.booleans(), st.integers(0, 100)), max_size=60),
)
def test_the_ring_is_a_bounded_queue(capacity, width, moves):
    ring = Ring(capacity, width)
    queue = []
    counter = 0
    for is_push, n in moves:
        if is_push:
            x = np.arange(counter, counter + n * width, dtype=np.float32).reshape(n, width)
            counter += n * width
            taken = ring.push(x)
            assert taken == min(n, capacity - len(queue))
            queue.extend(x[:taken].tolist())
        else:
            out = np.full((n, width), -1, np.float32)
            given_frames = ring.pull(out)
            assert given_frames == min(n, len(queue))
            assert out[:given_frames].tolist() == queue[:given_frames]
            assert np.all(out[given_frames:] == -1)
            del queue[:given_frames]
        assert ring.readable == len(queue)
        assert ring.writable == capacity - len(queue)


def test_the_counters_may_be_large():
    ring = Ring(8, 1)
    ring.header[HEAD] = ring.header[TAIL] = 2**61 + 5
    x = np.arange(8, dtype=np.float32).reshape(-1, 1)
    assert ring.push(x) == 8
    out = np.empty_like(x)
    assert ring.pull(out) == 8
    assert np.array_equal(out, x)


def test_a_second_side_joins_and_is_checked():
    memory = bytearray(Ring.n_bytes(16, 2))
    ring = Ring(16, 2, buffer=memory)
    ring.push(np.ones((3, 2), np.float32))
    assert Ring(16, 2, buffer=memory, fresh=False).readable == 3
    with pytest.raises(ParameterError, match="16 frames, not 8"):
        Ring(8, 2, buffer=memory, fresh=False)
    assert Ring(16, 2, buffer=memory).readable == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"capacity": 12, "width": 1}, "12 is not a power of two"),
        ({"capacity": 0, "width": 1}, "0 is not a power of two"),
        ({"capacity": 8, "width": 0}, "width 0"),
        ({"capacity": 8, "width": 1, "buffer": bytearray(10)}, "10 bytes is too small"),
        ({"capacity": 8, "width": 1, "buffer": bytes(1000)}, "writable"),
    ],
)
def test_impossible_rings_are_refused(arguments, says):
    with pytest.raises(ParameterError, match=says):
        Ring(**arguments)


@pytest.mark.parametrize("x", [np.zeros((4, 3), np.float32), np.zeros((4, 2)), np.zeros(4, np.float32)])
def test_frames_of_another_kind_are_refused(x):
    with pytest.raises(ParameterError, match=r"float32 of shape \(n, 2\)"):
        Ring(8, 2).push(x)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.one_of(st.none(), st.binary(max_size=40)), max_size=60))
def test_messages_come_out_whole_and_in_order(moves):
    ring = MessageRing(64)
    queue = []
    for message in moves:
        if message is None:
            assert ring.receive() == (queue.pop(0) if queue else None)
        elif ring.send(message):
            queue.append(message)
        else:
            assert sum(len(m) + 4 for m in queue) + len(message) + 4 > 64


def test_a_message_larger_than_the_ring_is_refused():
    assert MessageRing(64).send(bytes(60))
    with pytest.raises(ParameterError, match="61 bytes"):
        MessageRing(64).send(bytes(61))
    with pytest.raises(ParameterError, match="4 bytes"):
        MessageRing(4)


def _echo(name, n):
    memory = SharedMemory(name)
    half = MessageRing.n_bytes(256)
    here = MessageRing(256, memory.buf[:half], fresh=False)
    there = MessageRing(256, memory.buf[half:], fresh=False)
    done = 0
    while done < n:
        message = here.receive()
        if message is not None:
            while not there.send(message[::-1]):
                pass
            done += 1
    del here, there, message
    memory.close()


def test_messages_cross_between_processes():
    half = MessageRing.n_bytes(256)
    memory = SharedMemory(create=True, size=2 * half)
    here = MessageRing(256, memory.buf[:half])
    there = MessageRing(256, memory.buf[half:])
    messages = [bytes([i % 256]) * (i % 90) + b"end" for i in range(2000)]
    worker = multiprocessing.get_context("spawn").Process(target=_echo, args=(memory.name, len(messages)))
    worker.start()
    answers = []
    unsent = list(messages)
    while len(answers) < len(messages):
        if unsent and here.send(unsent[0]):
            unsent.pop(0)
        answer = there.receive()
        if answer is not None:
            answers.append(answer)
    worker.join()
    del here, there
    memory.close()
    memory.unlink()
    assert answers == [m[::-1] for m in messages]
