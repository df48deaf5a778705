"""The C signature that PortAudio wants of a callback, for outputs, inputs and both."""

import ctypes
from typing import Final

from numba import types

# `unsigned long` is 32 bits wide on Windows and 64 elsewhere.
_ULONG: Final = types.uint64 if ctypes.sizeof(ctypes.c_ulong) == 8 else types.uint32
_BUFFER: Final = types.CPointer(types.float32)
CALLBACK_SIGNATURE: Final = types.int32(
    _BUFFER, _BUFFER, _ULONG, types.CPointer(types.float64), _ULONG, types.CPointer(types.int64)
)
"""PaStreamCallback: input, output, frames, times, status, userdata."""
