"""A plan: which effects in which order, laid out in memory for the device thread.

Built on a control thread, which may take its time: memory is allocated and touched, tables are computed,
code is loaded. After that the layout never changes; what a musician turns while it sounds are single
aligned cells. To change the order, or to take an effect out, build another plan and publish it
(`chain_memory.py`).
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.errors import ParameterError
from engine.realtime.effects import slot as at
from engine.realtime.effects.catalogue import find_kind
from engine.realtime.effects.chain import P_FADE_FRAMES, P_LATENCY_FRAMES, P_N_OPS, P_OPS, P_RATE_HZ
from engine.realtime.effects.kind import (
    N_EFFECT_PARAMS,
    N_READOUTS,
    S_GAIN_REDUCTION_DB,
    S_READOUT_1,
    EffectKind,
)
from engine.realtime.effects.native import native_address
from engine.stream.atomics import array_address
from engine.units import F32, F64, I64, gain_to_db

MAX_SLOTS: Final = 24
"""Twice every effect."""
FADE_S: Final = 0.010
"""Length of every fade of the chain: bypass, wet, change of plan."""
_USUAL: Final = -1.0
_ALIGNED: Final = 64
"""Bytes: no two effects share a cache line."""

Cell = TypeVar("Cell", np.float32, np.float64)


def _no_values() -> dict[str, float]:
    return {}


@dataclass(frozen=True, slots=True)
class EffectSetting:
    """One effect of a chain as somebody set it.

    Parameters
    ----------
    kind : str
        Name of the effect.
    enabled : bool
        An effect that is off costs nothing and delays nothing; switching it needs another plan.
    bypass : bool
        Let the dry sound through instead; may be switched while it sounds.
    wet : float, 0 to 1
        Share of the effect's sound; left out, what is usual for it.
    values : mapping of str to float
        Parameters by name; those left out stand at their defaults.
    """

    kind: str
    enabled: bool = True
    bypass: bool = False
    wet: float = _USUAL
    values: Mapping[str, float] = field(default_factory=_no_values)

    def __post_init__(self) -> None:
        kind = find_kind(self.kind)
        if self.wet == _USUAL:
            object.__setattr__(self, "wet", kind.default_wet)
        if not 0.0 <= self.wet <= 1.0:
            raise ParameterError(f"{self.kind}: wet = {self.wet} is not a number from 0 to 1")
        for name, value in self.values.items():
            kind.parameters[kind.index(name)].read(value)

    def value(self, name: str) -> float:
        """A parameter's value, its default where it is not set."""
        kind = find_kind(self.kind)
        return float(self.values.get(name, kind.parameters[kind.index(name)].default))


@dataclass(frozen=True, slots=True)
class EffectMeters:
    """One look at an effect.

    Parameters
    ----------
    peak_db : pair of float
        Falling peak after the effect, left and right, dBFS.
    gain_reduction_db : float, >= 0
        How far the effect turns the sound down.
    readouts : dict of str to float
        Its further figures, by name with unit.
    resets : int
        How often it blew up and was reset.
    """

    peak_db: tuple[float, float]
    gain_reduction_db: float
    readouts: dict[str, float]
    resets: int


class EffectPlan:
    """The memory of a chain of effects.

    Parameters
    ----------
    rate_hz : int, 8000 to 384000
        Rate of the sound.
    slots : sequence of EffectSetting
        At most MAX_SLOTS, in the order of the sound. The position in this sequence is the `slot` of the
        methods below, whether the effect is on or off.

    Raises
    ------
    ParameterError
        Too many slots, or a rate that nobody uses.

    Notes
    -----
    Building one takes milliseconds, and about 3 MiB at 48 kHz with everything on. The methods belong to one
    control thread, `read_meters` to any.
    """

    def __init__(self, rate_hz: int, slots: Sequence[EffectSetting]) -> None:
        if not 8_000 <= rate_hz <= 384_000:
            raise ParameterError(f"sample rate {rate_hz} Hz is outside 8000..384000 Hz")
        if len(slots) > MAX_SLOTS:
            raise ParameterError(f"{len(slots)} effects are too many; a chain has at most {MAX_SLOTS}")
        self.rate_hz = rate_hz
        self._slots = list(slots)
        running = [k for k, setting in enumerate(slots) if setting.enabled]
        kinds = [find_kind(slots[k].kind) for k in running]
        self._rooms = _cut_rooms(kinds, rate_hz)
        self._room_of = dict(zip(running, self._rooms, strict=True))
        self.latency_frames = sum(kind.latency_frames(rate_hz) for kind in kinds)
        self.table: I64 = np.zeros(P_OPS + at.N_OP * len(kinds), np.int64)
        self.table[P_N_OPS] = len(kinds)
        self.table[P_RATE_HZ] = rate_hz
        self.table[P_FADE_FRAMES] = round(FADE_S * rate_hz)
        self.table[P_LATENCY_FRAMES] = self.latency_frames
        for row, k in enumerate(running):
            self._set_targets(k, slots[k])
            nth = sum(kind is kinds[row] for kind in kinds[:row])
            op = self.table[P_OPS + row * at.N_OP : P_OPS + (row + 1) * at.N_OP]
            self._rooms[row].write_op(op, rate_hz, nth)

    @property
    def slots(self) -> tuple[EffectSetting, ...]:
        """How every effect stands now: as built, and turned since."""
        return tuple(self._slots)

    def _set_targets(self, k: int, setting: EffectSetting) -> None:
        room = self._room_of[k]
        for cell, parameter in enumerate(room.kind.parameters):
            room.params[cell] = setting.value(parameter.name)
        room.targets[at.W_WET] = setting.wet
        room.targets[at.W_BYPASS] = float(setting.bypass)
        # The first frame stands where it shall: only changes are ramped.
        room.slot_f[at.F_WEIGHT] = room.slot_f[at.F_TARGET] = 0.0 if setting.bypass else setting.wet

    def set_value(self, slot: int, name: str, value: float) -> None:
        """Turn one parameter of an effect; the effect goes there smoothly.

        Parameters
        ----------
        slot : int
        name : str
            The parameter, with its unit.
        value : float
            In its range.

        Raises
        ------
        ParameterError
            No such parameter, or not in range; everything stays as it was.
        """
        setting = self._slots[slot]
        kind = find_kind(setting.kind)
        cell = kind.index(name)
        number = kind.parameters[cell].read(value)
        self._slots[slot] = replace(setting, values={**setting.values, name: number})
        if slot in self._room_of:
            self._room_of[slot].params[cell] = number

    def set_wet(self, slot: int, wet: float) -> None:
        """Set the share of an effect's sound, 0 to 1."""
        self._slots[slot] = replace(self._slots[slot], wet=wet)
        if slot in self._room_of:
            self._room_of[slot].targets[at.W_WET] = wet

    def set_bypass(self, slot: int, bypass: bool) -> None:
        """Let the dry sound through, or the effect's again."""
        self._slots[slot] = replace(self._slots[slot], bypass=bypass)
        if slot in self._room_of:
            self._room_of[slot].targets[at.W_BYPASS] = float(bypass)

    def latency_of(self, slot: int) -> int:
        """Frames by which one effect delays the sound; 0 where it is off."""
        return self._room_of[slot].kind.latency_frames(self.rate_hz) if slot in self._room_of else 0

    def read_meters(self) -> tuple[EffectMeters | None, ...]:
        """What every slot does now, None where it is off."""
        rooms = [self._room_of.get(k) for k in range(len(self._slots))]
        return tuple(None if room is None else room.meters() for room in rooms)


@dataclass(frozen=True, slots=True)
class _Room:
    """Arrays of one effect: parts of the plan's arenas.

    `images` has the address of the state's image and of the memory's.
    """

    kind: EffectKind
    params: F64
    targets: F64
    state: F64
    slot_f: F64
    slot_i: I64
    memory: F32
    dry: F32
    images: tuple[F64, F32]

    def write_op(self, op: I64, rate_hz: int, nth: int) -> None:
        """Fill this effect's row of the op table, shape (N_OP,)."""
        op[at.O_PROCESS] = native_address(self.kind.process)
        op[at.O_KIND] = zlib.crc32(self.kind.name.encode())
        op[at.O_NTH] = nth
        op[at.O_LATENCY] = self.kind.latency_frames(rate_hz)
        op[at.O_N_STATE] = self.state.size
        op[at.O_N_MEMORY] = self.memory.size
        for cell, array in (
            (at.O_PARAMS, self.params),
            (at.O_TARGETS, self.targets),
            (at.O_STATE, self.state),
            (at.O_STATE_IMAGE, self.images[0]),
            (at.O_MEMORY, self.memory),
            (at.O_MEMORY_IMAGE, self.images[1]),
            (at.O_DRY, self.dry),
            (at.O_SLOT_I, self.slot_i),
            (at.O_SLOT_F, self.slot_f),
        ):
            op[cell] = array_address(array)

    def meters(self) -> EffectMeters:
        """What the effect does now."""
        peaks = [gain_to_db(float(peak)) for peak in self.slot_f[at.F_PEAK : at.F_PEAK + 2]]
        # One that has just blown up shows nothing until it is reset.
        figures = np.nan_to_num(self.state[:N_READOUTS], posinf=0.0, neginf=0.0)
        return EffectMeters(
            peak_db=(peaks[0], peaks[1]),
            gain_reduction_db=float(figures[S_GAIN_REDUCTION_DB]),
            readouts={name: float(figures[k]) for k, name in enumerate(self.kind.readouts, S_READOUT_1)},
            resets=int(self.slot_i[at.I_BLOWN]),
        )


def _arena(sizes: Sequence[int], dtype: type[Cell]) -> tuple[NDArray[Cell], list[slice]]:
    """Zeroed and touched cells, and where each part of them lies."""
    step = _ALIGNED // np.dtype(dtype).itemsize
    places: list[slice] = []
    end = 0
    for size in sizes:
        places.append(slice(end, end + size))
        end += -(-size // step) * step
    cells = np.empty(end + step, dtype)
    # Written, not only mapped: the first write to a page is a call into the system.
    cells.fill(0)
    shift = (-array_address(cells) % _ALIGNED) // cells.itemsize
    return cells[shift : shift + end], places


def _cut_rooms(kinds: Sequence[EffectKind], rate_hz: int) -> list[_Room]:
    """Memory for every effect of a plan, prepared, with the image of its first moment."""

    def sizes(of: Callable[[EffectKind], tuple[int, ...]]) -> list[int]:
        return [size for kind in kinds for size in of(kind)]

    doubles, places64 = _arena(
        sizes(lambda kind: (N_EFFECT_PARAMS, at.N_TARGETS, at.N_SLOT_F, kind.n_state(rate_hz))), np.float64
    )
    singles, places32 = _arena(
        sizes(lambda kind: (kind.n_memory(rate_hz), 2 * kind.latency_frames(rate_hz))), np.float32
    )
    for k, kind in enumerate(kinds):
        kind.prepare(rate_hz, doubles[places64[4 * k + 3]], singles[places32[2 * k]])
    images64, images32 = doubles.copy(), singles.copy()
    rooms: list[_Room] = []
    for k, kind in enumerate(kinds):
        params, targets, slot_f, state = places64[4 * k : 4 * k + 4]
        memory, dry = places32[2 * k : 2 * k + 2]
        slot_i = np.zeros(at.N_SLOT_I, np.int64)
        slot_i[at.I_RESET_AT] = -1
        rooms.append(
            _Room(
                kind=kind,
                params=doubles[params],
                targets=doubles[targets],
                state=doubles[state],
                slot_f=doubles[slot_f],
                slot_i=slot_i,
                memory=singles[memory],
                dry=singles[dry],
                images=(images64[state], images32[memory]),
            )
        )
    return rooms
