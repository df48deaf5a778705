"""Reader of the tensors in a TensorFlow checkpoint ("tensor bundle"), without TensorFlow.

A bundle is two files: an index, which is an uncompressed LevelDB table from variable names to
`BundleEntryProto` messages, and one data file of raw little-endian numbers. Only that much of both
formats is understood; anything else is refused with the offending value. Runs once, in whichever
thread fetches the model.

References
----------
LevelDB table format (doc/table_format.md of google/leveldb) and tensor_bundle.proto of TensorFlow.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from engine.errors import ModelError
from engine.inference.protobuf import read_fields, read_varint
from engine.units import F32

_TABLE_MAGIC = 0xDB4775248B80FB57
_FOOTER_BYTES = 48
_BLOCK_TRAILER_BYTES = 5  # one byte of compression type, four of CRC32C
_DT_FLOAT = 1


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """Where one tensor lies in the data file: type code, shape, offset and size in bytes."""

    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset_bytes: int
    size_bytes: int


def read_checkpoint(index: bytes, data: bytes | memoryview) -> dict[str, F32]:
    """Read every float32 tensor of a single-shard bundle.

    Parameters
    ----------
    index : bytes
        Contents of `model.index`.
    data : bytes or memoryview
        Contents of `model.data-00000-of-00001`.

    Returns
    -------
    dict of str to float32 array
        Views into `data`, in the order of their names; other types (step counters) are left out.

    Raises
    ------
    ModelError
        The bytes are not such a bundle.
    """
    tensors: dict[str, F32] = {}
    try:
        for key, value in _table_entries(index):
            if not key:  # the bundle's header: number of shards, byte order
                continue
            entry = _bundle_entry(value)
            name = key.decode("utf-8")
            if entry.dtype != _DT_FLOAT:
                continue
            end = entry.offset_bytes + entry.size_bytes
            if entry.shard != 0 or end > len(data):
                raise ModelError(
                    f"checkpoint tensor {name} ends at byte {end} of {len(data)}; fetch it again"
                )
            flat = np.frombuffer(data, dtype="<f4", count=entry.size_bytes // 4, offset=entry.offset_bytes)
            tensors[name] = flat.reshape(entry.shape)
    except (IndexError, ValueError, struct.error) as err:
        raise ModelError(f"not a TensorFlow checkpoint ({err}); fetch the model again") from err
    return tensors


def _table_entries(table: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the (key, value) pairs of a LevelDB table in key order."""
    magic = struct.unpack("<Q", table[-8:])[0]
    if magic != _TABLE_MAGIC:
        raise ModelError(f"checkpoint index ends with {magic:#x}, not a LevelDB table; fetch the model again")
    footer = table[-_FOOTER_BYTES:]
    _, at = read_varint(footer, 0)  # the metaindex block's offset
    _, at = read_varint(footer, at)  # and size: filters, of no use here
    offset, at = read_varint(footer, at)
    size, _ = read_varint(footer, at)
    for _, handle in _block_entries(table, offset, size):
        block_offset, at = read_varint(handle, 0)
        block_size, _ = read_varint(handle, at)
        yield from _block_entries(table, block_offset, block_size)


def _block_entries(table: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield the (key, value) pairs of one block; keys share prefixes with the one before."""
    block = table[offset : offset + size + _BLOCK_TRAILER_BYTES]
    if len(block) != size + _BLOCK_TRAILER_BYTES:
        raise ModelError(f"checkpoint index is cut off at byte {len(table)}; fetch the model again")
    if block[size] != 0:
        raise ModelError(f"checkpoint index uses compression {block[size]}, only 0 (none) is read")
    n_restarts = struct.unpack_from("<I", block, size - 4)[0]
    end = size - 4 - 4 * n_restarts
    at, key = 0, b""
    while at < end:
        n_shared, at = read_varint(block, at)
        n_own, at = read_varint(block, at)
        n_value, at = read_varint(block, at)
        key = key[:n_shared] + block[at : at + n_own]
        at += n_own
        yield key, block[at : at + n_value]
        at += n_value


def _bundle_entry(message: bytes) -> TensorEntry:
    """Decode a BundleEntryProto: dtype 1, shape 2, shard_id 3, offset 4, size 5."""
    numbers = {1: 0, 3: 0, 4: 0, 5: 0}
    shape: list[int] = []
    for field, value in read_fields(message):
        if isinstance(value, int):
            numbers[field] = value
        elif field == 2:
            for dim_field, dim in read_fields(value):
                if dim_field == 2 and isinstance(dim, bytes):
                    sizes = [
                        size for number, size in read_fields(dim) if number == 1 and isinstance(size, int)
                    ]
                    shape.append(sizes[0] if sizes else 0)
    return TensorEntry(numbers[1], tuple(shape), numbers[3], numbers[4], numbers[5])
