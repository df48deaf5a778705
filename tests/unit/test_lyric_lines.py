"""Lines that are written anew, split, joined and moved keep the times of the words that stay."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lyric_lines import joined, moved, rewritten, shifted, split_line, with_lines
from engine.lyrics import Lyrics, Segment, Word


def line(text: str, start_s: float = 10.0, word_s: float = 0.5) -> Segment:
    """A line whose words are sung evenly, each half of its time."""
    words = tuple(
        Word(start_s + i * word_s, start_s + i * word_s + word_s / 2, word, 0.5)
        for i, word in enumerate(text.split())
    )
    return Segment(words[0].start_s, words[-1].end_s, text, words, -0.3, "vocals")


def times(segment: Segment) -> list[tuple[float, float]]:
    return [(round(word.start_s, 6), round(word.end_s, 6)) for word in segment.words]


def test_a_corrected_word_keeps_its_time_and_is_sure() -> None:
    before = line("come on lets go fishing")
    after = rewritten(before, "Come on, let's go fishing")
    assert after.text == "Come on, let's go fishing"
    assert [word.text for word in after.words] == ["Come", "on,", "let's", "go", "fishing"]
    assert times(after) == times(before)
    assert [word.probability for word in after.words] == [1.0, 1.0, 1.0, 0.5, 0.5]
    assert after.source == "given"


def test_words_in_place_of_others_share_their_time_by_length() -> None:
    after = rewritten(line("we wanna go"), "we want to go")
    assert times(after)[0] == (10.0, 10.25)
    assert times(after)[3] == (11.0, 11.25)
    # "wanna" lasted a quarter of a second: four letters of six, then two.
    assert times(after)[1] == pytest.approx((10.5, 10.5 + 0.25 * 4 / 6))
    assert times(after)[2] == pytest.approx((10.5 + 0.25 * 4 / 6, 10.75))


def test_a_word_between_two_takes_the_pause_and_where_there_is_none_half_of_the_one_before() -> None:
    after = rewritten(line("la la"), "la oh la")
    assert times(after) == [(10.0, 10.25), (10.25, 10.5), (10.5, 10.75)]
    tight = Segment(0.0, 1.0, "go on", (Word(0.0, 0.5, "go"), Word(0.5, 1.0, "on")))
    assert times(rewritten(tight, "go right on")) == [(0.0, 0.25), (0.25, 0.5), (0.5, 1.0)]


def test_words_that_are_gone_take_their_time_with_them() -> None:
    after = rewritten(line("oh come on now"), "come on")
    assert times(after) == [(10.5, 10.75), (11.0, 11.25)]


@given(
    st.lists(st.sampled_from(["la", "di", "oh,", "Oh", "sunshine", "a"]), min_size=1, max_size=8), st.data()
)
def test_a_rewritten_line_is_as_it_was_written_and_in_order(words: list[str], data: st.DataObject) -> None:
    before = line(
        " ".join(data.draw(st.lists(st.sampled_from(["la", "oh", "sun", "a"]), min_size=1, max_size=8)))
    )
    after = rewritten(before, "  ".join(words))
    assert [word.text for word in after.words] == words
    assert after.text == " ".join(words)
    starts = [word.start_s for word in after.words]
    assert starts == sorted(starts)
    assert all(word.start_s <= word.end_s for word in after.words)


def test_a_line_is_split_before_the_word_at_the_caret_and_joined_again() -> None:
    whole = line("we could take the boat")
    pair = split_line(whole, len("we could ta"))
    assert pair is not None
    first, second = pair
    assert (first.text, second.text) == ("we could", "take the boat")
    assert (first.start_s, first.end_s) == (10.0, 10.75)
    assert (second.start_s, second.end_s) == (11.0, 12.25)
    again = joined(first, second)
    assert again.text == whole.text
    assert times(again) == times(whole)
    assert split_line(whole, 0) is None
    assert split_line(whole, len(whole.text)) is None


def test_a_line_without_word_times_is_split_by_length() -> None:
    pair = split_line(Segment(0.0, 4.0, "half of it"), 5)
    assert pair is not None
    assert (pair[0].text, pair[1].text) == ("half", "of it")
    assert pair[0].end_s == pair[1].start_s == pytest.approx(2.0)


def test_nothing_is_sung_before_the_song() -> None:
    assert times(shifted(line("la la", 1.0), -5.0))[0][0] == 0.0
    lyrics = Lyrics((line("one", 1.0), line("two", 3.0)), "en")
    assert [round(s.start_s, 6) for s in moved(lyrics, 0.25).segments] == [1.25, 3.25]
    assert moved(lyrics, 0.0) is lyrics
    untimed = Lyrics((Segment(0.0, 0.0, "one"),), "en")
    assert moved(untimed, 1.0) is untimed


def test_lines_stay_in_order_of_time() -> None:
    lyrics = Lyrics((line("one", 1.0), line("two", 3.0), line("three", 5.0)), "en")
    late = with_lines(lyrics, 0, 1, (line("one", 4.0),))
    assert [segment.text for segment in late.segments] == ["two", "one", "three"]
