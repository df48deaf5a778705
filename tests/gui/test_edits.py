"""Steps of undo: one a gesture, whole, and none left behind."""

import gc

import pytest

from app.edits import Edits
from app.loop_state import LoopState
from app.mixer_state import MixerState, Strip


@pytest.fixture
def mixer(qapp) -> MixerState:
    mixer = MixerState()
    mixer.set_stems(("vocals", "drums"))
    return mixer


@pytest.fixture
def edits(mixer: MixerState) -> Edits:
    return Edits(mixer, LoopState())


def test_a_gesture_is_one_step_and_the_next_one_another(mixer: MixerState, edits: Edits):
    first, second = edits.begin_gesture(), edits.begin_gesture()
    for gain_db in (-1.0, -2.0, -3.0):
        edits.set_gain_db("vocals", gain_db, first)
    edits.set_gain_db("vocals", -9.0, second)
    edits.set_mute("drums", True)
    assert edits.stack.count() == 3
    edits.stack.undo()
    edits.stack.undo()
    assert mixer.strip("vocals").gain_db == -3.0
    # What was undone is gone once something else is done, even by the same gesture.
    edits.set_gain_db("vocals", -4.0, second)
    assert edits.stack.count() == 2
    edits.stack.undo()
    assert mixer.strip("vocals").gain_db == -3.0
    edits.stack.undo()
    assert mixer.strip("vocals") == Strip()
    edits.stack.redo()
    assert mixer.strip("vocals").gain_db == -3.0


def test_a_gesture_goes_on_after_the_stack_was_cleared(mixer: MixerState, edits: Edits):
    gesture = edits.begin_gesture()
    edits.set_gain_db("vocals", -1.0, gesture)
    edits.stack.clear()
    edits.set_gain_db("vocals", -2.0, gesture)
    assert edits.stack.count() == 1
    edits.stack.undo()
    assert mixer.strip("vocals").gain_db == -1.0


def test_a_long_drag_leaves_no_commands_behind(edits: Edits):
    def commands() -> int:
        gc.collect()
        return sum(type(thing).__name__ == "_Change" for thing in gc.get_objects())

    before = commands()
    gesture = edits.begin_gesture()
    for step in range(200):
        edits.set_gain_db("vocals", -0.1 * (step + 1), gesture)
    assert edits.stack.count() == 1
    assert commands() <= before + 1


def test_solo_alone_takes_the_others_back_and_undo_gives_them_again(mixer: MixerState, edits: Edits):
    edits.set_solo("vocals", True)
    edits.set_solo("drums", True, exclusive=True)
    assert [mixer.strip(name).solo for name in mixer.stems] == [False, True]
    edits.stack.undo()
    assert [mixer.strip(name).solo for name in mixer.stems] == [True, False]
