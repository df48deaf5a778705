"""`charon library`: the songs of this machine, and which of them sound alike.

Runs on the main thread; scanning is done by processes of its own. Thin: everything is done by
`engine.services.library` and `library_scan`, so that the window's library is the same one.
"""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.console import json_option, print_json, progress, say, table, warn
from engine.io.home import default_home
from engine.services.library import Library, library_file
from engine.services.library_listing import SORT_KEYS
from engine.services.library_records import WHOLE_SONG, Song

if TYPE_CHECKING:
    from engine.services.library_scan import ScanReport
    from engine.services.song_similarity import SimilarSong

FAILED_SHOWN = 20


@click.group(
    name="library",
    help="Your songs: what they are called, how they sound, which of them sound alike.",
    epilog="Example: charon library add ~/Music && charon library similar song.mp3",
)
def command() -> None:
    """Add, list, compare and remove songs."""


def _open() -> Library:
    return Library(library_file(default_home()))


@command.command(epilog="Example: charon library add ~/Music --json")
@click.argument(
    "folders", metavar="FOLDER...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path)
)
@click.option(
    "--processes", type=click.IntRange(1, 64), help="Processes that listen at once. [default: cores]"
)
@json_option
def add(folders: tuple[Path, ...], processes: int | None, as_json: bool) -> None:
    """Take every song in FOLDER and below into the library; songs that it knows are left as they are.

    Stems of these songs that were separated before are listened to as well, for `similar --stem`.

    Stopped at any moment, it goes on where it was when it is called again. A file that cannot be read is
    named and left out.
    """
    from engine.services.library_scan import ScanProgress, scan_folders
    from engine.services.stem_scan import scan_stems

    with _open() as library, progress("listening", 1.0, quiet=as_json) as update:

        def show(now: ScanProgress) -> None:
            if now.total:
                update(now.done / now.total, f"{now.done} of {now.total} files")
            else:
                update(0.0, f"{now.found} files found")

        report = scan_folders(library, folders, progress=show, processes=processes)
        stems = scan_stems(library, default_home().stems, progress=lambda part: update(part, "stems"))
    if as_json:
        failed = [{"path": path, "reason": reason} for path, reason in report.failed]
        notes = [{"path": path, "note": note} for path, note in report.notes]
        counted = {"found": stems.found, "analysed": stems.analysed}
        print_json({**dataclasses.asdict(report), "failed": failed, "notes": notes, "stems": counted})
    else:
        _show_report(report)
        for folder, reason in stems.failed:
            warn(reason if str(folder) in reason else f"{folder}: {reason}")
        if stems.analysed:
            say(f"{stems.analysed} stems of these songs listened to: library similar SONG --stem NAME")


def _show_report(report: "ScanReport") -> None:
    for path, note in report.notes:
        warn(note if str(path) in note else f"{path}: {note}")
    for path, reason in report.failed[:FAILED_SHOWN]:
        warn(reason if str(path) in reason else f"{path}: {reason}")
    if len(report.failed) > FAILED_SHOWN:
        warn(f"{len(report.failed) - FAILED_SHOWN} more files give no song; --json names them all")
    counts = {
        "new": report.added,
        "changed": report.changed,
        "moved": report.moved,
        "further copies": report.copies,
        "known already": report.unchanged,
        "gone": report.missing,
        "unreadable": len(report.failed),
    }
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    say(f"{report.found} sound files: {told or 'nothing to do'} ({report.wall_s:.1f} s)")


@command.command("list", epilog="Example: charon library list love --sort tempo")
@click.argument("words", nargs=-1)
@click.option("--sort", type=click.Choice(list(SORT_KEYS)), default="artist", show_default=True)
@click.option("--descending", is_flag=True, help="The last first.")
@click.option("--limit", type=click.IntRange(1), help="No more than this many.")
@json_option
def list_songs(words: tuple[str, ...], sort: str, descending: bool, limit: int | None, as_json: bool) -> None:
    """List the songs whose title, artist or album contain all WORDS; all songs without any."""
    with _open() as library:
        songs = library.songs(" ".join(words), sort=sort, descending=descending, limit=limit)
    if as_json:
        print_json({"songs": songs})
    elif songs:
        table(
            ("no", "title", "artist", "length", "bpm", "key", "LUFS", "file"), [_row(song) for song in songs]
        )
    else:
        say("no such song" if words else "the library is empty; fill it: charon library add FOLDER")


@command.command(
    epilog="Example: charon library similar song.mp3 -n 5; "
    "charon library similar song.mp3 --at 61.5 --length 4 --again"
)
@click.argument("song")
@click.option("-n", "count", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many.")
@click.option("--stem", help="Compare by this stem, such as drums, where it has been separated.")
@click.option("--at", "at_s", type=float, metavar="S", help="More like the bar that begins at this second.")
@click.option("--length", "length_s", type=float, default=4.0, show_default=True, metavar="S", help="Of it.")
@click.option("--again", is_flag=True, help="Only where exactly this bar comes again in the song.")
@json_option
def similar(
    song: str,
    count: int,
    stem: str | None,
    at_s: float | None,
    length_s: float,
    again: bool,
    as_json: bool,
) -> None:
    """Find the songs that sound most like SONG: a file in the library, a number, or words of its title.

    With --at, find the places, in all songs, that sound like the one in SONG that begins there.
    """
    from engine.services.segment_search import find_again, more_like_this
    from engine.services.song_similarity import similar_songs

    if again and at_s is None:
        raise click.UsageError("--again needs a place in the song: --at SECOND")
    source = stem or WHOLE_SONG
    with _open() as library:
        asked = library.find(song)
        if at_s is None:
            found = similar_songs(library, asked.song_id, count, source=source)
            _show_similar(asked, found, as_json)
            return
        span_s = (at_s, length_s)
        if again:
            segments = find_again(library, asked.song_id, span_s, source=source)
        else:
            segments = more_like_this(library, asked.song_id, span_s, count, source=source)
        songs = {one.song_id: one for one in library.songs_of([found.song_id for found in segments])}
    if as_json:
        told = [{**dataclasses.asdict(found), "song": songs[found.song_id]} for found in segments]
        print_json({"song": asked, "at_s": at_s, "length_s": length_s, "segments": told})
        return
    what = "the same as" if again else "most like"
    say(f"{what} {_clock(at_s)} to {_clock(at_s + length_s)} of {_name(asked)}:")
    if segments:
        rows = [
            (f"{one.distance:.2f}", _clock(one.start_s), _clock(one.stop_s), *_row(songs[one.song_id]))
            for one in segments
        ]
        table(
            ("distance", "from", "to", "no", "title", "artist", "length", "bpm", "key", "LUFS", "file"), rows
        )
    else:
        say("it does not come again" if again else "there is nothing else of this length in the library")


def _show_similar(asked: Song, found: "list[SimilarSong]", as_json: bool) -> None:
    if as_json:
        print_json({"song": asked, "similar": found})
        return
    say(f"nearest to {_name(asked)}:")
    if found:
        table(
            ("distance", "no", "title", "artist", "length", "bpm", "key", "LUFS", "file"),
            [(f"{other.distance:.2f}", *_row(other.song)) for other in found],
        )
    else:
        say("there is no other song in the library; add some: charon library add FOLDER")


@command.command(epilog="Example: charon library remove 12")
@click.argument("song")
@json_option
def remove(song: str, as_json: bool) -> None:
    """Take SONG out of the library: a file in it, a number, or words of its title. Its file stays."""
    with _open() as library:
        gone = library.find(song)
        library.remove(gone.song_id)
    if as_json:
        print_json({"removed": gone})
    else:
        say(f"{_name(gone)} is no longer in the library; its file stays where it is")


def _row(song: Song) -> tuple[object, ...]:
    minutes, seconds = divmod(round(song.duration_s), 60)
    where = str(song.paths[0]) if song.paths else "(its file is gone)"
    return (
        song.song_id,
        song.title,
        song.artist,
        f"{minutes}:{seconds:02d}",
        song.tempo_bpm,
        song.key or "-",
        song.lufs,
        where,
    )


def _name(song: Song) -> str:
    return f"{song.title} ({song.artist})" if song.artist else song.title


def _clock(time_s: float) -> str:
    minutes, seconds = divmod(round(time_s, 1), 60.0)
    return f"{int(minutes)}:{seconds:04.1f}"
