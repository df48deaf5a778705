"""An export as the dialog orders it, and the work itself, which runs in a job.

Everything here is plain values: what the mixer stands at is taken when the user presses the button, so
that moving a fader afterwards does not reach into a file that is being written.
"""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, cast

from app.jobs import Task
from app.mixer_state import MASTER, MixerState, Strip
from engine.errors import EncodeError, ParameterError
from engine.inference.model_store import ModelStore
from engine.io.encode import Bits, Container, OutputFormat, check_output, check_rate, free_name
from engine.io.home import Home, default_home
from engine.io.song_store import SongStore
from engine.lyrics import Lyrics
from engine.services.export import export_stems
from engine.services.mixdown import LaneSetting, Mix, export_mix
from engine.services.take_export import export_take
from engine.services.take_lane import TakeLane

What = Literal["stems", "mix"]


@dataclass(frozen=True, slots=True)
class ExportSource:
    """The song that is to be exported.

    Parameters
    ----------
    song : Path
    title : str
        Names the result; empty takes the file's name.
    folder : Path
        Its folder in the stem store.
    model : str
        That made the stems.
    stems : tuple of str
        In the model's order.
    rate_hz : int
    duration_s : float or None
        None until it is decoded.
    mixer : MixerState
        Looked at when the export starts.
    takes : mapping of str to TakeLane
        What was sung to it and is in the mixer, by the mixer's names.
    home : Home or None
        Where the model's card lies; None is the user's own.
    lyrics : Lyrics or None
        As they are shown; None where there are none.
    """

    song: Path
    title: str
    folder: Path
    model: str
    stems: tuple[str, ...]
    rate_hz: int
    duration_s: float | None
    mixer: MixerState
    takes: Mapping[str, TakeLane] = field(default_factory=lambda: {})
    home: Home | None = None
    lyrics: Lyrics | None = None

    @property
    def name(self) -> str:
        """What the result is called."""
        return self.title or self.song.stem


@dataclass(frozen=True, slots=True)
class ExportOrder:
    """All that the work needs.

    Parameters
    ----------
    source : ExportSource
    what : "stems" or "mix"
    stems : tuple of str
        Which ones, when stems are written.
    takes : tuple of (str, TakeLane)
        Titles of the takes that are written beside them, with their lanes.
    fmt : OutputFormat
    folder : Path
    mix : Mix
        What the mixer stood at.
    with_lyrics : bool
        Whether the files carry the lyrics as tags.
    """

    source: ExportSource
    what: What
    stems: tuple[str, ...]
    fmt: OutputFormat
    folder: Path
    mix: Mix = field(default_factory=Mix)
    takes: tuple[tuple[str, TakeLane], ...] = ()
    with_lyrics: bool = False

    @property
    def n_files(self) -> int:
        """Files to be written."""
        return len(self.stems) + len(self.takes) if self.what == "stems" else 1

    def needed_bytes(self, duration_s: float) -> int:
        """What they take on the disk, about."""
        frames = round(duration_s * self.source.rate_hz)
        return self.n_files * self.fmt.estimated_bytes(max(1, self.source.rate_hz), frames)


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    files: tuple[Path, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Room:
    """What was found out about an output folder without touching it.

    Parameters
    ----------
    free_bytes : int
    refusal : str
        Why nothing can be written there; empty when something can.
    """

    free_bytes: int
    refusal: str = ""


def make_format(container: str, bits: str) -> OutputFormat:
    """Format of a file; the bits count only where the format has a choice, and are the nearest it has."""
    if container == "mp3":
        return OutputFormat("mp3")
    if container == "flac" and bits == "32f":
        bits = "24"
    return OutputFormat(cast("Container", container), cast("Bits", bits))


def take_mix(mixer: MixerState, takes: Mapping[str, TakeLane]) -> Mix:
    """What the mixer stands at now, with those of these takes that are in it."""

    def setting(strip: Strip) -> LaneSetting:
        return LaneSetting(strip.engine_gain_db, strip.pan, strip.mute, strip.solo)

    stems = {name: setting(mixer.strip(name)) for name in mixer.stems}
    sung = tuple((takes[name], setting(mixer.strip(name))) for name in mixer.takes if name in takes)
    return Mix(stems, setting(mixer.strip(MASTER)), sung)


def look_at_room(folder: Path, _task: Task) -> Room:
    """Look how much a folder that may not exist yet has room for; for `JobPool.start`."""
    nearest = folder
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    try:
        free_bytes = shutil.disk_usage(nearest).free
    except OSError as err:
        return Room(0, f"{nearest} cannot be looked at: {(err.strerror or str(err)).lower()}")
    if not nearest.is_dir():
        return Room(free_bytes, f"{nearest} is not a folder")
    if not os.access(nearest, os.W_OK):
        return Room(free_bytes, f"{nearest} may not be written")
    return Room(free_bytes)


def rate_refusal(fmt: OutputFormat, rate_hz: int) -> str:
    """Why a format cannot hold a rate; empty when it can or the rate is not known."""
    try:
        if rate_hz:
            check_rate(fmt, rate_hz)
    except EncodeError as err:
        return in_window(str(err))
    return ""


def in_window(line: str) -> str:
    """A line of the engine without the options of the command line."""
    return line.replace(" with -o", "").replace("use --format", "use").replace("--format ", "")


def run_export(order: ExportOrder, task: Task) -> Exported:
    """Write the files; for `JobPool.start`.

    Raises
    ------
    EncodeError, StoreError, ModelMissing
        Before any long work where possible.
    JobCancelled
        The user cancelled; nothing is left behind.
    """
    exported = _write(order, task)
    if order.with_lyrics and order.source.lyrics is not None:
        from engine.io.lyric_tags import write_lyric_tags

        for path in exported.files:
            write_lyric_tags(path, order.source.lyrics)
    return exported


def _write(order: ExportOrder, task: Task) -> Exported:
    source = order.source
    progress: Callable[[float], None] = task.report
    try:
        with SongStore.attach(source.folder) as store:
            n_frames = store.total_frames or 0
            check_output(order.folder, order.fmt, store.rate_hz, n_frames, order.n_files)
            if order.what == "mix":
                mix = {name: strip for name, strip in order.mix.stems.items() if name in store.stems}
                written = export_mix(
                    store,
                    order.folder,
                    order.fmt,
                    replace(order.mix, stems=mix),
                    song_path=source.song,
                    name=f"{source.name} (mix)",
                    progress=progress,
                )
                return Exported((written.file,), tuple(written.warnings))
            return _write_lanes(order, store, progress)
    except EncodeError as err:
        raise EncodeError(in_window(str(err))) from err
    except ParameterError as err:
        raise EncodeError(f"{source.name} cannot be exported: {err}") from err


def _write_lanes(order: ExportOrder, store: SongStore, progress: Callable[[float], None]) -> Exported:
    """A file for each stem, and beside them one for each take, as long as the song."""
    source = order.source
    files: list[Path] = []
    warnings: tuple[str, ...] = ()
    if order.stems:
        home = source.home or default_home()
        card = ModelStore(home.models, home.cards).card(source.model)
        part = len(order.stems) / order.n_files
        export = export_stems(
            store,
            order.folder,
            order.fmt,
            song_path=source.song,
            song_name=source.name,
            residual_stem=card.residual_stem,
            stems=order.stems,
            progress=lambda done: progress(part * done),
        )
        files, warnings = list(export.files.values()), tuple(map(in_window, export.warnings))
    folder = files[0].parent if files else order.folder
    for title, take in order.takes:
        name = free_name(folder, title if files else f"{source.name} ({title})", (order.fmt.suffix,))
        out = folder / f"{name}{order.fmt.suffix}"
        export_take(take.log, out, store.total_frames or 0, take.kind, order.fmt)
        files.append(out)
        progress(len(files) / order.n_files)
    return Exported(tuple(files), warnings)
