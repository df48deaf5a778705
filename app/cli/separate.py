"""`charon separate`: songs in, a file a stem out.

Runs on the main thread; the work is `engine.services.separation`. A song that fails is reported in
its line while the others go on.
"""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.console import json_option, print_json, progress, say, table
from engine.errors import CharonError

if TYPE_CHECKING:
    from engine.lyrics import Lyrics
    from engine.services.export import SongResult
    from engine.services.separation import Separator

EXIT_FAILED = 1


@click.command(
    epilog="Example: charon separate song.mp3 -o stems --format flac --bits 24",
    short_help="Split songs into stems and write them to files.",
)
@click.argument(
    "songs", metavar="SONG...", nargs=-1, required=True, type=click.Path(readable=False, path_type=Path)
)
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(path_type=Path),
    default=Path("stems"),
    show_default=True,
    help="Folder for the results; each song gets a folder of its own in it.",
)
@click.option("--model", help="Model, see `charon models list`; charon-4stems unless you say so.")
@click.option(
    "--format",
    "container",
    type=click.Choice(["wav", "flac", "mp3"]),
    default="wav",
    show_default=True,
    help="Kind of file.",
)
@click.option(
    "--bits",
    type=click.Choice(["16", "24", "32f"]),
    help="Sample format; WAV is 32f and FLAC 24 unless you say so.",
)
@click.option(
    "--shifts",
    type=click.IntRange(1, 20),
    default=1,
    show_default=True,
    help="Average this many shifted runs: a little better, and as many times slower.",
)
@click.option(
    "--overlap",
    type=click.FloatRange(0.0, 0.9),
    help="Part that neighbouring segments share; the model has its own default.",
)
@click.option("--provider", help="What runs the network, such as CPU or CUDA; the fastest by default.")
@click.option(
    "--lyrics",
    "lyric_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Lyrics of the song (.lrc, .srt, .vtt, .json, .txt) that the files shall carry as tags.",
)
@click.option("--overwrite", is_flag=True, help="Replace earlier results instead of adding ' (2)'.")
@json_option
def command(
    songs: tuple[Path, ...],
    folder: Path,
    model: str | None,
    container: Any,
    bits: Any,
    shifts: int,
    overlap: float | None,
    provider: str | None,
    lyric_file: Path | None,
    overwrite: bool,
    as_json: bool,
) -> int:
    """Split songs into stems and write them to files.

    Each stem becomes OUTPUT/SONG NAME/STEM.wav (or flac, mp3) at the rate of the song; together they
    add up to the song. A run that was stopped goes on where it was.
    """
    from engine.errors import ParameterError
    from engine.io.encode import OutputFormat
    from engine.io.lyric_files import read_lyrics
    from engine.services.separation import Separator

    try:
        fmt = OutputFormat(container, bits)
    except ParameterError as err:
        raise click.UsageError(str(err)) from err
    if lyric_file is not None and len(songs) > 1:
        raise click.UsageError(f"{lyric_file} is of one song: separate the {len(songs)} songs one by one")
    lyrics = None if lyric_file is None else read_lyrics(lyric_file).lyrics
    results: list[dict[str, Any]] = []
    failed = False
    with Separator(model, shifts=shifts, overlap=overlap, provider=provider) as separator:
        for song in songs:
            try:
                result = _separate(separator, song, folder, fmt, lyrics, overwrite=overwrite, quiet=as_json)
            except CharonError as err:
                if len(songs) == 1:
                    raise
                failed = True
                line = " ".join(str(err).split())
                click.echo(f"charon: error: {line}", err=True)
                results.append({"input": song, "error": line})
                continue
            results.append(dataclasses.asdict(result))
            if not as_json:
                _show(result)
    if as_json:
        print_json({"songs": results})
    return EXIT_FAILED if failed else 0


def _separate(
    separator: "Separator",
    song: Path,
    folder: Path,
    fmt: Any,
    lyrics: "Lyrics | None",
    *,
    overwrite: bool,
    quiet: bool,
) -> "SongResult":
    with (
        separator.separate_file(song) as separation,
        progress(song.name, 1.0, quiet=quiet) as update,
    ):
        return separation.save_all(folder, fmt, lyrics=lyrics, overwrite=overwrite, progress=update)


def _show(result: "SongResult") -> None:
    say(f"{result.input.name}: {result.seconds:.1f} s, {result.model} on {result.provider}")
    table(
        ("stem", "peak dBFS", "loudness LUFS", "file"),
        [
            (name, result.peaks_db[name], result.loudness_lufs[name], str(path))
            for name, path in result.stems.items()
        ],
    )
    resumed = f", {result.resumed_segments} segments were there already" if result.resumed_segments else ""
    say(f"{result.realtime_factor:.1f} times real time ({result.wall_s:.1f} s){resumed}")
