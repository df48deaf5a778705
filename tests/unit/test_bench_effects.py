"""`charon bench realtime --effects-only`: every effect at work, beside what it is compared with."""

import importlib
import json

import numpy as np
import pytest
from click.testing import CliRunner

from app.cli.bench_effects import CHAIN, measure_effects, print_effects
from app.cli.bench_realtime import command
from app.cli.effect_case import CASES, bench_voice
from engine.realtime.effects.catalogue import KINDS


def test_every_effect_then_all_of_them_as_json():
    done = CliRunner().invoke(command, ["--effects-only", "--seconds", "0.5", "--block", "64", "--json"])
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert (result["sample_rate_hz"], result["block_frames"]) == (48_000, 64)
    assert [row["name"] for row in result["effects"]] == [*KINDS, CHAIN]
    compared = {case.kind for case in CASES}
    for row in result["effects"]:
        assert 0.0 < row["p50_us"] <= row["p99_us"] <= row["p999_us"]
        assert row["block_share"] == pytest.approx(row["p99_us"] / result["block_us"])
        if row["name"] in compared:
            assert row["ratio"] == pytest.approx(row["reference_mean_us"] / row["mean_us"])
        else:
            assert row["ratio"] is None
    latencies = [row["latency_frames"] for row in result["effects"]]
    assert latencies[-1] == sum(latencies[:-1])


def test_without_the_reference_it_says_so(monkeypatch, capsys):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    rows = measure_effects(44_100, 4096, 0.1, lambda *_: None)
    assert all(row.ratio is None for row in rows)
    print_effects(rows, 44_100, 512)
    assert "pedalboard is not installed" in capsys.readouterr().out


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)
def test_cases_name_effects_and_settings_that_exist(case):
    parameters = {parameter.name: parameter for parameter in KINDS[case.kind].parameters}
    for name, value in case.values.items():
        parameters[name].read(value)


def test_the_voice_is_one_that_effects_have_something_to_do_with():
    voice = bench_voice(5.0, 48_000)
    assert voice.shape == (2, 240_000)
    assert np.array_equal(voice[0], voice[1])
    assert 0.3 < np.abs(voice).max() < 1.0
