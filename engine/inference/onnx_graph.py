"""ONNX files written, and our own read again to be changed; their bytes depend on nothing but the graph.

A converted model is verified by its sha256, and the `onnx` package promises no stable bytes from
one version to the next. The few protocol-buffer messages a network needs are therefore encoded
here, every field in ascending order. Pure functions; runs in whichever thread converts a model.

References
----------
onnx.proto of the ONNX project: the field numbers below.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.errors import ModelError
from engine.inference.protobuf import chunk, integer, read_fields, varint
from engine.units import AnyArray

IR_VERSION = 8
OPSET_VERSION = 17
_FLOAT, _INT64, _FLOAT16 = 1, 7, 10  # TensorProto.DataType


def _attribute(name: str, value: int | float | str | Sequence[int]) -> bytes:
    """AttributeProto: name 1, f 2, i 3, s 4, ints 8, type 20 (FLOAT 1, INT 2, STRING 3, INTS 7)."""
    head = chunk(1, name)
    if isinstance(value, str):
        return head + chunk(4, value) + integer(20, 3)
    if isinstance(value, float):
        return head + varint(2 << 3 | 5) + struct.pack("<f", value) + integer(20, 1)
    if isinstance(value, int):
        return head + integer(3, value) + integer(20, 2)
    return head + b"".join(integer(8, n) for n in value) + integer(20, 7)


def _tensor_info(name: str, shape: Sequence[int | str]) -> bytes:
    """ValueInfoProto of a float32 tensor; a str in `shape` names a free dimension."""
    dims = b"".join(chunk(1, chunk(2, size) if isinstance(size, str) else integer(1, size)) for size in shape)
    tensor = integer(1, _FLOAT) + chunk(2, dims)
    return chunk(1, name) + chunk(2, chunk(1, tensor))


def _messages(message: bytes, wanted: int) -> Iterator[bytes]:
    """Yield the byte strings of one field."""
    return (value for number, value in read_fields(message) if number == wanted and isinstance(value, bytes))


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

    @classmethod
    def from_bytes(cls, model: bytes) -> "OnnxGraph":
        """Read a file that this room wrote, to write a changed one.

        Raises
        ------
        ModelError
            It is no such file.
        """
        try:
            body = next(value for value in _messages(model, 7))
            name = b"".join(_messages(body, 2)).decode()
            parts = [list(_messages(body, number)) for number in (1, 5, 11, 12)]
        except (IndexError, StopIteration, UnicodeDecodeError) as err:
            raise ModelError("not a network that Charon converted: fetch the model again") from err
        return cls(name, *parts)

    def slice_input(self, consumer: str, source: str, axis: int, start: int) -> None:
        """Let the node whose output is `consumer` see only `source[..., start:, ...]` along an axis.

        Raises
        ------
        ModelError
            There is no such node, or it does not take `source`.
        """
        for at, body in enumerate(self._nodes):
            if consumer.encode() not in _messages(body, 2):
                continue
            old, part = chunk(1, source), f"{source}_from_{start}"
            if old not in body:
                break
            self._nodes[at] = body.replace(old, chunk(1, part), 1)
            limits = [
                self.weight(f"{part}_{key}", np.array([value], np.int64))
                for key, value in (("start", start), ("stop", np.iinfo(np.int64).max), ("axis", axis))
            ]
            self.node("Slice", [source, *limits], part)
            self._nodes.insert(at, self._nodes.pop())
            return
        raise ModelError(f"the network has no {consumer!r} that takes {source!r}: fetch the model again")

    def replace_output(self, name: str, shape: Sequence[int | str]) -> None:
        """Declare this float32 output instead of all others."""
        self._outputs.clear()
        self.output(name, shape)

    def node(
        self, op: str, inputs: Sequence[str], output: str, **attributes: int | float | str | Sequence[int]
    ) -> str:
        """Add one operator with one output; returns the output's name."""
        body = b"".join(chunk(1, name) for name in inputs) + chunk(2, output) + chunk(3, output)
        body += chunk(4, op)
        body += b"".join(chunk(5, _attribute(key, attributes[key])) for key in sorted(attributes))
        self._nodes.append(body)
        return output

    def weight(self, name: str, values: AnyArray) -> str:
        """Add a constant as it is (float32, float16 or int64, any shape); returns its name."""
        kind = {"float32": _FLOAT, "float16": _FLOAT16, "int64": _INT64}[values.dtype.name]
        data = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
        dims = b"".join(integer(1, size) for size in values.shape)
        self._weights.append(dims + integer(2, kind) + chunk(8, name) + chunk(9, data))
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
        graph = b"".join(chunk(1, body) for body in self._nodes) + chunk(2, self.name)
        graph += b"".join(chunk(5, body) for body in self._weights)
        graph += b"".join(chunk(11, body) for body in self._inputs)
        graph += b"".join(chunk(12, body) for body in self._outputs)
        opset = chunk(1, "") + integer(2, OPSET_VERSION)
        return integer(1, IR_VERSION) + chunk(2, "charon") + chunk(7, graph) + chunk(8, opset)
