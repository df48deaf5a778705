import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ModelError
from engine.inference.cards import (
    CardFigures,
    CardFile,
    Licence,
    ModelCard,
    Segment,
    Source,
    load_cards,
    read_card,
    write_card,
)

SHIPPED = Path(__file__).resolve().parents[2] / "models" / "cards"

CARD = ModelCard(
    name="test",
    title="Test",
    architecture="waveform",
    stems=("vocals", "other"),
    residual_stem="other",
    rate_hz=44_100,
    segment=Segment(4096, 0.25),
    normalisation="none",
    licence=Licence("MIT"),
    files=(CardFile("test.onnx", "ab" * 32, 123),),
    sources=(
        Source("file", path="/somewhere/test.onnx"),
        Source("pypi", "p", "1", members=("a", "b"), size_bytes=5),
    ),
)


def test_shipped_cards_are_valid_and_name_no_registry():
    cards = load_cards([SHIPPED])
    assert {"spleeter-2stems", "htdemucs-4stems"} <= set(cards)
    assert cards["htdemucs-4stems"].licence.requires_acceptance
    assert not cards["spleeter-2stems"].licence.requires_acceptance
    for path in SHIPPED.glob("*.toml"):
        assert "://" not in path.read_text()


def test_key_follows_what_influences_the_output_only():
    assert len(CARD.key) == 16
    figures = (CardFigures("a song", (("vocals", 5.5),)),)
    same = dataclasses.replace(CARD, title="Other", sources=(), licence=Licence("none"), figures=figures)
    assert same.key == CARD.key
    for change in (
        {"files": (CardFile("test.onnx", "cd" * 32, 123),)},
        {"stems": ("other", "vocals")},
        {"segment": Segment(8192, 0.25)},
        {"rate_hz": 48_000},
        {"residual_stem": "vocals"},
        {"builds_on": "another"},
    ):
        assert dataclasses.replace(CARD, **change).key != CARD.key


@given(text=st.text(st.characters(exclude_categories=("Cs",)), max_size=40))
def test_written_cards_read_back(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("card") / "test.toml"
    card = dataclasses.replace(CARD, title=text or "x", attribution=text, licence=Licence(text, text, True))
    figures = (CardFigures(text, (("vocals", 4.25), ("other", -1.5))), CardFigures("b", ()))
    card = dataclasses.replace(card, builds_on="another", figures=figures)
    write_card(card, path)
    assert read_card(path) == card


def test_a_later_folder_replaces_a_card(tmp_path):
    for folder, title in (("a", "first"), ("b", "second")):
        (tmp_path / folder).mkdir()
        write_card(dataclasses.replace(CARD, title=title), tmp_path / folder / "test.toml")
    cards = load_cards([tmp_path / "a", tmp_path / "b", tmp_path / "missing"])
    assert cards["test"].title == "second"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("name = ", "nom = "), "name"),
        (('"waveform"', '"oracle"'), "oracle"),
        (('residual_stem = "other"', 'residual_stem = "bass"'), "bass"),
        (("rate_hz = 44100", "rate_hz = 7"), "rate_hz 7"),
        (("ab" * 32, "xyz"), "sha256 'xyz'"),
        (('"test.onnx"', '"../test.onnx"'), "../test.onnx"),
        (("window_frames = 4096", 'window_frames = "many"'), "many"),
        (("overlap = 0.25", "overlap = 1.5"), "overlap 1.5"),
        (("[licence]", "[licence"), "not valid"),
        (("requires_acceptance", "needs_acceptance"), "needs_acceptance"),
        (('kind = "pypi"', 'kind = "ftp"'), "ftp"),
        (('normalisation = "none"', 'normalisation = "track"'), "track"),
    ],
)
def test_a_bad_card_is_one_line_with_file_and_field(tmp_path, change, says):
    path = tmp_path / "test.toml"
    write_card(CARD, path)
    text = path.read_text()
    assert change[0] in text
    path.write_text(text.replace(*change))
    with pytest.raises(ModelError) as caught:
        load_cards([tmp_path])
    message = str(caught.value)
    assert says in message
    assert "test.toml" in message
    assert "\n" not in message
