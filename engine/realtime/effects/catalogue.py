"""The effects there are, in the order in which a new chain puts them."""

from collections.abc import Mapping
from types import MappingProxyType

from engine.errors import ParameterError, name_hint
from engine.realtime.effects import (
    compressor,
    de_esser,
    delay,
    doubler,
    equaliser,
    gate,
    high_pass,
    limiter_ahead,
    pitch_correction,
    reverb,
    saturator,
    trim,
)
from engine.realtime.effects.kind import EffectKind

_KINDS: tuple[EffectKind, ...] = (
    trim.KIND,
    high_pass.KIND,
    gate.KIND,
    # Before anything that adds overtones or other voices, which would mislead it.
    pitch_correction.KIND,
    de_esser.KIND,
    equaliser.KIND,
    compressor.KIND,
    saturator.KIND,
    doubler.KIND,
    delay.KIND,
    reverb.KIND,
    limiter_ahead.KIND,
)

KINDS: Mapping[str, EffectKind] = MappingProxyType({kind.name: kind for kind in _KINDS})
"""By name."""


def find_kind(name: str) -> EffectKind:
    """An effect by name.

    Raises
    ------
    ParameterError
        There is none of that name.
    """
    if name in KINDS:
        return KINDS[name]
    raise ParameterError(f"there is no effect {name!r}; {name_hint(name, KINDS)}")
