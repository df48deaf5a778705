"""The segment plan as arithmetic: it covers every song once, with context, in any order."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ParameterError
from engine.services.segment_plan import MAX_FADE_FRAMES, SegmentPlan


@dataclass
class Shape:
    """What the plan needs of a model."""

    rate_hz: int
    window_frames: int
    valid_start: int
    valid_stop: int


models = st.builds(
    lambda rate, lead, valid, tail: Shape(rate, lead + valid + tail, lead, lead + valid),
    st.sampled_from([44_100, 48_000, 16_000]),
    st.integers(0, 4000),
    st.integers(8_192, 400_000),
    st.integers(0, 4000),
)
rates = st.sampled_from([8_000, 22_050, 44_100, 48_000, 96_000, 192_000])


@given(models, rates, st.floats(0, 0.9), st.integers(1, 4), st.floats(0, 40))
def test_spans_cover_the_song_once_and_lie_in_valid_parts(model, song_hz, overlap, shifts, n_hops):
    plan = SegmentPlan(model, song_hz, overlap, shifts)
    total_frames = 1 + int(n_hops * plan.hop_frames * song_hz / model.rate_hz)
    n = plan.n_segments(total_frames)
    assert plan.fade_frames % 2 == 0
    assert 0 <= plan.fade_frames <= MAX_FADE_FRAMES
    margin = 0 if song_hz == model.rate_hz else plan.to_song.half_width
    previous_right = 0
    for index in range(n):
        window = plan.window(index, total_frames)
        span = window.span
        assert span.left_frame == previous_right
        assert span.core_start_frame <= span.core_stop_frame
        assert span.is_last == (index == n - 1)
        previous_right = span.right_frame
        first = span.start_frame * model.rate_hz / song_hz
        last = (span.stop_frame - 1) * model.rate_hz / song_hz
        if index:
            assert first - margin >= window.valid_start_frame - 1
        if not span.is_last:
            assert last + margin <= window.valid_start_frame + plan.valid_frames
        else:
            assert last <= window.valid_start_frame + plan.valid_frames
    assert previous_right == total_frames


@given(models, rates, st.integers(1, 4_000_000), st.integers(0, 4_000_000))
def test_segments_that_are_available_early_do_not_depend_on_the_end(model, song_hz, total_frames, decoded):
    plan = SegmentPlan(model, song_hz, 0.25)
    decoded = min(decoded, total_frames)
    n = plan.n_segments(total_frames)
    for index in range(min(n, 50)):
        if plan.is_available(index, decoded):
            assert index < n - 1
            window = plan.window(index, None)
            assert window == plan.window(index, total_frames)
            assert window.read_stop_frame <= decoded
    assert not plan.is_available(n, decoded)


def test_order_is_play_head_first_then_outward_with_ahead_preferred():
    plan = SegmentPlan(Shape(44_100, 100_000, 0, 100_000), 44_100, 0.1)
    n, done, order = 12, set(), []
    frame = 5 * plan.hop_frames + plan.hop_frames // 2
    while (index := plan.next_segment(frame, n, done)) is not None:
        order.append(index)
        done.add(index)
    assert order == [5, 6, 7, 8, 9, 4, 10, 11, 3, 2, 1, 0]


@given(st.integers(0, 2_000_000))
def test_segment_at_gives_the_span_that_holds_the_frame(frame):
    plan = SegmentPlan(Shape(44_100, 100_000, 2000, 98_000), 48_000, 0.3)
    total_frames = 1_500_000
    span = plan.window(plan.segment_at(frame, plan.n_segments(total_frames)), total_frames).span
    assert span.left_frame <= min(frame, total_frames - 1) < span.right_frame


@pytest.mark.parametrize(("overlap", "shifts"), [(-0.1, 1), (0.95, 1), (0.1, 0), (0.1, 21)])
def test_numbers_out_of_range(overlap, shifts):
    with pytest.raises(ParameterError):
        SegmentPlan(Shape(44_100, 10_000, 0, 10_000), 44_100, overlap, shifts)
