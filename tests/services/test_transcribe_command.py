"""`charon transcribe` as a shell meets it: formats, JSON, exit codes; and lyrics in what is exported."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

from engine.io.home import Home
from engine.io.lyric_files import parse_lyrics, read_lyrics
from engine.io.lyric_tags import read_lyric_tags
from engine.services.transcription_job import DRAFT_MODEL
from tests.services.conftest import SHARED, Told
from tests.services.singing import SAID, whisper_home, write_verses


@pytest.fixture(scope="module")
def own(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return whisper_home(tmp_path_factory.mktemp("whisper"), home).root


@pytest.fixture
def transcribe(charon: Callable[..., Told], own: Path) -> Callable[..., Told]:
    def run(*arguments: object) -> Told:
        return charon("transcribe", *arguments, home_root=own)

    return run


def test_json_has_every_key_and_files_hold_the_same(transcribe: Callable[..., Told], tmp_path: Path) -> None:
    """The song is heard once; every other call writes what is known."""
    song = SHARED / "speech.ogg"
    common = (song, "--model", DRAFT_MODEL, "--hearing", "mix")
    told = transcribe(*common, "--json")
    assert told.code == 0, told.err
    result = json.loads(told.out)
    assert {"input", "language", "model", "ran_on", "seconds", "wall_s", "inference_s", "warnings"} <= set(
        result
    )
    assert result["ran_on"].endswith(", int8")
    assert result["resumed_windows"] == 0
    for segment in result["segments"]:
        assert {"start_s", "end_s", "text", "words"} <= set(segment)
        assert 0.0 <= segment["start_s"] <= segment["end_s"] <= result["seconds"] + 0.1
        for word in segment["words"]:
            assert set(word) == {"start_s", "end_s", "text", "probability"}
    texts = [segment["text"] for segment in result["segments"]]
    assert "Catherine" in texts[0]
    (tmp_path / "given.txt").write_text(SAID)
    for name, options in (
        ("song.lrc", ()),
        ("song.vtt", ()),
        ("song.json", ()),
        ("given.lrc", ("--align", tmp_path / "given.txt", "--format", "lrc-words")),
    ):
        told = transcribe(*common, "-o", tmp_path / name, *options)
        assert told.code == 0, told.err
        file = read_lyrics(tmp_path / name)
        expected = SAID.splitlines() if name == "given.lrc" else texts
        assert [segment.text for segment in file.lyrics.segments] == expected
        assert (file.timing == "words") == (name in {"song.vtt", "song.json", "given.lrc"})
    printed = transcribe(*common, "--format", "srt")
    assert [s.text for s in parse_lyrics(printed.out, "srt").lyrics.segments] == texts
    shown = transcribe(*common)
    assert all(text in shown.out for text in texts)
    assert f"{len(texts)} lines" in shown.out
    assert "CPU, int8" in shown.out or "CUDA" in shown.out


def test_what_cannot_be_done_is_one_line_before_any_work(
    transcribe: Callable[..., Told], tmp_path: Path
) -> None:
    song = write_verses(tmp_path / "verse.wav", 1)
    for arguments, code, why in (
        ((song, "--model", "whisper-basse"), 1, "whisper-base"),
        ((song, "--model", DRAFT_MODEL, "--language", "de"), 1, "English only"),
        ((song, "--model", DRAFT_MODEL, "-o", tmp_path / "no" / "song.lrc"), 1, "cannot be written"),
        ((song, "--model", DRAFT_MODEL, "-o", tmp_path / "song.doc"), 1, "lyrics"),
        ((song, "--model", DRAFT_MODEL, "--align", tmp_path / "missing.txt"), 1, "cannot be read"),
        ((tmp_path / "missing.mp3", "--model", DRAFT_MODEL), 1, "missing.mp3"),
    ):
        told = transcribe(*arguments)
        assert told.code == code
        assert len(told.error_lines) == 1, told.err
        assert why in told.error_lines[0]
        assert told.out == ""


def test_a_song_without_words_says_so(transcribe: Callable[..., Told], tmp_path: Path) -> None:
    path = tmp_path / "silence.wav"
    soundfile.write(path, [0.0] * 22_050, 22_050)
    told = transcribe(path, "--model", DRAFT_MODEL, "--hearing", "mix")
    assert (told.code, told.out.strip()) == (0, "silence.wav: no words are sung")


def test_exported_stems_carry_lyrics_when_asked(charon: Callable[..., Told], tmp_path: Path) -> None:
    song = write_verses(tmp_path / "verse.wav", 1)
    lyrics = tmp_path / "verse.lrc"
    lyrics.write_text("[00:01.00]Mrs. Allen\n[00:02.50]\n")
    told = charon(
        *("separate", song, "--model", "quarter", "--format", "mp3", "-o", tmp_path / "out"),
        *("--lyrics", lyrics, "--json"),
    )
    assert told.code == 0, told.err
    for path in told.songs[0]["stems"].values():
        carried = read_lyric_tags(Path(path))
        assert carried is not None
        assert [(s.start_s, s.end_s, s.text) for s in carried.segments] == [(1.0, 2.5, "Mrs. Allen")]
    refused = charon("separate", song, "--model", "quarter", "--lyrics", tmp_path / "missing.lrc")
    assert (refused.code, len(refused.error_lines)) == (1, 1)
