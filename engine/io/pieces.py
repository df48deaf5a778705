"""Large writes and reads in small calls of the system, for whichever thread owns the file.

A kernel that is not preempted inside its calls (Linux as servers have it) holds a processor for as long as a
call takes, 5 ms for 4 MB, and the audio thread waits for it, whatever its priority; for 64 kB it waits less
than a tenth of a millisecond.
"""

from io import FileIO

PIECE_BYTES = 1 << 16


def write_pieces(file: FileIO, view: memoryview) -> None:
    """Write all of `view`, of bytes, where the unbuffered file stands; OSError when the disk is full."""
    while len(view):
        # A nearly full disk takes a part first and reports ENOSPC on the rest.
        view = view[file.write(view[:PIECE_BYTES]) :]


def read_pieces(file: FileIO, view: memoryview) -> None:
    """Fill `view`, of bytes, from where the unbuffered file stands; behind its end it stays as it is."""
    while len(view) and (n_bytes := file.readinto(view[:PIECE_BYTES])):
        view = view[n_bytes:]
