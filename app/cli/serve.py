"""`charon serve`: the local HTTP API, and a page that shows training live."""

import ipaddress
import signal
import sys
import threading
from pathlib import Path

import click

from app.cli.console import json_option, print_json, say, warn
from app.server.api import Api
from app.server.guard import LEAST_TOKEN, Access
from app.server.serving import DEFAULT_PORT, LocalServer
from engine.errors import ParameterError
from engine.io.home import default_home
from engine.services.control_shelf import ControlShelf
from engine.services.training_run import TrainingRun, training_trouble

LOOK_S = 0.25


@click.command(epilog="Example: charon serve --port 8420")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    help="0 takes a free one.",
)
@click.option("--token", help=f"What callers must know; {LEAST_TOKEN} characters or more.")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File that holds the token, where no list of processes shows it.",
)
@click.option("--name", "names", multiple=True, help="Another name that this machine is called by.")
@json_option
def command(
    host: str, port: int, token: str | None, token_file: Path | None, names: tuple[str, ...], as_json: bool
) -> None:
    """Serve training and its networks over HTTP, to this machine, until Ctrl+C."""
    token = _checked_token(token, token_file)
    remote = not _is_loopback(host)
    if remote and token is None:
        raise click.UsageError(f"--host {host} lets other machines in: give --token or --token-file too")
    access = Access(token, remote, frozenset(name.lower() for name in (host, *names)))
    home = default_home()
    shelf = ControlShelf(home)
    run = TrainingRun(home.root / "training", shelf.keep_trained)
    wanted = _wait_for_signals()
    try:
        with LocalServer(Api(run, shelf), access, host, port) as server:
            _say_where(server, token=token, as_json=as_json)
            while not wanted.wait(LOOK_S):
                if not server.running:
                    raise ParameterError("the server ended by itself; charon --debug serve shows why")
    finally:
        run.close()


def _say_where(server: LocalServer, *, token: str | None, as_json: bool) -> None:
    if as_json:
        print_json({"url": server.url, "docs": f"{server.url}docs", "token_needed": token is not None})
    else:
        say(f"serving at {server.url}" + ("#token=…" if token else "") + "; Ctrl+C ends it")
    sys.stdout.flush()
    trouble = training_trouble()
    if trouble is not None:
        warn(trouble)


def _wait_for_signals() -> threading.Event:
    """An event that Ctrl+C and the system's own wish for an end set."""
    wanted = threading.Event()

    def stop(_number: int, _frame: object) -> None:
        wanted.set()

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, stop)
    return wanted


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _checked_token(token: str | None, token_file: Path | None) -> str | None:
    if token_file is not None:
        if token is not None:
            raise click.UsageError("give --token or --token-file, not both")
        try:
            token = token_file.read_text().strip()
        except (OSError, ValueError) as err:
            raise click.UsageError(f"{token_file} cannot be read: {err}") from err
    if token is None:
        return None
    if len(token) < LEAST_TOKEN or not token.isascii() or any(sign.isspace() for sign in token):
        raise click.UsageError(
            f"the token has {len(token)} characters; give {LEAST_TOKEN} or more, no spaces"
        )
    return token
