"""The splitter that comes with Charon: whole, the default, its ingredients free, as good as its card says."""

import json
from pathlib import Path

import pytest

from engine.inference.model_store import DEFAULT_MODELS, ModelStore
from engine.io.home import default_home
from engine.io.true_stems import read_true_song
from engine.services.evaluation import Evaluator
from models.training.splitter.sounds import FREE_LICENCES, read_manifest

MODEL = "charon-4stems"
REPOSITORY = Path(__file__).parents[2]
WEIGHTS = REPOSITORY / "models" / "weights" / MODEL
MDN = REPOSITORY.parent / "shared" / "data" / "mdn"
LARGEST_BYTES = 16_000_000


@pytest.fixture(scope="module")
def models() -> ModelStore:
    home = default_home()
    return ModelStore(home.models, home.cards)


def test_it_is_the_default_and_whole(models: ModelStore) -> None:
    assert models.default == MODEL == DEFAULT_MODELS[0]
    models.verify(MODEL)
    files = models.files(MODEL)
    assert files["charon-splitter.onnx"] == WEIGHTS / "charon-splitter.onnx"
    assert models.card(MODEL).size_bytes < LARGEST_BYTES
    assert not models.card(MODEL).licence.requires_acceptance


def test_without_spleeter_it_is_not_here_but_still_what_to_get(tmp_path: Path) -> None:
    store = ModelStore(tmp_path, default_home().cards)
    assert not store.is_present(MODEL)
    assert store.default == MODEL


def test_all_it_was_trained_on_is_free_and_in_the_list() -> None:
    about = json.loads((WEIGHTS / "charon-splitter.json").read_text())
    listed = {(sound.package, sound.licence, sound.author) for sound in read_manifest()}
    ingredients = {tuple(one) for one in about["ingredients"]}
    assert ingredients
    assert ingredients <= listed
    assert {licence for _, licence, _ in ingredients} <= FREE_LICENCES
    notice = (REPOSITORY / "NOTICE").read_text()
    assert "audiophobdubstep" in notice
    assert "POP909" in notice


@pytest.mark.usefixtures("spleeter")
def test_it_is_as_good_as_its_card_says(models: ModelStore, stem_mp4: Path) -> None:
    """On the song of its card that is at hand."""
    if MDN.is_dir():
        name, song = "mdn", read_true_song(MDN, 20.0, 30.0)
    else:
        name, song = "Falcon", read_true_song(stem_mp4)
    [figures] = [one for one in models.card(MODEL).figures if name in one.song]
    with Evaluator([MODEL]) as evaluator:
        found = evaluator.evaluate(song, MODEL)
    scores_db = {score.stem: score.sdr_db for score in found.scores}
    for stem, expected_db in figures.sdr_db:
        assert scores_db[stem] == pytest.approx(expected_db, abs=0.1)
