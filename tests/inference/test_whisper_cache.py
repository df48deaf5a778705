"""Loaded models: kept, put out, refused, served in order; a real small model under several names."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from engine.errors import ModelError, ModelMissing
from engine.inference.cards import ModelCard
from engine.inference.model_store import ModelStore
from engine.inference.whisper import RATE_HZ, Whisper, WhisperPlan, needed_bytes
from engine.inference.whisper_cache import WhisperCache, default_budget_bytes
from engine.io.home import Home

NAMES = ("first", "second", "third")
INT8 = WhisperPlan("cpu", "int8")
FLOAT = WhisperPlan("cpu", "float32")


@pytest.fixture(scope="module")
def models(
    store: ModelStore, whisper_tiny: ModelCard, tmp_path_factory: pytest.TempPathFactory
) -> ModelStore:
    """Three cards with the same files, and one whose file holds no model."""
    home = Home(tmp_path_factory.mktemp("models"))
    shipped, own = home.cards
    own.mkdir()
    text = (shipped / "whisper-tiny-en.toml").read_text(encoding="utf-8")
    for name in (*NAMES, "broken"):
        named = text.replace('name = "whisper-tiny-en"', f'name = "{name}"')
        (own / f"{name}.toml").write_text(named, encoding="utf-8")
        folder = home.models / name
        folder.mkdir(parents=True)
        for file, path in store.files(whisper_tiny.name, "transcribe").items():
            (folder / file).symlink_to(path)
    weights = home.models / "broken" / "model.bin"
    weights.unlink()
    with weights.open("wb") as file:
        file.truncate(next(f.size_bytes for f in whisper_tiny.files if f.name == "model.bin"))
    return ModelStore(home.models, home.cards)


def budget_for(models: ModelStore, n: int) -> int:
    return n * needed_bytes(models.card("first"), INT8)


def test_a_second_request_loads_nothing(models: ModelStore):
    cache = WhisperCache(models, threads=1)
    with cache.use("first", INT8) as model:
        told = model
    with cache.use("first", INT8) as model:
        assert model is told
    assert cache.loads == 1
    assert cache.loaded == ("first",)
    assert cache.used_bytes == needed_bytes(models.card("first"), INT8)
    cache.clear()
    assert (cache.loaded, cache.used_bytes) == ((), 0)


def test_the_one_used_longest_ago_makes_room(models: ModelStore):
    cache = WhisperCache(models, budget_for(models, 2), threads=1)
    for name in ("first", "second", "first", "third"):
        with cache.use(name, INT8):
            pass
    assert cache.loaded == ("first", "third")
    assert cache.loads == 3
    with cache.use("first", INT8):
        pass
    assert cache.loads == 3


def test_eight_threads_three_models_and_room_for_two(models: ModelStore):
    """All are served, each alone with its model, and memory is never more than was allowed."""
    cache = WhisperCache(models, budget_for(models, 2), threads=1)
    inside: list[Whisper] = []
    guard = threading.Lock()
    seen_bytes: list[int] = []
    sound = np.zeros(RATE_HZ // 2, np.float32)

    def work(number: int) -> str:
        name = NAMES[number % 3]
        with cache.use(name, INT8) as model:
            with guard:
                assert model not in inside
                inside.append(model)
                seen_bytes.append(cache.used_bytes)
                assert len(cache.loaded) <= 2
            model.encode(sound)
            with guard:
                inside.remove(model)
            return model.card.name

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(work, range(8)))
    assert told == [NAMES[number % 3] for number in range(8)]
    assert max(seen_bytes) <= cache.highest_bytes <= cache.budget_bytes
    assert 3 <= cache.loads <= 8
    cache.clear()


class Turns(WhisperCache):
    """A cache that notes, under its own lock, whose turn comes: a model that is there already is in its
    block sooner than one that has its turn first and must be loaded."""

    def __init__(self, models: ModelStore, budget_bytes: int) -> None:
        super().__init__(models, budget_bytes, threads=1)
        self.order: list[str] = []

    def _make_room(self, key: tuple[str, WhisperPlan], n_bytes: int) -> bool:
        has_room = super()._make_room(key, n_bytes)
        if has_room:
            self.order.append(key[0])
        return has_room


def test_requests_are_served_in_the_order_they_came(models: ModelStore):
    """A small model that would fit does not overtake a large one that has to wait."""
    cache = Turns(models, budget_for(models, 2))

    def ask(name: str) -> None:
        with cache.use(name, INT8):
            pass

    threads = []
    with cache.use("first", INT8), cache.use("second", INT8):
        cache.order.clear()
        for name in ("third", "first", "second"):
            threads.append(threading.Thread(target=ask, args=(name,)))
            threads[-1].start()
            _until(lambda: len(cache._line) == len(threads))
    for thread in threads:
        thread.join(30.0)
    assert cache.order == ["third", "first", "second"]
    cache.clear()


def test_what_would_not_fit_is_refused_before_anything_leaves(models: ModelStore):
    cache = WhisperCache(models, budget_for(models, 1), threads=1)
    with cache.use("first", INT8):
        pass
    with (
        pytest.raises(
            ModelError, match=r"Whisper tiny in float32 needs \d+ MB of memory, \d+ MB are allowed: choose"
        ),
        cache.use("second", FLOAT),
    ):
        pass
    assert cache.loaded == ("first",)
    assert cache.loads == 1
    with (
        pytest.raises(ModelMissing, match="whisper-large-v3-turbo"),
        cache.use("whisper-large-v3-turbo", INT8),
    ):
        pass
    assert default_budget_bytes() >= needed_bytes(models.card("whisper-base"), FLOAT)


def test_a_model_that_cannot_be_loaded_takes_no_room(models: ModelStore):
    cache = WhisperCache(models, budget_for(models, 1), threads=1)
    for _ in range(2):
        with pytest.raises(ModelError, match="cannot be loaded"), cache.use("broken", INT8):
            pass
    assert (cache.used_bytes, cache.loads) == (0, 0)
    with cache.use("first", INT8):
        assert cache.loaded == ("first",)


def test_work_that_fails_gives_its_model_back(models: ModelStore):
    cache = WhisperCache(models, budget_for(models, 1), threads=1)
    with pytest.raises(ValueError, match="mine"), cache.use("first", INT8):
        raise ValueError("mine")
    with cache.use("first", INT8):
        assert cache.loads == 1


def _until(is_so: Callable[[], bool], seconds: float = 10.0) -> None:
    end_s = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end_s
        time.sleep(0.005)
