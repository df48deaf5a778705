"""`charon transcribe`: the words of a song, in time with it.

Runs on the main thread; the work is `engine.services.transcribe_song`. A run that was stopped goes on
where it was.
"""

import dataclasses
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.console import json_option, print_json, progress, say, say_above
from engine.services.transcription_job import DEFAULT_MODEL, TranscriptionOrder

if TYPE_CHECKING:
    from app.cli.console import Update
    from engine.lyrics import Lyrics, Segment
    from engine.services.transcribe_song import SongTranscription

_PARTS = {"preparing": (0.0, 0.2), "transcribing": (0.2, 0.8)}
"""Where each kind of work begins on the bar, and how much of it is its own."""


@click.command(
    epilog="Example: charon transcribe song.mp3 --format lrc -o song.lrc",
    short_help="Write down the words of a song, in time with it.",
)
@click.argument("song", metavar="SONG", type=click.Path(readable=False, path_type=Path))
@click.option(
    "--format",
    "kind",
    type=click.Choice(["lrc", "lrc-words", "srt", "vtt", "txt", "json"]),
    help="Print or write this; with -o the file's name says it, and JSON is the default without.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write here instead of printing."
)
@click.option(
    "--model", default=DEFAULT_MODEL, show_default=True, help="Whisper model, see `charon models list`."
)
@click.option("--language", default="", metavar="CODE", help="Such as en or de; detected by default.")
@click.option(
    "--hearing",
    type=click.Choice(["both", "mix", "vocals"]),
    default="both",
    show_default=True,
    help="Listen to the mix, to its vocals, or to both and keep the surer lines.",
)
@click.option(
    "--align",
    "given",
    type=click.Path(path_type=Path),
    metavar="TEXT",
    help="Lyrics (.txt, .lrc) to put in time with the song instead of Whisper's own words.",
)
@click.option("--precision", default="auto", metavar="P", help="int8, int8_float16, float16 or float32.")
@click.option("--device", default="auto", metavar="D", help="cpu or cuda; the faster one by default.")
@json_option
def command(
    song: Path,
    kind: str | None,
    output: Path | None,
    model: str,
    language: str,
    hearing: Any,
    given: Path | None,
    precision: str,
    device: str,
    as_json: bool,
) -> int:
    """Write down the words of a song, in time with it.

    The words come line by line as they are heard. Vocals are taken out of the song first, unless that was
    done before. Nothing is written over a song's instrumental parts.
    """
    kind = _check_output(output, kind)
    order = TranscriptionOrder(model, language, hearing, precision, device)
    from engine.services.transcribe_song import Transcriber

    shown = not as_json and output is None and kind is None
    with Transcriber() as transcriber, transcriber.open(song, order) as transcription:
        begun_s = time.perf_counter()
        with progress(song.name, 1.0, quiet=as_json) as update:
            lyrics = _run(transcription, given, update, shown)
        wall_s = time.perf_counter() - begun_s
    if output is not None:
        from engine.io.lyric_files import write_lyrics

        write_lyrics(lyrics, output, kind, title=song.stem)
    elif kind is not None and not as_json:
        from engine.io.lyric_files import format_lyrics

        say(format_lyrics(lyrics, kind, title=song.stem).rstrip("\n"))
    if as_json:
        print_json({"input": song, "output": output, **_figures(transcription, lyrics, wall_s)})
    elif shown or output is not None:
        _show_end(transcription, lyrics, wall_s, output)
    return 0


def _check_output(output: Path | None, kind: str | None) -> str | None:
    """The format to write in; refuses a file that could not be written, before any work."""
    if output is None:
        return kind
    from engine.errors import EncodeError
    from engine.io.lyric_files import kind_of

    folder = output.absolute().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK) or output.is_dir():
        raise EncodeError(f"{output} cannot be written: is its folder there, and yours? choose another")
    if kind is None:
        named = kind_of(output)
        # The plain form is what every player reads; the other is asked for by name.
        kind = "lrc" if named == "lrc-words" else named
    return kind


def _run(transcription: "SongTranscription", given: Path | None, update: "Update", shown: bool) -> "Lyrics":
    def report(what: str, part: float) -> None:
        begun, share = _PARTS.get(what, (0.8, 0.2))
        update(begun + share * max(0.0, part), what)

    if given is not None:
        from engine.services.align_lyrics import align_lyrics, read_given

        lyrics = align_lyrics(transcription, read_given(given), report)
        if shown:
            for segment in lyrics.segments:
                say_above(_line(segment))
        return lyrics
    for segment in transcription.segments(report):
        if shown:
            say_above(_line(segment))
    return transcription.lyrics


def _line(segment: "Segment") -> str:
    minutes, seconds = divmod(segment.start_s, 60.0)
    return f"{int(minutes):2d}:{seconds:05.2f}  {segment.text}"


def _figures(transcription: "SongTranscription", lyrics: "Lyrics", wall_s: float) -> dict[str, Any]:
    return {
        "language": lyrics.language,
        "model": lyrics.model,
        "ran_on": transcription.ran_on,
        "seconds": transcription.song.duration_s,
        "wall_s": wall_s,
        "inference_s": transcription.inference_s,
        "resumed_windows": transcription.resumed_windows,
        "warnings": transcription.warnings,
        "segments": [dataclasses.asdict(segment) for segment in lyrics.segments],
    }


def _show_end(
    transcription: "SongTranscription", lyrics: "Lyrics", wall_s: float, output: Path | None
) -> None:
    n_words = sum(len(segment.words) for segment in lyrics.segments)
    where = f" in {output}" if output is not None else ""
    if not lyrics.segments:
        say(f"{transcription.song.path.name}: no words are sung")
        return
    say(
        f"{transcription.song.path.name}: {len(lyrics.segments)} lines, {n_words} words, language "
        f"{lyrics.language}{where}; {transcription.order.model} on {transcription.ran_on}, "
        f"{transcription.song.duration_s / max(wall_s, 0.001):.1f} times real time"
    )
