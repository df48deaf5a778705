"""Kernels called by the address of their machine code, so that the callback need not contain them.

Compiled into the callback, the mic would make every start a second longer, for a song that is only played.
So the callback jumps to an address that stands in its memory, and the code is loaded, from numba's cache
after the first time, when it is first wanted.

`kernel_address` runs on a control thread, `far_call` on the device thread.
"""

from functools import cache
from typing import Any, Final

from numba.core import types
from numba.extending import intrinsic

from engine.kernels.jit import kernel
from engine.units import F32, I64

_CELLS: Any = types.Array(types.int64, 1, "C")
_AUDIO: Any = types.Array(types.float32, 1, "C")
_ARGUMENTS: Final = (_CELLS, _AUDIO, types.int64, types.int64, _AUDIO)
"""Of every kernel that is called from afar: (table, device, device_at, n, out)."""


@intrinsic
def _call(_typing: Any, address: Any, table: Any, device: Any, device_at: Any, n: Any, out: Any) -> Any:
    if not isinstance(address, types.Integer) or (table, device, out) != (_CELLS, _AUDIO, _AUDIO):
        return None

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        convention = context.call_conv
        function = convention.get_function_type(types.none, _ARGUMENTS).as_pointer()
        values = [
            context.cast(builder, value, given, wanted)
            for value, given, wanted in zip(args[1:], signature.args[1:], _ARGUMENTS, strict=True)
        ]
        # The status is of no use: kernels do not raise.
        convention.call_function(builder, builder.inttoptr(args[0], function), types.none, _ARGUMENTS, values)
        return context.get_dummy_value()

    return types.void(address, table, device, device_at, n, out), codegen


_jump: Any = _call


@cache
def kernel_address(kernel_: Any) -> int:
    """Compile a kernel, or load it from the cache, and tell where its code lies; it stays there.

    Parameters
    ----------
    kernel_ : kernel of (table, device, device_at, n, out), returning nothing
    """
    kernel_.compile(_ARGUMENTS)
    compiled = kernel_.overloads[_ARGUMENTS]
    return int(compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name))


@kernel
def far_call(address: int, table: I64, device: F32, device_at: int, n: int, out: F32) -> None:
    """Call a kernel by its address.

    Parameters
    ----------
    address : int
        From `kernel_address`, not checked.
    table : int64 array, shape (N_TABLE,)
    device : float32 array, shape (block frames * input channels,)
    device_at, n : int
    out : float32 array, shape (at least 2 * n,)
        As for `engine.realtime.mic.run_mic`.
    """
    _jump(address, table, device, device_at, n, out)
