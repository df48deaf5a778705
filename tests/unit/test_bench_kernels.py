import json

import numpy as np
import pytest
from click.testing import CliRunner

from app.cli import bench_kernels
from app.cli.bench_kernels import command
from app.cli.bench_kernels_spectral import spectral_cases
from app.cli.bench_kernels_tonal import tonal_cases
from app.cli.kernel_case import LENGTHS_S, KernelCase
from engine.errors import CharonError


def test_every_spectral_kernel_is_compared_at_every_length():
    cases = spectral_cases(1)
    for name in {case.name for case in cases}:
        assert tuple(case.seconds for case in cases if case.name == name) == LENGTHS_S


def test_one_kernel_can_be_measured_alone():
    told = CliRunner().invoke(command, ["--only", "zero cross", "--repeats", "1", "--threads", "1", "--json"])
    assert told.exit_code == 0, told.output
    rows = json.loads(told.stdout)["kernels"]
    assert [row["seconds"] for row in rows] == list(LENGTHS_S)
    assert {row["name"] for row in rows} == {"zero crossings"}
    assert all(row["error_db"] < -120 and row["ours_s"] > 0 for row in rows)


@pytest.mark.parametrize("name", ["hpss", "yin", "onset strength", "delta", "mel bands", "median, time"])
def test_both_sides_of_a_row_agree(name):
    case = next(case for case in spectral_cases(1) if case.name == name and case.seconds == 1.0)
    ours, reference = case.make()
    assert ours().shape == reference().shape


def test_every_row_states_how_far_it_may_be_from_its_reference():
    assert all(case.tolerance_db < 0 for case in (*spectral_cases(1), *tonal_cases(1)))


@pytest.mark.parametrize(("wrong_by", "told"), [(1e-7, 0), (0.01, 1)])
def test_a_kernel_beyond_its_tolerance_fails_the_run(monkeypatch, capsys, wrong_by, told):
    one = np.ones(4)
    case = KernelCase("ones", 1.0, "numpy.ones", -60.0, lambda: (lambda: one + wrong_by, lambda: one))
    monkeypatch.setattr(bench_kernels, "_cases", lambda *_: [case])
    code = command.main(["--repeats", "1", "--json"], standalone_mode=False)
    printed = capsys.readouterr()
    assert code == told
    assert json.loads(printed.out)["kernels"][0]["tolerance_db"] == -60.0
    assert ("-40 dB from numpy.ones: -60 dB were stated" in printed.err) == bool(told)


def test_a_kernel_that_nobody_has_is_refused_with_those_that_are_there():
    with pytest.raises(CharonError, match=r"'chorus'.*there are.*hpss"):
        CliRunner().invoke(command, ["--only", "chorus"], catch_exceptions=False)
