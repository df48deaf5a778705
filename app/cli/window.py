"""`charon window`, and `charon` alone: open the window."""

from pathlib import Path

import click


@click.command(epilog="Example: charon window song.mp3")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
def command(files: tuple[Path, ...]) -> int:
    """Open the window; with FILES (songs, folders or a session), open them in it."""
    # Here and not above: `charon window --help` needs no Qt.
    from app.desktop import run

    return run(files)
