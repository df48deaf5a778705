"""What every sub-command says, and how: results on standard output, progress and warnings on standard error.

Runs on the main thread. rich is loaded only for a progress bar on a terminal: a script that reads
`--json` does not wait for it.
"""

import contextlib
import dataclasses
import json
import logging
import math
import sys
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, Protocol, TextIO, TypeVar, cast

import click

from engine.errors import CharonWarning

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])


class Update(Protocol):
    """Moves a progress bar: `update(completed)`, 0 to the total, with a note at its right end."""

    def __call__(self, completed: float, note: str = "") -> None:
        """Show how far the work is."""
        ...


def json_option(function: AnyFunction) -> AnyFunction:
    """Give a sub-command `--json`, as its argument `as_json`.

    Parameters
    ----------
    function : callable
        The sub-command's function.

    Returns
    -------
    callable
        The same function, decorated.
    """
    option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
    return option(function)


def print_json(result: object) -> None:
    """Print one JSON object on standard output.

    Parameters
    ----------
    result : object
        Dataclasses, mappings, sequences, paths, numpy scalars and arrays, in any nesting. A number
        that JSON cannot hold (NaN, infinity) becomes null.
    """
    click.echo(json.dumps(_plain(result), indent=2, allow_nan=False))


def _plain(value: object) -> Any:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, PurePath):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in cast("Mapping[object, object]", value).items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in cast("Sequence[object]", value)]
    to_list = getattr(value, "tolist", None)
    if to_list is not None:
        return _plain(to_list())
    raise TypeError(f"{type(value).__name__} has no place in JSON: {value!r}")


def say(text: str) -> None:
    """Print a line of the result on standard output."""
    click.echo(text)


def say_above(text: str) -> None:
    """Print a line of the result on standard output while a bar is shown, above the bar.

    Parameters
    ----------
    text : str
    """
    if sys.stdout.isatty():
        # What rich put here moves the bar down; click.echo looks behind it, and hits the bar.
        sys.stdout.write(f"{text}\n")
    else:
        # But rich writes to its own terminal: a file or a pipe that the result goes to is behind it.
        click.echo(text)


def warn(text: str) -> None:
    """Print one line of warning on standard error."""
    # Not click.echo: it looks behind the stream that rich puts here to print above a bar, and hits the bar.
    sys.stderr.write(f"charon: warning: {' '.join(text.split())}\n")


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under their columns on standard output, numbers to the right.

    Parameters
    ----------
    columns : sequence of str
        Headings.
    rows : sequence of sequences
        Cells, as many a row as there are columns; floats are shown with one decimal place, None
        as a dash, everything else as its text.

    Notes
    -----
    Lines are never cut or wrapped to the terminal's width: a path that is cut cannot be copied.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [
        max(_width(text) for text in (heading, *(row[i] for row in cells)))
        for i, heading in enumerate(columns)
    ]
    to_right = [bool(rows) and all(_is_number(row[i]) for row in rows) for i in range(len(columns))]
    for line in (list(columns), ["-" * width for width in widths], *cells):
        padded: list[str] = []
        for text, width, right in zip(line, widths, to_right, strict=True):
            space = " " * (width - _width(text))
            padded.append(space + text if right else text + space)
        click.echo("  ".join(padded).rstrip())


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.1f}"
    return str(value)


def _width(text: str) -> int:
    """Columns of a terminal that a text takes; an ideograph takes two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


@contextlib.contextmanager
def progress(description: str, total: float | None, *, quiet: bool = False) -> Generator[Update]:
    """Show a bar on standard error while the block runs; say nothing when that is no terminal.

    Parameters
    ----------
    description : str
        What is being done; at the left of the bar.
    total : float or None
        The value of `completed` at the end; None when it cannot be known.
    quiet : bool
        Never draw.

    Yields
    ------
    Update
        Call it with how much is done, in the unit of `total`, and a note (speed, time left).
    """
    if quiet or not sys.stderr.isatty():
        yield _no_update
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task(description, total=total, note="")

        def update(completed: float, note: str = "") -> None:
            bar.update(task, completed=completed, note=note)

        yield update


def _no_update(completed: float, note: str = "") -> None:
    del completed, note


def show_warnings_as_lines() -> None:
    """Show every CharonWarning as one line on standard error, and put all other warnings in the log."""
    warnings.simplefilter("always", CharonWarning)
    warnings.showwarning = _show_warning


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    del file, line
    if issubclass(category, CharonWarning):
        warn(str(message))
    else:
        where = f"{Path(filename).name}:{lineno}"
        logging.getLogger("py.warnings").warning("%s: %s: %s", where, category.__name__, message)


def stem_names(text: str | None) -> list[str]:
    """Names in an option: "vocals, drums"."""
    return [name.strip() for name in (text or "").split(",") if name.strip()]
