"""Writer of ONNX files whose bytes depend on nothing but the graph.

A converted model is verified by its sha256, and the `onnx` package promises no stable bytes from
one version to the next. The few protocol-buffer messages a network needs are therefore encoded
here, every field in ascending order. Pure functions; runs in whichever thread converts a model.

References
----------
onnx.proto of the ONNX project: the field numbers below.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.units import AnyArray

IR_VERSION = 8
OPSET_VERSION = 17
_FLOAT, _FLOAT16 = 1, 10  # TensorProto.DataType


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append((value & 0x7F) | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _integer(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _chunk(number: int, payload: bytes | str) -> bytes:
    data = payload.encode() if isinstance(payload, str) else payload
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _attribute(name: str, value: int | float | str | Sequence[int]) -> bytes:
    """AttributeProto: name 1, f 2, i 3, s 4, ints 8, type 20 (FLOAT 1, INT 2, STRING 3, INTS 7)."""
    head = _chunk(1, name)
    if isinstance(value, str):
        return head + _chunk(4, value) + _integer(20, 3)
    if isinstance(value, float):
        return head + _varint(2 << 3 | 5) + struct.pack("<f", value) + _integer(20, 1)
    if isinstance(value, int):
        return head + _integer(3, value) + _integer(20, 2)
    return head + b"".join(_integer(8, n) for n in value) + _integer(20, 7)


def _tensor_info(name: str, shape: Sequence[int | str]) -> bytes:
    """ValueInfoProto of a float32 tensor; a str in `shape` names a free dimension."""
    dims = b"".join(
        _chunk(1, _chunk(2, size) if isinstance(size, str) else _integer(1, size)) for size in shape
    )
    tensor = _integer(1, _FLOAT) + _chunk(2, dims)
    return _chunk(1, name) + _chunk(2, _chunk(1, tensor))


@dataclass(slots=True)
class OnnxGraph:
    """A graph being written: nodes and weights in the order in which they are added.

    Parameters
    ----------
    name : str
        Name of the graph.
    """

    name: str
    _nodes: list[bytes] = field(default_factory=list[bytes])
    _weights: list[bytes] = field(default_factory=list[bytes])
    _inputs: list[bytes] = field(default_factory=list[bytes])
    _outputs: list[bytes] = field(default_factory=list[bytes])

    def node(
        self, op: str, inputs: Sequence[str], output: str, **attributes: int | float | str | Sequence[int]
    ) -> str:
        """Add one operator with one output; returns the output's name."""
        body = b"".join(_chunk(1, name) for name in inputs) + _chunk(2, output) + _chunk(3, output)
        body += _chunk(4, op)
        body += b"".join(_chunk(5, _attribute(key, attributes[key])) for key in sorted(attributes))
        self._nodes.append(body)
        return output

    def weight(self, name: str, values: AnyArray) -> str:
        """Add a constant as it is (float32 or float16, any shape); returns its name."""
        kind = {"float32": _FLOAT, "float16": _FLOAT16}[values.dtype.name]
        data = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
        dims = b"".join(_integer(1, size) for size in values.shape)
        self._weights.append(dims + _integer(2, kind) + _chunk(8, name) + _chunk(9, data))
        return name

    def half_weight(self, name: str, values: AnyArray) -> str:
        """Add a constant of any shape, stored as float16, used as float32 (the cast is folded at load)."""
        stored = self.weight(f"{name}_half", values.astype(np.float16))
        return self.node("Cast", [stored], name, to=_FLOAT)

    def input(self, name: str, shape: Sequence[int | str]) -> str:
        """Declare a float32 input; returns its name."""
        self._inputs.append(_tensor_info(name, shape))
        return name

    def output(self, name: str, shape: Sequence[int | str]) -> None:
        """Declare a float32 output."""
        self._outputs.append(_tensor_info(name, shape))

    def to_bytes(self) -> bytes:
        """Encode the ModelProto: ir_version 1, producer_name 2, graph 7, opset_import 8."""
        graph = b"".join(_chunk(1, body) for body in self._nodes) + _chunk(2, self.name)
        graph += b"".join(_chunk(5, body) for body in self._weights)
        graph += b"".join(_chunk(11, body) for body in self._inputs)
        graph += b"".join(_chunk(12, body) for body in self._outputs)
        opset = _chunk(1, "") + _integer(2, OPSET_VERSION)
        return _integer(1, IR_VERSION) + _chunk(2, "charon") + _chunk(7, graph) + _chunk(8, opset)
