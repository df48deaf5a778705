"""The stem store: every separated song in the user's cache, within a size limit.

Any thread of the process that wants to separate a song (readers need only `SongStore.attach`). It
exists so that a song is separated once: export, playing, lyrics and opening it again read the same
lanes, and a run that was killed goes on where it stopped.
"""

import os
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import CharonWarning, StoreBusy, StoreError
from engine.io.file_lock import FileLock
from engine.io.lanes import FRAME_BYTES, store_error
from engine.io.song_store import READY_BLOCK_FRAMES, STORE_VERSION, Manifest, SongStore, read_manifest
from engine.io.song_writer import SongWriter, make_folder

if TYPE_CHECKING:
    from engine.io.decode import SongInfo

DEFAULT_LIMIT_BYTES = 20 * 1000**3
"""About 60 four-minute songs in four stems: 5 lanes x 4 min x 44,100 Hz x 8 bytes = 423 MB each."""

_LOCKS = ".locks"
_GONE = ".gone-"


class StemStore:
    """Folder of song stores, bounded by a size limit.

    Parameters
    ----------
    folder : Path
        Created when missing.
    limit_bytes : int, > 0
        Disk space for all songs; the least recently opened ones make room. One song that is larger
        than this is still taken.
    """

    def __init__(self, folder: Path, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes

    def song_folder(self, song_hash: str, key: str) -> Path:
        """Where the stems of a song, separated in one way, are or would be."""
        return self.folder / f"{song_hash[:32]}-{key[:32]}"

    def open(self, song: "SongInfo", song_hash: str, key: str, stems: Sequence[str]) -> SongWriter:
        """Create a song's store or go on with it, for writing.

        Parameters
        ----------
        song : SongInfo
            Gives the rate and the number of frames to reserve.
        song_hash : str
            Content hash of the file.
        key : str
            Names everything else that changes the stems: model, overlap, shifts.
        stems : sequence of str
            Lane names, in the model's order.

        Returns
        -------
        SongWriter
            Holds the song's lock until closed.

        Raises
        ------
        StoreBusy
            Another process (or object) writes this song.
        StoreError
            The folder cannot be used, or there is not enough disk space.

        Warns
        -----
        CharonWarning
            Damaged parts were found and will be computed again.
        """
        manifest = Manifest(STORE_VERSION, song_hash, key, tuple(stems), song.rate_hz, song.max_frames)
        folder = self.song_folder(song_hash, key)
        lock = self._lock(folder.name)
        try:
            store, damage = _resume(folder, manifest, lock)
            if store is None:
                _remove(folder)
                self._make_room(folder, manifest)
                make_folder(folder, manifest)
                store = SongWriter(folder, manifest, lock, None)
        except BaseException:
            lock.release()
            raise
        _touch(folder)
        if damage:
            text = f"the stored stems in {folder} were damaged ({damage}); that part is separated again"
            try:
                warnings.warn(text, CharonWarning, stacklevel=2)
            except CharonWarning:  # warnings are errors here: leave nothing locked behind
                store.close()
                raise
        return store

    def used_bytes(self) -> int:
        """Disk space that all songs take."""
        return sum(_size_bytes(folder) for folder in self._songs())

    def evict(self, keep_bytes: int | None = None) -> list[Path]:
        """Remove the least recently opened songs until the rest fits.

        Parameters
        ----------
        keep_bytes : int or None, >= 0
            What may stay; None is the store's limit.

        Returns
        -------
        list of Path
            Folders that are gone. Songs being written are left alone.
        """
        limit_bytes = self.limit_bytes if keep_bytes is None else keep_bytes
        songs = sorted((_used_ns(folder), folder, _size_bytes(folder)) for folder in self._songs())
        total_bytes = sum(size_bytes for _, _, size_bytes in songs)
        gone: list[Path] = []
        for _, folder, size_bytes in songs:
            if total_bytes <= limit_bytes:
                break
            if self._evict_song(folder):
                total_bytes -= size_bytes
                gone.append(folder)
        return gone

    def _evict_song(self, folder: Path) -> bool:
        try:
            lock = self._lock(folder.name)
        except StoreError:
            return False
        try:
            _remove(folder)
        except StoreError:  # still mapped by a player, on systems that mind
            return False
        finally:
            lock.release()
        return True

    def _songs(self) -> list[Path]:
        try:
            return [path for path in self.folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
        except FileNotFoundError:
            return []
        except OSError as err:
            raise store_error(self.folder, err) from err

    def _lock(self, name: str) -> FileLock:
        locks = self.folder / _LOCKS
        lock = FileLock(locks / f"{name}.lock")
        try:
            locks.mkdir(parents=True, exist_ok=True)
            held = lock.acquire()
        except OSError as err:
            raise store_error(self.folder, err) from err
        if not held:
            raise StoreBusy(
                f"the stems in {self.folder / name} are being written by another Charon: "
                "wait until it is done, or stop it"
            )
        return lock

    def _make_room(self, folder: Path, manifest: Manifest) -> None:
        """Refuse early rather than fail in the last minute."""
        lanes_bytes = len(manifest.lanes) * manifest.capacity_frames * FRAME_BYTES
        # 6 % for the stored ends of segments (8192 frames x 2 of every 300,000), plus the maps.
        need_bytes = lanes_bytes * 106 // 100 + manifest.capacity_frames // READY_BLOCK_FRAMES + (1 << 16)
        self.evict(max(0, self.limit_bytes - need_bytes))
        free_bytes = _free_bytes(self.folder)
        if free_bytes < need_bytes:
            room_bytes = self.used_bytes()
            self.evict(max(0, room_bytes - (need_bytes - free_bytes)))
            free_bytes = _free_bytes(self.folder)
        if free_bytes < need_bytes:
            raise StoreError(
                f"not enough disk space for the stems: {folder.parent} needs {need_bytes / 1e6:.0f} MB "
                f"and has {free_bytes / 1e6:.0f} MB free; free some space or set CHARON_HOME to another disk"
            )


def _resume(folder: Path, manifest: Manifest, lock: FileLock) -> tuple[SongWriter | None, str]:
    """Open what is there, or (None, why not); the reason is empty when nothing was lost."""
    try:
        values = read_manifest(folder)
    except FileNotFoundError:
        return None, ""
    except (OSError, ValueError):
        return None, "its manifest is unreadable"
    try:
        if Manifest.from_dict(values) != manifest:
            return None, ""
        store = SongWriter(folder, manifest, lock, values.get("seal"))
    except (OSError, ValueError, KeyError, TypeError, StoreError) as err:
        return None, str(err)
    return store, " and ".join(store.damage)


def _remove(folder: Path) -> None:
    """Take a song away under another name first, so that half of it is never taken for a store."""
    if not folder.exists():
        return
    gone = folder.with_name(f"{_GONE}{folder.name}")
    try:
        shutil.rmtree(gone, ignore_errors=True)
        folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
    except OSError as err:
        raise store_error(folder, err) from err


def _touch(folder: Path) -> None:
    try:
        os.utime(folder / "manifest.json")
    except OSError as err:
        raise store_error(folder, err) from err


def _used_ns(folder: Path) -> int:
    try:
        return (folder / "manifest.json").stat().st_mtime_ns
    except OSError:
        return 0  # no manifest: left by a kill while it was made, first to go


def _size_bytes(folder: Path) -> int:
    """Disk space that a folder takes; holes in sparse lanes do not count."""
    total_bytes = 0
    try:
        for path in folder.iterdir():
            state = path.stat()
            total_bytes += getattr(state, "st_blocks", -(-state.st_size // 512)) * 512
    except OSError:
        return total_bytes  # it went away meanwhile
    return total_bytes


def _free_bytes(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError as err:
        raise store_error(folder, err) from err


__all__ = ["DEFAULT_LIMIT_BYTES", "READY_BLOCK_FRAMES", "SongStore", "SongWriter", "StemStore"]
