"""Separation of songs into stems, a segment at a time, from wherever it is wanted first.

Runs in a process of its own while music plays (profile "live") and in the caller's otherwise. Three
threads: one decodes, one owns the model, and the caller's lands finished segments in the store while
the next is in the network. It exists as a lazy generator: progress is what it yields, cancelling is
not asking for more, and what is finished is in the store.

    separator = Separator("charon-4stems")
    with separator.separate_file("song.mp3") as separation:
        result = separation.save_all("stems")
"""

import hashlib
import time
import warnings
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

import numpy as np

from engine.errors import CharonWarning, DecodeError, ParameterError
from engine.inference.architecture import Architecture
from engine.inference.cards import ModelCard
from engine.inference.load import load_architecture
from engine.inference.model_store import ModelStore
from engine.inference.sessions import Profile
from engine.io.decode import SongInfo, content_hash, probe
from engine.io.encode import OutputFormat, check_output
from engine.io.home import Home, default_home
from engine.io.stem_store import SongWriter, StemStore
from engine.kernels.loudness import LoudnessMeter
from engine.lyrics import Lyrics
from engine.services.decoding import Decoding
from engine.services.export import SongResult, export_stems
from engine.services.segment_plan import PLAN_VERSION, SegmentPlan
from engine.services.segment_run import Segment, SegmentRun

MIN_RATE_HZ = 8000
"""Telephone quality; loudness is not defined below."""


class Separator:
    """A model, ready to separate songs.

    Parameters
    ----------
    model : str or None
        Name of a model card; None is `ModelStore.default`.
    home : Home or None
        Where models and stems are kept; None is the user's.
    profile : "throughput" or "live"
        All cores, or as many as playing leaves; see `engine.inference.sessions.Profile`.
    provider : str or None
        Execution provider, or None for the fastest that works.
    shifts : int, 1 to 20
        Runs a segment of which the mean is taken; each costs as much as the first.
    overlap : float or None, 0 to 0.9
        Part that neighbouring segments share; None is the model's own.
    models : ModelStore or None
        Where to find the model; None is the one of `home`.
    stems : StemStore or None
        Where to keep the stems; None is the one of `home`.

    Raises
    ------
    ModelMissing
        The model is unknown or was not fetched.
    ParameterError
        A number is out of its range.

    Notes
    -----
    Loading begins here, on the thread that will own the network, while this one makes numba ready;
    what goes wrong with it is told when the first segment needs it. One song at a time.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        home: Home | None = None,
        profile: Profile = "throughput",
        provider: str | None = None,
        shifts: int = 1,
        overlap: float | None = None,
        models: ModelStore | None = None,
        stems: StemStore | None = None,
    ) -> None:
        if not 1 <= shifts <= 20:
            raise ParameterError(f"{shifts} shifts is outside 1..20")
        if overlap is not None and not 0.0 <= overlap <= 0.9:
            raise ParameterError(f"overlap {overlap} is outside 0..0.9")
        home = home or default_home()
        models = models or ModelStore(home.models, home.cards)
        self.card: ModelCard = models.card(model or models.default)
        self.shifts = shifts
        self.overlap = self.card.segment.overlap if overlap is None else overlap
        self.stems = stems or StemStore(home.stems)
        self._files = models.files(self.card.name)
        self.network = ThreadPoolExecutor(1, thread_name_prefix="network")
        self._loading = self.network.submit(load_architecture, self.card, self._files, profile, provider)
        _warm_kernels()

    @property
    def key(self) -> str:
        """What names the stems of this separator in the store: everything that changes them."""
        parts = f"{self.card.key} {self.overlap:.6f} {self.shifts} {PLAN_VERSION}"
        return hashlib.sha256(parts.encode()).hexdigest()[:32]

    def load(self) -> Architecture:
        """Wait for the network.

        Raises
        ------
        ModelError, ProviderUnavailable
            It cannot be loaded.
        """
        return self._loading.result()

    def separate_file(self, path: Path | str) -> "Separation":
        """Begin with a song: look at it and open its store.

        Parameters
        ----------
        path : Path or str
            Any file that holds sound.

        Returns
        -------
        Separation
            To iterate over, or to save; close it.

        Raises
        ------
        DecodeError
            The file cannot be read as sound.
        StoreError
            Another process separates this song, or the store cannot be written.
        """
        return Separation(self, Path(path))

    def close(self) -> None:
        """Let go of the network."""
        if self._loading.exception() is None:
            self.network.submit(self._loading.result().close).result()
        self.network.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Separation:
    """One song being separated.

    Attributes
    ----------
    song : SongInfo
        What the file holds.
    store : SongWriter
        Where original and stems grow; readers attach to `store.folder`.
    warnings : list of str
        What the user must know: the file is cut off, the network fell back to the CPU.
    resumed_segments : int
        Segments that were there already when this object was made.
    """

    def __init__(self, separator: Separator, path: Path) -> None:
        self._started_s = time.perf_counter()
        self._separator = separator
        self.song: SongInfo = probe(path)
        if self.song.rate_hz < MIN_RATE_HZ:
            raise DecodeError(
                f"{path} has {self.song.rate_hz} frames a second; convert it to {MIN_RATE_HZ} or more first"
            )
        card = separator.card
        self.store: SongWriter = separator.stems.open(
            self.song, content_hash(path), separator.key, card.stems
        )
        self.warnings: list[str] = []
        self.resumed_segments = len(self.store.done)
        self.inference_s = 0.0
        self.provider = "stored"
        self._told = False
        self._active: Generator[Segment] | None = None

    def segments(
        self,
        playhead: Callable[[], int] | None = None,
        interrupted: Callable[[], bool] | None = None,
    ) -> Iterator[Segment]:
        """Decode and separate what is missing.

        Parameters
        ----------
        playhead : callable or None
            Gives the song frame that is heard now; asked before every segment, which then is the
            nearest unfinished one, ahead before behind. None goes from beginning to end. When it jumps
            while a segment is in the network, that one is given up for the one that is wanted now.
        interrupted : callable or None
            Asked all the time; once it says true, what is in the network is stopped and the generator
            ends.

        Yields
        ------
        Segment
            Each as soon as its frames are in the store.

        Raises
        ------
        DecodeError, StoreError, ModelError
            What is finished stays.

        Notes
        -----
        The decoder runs beside; closing the generator stops it. A segment that is in the network
        then is thrown away.
        """
        self._active = self._segments(playhead, interrupted)
        return self._active

    def decode(self, interrupted: Callable[[], bool] | None = None) -> None:
        """Bring the original lane to its end and leave the stems alone.

        Parameters
        ----------
        interrupted : callable or None
            As for `segments`.

        Raises
        ------
        DecodeError, StoreError
            What is decoded stays.
        """
        decoding = Decoding(self.song.path, self.store)
        try:
            while not decoding.finished and not (interrupted is not None and interrupted()):
                decoding.wait_for_more(decoding.decoded_frames, timeout_s=0.05)
        finally:
            decoding.close()

    def _segments(
        self, playhead: Callable[[], int] | None, interrupted: Callable[[], bool] | None
    ) -> Generator[Segment]:
        if self.store.is_complete:
            self._tell_once()
            return
        decoding = Decoding(self.song.path, self.store)
        try:
            model = self._separator.load()  # while the first blocks are being decoded
            separator = self._separator
            plan = SegmentPlan(model, self.store.rate_hz, separator.overlap, separator.shifts)
            run = SegmentRun(self.store, model, plan, decoding)
            before_s = model.inference_s
            try:
                self.resumed_segments = len(self.store.done)
                yield from run.segments(separator.network, playhead, interrupted)
            finally:
                run.abandon()
                self.inference_s = model.inference_s - before_s
                self.provider = model.provider
                self._notice(model.notices)
        finally:
            decoding.close()
        self._tell_once()

    def save_all(
        self,
        folder: Path | str,
        fmt: OutputFormat | None = None,
        *,
        name: str | None = None,
        lyrics: Lyrics | None = None,
        overwrite: bool = False,
        progress: Callable[[float, str], None] | None = None,
    ) -> SongResult:
        """Separate what is missing, then write one file a stem: FOLDER/NAME/STEM.wav.

        Parameters
        ----------
        folder : Path or str
            Created when missing.
        fmt : OutputFormat or None
            None is WAV with 32-bit float samples.
        name : str or None
            Name of the song's folder; None is the file's own name. " (2)" and so on is appended
            when there is one already.
        lyrics : Lyrics or None
            Written into every file as tags.
        overwrite : bool
            Write into an existing folder of that name instead.
        progress : callable or None
            Called with the finished part, 0 to 1, and what is being done.

        Returns
        -------
        SongResult
            Files, levels, times.

        Raises
        ------
        EncodeError
            Before any long work where possible: the folder cannot be written, the disk is too full,
            the format cannot hold the song's rate.
        DecodeError, StoreError, ModelError
            As `segments`.
        """
        fmt = fmt or OutputFormat()
        say = progress or _say_nothing
        card = self._separator.card
        song = self.song
        check_output(Path(folder), fmt, song.rate_hz, round(song.duration_s * song.rate_hz), len(card.stems))
        say(0.0, "decoding")
        for segment in self.segments():
            # Writing the files is about a twentieth of the work.
            say(0.95 * segment.n_done / segment.n_total, "separating")
        say(0.95, "writing files")
        export = export_stems(
            self.store,
            Path(folder),
            fmt,
            song_path=song.path,
            song_name=name or song.path.stem,
            residual_stem=card.residual_stem,
            lyrics=lyrics,
            overwrite=overwrite,
            progress=lambda part: say(0.95 + 0.05 * part, "writing files"),
        )
        self.warnings += export.warnings
        wall_s = time.perf_counter() - self._started_s
        seconds = export.n_frames / song.rate_hz
        return SongResult(
            input=song.path,
            seconds=seconds,
            stems=export.files,
            wall_s=wall_s,
            inference_s=self.inference_s,
            realtime_factor=seconds / wall_s,
            model=card.name,
            provider=self.provider,
            resumed_segments=self.resumed_segments,
            sum_error_db=export.sum_error_db,
            peaks_db=export.peaks_db,
            loudness_lufs=export.loudness_lufs,
            warnings=list(self.warnings),
        )

    def close(self) -> None:
        """Stop what runs, seal the store and let others write it."""
        if self._active is not None:
            self._active.close()
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _tell_once(self) -> None:
        if not self._told:
            self._told = True
            self._notice(self.store.warnings)

    def _notice(self, texts: list[str]) -> None:
        fresh = [text for text in texts if text not in self.warnings]
        self.warnings += fresh
        for text in fresh:
            warnings.warn(text, CharonWarning, stacklevel=3)


def _warm_kernels() -> None:
    """Have numba ready (half a second for its first kernel of a process), by one that export uses."""
    LoudnessMeter(8000).push(np.zeros((2, 8), np.float32))


def _say_nothing(part: float, what: str) -> None:
    del part, what
