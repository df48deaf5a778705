"""The frame of the command line: which sub-commands there are, loaded only when they are called.

Runs on the main thread. The summaries stand here rather than in the commands so that
`charon --help` does not import numba, onnxruntime and PortAudio to print seven lines.
"""

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import click

from engine.errors import name_hint

COMMANDS = {
    "window": "Open the window; this is also what charon alone does.",
    "separate": "Split songs into stems and write them to files.",
    "play": "Play a song at once while its stems are being separated.",
    "live": "Sing or speak through the mic chain, and record it.",
    "analyze": "Tell tempo, key, loudness, pitch and fingerprint of songs.",
    "visualize": "Draw the Julia set of a song: a video with its sound, or pictures.",
    "evaluate": "Judge models by songs whose true stems are known.",
    "transcribe": "Write down the words of a song, in time with it.",
    "library": "Keep your songs in view, and find those that sound alike.",
    "batch": "Analyse or separate many songs, on every core or on a Dask cluster.",
    "train": "Train the network that steers the Julia set on your songs.",
    "serve": "Serve training and its networks over HTTP, to this machine.",
    "models": "List, fetch, verify, add and remove models.",
    "devices": "List the audio devices of this machine.",
    "bench": "Measure the engine on this machine.",
    "doctor": "Check what works here, and say what to do about what does not.",
}

_EXIT_USAGE = 2
_EXIT_CANCELLED = 130


def _debug_option() -> click.Option:
    # `main` looks for the word itself, because it must work when loading a command is what fails.
    return click.Option(["--debug"], is_flag=True, expose_value=False, help="Show tracebacks and the log.")


class LazyGroup(click.Group):
    """A group whose sub-commands are modules with an attribute `command`, imported when called.

    Parameters
    ----------
    summaries : mapping of str to str
        One line of help for each sub-command.
    module_of : callable
        Name of the module that holds a sub-command.
    """

    def __init__(
        self, *, summaries: Mapping[str, str], module_of: Callable[[str], str], **attributes: Any
    ) -> None:
        super().__init__(**attributes)
        self.summaries = summaries
        self.module_of = module_of

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the sub-commands, in the order of their summaries."""
        return list(self.summaries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a sub-command; None when there is none of that name."""
        if cmd_name not in self.summaries:
            return None
        module = importlib.import_module(self.module_of(cmd_name))
        command = cast("click.Command", module.command)
        _add_debug(command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Print the summaries, importing nothing."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.summaries.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the sub-command that `args` start with; a misspelt one is answered with the nearest."""
        if args and not args[0].startswith("-") and args[0] not in self.summaries:
            ctx.fail(f"no command '{args[0]}'; {name_hint(args[0], self.summaries)}")
        return super().resolve_command(ctx, args)


def _add_debug(command: click.Command) -> None:
    """Let --debug stand behind any sub-command as well as before it."""
    if not any(parameter.name == "debug" for parameter in command.params):
        command.params.append(_debug_option())
    if isinstance(command, click.Group) and not isinstance(command, LazyGroup):
        for sub_command in command.commands.values():
            _add_debug(sub_command)


def _print_version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"charon {version('charon')}")
        ctx.exit()


class _Root(LazyGroup):
    def invoke(self, ctx: click.Context) -> Any:
        """Set up the log and the one-line warnings, before a sub-command is even imported."""
        from app.cli.console import show_warnings_as_lines
        from app.logs import configure

        configure(debug="--debug" in sys.argv[1:])
        show_warnings_as_lines()
        return super().invoke(ctx)


def root_command() -> LazyGroup:
    """Build the `charon` command.

    Returns
    -------
    LazyGroup
        The group of all sub-commands.
    """
    return _Root(
        name="charon",
        summaries=COMMANDS,
        module_of=lambda name: f"app.cli.{name}",
        params=[
            click.Option(
                ["--version"],
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=_print_version,
                help="Show the version and exit.",
            ),
            _debug_option(),
        ],
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        help="Charon plays a song at once and lets you mix its stems while they are being separated.",
        epilog="Each command has --help with an example. `charon doctor` says what works on this machine.",
    )


def run(arguments: Sequence[str]) -> int:
    """Run `charon` with the given arguments.

    Parameters
    ----------
    arguments : sequence of str
        What follows the program's name.

    Returns
    -------
    int
        Exit code, 0, 2 or 130. Failures are raised.
    """
    for stream in (sys.stdout, sys.stderr):
        # A file name may hold bytes that are no text in this locale; printing it must not fail.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    group = root_command()
    # Options alone (charon --debug) are the window's too, unless they ask for something themselves.
    arguments = list(arguments)
    if not arguments or arguments == ["--debug"]:
        arguments.append("window")
    try:
        result = group.main(args=arguments, prog_name="charon", standalone_mode=False)
    except click.Abort:
        click.echo("charon: cancelled", err=True)
        return _EXIT_CANCELLED
    except click.ClickException as error:
        return _report_usage(error)
    return result if isinstance(result, int) else 0


def _report_usage(error: click.ClickException) -> int:
    """Say in one line what is wrong with the command, and where its help is."""
    path = "charon"
    if isinstance(error, click.UsageError) and error.ctx is not None:
        path = error.ctx.command_path
    message = " ".join(error.format_message().split()).rstrip(".")
    click.echo(f"charon: error: {message} (see `{path} --help`)", err=True)
    return _EXIT_USAGE if isinstance(error, click.UsageError) else error.exit_code
