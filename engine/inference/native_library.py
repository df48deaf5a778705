"""Libraries that come with a model: opened, and their functions declared.

Worker processes only: a library that crashes takes its process along, and that must not be the one
that plays.
"""

import ctypes
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.errors import ModelError

Signature = tuple[Any, Sequence[Any]]
"""Result and argument types of a function, as ctypes has them; None for no result."""


def open_library(path: Path, functions: Mapping[str, Signature]) -> ctypes.CDLL:
    """Open a library and declare what is called in it.

    Raises
    ------
    ModelError
        It cannot be loaded here, or lacks a function.
    """
    try:
        library = ctypes.CDLL(str(path))
        for name, (result, arguments) in functions.items():
            # Not library[name], which makes a new function every time.
            function = getattr(library, name)
            function.restype = result
            function.argtypes = list(arguments)
    except (OSError, AttributeError) as err:
        raise ModelError(f"{path.name} cannot be used on this machine ({err}); get the model again") from err
    return library


def pointer(values: Any) -> int:
    """Address of an array's first number."""
    return int(values.ctypes.data)
