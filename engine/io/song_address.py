"""Where a song lies: a path of this machine, or a URL of anything that fsspec reads (https, s3, zip, ...).

Any thread of any process; addresses are texts, so that they can be sent to another machine. Paths need
nothing that is not installed anyway; fsspec is imported for the first URL, and what a protocol needs
besides it is asked for in words.
"""

import errno
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from engine.errors import DecodeError
from engine.io.file_names import MAX_NAME_BYTES, safe_name
from engine.io.sound_files import Unlisted, sound_files

# "zip://a.wav::https://example.com/a.zip" is one too. A drive (C:) has one letter.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(://|::)")
_SECRET = re.compile(r"(?<=://)[^/@]*@")
_COPY_BYTES = 1 << 20

# What file systems call that which changes with a file's content; a size alone does not tell.
_CHANGES_WITH_CONTENT = (
    "ETag", "etag", "Content-MD5", "Digest", "md5", "md5Hash", "sha256", "sha", "checksum", "CRC",
    "Last-Modified", "LastModified", "last_modified", "mtime", "modified", "updated", "date_time",
)  # fmt: skip


def is_url(address: str) -> bool:
    """Whether an address is a URL and not a path.

    Parameters
    ----------
    address : str
    """
    return _URL.match(address) is not None


def shown(address: str) -> str:
    """An address as it may be printed and kept: without the user's name and password in it.

    Parameters
    ----------
    address : str
    """
    return _SECRET.sub("", address) if is_url(address) else address


def song_addresses(given: Sequence[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """All songs that somebody means.

    Parameters
    ----------
    given : sequence of str
        Paths of songs, of folders (their sound files, by name, and those below), URLs, and URLs with an
        asterisk for several.

    Returns
    -------
    tuple of list of str and list of (str, str)
        Addresses, each once, paths absolute; and what cannot be listed, with the reason. A song that is
        missing is an address: who wants it will be told.
    """
    found: dict[str, None] = {}
    failed: list[tuple[str, str]] = []
    for text in given:
        if is_url(text):
            try:
                found.update(dict.fromkeys(_urls(text)))
            except DecodeError as err:
                failed.append((shown(text), str(err)))
        elif os.path.isdir(text):
            for item in sound_files(Path(os.path.abspath(text))):
                if isinstance(item, Unlisted):
                    failed.append((str(item.path), item.reason))
                elif item is not None:
                    found[str(item.path)] = None
        else:
            found[os.path.abspath(text)] = None
    return list(found), failed


def _urls(url: str) -> list[str]:
    if "*" not in url.partition("?")[0]:
        return [url]
    fs, path = _file_system(url)
    with _failures(url, "listed"):
        chain = url.partition("::")[1:]
        names = sorted(str(fs.unstrip_protocol(name)) for name in fs.glob(path))
        return [name + "".join(chain) if chain[0] else name for name in names]


def result_name(address: str, suffix: str = "") -> str:
    """Name of what comes of a song: that of its file, and enough of a hash to tell two of that name apart.

    Parameters
    ----------
    address : str
    suffix : str
        Appended.

    Returns
    -------
    str
        Takes at most 255 bytes; always the same for an address.
    """
    text = os.fsencode(address)
    tail = f" {hashlib.sha256(text).hexdigest()[:8]}{suffix}"
    return safe_name(song_name(address), MAX_NAME_BYTES - len(tail.encode())) + tail


def song_name(address: str) -> str:
    """Name of a song's file without its ending.

    Parameters
    ----------
    address : str
    """
    if not is_url(address):
        return Path(address).stem
    first = address.partition("::")[0]
    path = urlsplit(first).path or urlsplit(first).netloc
    return unquote(path.rstrip("/").rpartition("/")[2]).rpartition(".")[0] or "song"


def song_stamp(address: str) -> str:
    """What changes when the content of a song does, found without reading it.

    Parameters
    ----------
    address : str

    Returns
    -------
    str
        "" when there is no telling: the song is missing, or its server does not say.
    """
    if not is_url(address):
        try:
            state = os.stat(address)
        except OSError:
            return ""
        return f"{state.st_size}-{state.st_mtime_ns}"
    try:
        fs, path = _file_system(address)
        with _failures(address, "looked at"):
            info: dict[str, Any] = fs.info(path)
    except DecodeError:
        return ""
    told = [f"{name}={info[name]}" for name in _CHANGES_WITH_CONTENT if info.get(name)]
    return f"{info.get('size')}-{' '.join(told)}" if told else ""


@contextmanager
def local_song(address: str) -> Generator[Path]:
    """A song as a file of this machine while the block runs; fetched when it is a URL.

    Parameters
    ----------
    address : str

    Yields
    ------
    Path
        Has the name that the song has; gone afterwards when it was fetched.

    Raises
    ------
    DecodeError
        It cannot be fetched: in one line.
    """
    if not is_url(address):
        yield Path(address)
        return
    fs, path = _file_system(address)
    with tempfile.TemporaryDirectory(prefix="charon-") as folder:
        target = Path(folder) / safe_name(Path(unquote(urlsplit(address.partition("::")[0]).path)).name)
        with _failures(address, "fetched"), fs.open(path, "rb") as source, target.open("wb") as copy:
            shutil.copyfileobj(source, copy, _COPY_BYTES)
        yield target


def _file_system(url: str) -> tuple[Any, str]:
    """The file system of a URL and the path in it."""
    try:
        from fsspec.core import url_to_fs
    except ImportError as err:
        raise DecodeError(
            f"{shown(url)} needs the package fsspec: install it with `pip install fsspec`"
        ) from err
    with _failures(url, "reached"):
        return url_to_fs(url)


@contextmanager
def _failures(url: str, wanted: str) -> Generator[None]:
    """Whatever a file system raises becomes one line that names the song."""
    try:
        yield
    except ImportError as err:
        reason = " ".join(str(err).split())
        raise DecodeError(f"{shown(url)} cannot be {wanted}: {reason}; install charon[cluster]") from err
    except FileNotFoundError as err:
        raise DecodeError(f"{shown(url)} is not there; is the address right?") from err
    except Exception as err:  # every protocol has errors of its own
        if isinstance(err, OSError) and err.errno == errno.ENOSPC:
            raise DecodeError(
                f"{shown(url)} cannot be fetched: {tempfile.gettempdir()} is full; free some space"
            ) from err
        reason = _SECRET.sub("", " ".join(str(err).split())) or type(err).__name__
        raise DecodeError(f"{shown(url)} cannot be {wanted}: {reason}") from err


__all__ = ["is_url", "local_song", "result_name", "shown", "song_addresses", "song_name", "song_stamp"]
