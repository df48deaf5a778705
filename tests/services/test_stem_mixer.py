"""The mixer by name: every strip on the row that its lane has now, and two mixers that share the rows."""

import pytest

from engine.errors import ParameterError
from engine.realtime.layout import MASTER_ROW, P_GAIN, P_MUTE, P_PAN, P_SOLO
from engine.realtime.memory import EngineMemory
from engine.services.stem_mixer import StemMixer
from engine.units import db_to_gain

NEUTRAL = (1.0, 0.0, 0.0, 0.0)


def row(memory: EngineMemory, number: int) -> tuple[float, ...]:
    return tuple(float(memory.params[number, cell]) for cell in (P_GAIN, P_PAN, P_MUTE, P_SOLO))


def test_a_name_is_the_row_of_its_lane() -> None:
    memory = EngineMemory()
    mixer = StemMixer(memory, ("vocals", "drums"))
    mixer.set_gain_db("drums", -6.0)
    mixer.set_pan("drums", 0.5)
    mixer.set_mute("vocals")
    mixer.set_solo("vocals")
    mixer.set_gain_db("master", -3.0)
    assert row(memory, 1) == (1.0, 0.0, 1.0, 1.0)
    assert row(memory, 2) == pytest.approx((db_to_gain(-6.0), 0.5, 0.0, 0.0))
    assert memory.params[MASTER_ROW, P_GAIN] == pytest.approx(db_to_gain(-3.0))


@pytest.mark.parametrize("name", ["original", "piano", ""])
def test_what_is_not_mixed_is_refused_with_what_is(name: str) -> None:
    mixer = StemMixer(EngineMemory(), ("vocals", "drums"))
    with pytest.raises(ParameterError, match="there are vocals, drums"):
        mixer.set_mute(name)


def test_takes_stand_behind_the_stems_and_keep_their_settings_while_they_stay() -> None:
    memory = EngineMemory()
    mixer = StemMixer(memory, ("vocals",))
    mixer.set_takes(("take-1", "take-2"))
    assert mixer.lanes == ("original", "vocals", "take-1", "take-2")
    assert mixer.n_stems == 1
    mixer.set_mute("vocals")
    mixer.set_gain_db("take-2", -6.0)
    mixer.set_takes(("take-2",))
    assert row(memory, 1) == (1.0, 0.0, 1.0, 0.0)
    assert row(memory, 2) == pytest.approx((db_to_gain(-6.0), 0.0, 0.0, 0.0))
    assert row(memory, 3) == NEUTRAL
    mixer.set_takes(("take-1", "take-2"))
    assert row(memory, 2) == NEUTRAL
    mixer.set_stems(("drums",))
    assert mixer.takes == ()
    assert row(memory, 1) == NEUTRAL


def test_what_is_set_while_another_mixer_has_the_rows_is_heard_when_it_leaves_them() -> None:
    memory = EngineMemory()
    song, live = StemMixer(memory, ("a", "b")), StemMixer(memory, ("x",), has_rows=False)
    song.set_mute("b")
    live.set_gain_db("x", -12.0)
    assert row(memory, 1) == NEUTRAL
    song.leave_rows()
    live.take_rows()
    assert row(memory, 1)[0] == pytest.approx(db_to_gain(-12.0))
    assert row(memory, 2) == NEUTRAL
    song.set_solo("a")
    assert row(memory, 1)[3] == 0.0
    live.leave_rows()
    song.take_rows()
    assert row(memory, 1) == (1.0, 0.0, 0.0, 1.0)
    assert row(memory, 2) == (1.0, 0.0, 1.0, 0.0)


def test_what_is_not_separated_yet_is_said_once_it_is_switched_on() -> None:
    told: list[str] = []
    mixer = StemMixer(EngineMemory(), ("vocals",), on_notice=told.append)
    mixer.set_takes(("take-1",))
    mixer.set_mute("take-1")
    mixer.set_mute("vocals", False)
    assert told == []
    mixer.set_solo("vocals")
    assert len(told) == 1
    assert told[0].startswith("vocals is still being separated")
    mixer.leave_rows()
    mixer.set_mute("vocals")
    assert len(told) == 1
