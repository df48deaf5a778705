"""`charon analyze`: what songs are like, as a table or as JSON.

Main thread; importing it loads no numba, `--help` and mistakes are answered at once.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.console import json_option, print_json, progress, say, table
from engine.errors import CharonError

if TYPE_CHECKING:
    from engine.services.analysis import Analysis

EXIT_FAILED = 1


@click.command(
    epilog="Examples: charon analyze song.flac; charon analyze --json *.mp3 > songs.json; "
    "charon analyze --threads 1 stems/*/drums.wav; charon analyze song.flac --plot song.png"
)
@click.argument(
    "songs", nargs=-1, required=True, type=click.Path(readable=False, path_type=Path), metavar="SONG..."
)
@click.option(
    "--threads", type=click.IntRange(1, 64), default=None, help="Threads to share. [default: cores]"
)
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    default=None,
    metavar="PICTURE",
    help="Draw it over time, as PNG or SVG; a folder takes a PNG of each song.",
)
@json_option
def command(songs: tuple[Path, ...], threads: int | None, plot: Path | None, as_json: bool) -> int:
    """Tell tempo, key, loudness, pitch and fingerprint of songs or stems.

    What cannot be told is a dash with the reason beside it, in JSON null with the reason in `reasons`.
    wall_s is the time from opening the file to having everything.
    """
    pictures = _pictures(songs, plot)
    results: list[dict[str, Any]] = []
    failed = False
    for song in songs:
        try:
            found, wall_s = _analyse(song, threads, pictures.get(song), quiet=as_json)
        except CharonError as err:
            if len(songs) == 1:
                raise
            failed = True
            line = " ".join(str(err).split())
            click.echo(f"charon: error: {line}", err=True)
            results.append({"input": song, "error": line})
            continue
        drawn = {"plot": pictures[song]} if song in pictures else {}
        results.append({"input": song, **found.to_dict(), **drawn, "wall_s": wall_s})
        if not as_json:
            if len(results) > 1:
                say("")
            _show(song, found, wall_s)
            if drawn:
                say(f"\nplot: {pictures[song]}")
    if as_json:
        print_json({"songs": results})
    return EXIT_FAILED if failed else 0


def _pictures(songs: tuple[Path, ...], plot: Path | None) -> dict[Path, Path]:
    """Where each song's picture goes; refused before any work when it cannot be written."""
    if plot is None:
        return {}
    from app.cli.analysis_plot import check_pictures, picture_paths

    pictures = picture_paths(songs, plot)
    check_pictures(pictures.values())
    return pictures


def _analyse(
    song: Path, threads: int | None, picture: Path | None, *, quiet: bool
) -> "tuple[Analysis, float]":
    start = time.perf_counter()
    with progress(song.name, 1.0, quiet=quiet) as update:
        if picture is None:
            from engine.services.analysis import analyse_song

            found = analyse_song(song, update, threads)
        else:
            from app.cli.analysis_plot import draw_plot
            from engine.services.curves import song_curves

            curves = song_curves(song, update, threads)
            draw_plot(song, curves, picture)
            found = curves.analysis
    return found, time.perf_counter() - start


def _show(song: Path, found: "Analysis", wall_s: float) -> None:
    from engine.services.fingerprint import DIMENSIONS

    kind = {1: "mono", 2: "stereo"}.get(found.channels, f"{found.channels} channels")
    say(f"{song.name}: {_clock(found.duration_s)}, {found.rate_hz} Hz, {kind}, analysed in {wall_s:.2f} s")
    bars = f", {len(found.downbeats_s)} bars of {found.beats_per_bar}" if found.downbeats_s else ""
    rows = [
        ("tempo", "tempo_bpm", found.tempo_bpm, "bpm", f"{len(found.beats_s)} beats{bars}"),
        ("key", "key", found.key, "", f"clarity {found.key_clarity:.2f}"),
        ("loudness", "lufs", found.lufs, "LUFS", "integrated"),
        ("loudest 0.4 s", "momentary_max_lufs", found.momentary_max_lufs, "LUFS", ""),
        ("loudness range", "loudness_range_lu", found.loudness_range_lu, "LU", ""),
        ("true peak", "true_peak_db", found.true_peak_db, "dB", "relative to full scale"),
        ("tuning", "tuning_cents", found.tuning_cents, "cents", "from A = 440 Hz"),
        ("pitch", "pitch_hz", found.pitch_hz, "Hz", "median"),
    ]
    table(
        ("song", "value", "unit", "note"),
        [
            (name, _number(value), unit, found.reasons.get(field, note))
            for name, field, value, unit, note in rows
        ],
    )
    say("")
    numbers = found.fingerprint.to_dict()
    table(
        ("fingerprint", "value", "unit"),
        [(d.name, _number(numbers[d.name]), d.unit) for d in DIMENSIONS],
    )


def _number(value: float | str | None) -> str | None:
    """One decimal place for what is large and three for shares, to the right of a column of texts."""
    if value is None or isinstance(value, str):
        return value
    text = f"{value:.1f}" if abs(value) >= 10.0 else f"{value:.3f}"
    return f"{text:>8}"


def _clock(seconds: float) -> str:
    if seconds < 10.0:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
