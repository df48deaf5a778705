"""Kernels called by their address do what they do when they are called by their name."""

import numpy as np

from engine.kernels.jit import kernel
from engine.realtime.far_call import far_call, kernel_address
from engine.units import F32, I64


@kernel
def _double(table: I64, device: F32, device_at: int, n: int, out: F32) -> None:
    for i in range(n):
        out[i] = np.float32(2.0) * device[device_at + i]
    table[0] += n


@kernel
def _negate(table: I64, device: F32, device_at: int, n: int, out: F32) -> None:
    for i in range(n):
        out[i] = -device[device_at + i]
    table[0] -= n


def test_the_kernel_of_the_address_is_called_with_every_argument() -> None:
    x = np.arange(16, dtype=np.float32)
    for call, sign in ((_double, 1), (_negate, -1)):
        table, out = np.zeros(1, np.int64), np.zeros(8, np.float32)
        far_call(kernel_address(call), table, x, 3, 5, out)
        wanted, by_name = np.zeros(1, np.int64), np.zeros(8, np.float32)
        call(wanted, x, 3, 5, by_name)
        assert np.array_equal(out, by_name)
        assert table[0] == wanted[0] == sign * 5
        assert not out[5:].any()


def test_an_address_stays() -> None:
    assert kernel_address(_double) == kernel_address(_double) != kernel_address(_negate)
