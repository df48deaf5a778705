"""Settings of effects: what they accept, what they say, and how a plan takes them."""

import numpy as np
import pytest

from engine.errors import ParameterError
from engine.realtime.effects.kind import EffectKind, Parameter
from engine.realtime.effects.plan import MAX_SLOTS, EffectPlan, EffectSetting
from tests.chain_effects import GAIN, use_test_effects

SCALE = Parameter("scale", 0.0, 2.0, 1.0, "choice", "Scale.", ("chromatic", "major", "minor"))
AUTO = Parameter("auto", 0.0, 1.0, 0.0, "switch", "By itself.")
CUTOFF = Parameter("cutoff_hz", 20.0, 500.0, 80.0, "log", "Corner.")


@pytest.fixture(autouse=True)
def effects(monkeypatch):
    use_test_effects(monkeypatch)


@pytest.mark.parametrize(
    ("parameter", "value", "cell"),
    [
        (CUTOFF, 20, 20.0), (CUTOFF, 499.5, 499.5), (SCALE, "minor", 2.0), (SCALE, 1, 1.0),
        (AUTO, True, 1.0), (AUTO, False, 0.0), (AUTO, 1, 1.0),
    ],
)  # fmt: skip
def test_values_as_people_write_them(parameter, value, cell):
    assert parameter.read(value) == cell


@pytest.mark.parametrize("value", [19.9, 501, float("nan"), float("inf"), "80", True, None, [80.0]])
def test_what_is_no_value_says_what_would_be(value):
    with pytest.raises(ParameterError, match=r"cutoff_hz = .* is not a number from 20 to 500"):
        CUTOFF.read(value)


def test_choices_and_switches_say_what_they_know():
    with pytest.raises(ParameterError, match="scale has no choice 'mjor'; did you mean 'major'"):
        SCALE.read("mjor")
    with pytest.raises(ParameterError, match="one of chromatic, major, minor"):
        SCALE.read(0.5)
    with pytest.raises(ParameterError, match="auto = 'yes' is not true or false"):
        AUTO.read("yes")


@pytest.mark.parametrize(("parameter", "cell"), [(CUTOFF, 81.5), (SCALE, 2.0), (AUTO, 1.0)])
def test_showing_is_the_inverse_of_reading(parameter, cell):
    assert parameter.read(parameter.show(cell)) == cell


@pytest.mark.parametrize(
    "arguments",
    [
        ("a_db", 1.0, 1.0, 1.0, "linear"), ("a_db", 0.0, 1.0, 2.0, "linear"), ("a_hz", 0.0, 1.0, 1.0, "log"),
        ("a", 0.0, 1.0, 0.0, "choice"), ("a", 0.0, 2.0, 0.0, "switch"), ("a_db", 0.0, np.inf, 0.0, "linear"),
    ],
)  # fmt: skip
def test_parameters_that_make_no_sense_are_refused(arguments):
    with pytest.raises(ParameterError, match=f"^{arguments[0]}: "):
        Parameter(*arguments, doc="")


def test_kinds_that_do_not_fit_are_refused():
    def kind(parameters, readouts=()):
        return EffectKind(
            "k", "K", parameters, len, len, len, GAIN.prepare, GAIN.process, readouts
        )  # fmt: skip

    many = tuple(Parameter(f"a{k}", 0.0, 1.0, 0.0, "linear", "") for k in range(25))
    with pytest.raises(ParameterError, match="25 parameters, 24 fit"):
        kind(many)
    with pytest.raises(ParameterError, match="share a name"):
        kind((CUTOFF, CUTOFF))
    with pytest.raises(ParameterError, match="3 read-outs, 2 fit"):
        kind((), ("a", "b", "c"))


def test_settings_are_checked_before_anything_is_built():
    with pytest.raises(ParameterError, match="no effect 'gian'; did you mean 'gain'"):
        EffectSetting("gian")
    with pytest.raises(ParameterError, match=r"gain has no parameter 'gane'; did you mean 'gain'"):
        EffectSetting("gain", values={"gane": 1.0})
    with pytest.raises(ParameterError, match=r"gain = 9\.0 is not a number from 0 to 4"):
        EffectSetting("gain", values={"gain": 9.0})
    with pytest.raises(ParameterError, match=r"wet = 1\.5"):
        EffectSetting("gain", wet=1.5)
    with pytest.raises(ParameterError, match="25 effects are too many"):
        EffectPlan(48_000, [EffectSetting("gain")] * (MAX_SLOTS + 1))
    with pytest.raises(ParameterError, match="4000 Hz"):
        EffectPlan(4_000, [])


def test_a_plan_remembers_what_was_turned():
    plan = EffectPlan(48_000, [EffectSetting("gain"), EffectSetting("gain", enabled=False)])
    plan.set_value(0, "gain", 2.5)
    plan.set_value(1, "gain", 0.5)
    plan.set_wet(1, 0.25)
    plan.set_bypass(0, True)
    with pytest.raises(ParameterError, match="is not a number"):
        plan.set_value(0, "gain", float("nan"))
    assert plan.slots == (
        EffectSetting("gain", bypass=True, values={"gain": 2.5}),
        EffectSetting("gain", enabled=False, wet=0.25, values={"gain": 0.5}),
    )
    assert [setting.value("gain") for setting in plan.slots] == [2.5, 0.5]
