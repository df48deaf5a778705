"""Writes the stems of a separated song to files, and measures them on the way.

Runs in the caller's thread with one helper thread a core: encoders and disks work without the GIL.
It reads the store in blocks, so its memory does not grow with the song. It exists apart from
separation because a song whose stems are in the store can be exported again in any format.
"""

import contextlib
import os
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from engine.errors import EncodeError, ParameterError, StoreError
from engine.io.encode import OutputFormat, SoundFileWriter, free_name, quantise_stems
from engine.io.file_names import safe_name
from engine.io.lanes import LaneFile
from engine.io.song_store import ORIGINAL, SongStore
from engine.kernels.loudness import LoudnessMeter
from engine.lyrics import Lyrics
from engine.units import F32, AnyArray, gain_to_db, power_to_db

BLOCK_FRAMES = 1 << 18
"""5.9 s at 44.1 kHz: 2 MB a lane, a few hundred blocks an hour."""

_DITHER_SEED = 1


@dataclass(frozen=True, slots=True)
class SongResult:
    """What became of one song.

    Attributes
    ----------
    input : Path
        The song.
    seconds : float
        Its length.
    stems : dict of str to Path
        A file for each stem.
    wall_s : float
        From looking at the song to the last file having its name. A new `Separator` is still loading
        its network then; what is left of that counts.
    inference_s : float
        Of it, spent in the network.
    realtime_factor : float
        `seconds / wall_s`.
    model, provider : str
        Name of the card; what ran the network ("stored" when nothing had to run).
    resumed_segments : int
        Segments that were in the store already.
    sum_error_db : float
        Energy of (written stems added up - song) over that of the song, in dB; -200 when equal. For
        MP3 before its encoder.
    peaks_db, loudness_lufs : dict of str to float
        Peak in dBFS and integrated loudness of each stem.
    warnings : list of str
        What the user must know though the work went on.
    """

    input: Path
    seconds: float
    stems: dict[str, Path]
    wall_s: float
    inference_s: float
    realtime_factor: float
    model: str
    provider: str
    resumed_segments: int
    sum_error_db: float
    peaks_db: dict[str, float]
    loudness_lufs: dict[str, float]
    warnings: list[str] = field(default_factory=lambda: [])


@dataclass(frozen=True, slots=True)
class Export:
    """What `export_stems` wrote and measured; fields as in `SongResult`."""

    files: dict[str, Path]
    n_frames: int
    sum_error_db: float
    peaks_db: dict[str, float]
    loudness_lufs: dict[str, float]
    warnings: list[str]


def export_stems(
    store: SongStore,
    folder: Path,
    fmt: OutputFormat,
    *,
    song_path: Path,
    song_name: str,
    residual_stem: str,
    stems: Collection[str] | None = None,
    lyrics: Lyrics | None = None,
    overwrite: bool = False,
    progress: Callable[[float], None] | None = None,
) -> Export:
    """Write FOLDER/SONG NAME/STEM.wav for stems of a complete store.

    Parameters
    ----------
    store : SongStore
        Complete.
    folder : Path
        Exists.
    fmt : OutputFormat
        How to write. Where bits are dropped, the stems are rounded together, so that they still sum
        to the (rounded) song.
    song_path : Path
        Gives the tags.
    song_name : str
        Any text; " (2)" is appended when there is such a folder.
    residual_stem : str
        The stem that takes the others' rounding.
    stems : collection of str or None
        Which stems to write; None is all of them. All are rounded together whichever are written, so that
        a stem's file is the same with and without the others.
    lyrics : Lyrics or None
        Written into every file as tags.
    overwrite : bool
        Write into an existing folder instead.
    progress : callable or None
        Called with the finished part, 0 to 1; what it raises stops the work and leaves no file behind.

    Returns
    -------
    Export

    Raises
    ------
    EncodeError
        Folder or disk; no file is left under a final name that was not there before.
    StoreError
        The store is not complete.
    ParameterError
        There is no such stem.
    """
    n_frames = store.total_frames
    if not store.is_complete or not n_frames:
        raise StoreError(f"the stems in {store.folder} are not complete; separate the song first")
    chosen = [name for name in store.stems if stems is None or name in stems]
    if not chosen or set(stems or ()) - set(chosen):
        raise ParameterError(
            f"the stems {', '.join(sorted(stems or ())) or '(none)'} cannot be written; "
            f"there are {', '.join(store.stems)}"
        )
    target = _claim_folder(folder, song_name, overwrite)
    paths = {name: target / f"{name}{fmt.suffix}" for name in chosen}
    work = _Work(store, fmt, paths, n_frames, residual_stem)
    try:
        with work:
            work.run(progress or _ignore)
            work.commit(song_path, lyrics)
    except BaseException:
        if not overwrite:
            for path in paths.values():
                path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # only when empty
            target.rmdir()
        raise
    return Export(
        files=paths,
        n_frames=n_frames,
        sum_error_db=power_to_db(work.error_energy / max(work.song_energy, 1e-30)),
        peaks_db={name: gain_to_db(meter.peak) for name, meter in work.meters.items()},
        loudness_lufs={name: meter.integrated_lufs for name, meter in work.meters.items()},
        warnings=work.warnings,
    )


class _Work:
    """Writers and meters of the files of one export, and all lanes of the song."""

    def __init__(
        self,
        store: SongStore,
        fmt: OutputFormat,
        paths: Mapping[str, Path],
        n_frames: int,
        residual_stem: str,
    ) -> None:
        self.meters = {name: LoudnessMeter(store.rate_hz, 2) for name in paths}
        self.song_energy = 0.0
        self.error_energy = 0.0
        self.warnings: list[str] = []
        self._names = store.stems
        self._n_frames = n_frames
        self._bits = fmt.integer_bits
        self._residual = store.stems.index(residual_stem)
        self._rng = np.random.default_rng(_DITHER_SEED)
        self._n_clipped = dict.fromkeys(paths, 0)
        self._stack = contextlib.ExitStack()
        # An encoder a core; libsndfile, numba and the disk all work without the GIL.
        self._pool = self._stack.enter_context(ThreadPoolExecutor(os.cpu_count() or 1, "export"))
        self._lanes = [self._open(store, name) for name in store.stems]
        self._original = self._open(store, ORIGINAL)
        self._writers: dict[str, SoundFileWriter] = {}
        try:
            for name, path in paths.items():
                writer = SoundFileWriter(path, fmt, store.rate_hz, expected_frames=n_frames)
                self._writers[name] = self._stack.enter_context(writer)
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def run(self, progress: Callable[[float], None]) -> None:
        """Write every block."""
        for start in range(0, self._n_frames, BLOCK_FRAMES):
            n = min(BLOCK_FRAMES, self._n_frames - start)
            reads = [self._pool.submit(_read, lane, start, n) for lane in (self._original, *self._lanes)]
            original, *stems = [read.result() for read in reads]
            steps: list[AnyArray | None] = [None for _ in stems]
            if self._bits is not None:
                whole = quantise_stems(np.stack(stems), original, self._bits, self._residual, self._rng)
                for name, stem in zip(self._names, stems, strict=True):
                    if name in self._n_clipped:
                        self._n_clipped[name] += int(np.count_nonzero(np.abs(stem) > 1.0))
                steps = list(whole)
                scale = np.float32(2.0 ** (1 - self._bits))
                stems = [stem.astype(np.float32) * scale for stem in whole]  # 24 bits fit exactly
            writes = [
                self._pool.submit(self._write, name, stem, step)
                for name, stem, step in zip(self._names, stems, steps, strict=True)
                if name in self._writers
            ]
            self._compare(original, stems)
            for write in writes:
                write.result()
            progress((start + n) / self._n_frames)

    def commit(self, song_path: Path, lyrics: Lyrics | None) -> None:
        """Give the files their names."""
        finished = [
            self._pool.submit(writer.commit, song_path, f" ({name})", lyrics)
            for name, writer in self._writers.items()
        ]
        for done in finished:
            done.result()
        clipped = {name: n for name, n in self._n_clipped.items() if n}
        if clipped:
            self.warnings.append(
                f"{sum(clipped.values())} samples above full scale were clipped in {', '.join(clipped)}; "
                "32-bit float WAV keeps them"
            )

    def _open(self, store: SongStore, name: str) -> LaneFile:
        return self._stack.enter_context(store.open_lane(name))

    def _write(self, name: str, stem: F32, steps: AnyArray | None) -> None:
        self.meters[name].push(np.ascontiguousarray(stem))
        if steps is None:
            self._writers[name].write(stem)
        else:
            self._writers[name].write_steps(steps)

    def _compare(self, original: F32, stems: list[F32]) -> None:
        left = original.copy(order="K")
        for stem in stems:
            left -= stem
        self.song_energy += _energy(original)
        self.error_energy += _energy(left)


def _energy(x: F32) -> float:
    flat = x.ravel("K")  # a view: the order does not matter
    return float(np.dot(flat, flat))


def _read(lane: LaneFile, start_frame: int, n_frames: int) -> F32:
    # Transposed as a view: a file wants the frames interleaved as they are.
    return lane.read(start_frame, n_frames).T


def _claim_folder(folder: Path, song_name: str, overwrite: bool) -> Path:
    """Make the song's folder under a name that nobody else has."""
    for _ in range(100):
        target = folder / (safe_name(song_name) if overwrite else free_name(folder, song_name))
        try:
            target.mkdir(exist_ok=overwrite)
        except FileExistsError:
            if overwrite:
                raise EncodeError(f"{target} is a file; remove it or choose another folder with -o") from None
            continue  # another Charon was quicker
        except OSError as err:
            raise EncodeError(
                f"{target} cannot be created: {(err.strerror or str(err)).lower()}; "
                "choose another folder with -o"
            ) from err
        return target
    raise EncodeError(f"no free name for {song_name!r} in {folder}; choose another folder with -o")


def _ignore(part: float) -> None:
    del part
