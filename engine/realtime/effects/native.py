"""Effects called by the address of their machine code, so that the callback need not contain them.

A plan names its effects by address, and the device thread jumps there. Were they called by name instead,
every one of them would be compiled into the callback: seconds at each start, for a song that is only
played. The addresses come from numba's cache, so building a plan compiles nothing after the first time.

`native_address` runs on the control thread, `call_effect` on the device thread.
"""

from collections.abc import Callable
from typing import Any, Final, cast

from numba.core import types
from numba.extending import intrinsic

from engine.kernels.jit import kernel
from engine.units import F32, F64

_AUDIO: Any = types.Array(types.float32, 2, "C")
_CELLS: Any = types.Array(types.float64, 1, "C")
_MEMORY: Any = types.Array(types.float32, 1, "C")
_ARGUMENTS: Final = (_AUDIO, types.float64, _CELLS, _CELLS, _MEMORY)
"""audio, rate_hz, params, state, memory: the one signature of `EffectKind.process`."""


@intrinsic
def _call(_typing: Any, address: Any, audio: Any, rate_hz: Any, params: Any, state: Any, memory: Any) -> Any:
    if not isinstance(address, types.Integer) or (audio, rate_hz, params, state, memory) != _ARGUMENTS:
        return None

    def codegen(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        convention = context.call_conv
        function = convention.get_function_type(types.none, _ARGUMENTS).as_pointer()
        # The status is of no use: kernels do not raise.
        convention.call_function(
            builder, builder.inttoptr(args[0], function), types.none, _ARGUMENTS, args[1:]
        )
        return context.get_dummy_value()

    return types.void(address, *_ARGUMENTS), codegen


_jump: Any = _call


def native_address(process: Callable[[F32, float, F64, F64, F32], None]) -> int:
    """Compile an effect, or load it from the cache, and tell where its code lies.

    Parameters
    ----------
    process : kernel
        `EffectKind.process`. The code lives as long as this object.

    Returns
    -------
    int
        What `call_effect` takes.
    """
    dispatcher = cast("Any", process)
    dispatcher.compile(_ARGUMENTS)
    compiled = dispatcher.overloads[_ARGUMENTS]
    return int(compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name))


@kernel
def call_effect(address: int, audio: F32, rate_hz: float, params: F64, state: F64, memory: F32) -> None:
    """Run the effect whose code lies at `address`.

    Parameters
    ----------
    address : int
        From `native_address`, not checked.
    audio : float32 array, shape (2, n), C order
        Changed in place.
    rate_hz : float
    params, state : float64 arrays, shapes (N_EFFECT_PARAMS,) and (n_state,)
    memory : float32 array, shape (n_memory,)
        As in `EffectKind.process`.
    """
    _jump(address, audio, rate_hz, params, state, memory)
