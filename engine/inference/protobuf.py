"""The wire format of protocol buffers: as much of it as checkpoints and ONNX files need, read and written.

Pure functions; any thread. It exists because the two formats that models come in are protocol buffers,
and the packages that read them are far larger than the models' few messages ask for.

References
----------
"Encoding" in the documentation of Protocol Buffers: tags, base-128 integers, wire types 0, 1, 2 and 5.
"""

from collections.abc import Iterator

from engine.errors import ModelError

_MAX_VARINT_BYTES = 10


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Little-endian base-128 integer at `at`: (value, position after it).

    Raises
    ------
    IndexError
        It is cut off.
    ModelError
        It is longer than any 64-bit number: a file of such bytes would take quadratic time.
    """
    value = 0
    for shift in range(0, 7 * _MAX_VARINT_BYTES, 7):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ModelError("a message holds a number of more than 64 bits: the file is damaged or of another kind")


def read_fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield (field number, value) of a message: integers and byte strings, no fixed-size numbers.

    Raises
    ------
    IndexError
        The message is cut off.
    ModelError
        It holds a wire type that is not read.
    """
    at = 0
    while at < len(message):
        tag, at = read_varint(message, at)
        kind = tag & 7
        if kind == 0:
            value, at = read_varint(message, at)
            yield tag >> 3, value
        elif kind == 2:
            n_bytes, at = read_varint(message, at)
            if at + n_bytes > len(message):
                raise IndexError(f"field {tag >> 3} is cut off")
            yield tag >> 3, message[at : at + n_bytes]
            at += n_bytes
        elif kind == 5:
            at += 4
        elif kind == 1:
            at += 8
        else:
            raise ModelError(f"a message holds wire type {kind}, only 0, 1, 2 and 5 are read")


def varint(value: int) -> bytes:
    """Encode an integer, >= 0."""
    out = bytearray()
    while value > 0x7F:
        out.append((value & 0x7F) | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def integer(number: int, value: int) -> bytes:
    """A field that holds an integer, >= 0."""
    return varint(number << 3) + varint(value)


def chunk(number: int, payload: bytes | str) -> bytes:
    """A field that holds bytes, a text or a message."""
    data = payload.encode() if isinstance(payload, str) else payload
    return varint(number << 3 | 2) + varint(len(data)) + data
