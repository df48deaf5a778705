"""Stems written to files: format, dither, names, and refusing early what cannot end well.

Called by the separation service after the stems are on disk, and by the recorder. It exists so that
a file under its final name is always whole: it grows as ``NAME.part`` and gets its name when every
byte is there, and a format, folder or disk that cannot hold it is refused before any long work.
"""

import contextlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
import soundfile
from numpy.typing import NDArray

from engine.errors import EncodeError, ParameterError
from engine.io.file_names import free_name as free_name
from engine.io.lyric_tags import write_lyric_tags
from engine.io.tags import copy_tags
from engine.lyrics import Lyrics
from engine.units import F32, F64

I32 = NDArray[np.int32]
Container = Literal["wav", "flac", "mp3"]
Bits = Literal["16", "24", "32f"]

_MP3_RATES_HZ = (8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_FLAC_MAX_HZ = 655_350
_WAV_MAX_BYTES = 2**32 - 2**16
"""RIFF counts bytes in 32 bits; 64 KiB are left for tags and cover."""

_MP3_BYTES_A_SECOND = 40_000
"""320 kbit/s, the most that variable bit rate ever uses."""

_SET_ADD_PEAK_CHUNK = 0x1050
"""SFC_SET_ADD_PEAK_CHUNK of sndfile.h."""

_FLAC_SHARE = 0.75
"""What FLAC needs of the plain size, by experience on loud music; rarely more."""


@dataclass(frozen=True)
class OutputFormat:
    """How stems are written.

    Parameters
    ----------
    container : {"wav", "flac", "mp3"}
        Kind of file. MP3 is written with variable bit rate at its best quality.
    bits : {"16", "24", "32f"} or None
        Sample format; None takes "32f" for WAV and "24" for FLAC. MP3 has none.
    """

    container: Container = "wav"
    bits: Bits | None = None

    def __post_init__(self) -> None:
        if self.container not in ("wav", "flac", "mp3"):
            raise ParameterError(f"format {self.container!r} cannot be written; use wav, flac or mp3")
        if self.bits not in (None, "16", "24", "32f"):
            raise ParameterError(f"bits {self.bits!r} cannot be written; use 16, 24 or 32f")
        if self.container == "flac" and self.bits == "32f":
            raise ParameterError("FLAC holds no 32-bit float; use 16 or 24 bits, or WAV")
        if self.container == "mp3" and self.bits is not None:
            raise ParameterError(f"MP3 has no bit depth, but {self.bits} was asked for; leave the bits out")

    @property
    def suffix(self) -> str:
        """File name ending with its dot."""
        return f".{self.container}"

    @property
    def integer_bits(self) -> int | None:
        """Bits of an integer sample, or None where float32 goes in (WAV 32f and MP3)."""
        bits = self.bits or {"wav": "32f", "flac": "24", "mp3": "32f"}[self.container]
        return None if bits == "32f" else int(bits)

    def estimated_bytes(self, rate_hz: int, n_frames: int) -> int:
        """Size of one stereo file of `n_frames` at `rate_hz`: exact for WAV, on the safe side else."""
        if self.container == "mp3":
            return _MP3_BYTES_A_SECOND * n_frames // rate_hz
        plain_bytes = n_frames * 2 * (self.integer_bits or 32) // 8
        return int(plain_bytes * _FLAC_SHARE) if self.container == "flac" else plain_bytes


def check_output(folder: Path, fmt: OutputFormat, rate_hz: int, n_frames: int, n_stems: int) -> None:
    """Refuse before long work what would fail at its end. Creates the folder.

    Parameters
    ----------
    folder : Path
        Where the files shall go.
    fmt : OutputFormat
        How they shall be written.
    rate_hz : int
        Their rate.
    n_frames : int
        Frames a file.
    n_stems : int
        Number of files.

    Raises
    ------
    EncodeError
        In one line: not a folder, not writable, disk too full, or a rate that the format cannot hold.
    """
    check_rate(fmt, rate_hz)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Permission bits say nothing about root or read-only disks: write something.
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"\0")
    except (FileExistsError, NotADirectoryError) as err:
        raise EncodeError(f"output folder {folder} is not a folder; choose another with -o") from err
    except PermissionError as err:
        raise EncodeError(f"output folder {folder} may not be written; choose another with -o") from err
    except OSError as err:
        raise EncodeError(
            f"output folder {folder} cannot be written: {(err.strerror or str(err)).lower()}; "
            "choose another with -o"
        ) from err
    needed_bytes = n_stems * fmt.estimated_bytes(rate_hz, n_frames)
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes:
        raise EncodeError(
            f"output folder {folder} has {free_bytes / 1e6:.1f} MB free and {n_stems} files need about "
            f"{needed_bytes / 1e6:.1f} MB; free some space or choose another folder with -o"
        )


def check_rate(fmt: OutputFormat, rate_hz: int) -> None:
    """Refuse a rate that the format cannot hold.

    Raises
    ------
    EncodeError
        With the rates that it can hold.
    """
    if fmt.container == "mp3" and rate_hz not in _MP3_RATES_HZ:
        raise EncodeError(f"MP3 cannot hold {rate_hz} Hz (8000 to 48000 Hz); use --format flac or wav")
    if fmt.container == "flac" and rate_hz > _FLAC_MAX_HZ:
        raise EncodeError(f"FLAC cannot hold {rate_hz} Hz (at most {_FLAC_MAX_HZ} Hz); use --format wav")


def quantise(x: F32, bits: int, rng: np.random.Generator) -> I32:
    """Round to integers with triangular dither of 2 steps peak to peak.

    Parameters
    ----------
    x : float32 array, shape (2, n)
        Full scale 1.0.
    bits : int, 16 or 24
        Width of the integers.
    rng : numpy Generator
        Source of the dither: two numbers a sample in frame order, so that any partition of a song
        into blocks gives the same integers.

    Returns
    -------
    int32 array, shape (2, n)
        In steps, -2**(bits - 1) to 2**(bits - 1) - 1, clipped.

    Notes
    -----
    A sample that is an integer already loses no bits and stays: silence stays silence, and an
    untouched 16-bit song stays itself.

    References
    ----------
    Lipshitz, Wannamaker, Vanderkooy, "Quantization and dither: a theoretical survey", JAES 40 (5),
    1992: triangular dither makes mean and power of the error independent of the signal.
    """
    full = 2 ** (bits - 1)
    scaled: F64 = x.astype(np.float64) * full
    noise = rng.random((x.shape[1], 2, 2), dtype=np.float32)
    dither = (noise[:, :, 0] - noise[:, :, 1]).T
    rounded = np.rint(scaled)
    dithered = np.rint(scaled + dither)
    return np.clip(np.where(scaled == rounded, rounded, dithered), -full, full - 1).astype(np.int32)


def quantise_stems(
    stems: F32, original: F32, bits: int, residual_index: int, rng: np.random.Generator
) -> I32:
    """Round stems so that as integers they still sum to the rounded original, exactly.

    Parameters
    ----------
    stems : float32 array, shape (n_stems, 2, n)
        Full scale 1.0, their sum being close to `original`.
    original : float32 array, shape (2, n)
        The song.
    bits : int, 16 or 24
        Width of the integers.
    residual_index : int, 0 to n_stems - 1
        The stem that takes what the rounding of the others leaves (at most 1.5 steps each).
    rng : numpy Generator
        Source of the dither; the same for all blocks of a song, in order.

    Returns
    -------
    int32 array, shape (n_stems, 2, n)
        In steps. The sum is exact wherever the residual stem itself stays inside the range.
    """
    full = 2 ** (bits - 1)
    integers = np.empty(stems.shape, np.int32)
    left = quantise(original, bits, rng).astype(np.int64)
    for index, stem in enumerate(stems):
        if index != residual_index:
            integers[index] = quantise(stem, bits, rng)
            left -= integers[index]
    integers[residual_index] = np.clip(left, -full, full - 1)
    return integers


class SoundFileWriter:
    """Writes one stereo file as ``NAME.part`` and gives it its name at the end.

    Leaving the `with` block without `commit`, by an error or not, removes what was written.

    Parameters
    ----------
    path : Path
        Final name; an existing file of that name is replaced at `commit`.
    fmt : OutputFormat
        How to write.
    rate_hz : int
        Frames a second.
    expected_frames : int
        Frames to come, if known: a WAV beyond 4 GB is then written as RF64.
    seed : int
        Of the dither; the same input and seed give the same bytes.

    Attributes
    ----------
    n_frames : int
        Frames written.
    n_clipped : int
        Samples beyond full scale that an integer format had to clip.
    peak : float
        Largest magnitude so far, full scale 1.0.

    Raises
    ------
    EncodeError
        When the file cannot be created, grows no further (disk full) or is not whole at its end.

    Notes
    -----
    One thread at a time. Memory: a few blocks.
    """

    def __init__(
        self, path: Path, fmt: OutputFormat, rate_hz: int, *, expected_frames: int = 0, seed: int = 0
    ) -> None:
        check_rate(fmt, rate_hz)
        self.path = path
        self.part_path = path.with_name(path.name + ".part")
        self.n_frames = 0
        self.n_clipped = 0
        self.peak = 0.0
        self._bits = fmt.integer_bits
        self._rng = np.random.default_rng(seed)
        bytes_a_frame = 2 * (self._bits or 32) // 8
        is_big = fmt.container == "wav" and expected_frames * bytes_a_frame > _WAV_MAX_BYTES
        subtype = {None: "FLOAT", 16: "PCM_16", 24: "PCM_24"}[self._bits]
        options: dict[str, float | str] = {}
        if fmt.container == "mp3":
            subtype = "MPEG_LAYER_III"
            options = {"compression_level": 0.0, "bitrate_mode": "VARIABLE"}
        try:
            self._file: soundfile.SoundFile | None = soundfile.SoundFile(
                self.part_path,
                "w",
                samplerate=rate_hz,
                channels=2,
                format="RF64" if is_big else fmt.container.upper(),
                subtype=subtype,
                **options,  # pyright: ignore[reportArgumentType]
            )
        except (soundfile.SoundFileError, OSError) as err:
            raise EncodeError(f"{path} cannot be created; is the folder writable and not full?") from err
        # A float WAV would get a PEAK chunk that holds the time of day, and no two runs would ever
        # write the same file. libsndfile has a command for it that soundfile does not wrap.
        library: Any = soundfile
        file: Any = self._file
        library._snd.sf_command(file._file, _SET_ADD_PEAK_CHUNK, library._ffi.NULL, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()

    def write(self, block: F32) -> None:
        """Append float32 frames, shape (2, n), full scale 1.0, dithered where bits are dropped."""
        peak = float(np.max(np.abs(block), initial=0.0))
        self.peak = max(self.peak, peak)
        if self._bits is None:
            self._append(block.T)
            return
        if peak > 1.0:
            self.n_clipped += int(np.count_nonzero(np.abs(block) > 1.0))
        self._append_steps(quantise(block, self._bits, self._rng))

    def write_steps(self, block: I32) -> None:
        """Append integers from `quantise_stems`, int32 array of shape (2, n), in steps of the format."""
        if self._bits is None:
            raise ParameterError("this file holds float samples; use write() instead of write_steps()")
        self.peak = max(self.peak, float(np.max(np.abs(block), initial=0)) / 2 ** (self._bits - 1))
        self._append_steps(block)

    def commit(
        self, tags_from: Path | None = None, title_suffix: str = "", lyrics: Lyrics | None = None
    ) -> None:
        """Close the file, check that all of it is on the disk, give it its final name.

        Parameters
        ----------
        tags_from : Path or None
            A song whose tags and cover to carry over first.
        title_suffix : str
            Appended to the title, such as " (vocals)".
        lyrics : Lyrics or None
            To be carried by the file.
        """
        try:
            self._close()
            with soundfile.SoundFile(self.part_path) as written:
                n_frames = written.frames
            if n_frames != self.n_frames:
                raise self._full()
            if tags_from is not None:
                copy_tags(tags_from, self.part_path, title_suffix)
            if lyrics is not None:
                write_lyric_tags(self.part_path, lyrics)
            with self.part_path.open("rb") as file:
                os.fsync(file.fileno())
            self.part_path.replace(self.path)
        except (soundfile.SoundFileError, OSError) as err:
            self.abort()
            raise self._full() from err
        except EncodeError:
            self.abort()
            raise

    def abort(self) -> None:
        """Remove the unfinished file; nothing to do after `commit`."""
        # It is removed anyway.
        with contextlib.suppress(soundfile.SoundFileError, OSError):
            self._close()
        self.part_path.unlink(missing_ok=True)

    def _append_steps(self, steps: I32) -> None:
        # libsndfile takes the upper bits of a 32-bit integer.
        self._append(np.left_shift(steps, 32 - (self._bits or 32)).T)

    def _append(self, interleaved: F32 | I32) -> None:
        if self._file is None:
            raise EncodeError(f"{self.path} is finished; nothing can be added to it")
        try:
            self._file.write(interleaved)
        # soundfile asserts that libsndfile took every frame, which a full disk prevents.
        except (soundfile.SoundFileError, OSError, AssertionError) as err:
            self.abort()
            raise self._full() from err
        self.n_frames += interleaved.shape[0]

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _full(self) -> EncodeError:
        return EncodeError(
            f"{self.path} could not be written whole (after {self.n_frames} frames); "
            "is the disk full? Free some space or choose another folder with -o"
        )
