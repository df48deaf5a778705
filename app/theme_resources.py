"""Recoloured icons as Qt resources, which is the only way for a style sheet to reach them.

A style sheet names its images by file. Files on disk would fix their colours outside the tokens, or
have to be written at every start; so the icons are recoloured in memory and registered under
`:/charon/`, in the binary form that Qt's resource compiler writes.
"""

import struct
from collections.abc import Mapping

from PySide6.QtCore import qRegisterResourceData

_VERSION = 1  # The first form: no time stamps, no compression.
_FOLDER = 2
_ANY_COUNTRY, _C_LANGUAGE = 0, 1


def register(files: Mapping[str, bytes]) -> tuple[bytes, bytes, bytes]:
    """Make files known to Qt as `:/charon/NAME`.

    Parameters
    ----------
    files : dict of str to bytes
        Content by name.

    Returns
    -------
    tuple of bytes
        What Qt reads from now on without owning it: keep it as long as the process lives.

    Notes
    -----
    Three tables: a tree of nodes of 14 bytes (root, folder, then the files in order of the hash of
    their names, which Qt searches by bisection), the names (UTF-16 behind length and hash), the
    contents behind their lengths; all numbers big-endian, offsets within their table.
    """
    names, contents = bytearray(_name("charon")), bytearray()
    tree = bytearray(struct.pack(">IHII", 0, _FOLDER, 1, 1) + struct.pack(">IHII", 0, _FOLDER, len(files), 2))
    for name in sorted(files, key=_hash):
        tree += struct.pack(">IHHHI", len(names), 0, _ANY_COUNTRY, _C_LANGUAGE, len(contents))
        names += _name(name)
        contents += struct.pack(">I", len(files[name])) + files[name]
    tables = bytes(tree), bytes(names), bytes(contents)
    qRegisterResourceData(_VERSION, *tables)
    return tables


def _name(text: str) -> bytes:
    encoded = text.encode("utf-16-be")
    return struct.pack(">HI", len(encoded) // 2, _hash(text)) + encoded


def _hash(text: str) -> int:
    """Qt's hash of a resource's name (the ELF hash of its characters, one bit of it left out)."""
    value = 0
    for character in text:
        value = (value << 4) + ord(character)
        value ^= (value & 0xF0000000) >> 23
        value &= 0x0FFFFFFF
    return value
