"""The current mix written to one file: what the mixer would play, computed as fast as the disk gives it.

Runs in the caller's thread and reads the store in blocks, so its memory does not grow with the song.
It calls the kernels of the device thread themselves (gains, balance, solo, limiter), so that the file is
what was heard; only the ramps after a change and the limiter's delay are left out, and the song keeps
its own rate.
"""

from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from engine.errors import ParameterError, StoreError
from engine.io.encode import OutputFormat, SoundFileWriter, free_name
from engine.io.file_names import safe_name
from engine.io.lanes import LaneFile
from engine.io.song_store import ORIGINAL, SongStore
from engine.kernels.loudness import LoudnessMeter
from engine.realtime.layout import (
    MASTER_ROW,
    MAX_LANES,
    N_PARAMS,
    N_STATE_F,
    N_STATE_I,
    SF_GAIN,
    SI_RAMP_LEFT,
)
from engine.realtime.limiter import (
    LF_GAIN,
    LOOKAHEAD_FRAMES,
    N_LIMITER_F,
    N_LIMITER_I,
    limit,
    reset_limiter,
)
from engine.realtime.mixer import UNTOUCHED, apply_gain, update_targets
from engine.services.take_lane import TakeLane
from engine.units import F32, F64, I64, db_to_gain, gain_to_db

BLOCK_FRAMES = 1 << 16
"""1.5 s at 44.1 kHz, 512 KiB a lane: a cancelled export stops within some ten milliseconds."""

AUDIBLE_LIMITING_DB = 0.1


@dataclass(frozen=True, slots=True)
class LaneSetting:
    """Where one strip of the mixer stands.

    Parameters
    ----------
    gain_db : float
        -200 (silence) to 24.
    pan : float
        Balance, -1 (left) to 1 (right).
    mute, solo : bool
    """

    gain_db: float = 0.0
    pan: float = 0.0
    mute: bool = False
    solo: bool = False

    def __post_init__(self) -> None:
        if not self.gain_db <= 24.0:
            raise ParameterError(f"gain {self.gain_db} dB is above +24 dB: turn the other lanes down instead")
        if not -1.0 <= self.pan <= 1.0:
            raise ParameterError(f"pan {self.pan} is outside -1 (left) .. 1 (right)")


@dataclass(frozen=True, slots=True)
class Mix:
    """Every strip of the mixer.

    Parameters
    ----------
    stems : mapping of str to LaneSetting
        Stems that are left out stand at their neutral setting.
    master : LaneSetting
        Its mute counts, its solo means nothing.
    takes : tuple of (TakeLane, LaneSetting)
        Heard beside the stems, in any order.
    """

    stems: Mapping[str, LaneSetting] = field(default_factory=lambda: {})
    master: LaneSetting = LaneSetting()
    takes: tuple[tuple[TakeLane, LaneSetting], ...] = ()


@dataclass(frozen=True, slots=True)
class Mixdown:
    """What `export_mix` wrote and measured.

    Parameters
    ----------
    file : Path
    n_frames : int
        At the rate of the song.
    peak_db, loudness_lufs : float
        Peak in dBFS and integrated loudness.
    limited_db : float, 0 or less
        The most that the safety limiter took away.
    warnings : list of str
        What the user must know though the work went on.
    """

    file: Path
    n_frames: int
    peak_db: float
    loudness_lufs: float
    limited_db: float
    warnings: list[str]


class Mixer:
    """The real-time mixer at rest on one setting, and the limiter behind it, for a stored song.

    Parameters
    ----------
    store : SongStore
        Complete.
    mix : Mix
        Where the strips stand.

    Attributes
    ----------
    n_frames : int
        Frames of the song.
    limited_gain : float
        The lowest gain of the limiter so far.

    Raises
    ------
    StoreError
        The store is not complete.
    ParameterError
        The mix names a stem that is not there.
    """

    def __init__(self, store: SongStore, mix: Mix) -> None:
        n_frames = store.total_frames
        if not store.is_complete or not n_frames:
            raise StoreError(f"the stems in {store.folder} are not complete; separate the song first")
        unknown = set(mix.stems) - set(store.stems)
        if unknown:
            raise ParameterError(
                f"there is no stem {min(unknown)!r} here; there are {', '.join(store.stems)}"
            )
        self.n_frames: int = n_frames
        self.limited_gain = 1.0
        self._store = store
        self._state_i: I64 = np.zeros(N_STATE_I, np.int64)
        self._state_f: F64 = np.zeros(N_STATE_F)
        params: F64 = np.zeros((MAX_LANES + 1, N_PARAMS))
        for row, name in enumerate(store.stems, 1):
            params[row] = _params(mix.stems.get(name, LaneSetting()))
        for row, (_, setting) in enumerate(mix.takes, 1 + len(store.stems)):
            params[row] = _params(setting)
        params[MASTER_ROW] = _params(mix.master)
        n_takes = len(mix.takes)
        n_lanes = 1 + len(store.stems) + n_takes
        settings = update_targets(params.ravel(), n_lanes, n_takes, self._state_i, self._state_f)
        self.touched = settings != UNTOUCHED
        self._takes = [take.path for take, _ in mix.takes]
        _settle(self._state_i, self._state_f)
        self._limiter_i: I64 = np.zeros(N_LIMITER_I, np.int64)
        self._limiter_f: F32 = np.zeros(N_LIMITER_F, np.float32)
        reset_limiter(self._limiter_i, self._limiter_f)

    def blocks(self, block_frames: int = BLOCK_FRAMES) -> Generator[F32]:
        """Render the song once, from its beginning.

        Parameters
        ----------
        block_frames : int, > LOOKAHEAD_FRAMES
            Frames read at once.

        Yields
        ------
        float32 array, shape (n, 2), n in 1..block_frames
            Interleaved, `n_frames` frames in all; valid until the next one is asked for.
        """
        # While no stem is touched the player passes the song itself on, and so does this.
        names = self._store.stems if self.touched else (ORIGINAL,)
        lanes = [self._store.open_lane(name) for name in names]
        lanes += [LaneFile(path) for path in self._takes]
        try:
            late = LOOKAHEAD_FRAMES
            for start in range(0, self.n_frames + LOOKAHEAD_FRAMES, block_frames):
                n = min(block_frames, self.n_frames + LOOKAHEAD_FRAMES - start)
                block = self._render(lanes, start, n)
                skipped = min(late, n)
                late -= skipped
                if skipped < n:
                    yield block[skipped:]
        finally:
            for lane in lanes:
                lane.close()

    def _render(self, lanes: list[LaneFile], start: int, n: int) -> F32:
        """Mix and limit frames [start, start + n); silence after the song."""
        there = max(0, min(n, self.n_frames - start))
        total: F32 = np.zeros((n, 2), np.float32)
        n_song = len(lanes) - len(self._takes)
        for number, lane in enumerate(lanes):
            audio = lane.read(start, there)
            row = 1 + number if number < n_song else 1 + len(self._store.stems) + number - n_song
            if self.touched or number >= n_song:
                apply_gain(audio.reshape(-1), there, row, self._state_i, self._state_f)
            total[:there] += audio
        flat = total.reshape(-1)
        apply_gain(flat, n, MASTER_ROW, self._state_i, self._state_f)
        limit(flat, n, float(self._store.rate_hz), self._limiter_i, self._limiter_f)
        self.limited_gain = min(self.limited_gain, float(self._limiter_f[LF_GAIN]))
        return total


def export_mix(
    store: SongStore,
    folder: Path,
    fmt: OutputFormat,
    mix: Mix,
    *,
    song_path: Path,
    name: str,
    overwrite: bool = False,
    progress: Callable[[float], None] | None = None,
) -> Mixdown:
    """Write FOLDER/NAME.wav: the song as the mixer plays it.

    Parameters
    ----------
    store : SongStore
        Complete.
    folder : Path
        Exists.
    fmt : OutputFormat
        How to write.
    mix : Mix
        Where the strips stand.
    song_path : Path
        Gives the tags.
    name : str
        Any text; " (2)" is appended when there is such a file.
    overwrite : bool
        Replace a file of that name instead.
    progress : callable or None
        Called with the finished part, 0 to 1; what it raises stops the work and leaves no file behind.

    Returns
    -------
    Mixdown

    Raises
    ------
    EncodeError
        Folder or disk; no file is left under a final name that was not there before.
    StoreError, ParameterError
        As `Mixer`.
    """
    mixer = Mixer(store, mix)
    chosen = safe_name(name) if overwrite else free_name(folder, name, (fmt.suffix,))
    path = folder / f"{chosen}{fmt.suffix}"
    meter = LoudnessMeter(store.rate_hz, 2)
    done = 0
    with (
        SoundFileWriter(path, fmt, store.rate_hz, expected_frames=mixer.n_frames) as writer,
        closing(mixer.blocks()) as blocks,
    ):
        for block in blocks:
            writer.write(block.T)
            meter.push(np.ascontiguousarray(block.T))
            done += block.shape[0]
            if progress is not None:
                progress(done / mixer.n_frames)
        writer.commit(song_path, " (mix)")
    limited_db = gain_to_db(mixer.limited_gain)
    warnings: list[str] = []
    if limited_db < -AUDIBLE_LIMITING_DB:
        warnings.append(
            f"the mix was too loud: the limiter took up to {-limited_db:.1f} dB away; turn the master down"
        )
    return Mixdown(path, done, gain_to_db(meter.peak), meter.integrated_lufs, limited_db, warnings)


def _params(setting: LaneSetting) -> tuple[float, float, float, float]:
    """One row of the parameter block: gain, pan, mute, solo."""
    return db_to_gain(setting.gain_db), setting.pan, float(setting.mute), float(setting.solo)


def _settle(state_i: I64, state_f: F64) -> None:
    """End every ramp at once: a file does not fade from a setting that nobody heard."""
    for row in range(MAX_LANES + 1):
        at = SF_GAIN + 6 * row
        state_f[at], state_f[at + 3] = state_f[at + 2], state_f[at + 5]
    state_i[SI_RAMP_LEFT:] = 0
