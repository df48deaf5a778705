"""Presets: what a file may say, what it is told when it says something else, and where they are kept."""

from pathlib import Path

import pytest

import resources
from engine.errors import ParameterError
from engine.realtime.effects.catalogue import KINDS
from engine.realtime.effects.plan import EffectPlan, EffectSetting
from engine.services.vocal_preset import (
    PresetShelf,
    VocalPreset,
    load_preset,
    parse_preset,
    preset_text,
)

BUILT_IN = Path(resources.__file__).parent / "presets"
RATES_HZ = (44_100, 48_000, 88_200, 96_000)

VOICE = """
title = "My voice"
description = "Of a morning"

[[effect]]
kind = "high_pass"
freq_hz = 120
slope = "24 dB/oct"

[[effect]]
kind = "equaliser"
enabled = false
bypass = true
wet = 0.5
output_db = -3.0
"""


@pytest.fixture
def shelf(tmp_path):
    return PresetShelf(BUILT_IN, tmp_path / "presets")


def test_a_preset_says_what_a_chain_is():
    preset = parse_preset(VOICE, "mine")
    assert (preset.name, preset.title, preset.description) == ("mine", "My voice", "Of a morning")
    assert preset.slots == (
        EffectSetting("high_pass", values={"freq_hz": 120.0, "slope": 1.0}),
        EffectSetting("equaliser", enabled=False, bypass=True, wet=0.5, values={"output_db": -3.0}),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "KIND = 'revreb'",
            ", effect 1: there is no effect 'revreb'; did you mean 'reverb'?",
        ),
        (
            "KIND = 'high_pass'\nfrq_hz = 80",
            ", effect 1: high_pass has no 'frq_hz'; did you mean 'freq_hz'?",
        ),
        (
            "KIND = 'high_pass'\nKIND = 'high_pass'\nfreq_hz = 1e9",
            ", effect 2: freq_hz = 1000000000.0 is not a number from 20 to 1000",
        ),
        (
            "KIND = 'high_pass'\nslope = '12 dB/okt'",
            ", effect 1: slope has no choice '12 dB/okt'; did you mean '12 dB/oct'?",
        ),
        (
            "KIND = 'high_pass'\nwet = 2",
            ", effect 1: wet = 2 is not a number from 0 to 1",
        ),
        (
            "KIND = 'high_pass'\nwet = nan",
            ", effect 1: wet = nan is not a number from 0 to 1",
        ),
        (
            "KIND = 'high_pass'\nenabled = 1",
            ", effect 1: enabled = 1 is not true or false",
        ),
        ("[[effect]]\nwet = 1.0", ", effect 1: has no kind; there are "),
        ("[[effects]]\nkind = 'gate'", " has no 'effects'; did you mean 'effect'?"),
        ("effect = 3", ": effects are written as [[effect]] tables"),
        ("title = 3", ": title = 3 is not text in quotes"),
        ("title = ", " is not valid TOML: "),
        ("KIND = 'high_pass'\n" * 25, ": 25 effects are too many; 24 fit"),
    ],
)
def test_what_is_wrong_is_named_with_what_was_meant(text, message):
    with pytest.raises(ParameterError) as told:
        parse_preset(text.replace("KIND", "[[effect]]\nkind"), "p")
    assert str(told.value).startswith(f"preset p{message}")


@pytest.mark.parametrize("title", ["Plain", 'With "quotes" and \\', "Zeile\nzwei\ttab", "Ärger 漢字 \x7f"])
def test_a_written_preset_is_read_back_as_it_was(title):
    preset = parse_preset(VOICE, "mine")
    preset = VocalPreset("mine", title, "", preset.slots)
    back = parse_preset(preset_text(preset), "mine")
    assert (back.title, len(back.slots)) == (title, 2)
    for was, found in zip(preset.slots, back.slots, strict=True):
        assert (found.kind, found.enabled, found.bypass, found.wet) == (
            was.kind, was.enabled, was.bypass, was.wet,
        )  # fmt: skip
        # Written out in full: a default that changes later changes no preset.
        assert set(found.values) == {p.name for p in KINDS[was.kind].parameters}
        assert all(found.value(name) == was.value(name) for name in found.values)


def test_a_preset_is_kept_found_hidden_and_removed(shelf, tmp_path):
    built_in = shelf.load("Clean voice")
    assert (built_in.name, shelf.is_users("clean-voice")) == ("clean-voice", False)
    mine = VocalPreset("clean-voice", "Cleaner", "", built_in.slots[:1])
    path = shelf.save(mine)
    assert path == tmp_path / "presets" / "clean-voice.toml"
    assert (shelf.load("clean-voice").title, shelf.is_users("clean-voice")) == ("Cleaner", True)
    shelf.save(VocalPreset("clean-voice", "Cleanest", "", ()))
    assert shelf.load("CLEAN voice").title == "Cleanest"
    assert [entry.name for entry in (tmp_path / "presets").iterdir()] == ["clean-voice.toml"]
    shelf.remove("clean-voice")
    assert shelf.load("clean-voice") == built_in
    with pytest.raises(ParameterError, match="not a preset of your own"):
        shelf.remove("clean-voice")


def test_names_of_any_kind_become_files_of_the_users_folder(shelf, tmp_path):
    for name in ("../../escape", "Con", "a" * 400, "Lead: vox/2"):
        path = shelf.save(VocalPreset(name, name, "", ()))
        assert path.parent == tmp_path / "presets"
        assert shelf.is_users(name)


def test_an_unknown_name_is_answered_with_the_nearest(shelf, tmp_path):
    with pytest.raises(ParameterError, match="there is no preset 'pop vokal'; did you mean 'pop-vocal'"):
        shelf.load("pop vokal")
    (tmp_path / "one.toml").write_text(VOICE, encoding="utf-8")
    assert shelf.load(str(tmp_path / "one.toml")).title == "My voice"
    with pytest.raises(ParameterError, match="cannot be read: No such file"):
        shelf.load(str(tmp_path / "two.toml"))


def test_a_broken_file_does_not_hide_the_others(shelf, tmp_path):
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "torn.toml").write_text("title = 'x", encoding="utf-8")
    (tmp_path / "presets" / "latin.toml").write_bytes(b"title = '\xe4'")
    (tmp_path / "presets" / "huge.toml").write_bytes(b"#" * 70_000)
    listing = shelf.list_presets()
    assert len(listing.presets) == len(list(BUILT_IN.glob("*.toml")))
    reasons = ("huge.toml is larger than", "latin.toml cannot be read: not UTF-8", "preset torn is not valid")
    assert len(listing.problems) == 3
    for line, reason in zip(listing.problems, reasons, strict=True):
        assert reason in line


def test_a_folder_that_takes_nothing_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    shelf = PresetShelf(BUILT_IN, tmp_path / "file" / "presets")
    with pytest.raises(ParameterError, match=r"cannot be kept in .*: Not a directory"):
        shelf.save(VocalPreset("x", "X", "", ()))


@pytest.mark.parametrize("path", sorted(BUILT_IN.glob("*.toml")), ids=lambda path: path.stem)
def test_every_preset_that_comes_with_charon_can_be_built_at_every_rate(path):
    preset = load_preset(path)
    assert preset.title
    assert preset.description
    assert preset.slots
    for rate_hz in RATES_HZ:
        plan = EffectPlan(rate_hz, preset.slots)
        # Singers hear their own voice late from about 20 ms on.
        assert plan.latency_frames < 0.02 * rate_hz


def test_there_are_presets_for_what_musicians_do():
    names = {path.stem for path in BUILT_IN.glob("*.toml")}
    assert names >= {
        "clean-voice", "broadcast", "pop-vocal", "rap", "choir", "megaphone", "karaoke-hall", "radio",
    }  # fmt: skip
