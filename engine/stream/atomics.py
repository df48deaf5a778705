"""Atomic loads, stores and fences for compiled code, and arrays over raw addresses.

Used by every thread and process that shares memory with another, the device thread among them. It
exists because numba has no atomics: a plain load in a wait loop may be hoisted out of it, and on
ARM plain stores become visible in any order. These are LLVM's own instructions (`ldar`/`stlr` on
ARM64, ordered `mov` on x86-64), so they cost a load or a store and never take the GIL.

The address functions let a `@cfunc` build arrays over memory whose place it gets as an integer.
"""

from typing import Any, cast

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numba.np.numpy_support import carray

from engine.kernels.jit import kernel
from engine.units import F32, F64, I64, U8, AnyArray

CELL_BYTES = 8


def _cell_pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    """Pointer to `array[index]` of a one-dimensional array, whatever its stride."""
    fields = context.make_array(array_type)(context, builder, array)
    return cgutils.get_item_pointer(context, builder, array_type, fields, [index], wraparound=False)


def _is_cells(array_type: Any) -> bool:
    return (
        isinstance(array_type, types.Array)
        and cast("Any", array_type).dtype == types.int64
        and cast("Any", array_type).ndim == 1
    )


@intrinsic
def _load_acquire(_typing: Any, cells: Any, index: Any) -> Any:
    if not _is_cells(cells) or not isinstance(index, types.Integer):
        return None

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        index64 = context.cast(builder, args[1], signature.args[1], types.intp)
        pointer = _cell_pointer(context, builder, signature.args[0], args[0], index64)
        return builder.load_atomic(pointer, "acquire", CELL_BYTES)

    return types.int64(cells, index), codegen


@intrinsic
def _store_release(_typing: Any, cells: Any, index: Any, value: Any) -> Any:
    if not _is_cells(cells) or not isinstance(index, types.Integer) or not isinstance(value, types.Integer):
        return None

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        index64 = context.cast(builder, args[1], signature.args[1], types.intp)
        value64 = context.cast(builder, args[2], signature.args[2], types.int64)
        pointer = _cell_pointer(context, builder, signature.args[0], args[0], index64)
        builder.store_atomic(value64, pointer, "release", CELL_BYTES)
        return context.get_dummy_value()

    return types.void(cells, index, value), codegen


@intrinsic
def _fence_acquire(_typing: Any) -> Any:
    def codegen(context: Any, builder: Any, _signature: Any, _args: Any) -> Any:
        builder.fence("acquire")
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def _fence_release(_typing: Any) -> Any:
    def codegen(context: Any, builder: Any, _signature: Any, _args: Any) -> Any:
        builder.fence("release")
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def _exchange(_typing: Any, cells: Any, index: Any, value: Any) -> Any:
    if not _is_cells(cells) or not isinstance(index, types.Integer) or not isinstance(value, types.Integer):
        return None

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        index64 = context.cast(builder, args[1], signature.args[1], types.intp)
        value64 = context.cast(builder, args[2], signature.args[2], types.int64)
        pointer = _cell_pointer(context, builder, signature.args[0], args[0], index64)
        return builder.atomic_rmw("xchg", pointer, value64, "acq_rel")

    return types.int64(cells, index, value), codegen


@intrinsic
def _pointer(_typing: Any, address: Any) -> Any:
    if not isinstance(address, types.Integer):
        return None

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        address64 = context.cast(builder, args[0], signature.args[0], types.intp)
        return builder.inttoptr(address64, ir.IntType(8).as_pointer())

    return types.voidptr(address), codegen


_load: Any = _load_acquire
_store: Any = _store_release
_swap: Any = _exchange
_acquire: Any = _fence_acquire
_release: Any = _fence_release
_at: Any = _pointer


@kernel
def load_acquire(cells: I64, i: int) -> int:
    """Read `cells[i]`; nothing after it is read earlier than it.

    Parameters
    ----------
    cells : int64 array, shape (n,), aligned to 8 bytes
    i : int, 0..n-1, not checked

    Returns
    -------
    int
        The value, never torn.
    """
    return _load(cells, i)


@kernel
def store_release(cells: I64, i: int, value: int) -> None:
    """Write `value` to `cells[i]`; nothing before it becomes visible later than it.

    Parameters
    ----------
    cells : int64 array, shape (n,), aligned to 8 bytes
    i : int, 0..n-1, not checked
    value : int
    """
    _store(cells, i, value)


@kernel
def exchange(cells: I64, i: int, value: int) -> int:
    """Write `value` to `cells[i]` and return what was there, in one step that nobody can come between.

    Two threads that hand an item over through one cell both use it: whoever gets the item owns it.

    Parameters
    ----------
    cells : int64 array, shape (n,), aligned to 8 bytes
    i : int, 0..n-1, not checked
    value : int

    Returns
    -------
    int
        The value before.
    """
    return _swap(cells, i, value)


@kernel
def fence_acquire() -> None:
    """Keep later reads and writes after every read so far."""
    _acquire()


@kernel
def fence_release() -> None:
    """Keep earlier reads and writes before every write to come."""
    _release()


def array_address(a: AnyArray) -> int:
    """Address of the first byte of `a`; the caller keeps the array alive while it is used."""
    return int(a.ctypes.data)


@kernel
def f32_at(address: int, n: int) -> F32:
    """float32 array, shape (n,), over memory at `address` (a non-owning view, unchecked)."""
    return carray(_at(address), (n,), np.float32)


@kernel
def f64_at(address: int, n: int) -> F64:
    """float64 array, shape (n,), over memory at `address` (a non-owning view, unchecked)."""
    return carray(_at(address), (n,), np.float64)


@kernel
def i64_at(address: int, n: int) -> I64:
    """int64 array, shape (n,), over memory at `address` (a non-owning view, unchecked)."""
    return carray(_at(address), (n,), np.int64)


@kernel
def u8_at(address: int, n: int) -> U8:
    """uint8 array, shape (n,), over memory at `address` (a non-owning view, unchecked)."""
    return carray(_at(address), (n,), np.uint8)
