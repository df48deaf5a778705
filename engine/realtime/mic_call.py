"""The mic's path called by the address of its machine code, so that the callback need not contain it.

Compiled into the callback, the mic would make every start a second longer, for a song that is only played.
So the callback jumps to an address that stands in the mic's memory, and the code is loaded, from numba's
cache after the first time, when a mic is opened.

`mic_address` runs on a control thread, `call_mic` on the device thread.
"""

from functools import cache
from typing import Any, Final, cast

from numba.core import types
from numba.extending import intrinsic

from engine.kernels.jit import kernel
from engine.realtime.mic import run_mic
from engine.units import F32, I64

_CELLS: Any = types.Array(types.int64, 1, "C")
_AUDIO: Any = types.Array(types.float32, 1, "C")
_ARGUMENTS: Final = (_CELLS, _AUDIO, types.int64, types.int64, _AUDIO)
"""Those of `run_mic`."""


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
def mic_address() -> int:
    """Compile `run_mic`, or load it from the cache, and tell where its code lies; it stays there."""
    dispatcher = cast("Any", run_mic)
    dispatcher.compile(_ARGUMENTS)
    compiled = dispatcher.overloads[_ARGUMENTS]
    return int(compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name))


@kernel
def call_mic(address: int, table: I64, device: F32, device_at: int, n: int, out: F32) -> None:
    """`run_mic` by its address.

    Parameters
    ----------
    address : int
        From `mic_address`, not checked.
    table : int64 array, shape (N_TABLE,)
    device : float32 array, shape (block frames * input channels,)
    device_at, n : int
    out : float32 array, shape (at least 2 * n,)
        As for `run_mic`.
    """
    _jump(address, table, device, device_at, n, out)
