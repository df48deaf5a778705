"""`charon batch`: thousands of songs, on every core of this machine or on a Dask cluster.

Main thread; thin: everything is done by `engine.services.batch`. Importing it loads no numba and no
Dask.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.console import AnyFunction, json_option, print_json, progress, say, warn

if TYPE_CHECKING:
    from engine.services.batch import BatchProgress, BatchReport, Doing

EXIT_FAILED = 1


@click.group(
    name="batch",
    help="Many songs at once: on every core of this machine, or on a Dask cluster.",
    epilog="Examples: charon batch analyze ~/Music -o analyses --processes 4; charon batch separate "
    "--list songs.txt --dask tcp://host:8786 -o /shared/stems",
)
def command() -> None:
    """Analyse or separate many songs."""


def _batch_options(default_folder: str) -> Any:
    """What both commands ask for."""

    def decorate(function: AnyFunction) -> AnyFunction:
        options = (
            click.argument("songs", metavar="SONG...", nargs=-1),
            click.option(
                "-o",
                "--output",
                "folder",
                type=click.Path(path_type=Path),
                default=Path(default_folder),
                show_default=True,
                help="Folder for the results.",
            ),
            click.option(
                "--list",
                "listing",
                type=click.Path(exists=True, dir_okay=False, path_type=Path),
                help="A text file that names more songs, one a line.",
            ),
            click.option(
                "--processes", type=click.IntRange(1, 64), help="Processes on this machine at once."
            ),
            click.option(
                "--dask",
                "cluster",
                metavar="ADDRESS",
                help="Let the workers of this Dask scheduler do it, such as tcp://host:8786.",
            ),
        )
        for option in reversed(options):
            function = option(function)
        return json_option(function)

    return decorate


@command.command(
    epilog="Examples: charon batch analyze ~/Music; charon batch analyze 's3://bucket/*.flac' "
    "--dask tcp://host:8786 -o analyses --json",
    short_help="Tell what many songs are like: a JSON file each.",
)
@_batch_options("analyses")
def analyze(
    songs: tuple[str, ...],
    folder: Path,
    listing: Path | None,
    processes: int | None,
    cluster: str | None,
    as_json: bool,
) -> int:
    """Tell tempo, key, loudness, pitch and fingerprint of many songs: a JSON file each.

    SONG is a file, a folder, or a URL of anything that fsspec reads; an asterisk in a URL stands for
    several. What is done is kept: started again, it goes on where it was, and songs that have not changed
    are left alone.
    """
    from engine.services.batch_work import Analysing

    return _run(Analysing(), songs, folder, listing, processes, cluster, as_json)


@command.command(
    epilog="Examples: charon batch separate ~/Music -o stems --format flac; charon batch separate "
    "--list songs.txt --dask tcp://host:8786 -o /shared/stems",
    short_help="Split many songs into stems: a folder of files each.",
)
@_batch_options("stems")
@click.option("--model", help="Model, see `charon models list`; charon-4stems unless you say so.")
@click.option(
    "--format",
    "container",
    type=click.Choice(["wav", "flac", "mp3"]),
    default="wav",
    show_default=True,
    help="Kind of file.",
)
@click.option("--bits", type=click.Choice(["16", "24", "32f"]), help="As for `charon separate`.")
@click.option("--shifts", type=click.IntRange(1, 20), default=1, show_default=True)
@click.option("--overlap", type=click.FloatRange(0.0, 0.9), help="As for `charon separate`.")
@click.option("--provider", help="What runs the network, such as CPU or CUDA; the fastest by default.")
def separate(
    songs: tuple[str, ...],
    folder: Path,
    listing: Path | None,
    processes: int | None,
    cluster: str | None,
    as_json: bool,
    **settings: Any,
) -> int:
    """Split many songs into stems: OUTPUT/SONG NAME AND NUMBER/STEM.wav (or flac, mp3).

    Songs are named as for `charon batch analyze`. On a cluster the output folder must be one that all
    machines share. A run that was stopped goes on where it was, and songs that have not changed are left
    alone.
    """
    from engine.errors import ParameterError
    from engine.inference.model_store import ModelStore
    from engine.io.encode import OutputFormat
    from engine.io.home import default_home
    from engine.services.batch_work import Separating

    home = default_home()
    settings["model"] = settings["model"] or ModelStore(home.models, home.cards).default
    try:
        OutputFormat(settings["container"], settings["bits"])
    except ParameterError as err:
        raise click.UsageError(str(err)) from err
    doing = Separating(folder=str(folder.absolute()), **settings)
    return _run(doing, songs, folder, listing, processes, cluster, as_json)


def _run(
    doing: "Doing",
    songs: tuple[str, ...],
    folder: Path,
    listing: Path | None,
    processes: int | None,
    cluster: str | None,
    as_json: bool,
) -> int:
    from engine.services.batch import open_hands, run_batch, song_addresses

    if cluster is not None and processes is not None:
        raise click.UsageError("--processes is for this machine; a Dask cluster has its own workers")
    if listing is not None:
        lines = listing.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        songs += tuple(line.strip() for line in lines if line.strip())
    if not songs:
        raise click.UsageError("no song was named: give files, folders or URLs, or --list FILE")
    addresses, unlisted = song_addresses(songs)
    if not addresses and not unlisted:
        raise click.UsageError("no sound file is in there")

    for address, reason in unlisted:
        _fail(_named(address, reason))
    with (
        open_hands(doing, len(addresses), processes=processes, cluster=cluster) as hands,
        progress("songs", 1.0, quiet=as_json) as update,
    ):

        def show(now: "BatchProgress") -> None:
            update(now.part, f"{now.done} of {now.total}")
            if now.newest is not None:
                for note in now.newest.notes:
                    warn(_named(now.newest.input, note))
                if now.newest.error:
                    _fail(_named(now.newest.input, now.newest.error))

        report = run_batch(addresses, doing, folder, hands, show)
    if as_json:
        failed = [{"input": address, "error": reason} for address, reason in unlisted]
        print_json({"songs": report.songs, "unlisted": failed, **_counts(report), "wall_s": report.wall_s})
    else:
        told = ", ".join(f"{count} {name}" for name, count in _counts(report).items() if count)
        say(f"{len(report.songs)} songs in {folder}: {told or 'nothing to do'} ({report.wall_s:.1f} s)")
    return EXIT_FAILED if report.failed or unlisted else 0


def _named(address: str, text: str) -> str:
    return text if address in text else f"{address}: {text}"


def _fail(text: str) -> None:
    # As `warn` does it, which says why.
    sys.stderr.write(f"charon: error: {' '.join(text.split())}\n")


def _counts(report: "BatchReport") -> dict[str, int]:
    return {"done": report.done, "known": report.known, "failed": report.failed}
