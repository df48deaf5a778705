"""One effect on its own, as the chain would run it: its arrays, blocks of any sizes, its read-outs."""

from collections.abc import Sequence

import numpy as np

from engine.realtime.effects.kind import N_EFFECT_PARAMS, EffectKind


class EffectRig:
    """An effect with settings by name; what is not named stands at its default."""

    def __init__(self, kind: EffectKind, rate_hz: float = 48_000.0, **values: float) -> None:
        self.kind = kind
        self.rate_hz = float(rate_hz)
        self.params = np.zeros(N_EFFECT_PARAMS)
        self.params[: len(kind.parameters)] = [p.default for p in kind.parameters]
        self.set(**values)
        self.state = np.zeros(kind.n_state(self.rate_hz))
        self.memory = np.zeros(kind.n_memory(self.rate_hz), np.float32)
        kind.prepare(self.rate_hz, self.state, self.memory)

    def set(self, **values: float) -> None:
        for name, value in values.items():
            self.params[self.kind.index(name)] = value

    @property
    def latency_frames(self) -> int:
        return self.kind.latency_frames(self.rate_hz)

    def process(self, x: np.ndarray, cuts: Sequence[int] = (128,)) -> np.ndarray:
        """`x` of shape (2, frames) in blocks of the given sizes, again and again; a new array."""
        parts = []
        at = 0
        while at < x.shape[1]:
            for n in cuts if any(cuts) else (1,):
                block = np.ascontiguousarray(x[:, at : at + n], dtype=np.float32)
                if block.shape[1]:
                    block = block.copy()
                    self.kind.process(block, self.rate_hz, self.params, self.state, self.memory)
                    parts.append(block)
                at += n
        return np.concatenate(parts, axis=1)
