"""Machine-level needs of the device thread: a monotonic clock, and denormals that read as zero.

Compiled straight to the system call and to the processor's control register, because the callback
can reach nothing else without Python. Runs on the device thread.
"""

import platform
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from engine.kernels.jit import kernel

_SYSTEM = platform.system()
_CLOCK_MONOTONIC = 6 if _SYSTEM == "Darwin" else 1
_IS_X86 = platform.machine().lower() in {"x86_64", "amd64", "i686", "x86"}
_IS_ARM = platform.machine().lower() in {"arm64", "aarch64"}
_FLUSH_BITS_X86 = 0x8040
"""Flush-to-zero (bit 15) and denormals-are-zero (bit 6) of MXCSR."""
_FLUSH_BIT_ARM = 1 << 24
"""FZ of FPCR."""


def _windows_clock(builder: Any, module: Any) -> Any:
    """100 ns ticks: QueryPerformanceCounter has run at 10 MHz on every machine since Windows 10."""
    i64 = ir.IntType(64)
    slot = cgutils.alloca_once(builder, i64)
    query = cgutils.get_or_insert_function(
        module, ir.FunctionType(ir.IntType(32), [i64.as_pointer()]), "QueryPerformanceCounter"
    )
    builder.call(query, [slot])
    return builder.mul(builder.load(slot), ir.Constant(i64, 100))


def _posix_clock(builder: Any, module: Any) -> Any:
    """clock_gettime into a two-word struct on the stack; the vDSO makes it some 20 ns."""
    i64, i32 = ir.IntType(64), ir.IntType(32)
    spec = cgutils.alloca_once(builder, i64, size=ir.Constant(i32, 2))
    get_time = cgutils.get_or_insert_function(
        module, ir.FunctionType(i32, [i32, i64.as_pointer()]), "clock_gettime"
    )
    builder.call(get_time, [ir.Constant(i32, _CLOCK_MONOTONIC), spec])
    seconds = builder.load(spec)
    nanoseconds = builder.load(builder.gep(spec, [ir.Constant(i32, 1)]))
    return builder.add(builder.mul(seconds, ir.Constant(i64, 1_000_000_000)), nanoseconds)


@intrinsic
def _monotonic_ns(typingctx: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        make = _windows_clock if _SYSTEM == "Windows" else _posix_clock
        return make(builder, builder.module)

    return types.int64(), codegen


@intrinsic
def _sleep_us(typingctx: Any, duration: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        i32 = ir.IntType(32)
        micros = builder.trunc(args[0], i32)
        if _SYSTEM == "Windows":
            rest = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(ir.VoidType(), [i32]), "Sleep"
            )
            builder.call(
                rest, [builder.udiv(builder.add(micros, ir.Constant(i32, 999)), ir.Constant(i32, 1000))]
            )
        else:
            rest = cgutils.get_or_insert_function(builder.module, ir.FunctionType(i32, [i32]), "usleep")
            builder.call(rest, [micros])
        return context.get_dummy_value()

    return types.void(types.int64), codegen


def _control_register_x86(builder: Any, module: Any) -> tuple[Any, Any]:
    """MXCSR as an i32, and the stack slot that stmxcsr and ldmxcsr need."""
    i8p = ir.IntType(8).as_pointer()
    slot = cgutils.alloca_once(builder, ir.IntType(32))
    store = cgutils.get_or_insert_function(
        module, ir.FunctionType(ir.VoidType(), [i8p]), "llvm.x86.sse.stmxcsr"
    )
    builder.call(store, [builder.bitcast(slot, i8p)])
    return builder.load(slot), slot


def _load_control_register_x86(builder: Any, module: Any, slot: Any) -> None:
    i8p = ir.IntType(8).as_pointer()
    load = cgutils.get_or_insert_function(
        module, ir.FunctionType(ir.VoidType(), [i8p]), "llvm.x86.sse.ldmxcsr"
    )
    builder.call(load, [builder.bitcast(slot, i8p)])


_ARM_READ = (ir.FunctionType(ir.IntType(64), []), "mrs $0, fpcr", "=r")
_ARM_WRITE = (ir.FunctionType(ir.VoidType(), [ir.IntType(64)]), "msr fpcr, $0", "r")


@intrinsic
def _flush_denormals(typingctx: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        i64 = ir.IntType(64)
        if _IS_X86:
            old, slot = _control_register_x86(builder, builder.module)
            builder.store(builder.or_(old, ir.Constant(ir.IntType(32), _FLUSH_BITS_X86)), slot)
            _load_control_register_x86(builder, builder.module, slot)
            return builder.zext(old, i64)
        if _IS_ARM:
            old = builder.call(ir.InlineAsm(*_ARM_READ, side_effect=True), [])
            new = builder.or_(old, ir.Constant(i64, _FLUSH_BIT_ARM))
            builder.call(ir.InlineAsm(*_ARM_WRITE, side_effect=True), [new])
            return old
        return ir.Constant(i64, 0)

    return types.int64(), codegen


@intrinsic
def _restore_float_mode(typingctx: Any, control_word: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if _IS_X86:
            slot = cgutils.alloca_once(builder, ir.IntType(32))
            builder.store(builder.trunc(args[0], ir.IntType(32)), slot)
            _load_control_register_x86(builder, builder.module, slot)
        elif _IS_ARM:
            builder.call(ir.InlineAsm(*_ARM_WRITE, side_effect=True), [args[0]])
        return context.get_dummy_value()

    return types.void(types.int64), codegen


@kernel
def monotonic_ns() -> int:
    """Nanoseconds on the system's monotonic clock, the same that `time.monotonic_ns` reads."""
    return _monotonic_ns()  # pyright: ignore


@kernel
def sleep_us(duration_us: int) -> None:
    """Sleep without the GIL, for compiled loops; never in the callback.

    Parameters
    ----------
    duration_us : int
        Microseconds, 0 to 999999.
    """
    _sleep_us(duration_us)  # pyright: ignore


@kernel
def flush_denormals() -> int:
    """Make this thread treat denormal numbers as zero, so that decaying silence stays cheap.

    Returns
    -------
    int
        The old control word, for `restore_float_mode`: the thread belongs to the driver.
    """
    return _flush_denormals()  # pyright: ignore


@kernel
def restore_float_mode(control_word: int) -> None:
    """Give the thread back the control word that `flush_denormals` returned."""
    _restore_float_mode(control_word)  # pyright: ignore
