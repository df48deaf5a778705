"""Lyrics survive every format that they are written in, and what others write is read."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pylrc
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import DecodeError, EncodeError
from engine.io.decode import read_song
from engine.io.encode import OutputFormat, SoundFileWriter
from engine.io.lyric_files import (
    KINDS,
    find_lyric_file,
    format_lyrics,
    parse_lyrics,
    read_lyrics,
    write_lyrics,
)
from engine.io.lyric_json import lyrics_from_dict, lyrics_to_dict
from engine.io.lyric_tags import lyrics_of_sylt, read_lyric_tags, sylt_entries, write_lyric_tags
from engine.io.lyric_text import clean_line, clock_s, word_spans
from engine.lyrics import Lyrics, Segment, Word

WORDS = st.text("abcdefgüß'-,.!?日本ا♪&", min_size=1, max_size=8)
SONG = Lyrics(
    (
        Segment(
            1.0,
            3.0,
            "come on let's go",
            (Word(1.0, 1.4, "come"), Word(1.4, 1.6, "on"), Word(1.8, 2.0, "let's"), Word(2.0, 2.5, "go")),
            source="given",
        ),
        Segment(5.0, 6.0, "fishin'", (Word(5.2, 5.9, "fishin'"),), source="given"),
    ),
    "en",
)


@st.composite
def sung(draw: st.DrawFn, *, in_words: bool, step_ms: int) -> Lyrics:
    """Lyrics on a grid, one line after the other, as a format of that grid can hold them."""
    now = 0
    segments: list[Segment] = []

    def later() -> float:
        nonlocal now
        now += draw(st.integers(0, 300))
        return now * step_ms / 1000

    for _ in range(draw(st.integers(1, 5))):
        start_s = later()
        words: list[Word] = []
        for text in draw(st.lists(WORDS, min_size=1, max_size=5)):
            # Beginning where the one before ends must stay apart from beginning a little later.
            before_s = words[-1].end_s if words and draw(st.booleans()) else later()
            words.append(Word(before_s, later(), text))
        text = " ".join(word.text for word in words)
        segments.append(Segment(start_s, later(), text, tuple(words) if in_words else (), source="given"))
        # Two lines at the very same time have no order in a file.
        now += 1
    return Lyrics(tuple(segments), draw(st.sampled_from(["", "en", "de", "ja"])))


LINES_OF_ANYTHING = st.builds(
    Lyrics,
    st.lists(
        st.builds(
            lambda start_s, length_s, text: Segment(start_s, start_s + length_s, text),
            st.floats(0.0, 5000.0),
            st.floats(0.0, 60.0),
            st.text(max_size=40) | st.text("<>[]/:.0123456789ib-{}&\\ ", max_size=40),
        ),
        max_size=4,
    ).map(tuple),
    st.just("en"),
)


def without_words(lyrics: Lyrics) -> Lyrics:
    return replace(lyrics, segments=tuple(replace(segment, words=()) for segment in lyrics.segments))


@given(sung(in_words=True, step_ms=10))
def test_lrc_of_words_comes_back(lyrics: Lyrics) -> None:
    assert parse_lyrics(format_lyrics(lyrics, "lrc-words"), "lrc").lyrics == lyrics


@given(sung(in_words=False, step_ms=10))
def test_lrc_of_lines_comes_back(lyrics: Lyrics) -> None:
    assert parse_lyrics(format_lyrics(lyrics, "lrc"), "lrc").lyrics == lyrics


@given(sung(in_words=True, step_ms=1))
def test_webvtt_comes_back(lyrics: Lyrics) -> None:
    assert parse_lyrics(format_lyrics(lyrics, "vtt"), "vtt").lyrics == lyrics
    lines = without_words(lyrics)
    assert parse_lyrics(format_lyrics(lines, "vtt"), "vtt").lyrics == lines


@given(sung(in_words=False, step_ms=1))
def test_srt_comes_back_without_its_language(lyrics: Lyrics) -> None:
    assert parse_lyrics(format_lyrics(lyrics, "srt"), "srt").lyrics == replace(lyrics, language="")


@given(sung(in_words=True, step_ms=1))
def test_text_comes_back(lyrics: Lyrics) -> None:
    back = parse_lyrics(format_lyrics(lyrics, "txt"), "txt")
    assert [segment.text for segment in back.lyrics.segments] == [s.text for s in lyrics.segments]
    assert back.timing == "none"


@given(
    sung(in_words=True, step_ms=1),
    st.floats(-5.0, 0.0),
    st.sampled_from(["mix", "vocals", "given"]),
    st.text(),
)
def test_json_comes_back_to_the_last_bit(
    lyrics: Lyrics, log_probability: float, source: str, text: str
) -> None:
    odd = tuple(
        replace(s, start_s=s.start_s / 3, text=text, average_log_probability=log_probability, source=source)
        for s in lyrics.segments
    )
    whole = Lyrics(odd, "en", "whisper-base")
    assert lyrics_from_dict(json.loads(json.dumps(lyrics_to_dict(whole)))) == whole
    assert parse_lyrics(format_lyrics(whole, "json"), "json").lyrics == whole


@given(sung(in_words=True, step_ms=1))
def test_sylt_comes_back(lyrics: Lyrics) -> None:
    # Words alone cannot be told from a line of one word.
    if any(len(segment.words) > 1 for segment in lyrics.segments):
        assert lyrics_of_sylt(sylt_entries(lyrics), lyrics.language) == lyrics
    lines = without_words(lyrics)
    assert lyrics_of_sylt(sylt_entries(lines), lyrics.language) == lines


@given(LINES_OF_ANYTHING)
def test_no_text_breaks_a_format(lyrics: Lyrics) -> None:
    """Whatever is sung: nothing is lost that a format can hold, and what was read once stays as it is."""
    for kind, step_s in (("lrc", 0.01), ("lrc-words", 0.01), ("srt", 0.001), ("vtt", 0.001)):
        try:
            back = parse_lyrics(format_lyrics(lyrics, kind), kind).lyrics
        except DecodeError:  # there is not one line in it
            back = Lyrics((), "")
        told = [segment.text for segment in back.segments]
        for segment in lyrics.segments:
            if clean_line(segment.text).isalpha():
                assert clean_line(segment.text) in told
        for segment in back.segments:
            assert min(abs(segment.start_s - s.start_s) for s in lyrics.segments) <= 0.51 * step_s
        if back.segments:
            assert parse_lyrics(format_lyrics(back, kind), kind).lyrics == back


def test_another_parser_opens_lrc(tmp_path: Path) -> None:
    path = tmp_path / "song.lrc"
    write_lyrics(SONG, path, "lrc", title="Let's Go Fishin'")
    theirs = pylrc.parse(path.read_text(encoding="utf-8"))
    assert theirs.title == "Let's Go Fishin'"
    assert [(line.time, line.text) for line in theirs] == [
        (1.0, "come on let's go"),
        (3.0, ""),
        (5.0, "fishin'"),
        (6.0, ""),
    ]
    words = pylrc.parse(format_lyrics(SONG, "lrc-words"))
    assert [line.time for line in words] == [1.0, 3.0, 5.0, 6.0]


def test_lrc_as_it_is_found() -> None:
    text = (
        "\ufeff[ar:Karissa Hobbs]\r\n[ti:Let's [not] go]\r\n[offset:+500]\r\n"
        "[00:10.5][01:10.50]Chorus line\r\n"
        "[00:12:25]hundredths\r\n[00:14.250]thousandths\r\n[00:16]no part\r\n"
        "[00:20.00]<00:20.00> word <00:20.50> by  word\r\n[00:21.00]in [00:21.50]brackets\r\nnot sung\r\n"
    )
    found = parse_lyrics(text, "lrc")
    assert (found.title, found.artist) == ("Let's [not] go", "Karissa Hobbs")
    lines = found.lyrics.segments
    assert [line.start_s for line in lines] == [10.0, 11.75, 13.75, 15.5, 19.5, 20.5, 70.0]
    assert [line.text for line in lines][-1] == lines[0].text == "Chorus line"
    assert [(w.start_s, w.text) for w in lines[4].words] == [(19.5, "word"), (20.0, "by word")]
    assert [(w.start_s, w.end_s, w.text) for w in lines[5].words] == [
        (20.5, 21.0, "in"),
        (21.0, 22.0, "brackets"),
    ]
    assert lines[0].end_s == lines[1].start_s


def test_subtitles_as_they_are_found() -> None:
    srt = (
        "1\n00:00:01,000 --> 00:00:02,500\n<i>two</i>\n<font color=red>lines</font>\n\n"
        "2\n0:0:4.5 --> 0:0:5.25 X1:1\nend"
    )
    lines = parse_lyrics(srt, "srt").lyrics.segments
    assert [(s.start_s, s.end_s, s.text) for s in lines] == [(1.0, 2.5, "two lines"), (4.5, 5.25, "end")]
    vtt = (
        "WEBVTT - song\nLanguage: de\n\nNOTE nothing\n\nSTYLE\n::cue {}\n\n"
        "1\n00:01.000 --> 00:04.000 align:start\n"
        "<v Anna>Tom &amp; Jerry<00:02.000><c> laufen</c>\n\n00:05.000 --> 00:06.000\n&lt;3\n"
    )
    found = parse_lyrics(vtt, "vtt").lyrics
    assert found.language == "de"
    assert [s.text for s in found.segments] == ["Tom & Jerry laufen", "<3"]
    assert [(w.start_s, w.text) for w in found.segments[0].words] == [(1.0, "Tom & Jerry"), (2.0, "laufen")]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1:23", 83.0), ("01:23.45", 83.45), ("01:23:45", 83.45), ("1:02:03.456", 3723.456), ("0:00,5", 0.5)],
)
def test_clocks(text: str, seconds: float) -> None:
    assert clock_s(text) == seconds
    assert clock_s(f"{text}x") is None


def test_words_are_found_in_their_line() -> None:
    line = Segment(
        0, 4, "Go, go — go!", (Word(0, 1, "Go,"), Word(1, 2, "go"), Word(2, 3, "gone"), Word(3, 4, "go!"))
    )
    assert word_spans(line) == ((0, 3), (4, 6), (6, 6), (9, 12))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_through_a_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"song.{kind.partition('-')[0]}"
    write_lyrics(SONG, path, kind)
    found = read_lyrics(path)
    assert [s.text for s in found.lyrics.segments] == [s.text for s in SONG.segments]
    assert found.timing == {"txt": "none", "lrc": "lines", "srt": "lines"}.get(kind, "words")
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_files_are_found_and_refused(tmp_path: Path) -> None:
    song = tmp_path / "a song.mp3"
    assert find_lyric_file(song) is None
    (tmp_path / "a song.txt").write_bytes("[00:01.00]Käse\n".encode("cp1252"))
    text = find_lyric_file(song)
    assert text is not None
    assert read_lyrics(text).lyrics.segments[0].text == "Käse"
    (tmp_path / "a song.LRC").write_bytes("[00:01.00]日本\n".encode("utf-16"))
    lrc = find_lyric_file(song)
    assert lrc is not None
    assert read_lyrics(lrc).lyrics.segments[0].text == "日本"
    for name, data, why in (
        ("b.lrc", b"no times here", "no line with a time"),
        ("b.txt", b" \n", "empty"),
        ("b.json", b"{", "no JSON"),
        ("b.json", b'{"segments": [{"start_s": 2, "end_s": 1, "text": ""}]}', r"segments\[0\]"),
        ("b.json", b'{"segments": [{"start_s": NaN, "end_s": 1, "text": ""}]}', "a number is wanted"),
        ("b.json", b"[]", "no lyrics"),
        ("b.doc", b"", "no lyrics file"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DecodeError, match=why):
            read_lyrics(tmp_path / name)
    with (tmp_path / "c.lrc").open("wb") as file:
        file.truncate(20_000_000)
    with pytest.raises(DecodeError, match="20 MB"):
        read_lyrics(tmp_path / "c.lrc")
    with pytest.raises(DecodeError, match="cannot be read"):
        read_lyrics(tmp_path / "missing.lrc")
    with pytest.raises(EncodeError, match="cannot be written"):
        write_lyrics(SONG, tmp_path / "no folder" / "x.lrc")
    with pytest.raises(EncodeError, match="written as"):
        write_lyrics(SONG, tmp_path / "x.doc")


@pytest.mark.parametrize("fmt", [OutputFormat("wav", "24"), OutputFormat("flac", "16"), OutputFormat("mp3")])
def test_tags_of_what_is_exported(tmp_path: Path, fmt: OutputFormat) -> None:
    """Lyrics come back from the file, and its sound is what it was."""
    song = tmp_path / "song.wav"
    soundfile.write(song, np.zeros((44_100, 2), np.float32), 44_100)
    path = tmp_path / f"stem{fmt.suffix}"
    with SoundFileWriter(path, fmt, 44_100, expected_frames=44_100) as writer:
        writer.write(np.random.default_rng(1).uniform(-0.1, 0.1, (2, 44_100)).astype(np.float32))
        writer.commit(song, " (stem)")
    before, _rate_hz = read_song(path)
    assert read_lyric_tags(path) is None
    for lyrics in (SONG, without_words(SONG), SONG):
        write_lyric_tags(path, lyrics)
        assert read_lyric_tags(path) == lyrics
    after, _rate_hz = read_song(path)
    np.testing.assert_array_equal(before, after)


def test_tags_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "noise.mp3").write_bytes(b"\0" * 1000)
    assert read_lyric_tags(tmp_path / "noise.mp3") is None
    assert read_lyric_tags(tmp_path / "missing.flac") is None
    with pytest.raises(EncodeError, match="no place for lyrics"):
        write_lyric_tags(tmp_path / "song.aiff", SONG)
    with pytest.raises(EncodeError, match="cannot be written"):
        write_lyric_tags(tmp_path / "noise.mp3", SONG)
