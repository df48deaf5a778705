"""What one effect tells the rest about itself: its settings, its memory, its latency, its two functions.

An effect is a file that holds one `EffectKind`. The chain, the presets, the command line and the mic panel
read nothing else, so a new effect is a new file and one line in `catalogue.py`. Read on any thread; the
device thread sees only the arrays and the compiled `process`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from engine.errors import ParameterError, name_hint
from engine.units import F32, F64

N_EFFECT_PARAMS: Final = 24
"""Cells of an effect's targets: the equaliser's six bands of frequency, gain and Q are the longest list."""
S_GAIN_REDUCTION_DB: Final = 0
"""State cell every effect keeps for its meter: how far it turns the sound down now, >= 0."""
S_READOUT_1: Final = 1
S_READOUT_2: Final = 2
"""Two further figures to show, named by `EffectKind.readouts`."""
N_READOUTS: Final = 3
"""State cells from here on are the effect's own."""

Taper = Literal["linear", "log", "choice", "switch"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One setting of an effect.

    Parameters
    ----------
    name : str
        With its unit: "threshold_db". The key in presets.
    low, high : float
        Range, both ends allowed. A choice runs from 0 to len(choices) - 1, a switch from 0 to 1.
    default : float
        Where it stands when nobody sets it.
    taper : {"linear", "log", "choice", "switch"}
        How a knob spreads the range.
    doc : str
        One short line for a tooltip.
    choices : tuple of str
        Names of the whole numbers from 0, for a choice.
    """

    name: str
    low: float
    high: float
    default: float
    taper: Taper
    doc: str
    choices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and self.low < self.high and math.isfinite(self.high)):
            raise ParameterError(f"{self.name}: range {self.low}..{self.high} is empty")
        if not self.low <= self.default <= self.high:
            raise ParameterError(f"{self.name}: default {self.default} is outside {self.low}..{self.high}")
        if self.taper == "log" and self.low <= 0.0:
            raise ParameterError(f"{self.name}: a log taper cannot start at {self.low}")
        if self.taper == "choice" and (self.low, self.high) != (0.0, len(self.choices) - 1.0):
            raise ParameterError(f"{self.name}: {len(self.choices)} choices need the range 0..n-1")
        if self.taper == "switch" and (self.low, self.high) != (0.0, 1.0):
            raise ParameterError(f"{self.name}: a switch has the range 0..1")

    def read(self, value: object) -> float:
        """The cell's content for a value as people write it.

        Parameters
        ----------
        value : float, int, bool or str
            A number in range; for a choice its name, too; for a switch true or false, too.

        Raises
        ------
        ParameterError
            It is none of these; the message says what would be.
        """
        if self.taper == "switch" and isinstance(value, bool):
            return float(value)
        if self.taper == "choice" and isinstance(value, str):
            if value in self.choices:
                return float(self.choices.index(value))
            raise ParameterError(f"{self.name} has no choice {value!r}; {name_hint(value, self.choices)}")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ParameterError(f"{self.name} = {value!r} is not {self._wanted}")
        number = float(value)
        if not self.low <= number <= self.high or (self.is_whole and number != math.floor(number)):
            raise ParameterError(f"{self.name} = {value!r} is not {self._wanted}")
        return number

    def show(self, cell: float) -> float | bool | str:
        """The value as people write it, of a cell's content: the inverse of `read`."""
        if self.taper == "switch":
            return cell >= 0.5
        if self.taper == "choice":
            return self.choices[min(max(int(cell + 0.5), 0), len(self.choices) - 1)]
        return cell

    @property
    def is_whole(self) -> bool:
        """Whether only whole numbers make sense: a choice or a switch."""
        return self.taper in ("choice", "switch")

    @property
    def _wanted(self) -> str:
        if self.taper == "switch":
            return "true or false"
        if self.taper == "choice":
            return f"one of {', '.join(self.choices)}"
        return f"a number from {self.low:g} to {self.high:g}"


@dataclass(frozen=True, slots=True)
class EffectKind:
    """An effect as the chain sees it.

    Parameters
    ----------
    name : str
        As in file names and presets: "de_esser".
    title : str
        As a musician reads it: "De-esser".
    parameters : tuple of Parameter
        In the order of the cells of `params`, at most N_EFFECT_PARAMS.
    n_state, n_memory : function of rate_hz
        Cells of the float64 state (>= N_READOUTS) and of the float32 memory (0 for none).
    latency_frames : function of rate_hz
        How many frames later an impulse comes out; does not depend on parameters.
    prepare : function (rate_hz, state, memory)
        Writes tables and initial values into zeroed cells; off the device thread; allocates nothing
        that must live on.
    process : kernel (audio, rate_hz, params, state, memory)
        In place on float32 audio of shape (2, n), C order, 1 <= n <= layout.CHUNK_FRAMES. `params` is
        float64 of shape (N_EFFECT_PARAMS,): targets that another thread may change at any time, so read
        each cell once a block; the kernel clamps them, ignores NaN and smooths them itself. `state` and
        `memory` are its own. No allocation, no exception, no Python.
    readouts : tuple of str
        Names with unit of state[1] and state[2], where it has something to show there.
    default_wet : float, 0 to 1
        Share of the effect's sound when nobody sets it: less than 1 where it makes only what is added to
        the voice, like a reverb.
    """

    name: str
    title: str
    parameters: tuple[Parameter, ...]
    n_state: Callable[[float], int]
    n_memory: Callable[[float], int]
    latency_frames: Callable[[float], int]
    prepare: Callable[[float, F64, F32], None]
    process: Callable[[F32, float, F64, F64, F32], None]
    readouts: tuple[str, ...] = field(default=())
    default_wet: float = 1.0

    def __post_init__(self) -> None:
        if len(self.parameters) > N_EFFECT_PARAMS:
            raise ParameterError(f"{self.name}: {len(self.parameters)} parameters, {N_EFFECT_PARAMS} fit")
        if len({p.name for p in self.parameters}) != len(self.parameters):
            raise ParameterError(f"{self.name}: two parameters share a name")
        if len(self.readouts) > N_READOUTS - 1:
            raise ParameterError(f"{self.name}: {len(self.readouts)} read-outs, {N_READOUTS - 1} fit")

    def index(self, parameter: str) -> int:
        """Cell of a parameter by name.

        Raises
        ------
        ParameterError
            It has none of that name.
        """
        for k, known in enumerate(self.parameters):
            if known.name == parameter:
                return k
        hint = name_hint(parameter, (p.name for p in self.parameters))
        raise ParameterError(f"{self.name} has no parameter {parameter!r}; {hint}")
