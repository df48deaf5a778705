"""`charon models`: list, fetch, verify, add and remove models.

Runs on the main thread; fetching blocks it until done or Ctrl+C. Thin: everything is the
`ModelStore`'s doing, so that the window and the Python API fetch in the same way.
"""

from pathlib import Path
from typing import Any

import click

from app.cli.console import json_option, print_json, progress, say, table
from engine.errors import ModelError
from engine.inference.cards import ModelCard
from engine.inference.fetching import Progress
from engine.inference.model_store import ModelStore
from engine.io.home import default_home


@click.group(
    name="models",
    help="The models that separate songs: which there are, which are here.",
    epilog="Example: charon models get htdemucs-4stems --accept-licence",
)
def command() -> None:
    """List, fetch, verify, add and remove models."""


def _store() -> ModelStore:
    home = default_home()
    return ModelStore(home.models, home.cards)


def _row(store: ModelStore, card: ModelCard) -> dict[str, Any]:
    return {
        "name": card.name,
        "title": card.title,
        "task": card.task,
        "stems": card.stems,
        "licence": card.licence.name,
        "requires_acceptance": card.licence.requires_acceptance,
        "size_bytes": card.size_bytes,
        "present": store.is_present(card.name),
        "sources": [source.kind for source in card.sources],
        "attribution": card.attribution,
    }


def _print(store: ModelStore, cards: list[ModelCard]) -> None:
    print_json({"models": [_row(store, card) for card in cards]})


@command.command("list", epilog="Example: charon models list --json")
@json_option
def list_models(as_json: bool) -> None:
    """Show every model: its stems, licence, size, and whether it is on this machine."""
    store = _store()
    cards = list(store.cards.values())
    if as_json:
        _print(store, cards)
        return
    rows = [
        (
            card.name,
            card.task,
            ", ".join(card.stems),
            card.licence.name,
            f"{card.size_bytes / 1e6:.1f} MB",
            "yes" if store.is_present(card.name) else "no",
            ", ".join(source.kind for source in card.sources),
        )
        for card in cards
    ]
    table(("model", "task", "stems", "licence", "size", "present", "sources"), rows)


@command.command(epilog="Example: charon models get charon-4stems")
@click.argument("name")
@click.option("--accept-licence", is_flag=True, help="You have read the model's licence and accept it.")
@json_option
def get(name: str, accept_licence: bool, as_json: bool) -> None:
    """Fetch the model NAME unless it is here already."""
    store = _store()
    present = store.is_present(name)
    with _Bars() as bars:
        card = store.get(name, accept_licence=accept_licence, progress=bars)
    if as_json:
        _print(store, [card])
    else:
        say(f"{card.name} {'is here already' if present else 'is here'}: {card.title} ({card.licence.name})")


@command.command(epilog="Example: charon models remove htdemucs-4stems")
@click.argument("name")
@json_option
def remove(name: str, as_json: bool) -> None:
    """Delete the files of the model NAME; its card stays unless you added it."""
    store = _store()
    card = store.card(name)
    store.remove(name)
    if as_json:
        print_json({"removed": card.name})
    else:
        say(f"{card.name} is removed")


@command.command(epilog="Example: charon models verify")
@click.argument("names", nargs=-1)
@json_option
def verify(names: tuple[str, ...], as_json: bool) -> None:
    """Compare every byte of the models NAMES with their cards; of all that are here, when none is named."""
    store = _store()
    chosen = list(names) or [name for name in store.cards if store.is_present(name)]
    failures: dict[str, ModelError] = {}
    with _Bars() as bars:
        for name in chosen:
            try:
                store.verify(name, bars)
            except ModelError as err:
                failures[name] = err
    if as_json:
        models = [
            {"name": name, "ok": name not in failures, "detail": str(failures.get(name, ""))}
            for name in chosen
        ]
        print_json({"models": models})
    else:
        for name in chosen:
            if name not in failures:
                say(f"{name}: every byte is as its card says")
        if not chosen:
            say("no model is here; get the default one: charon models get charon-4stems")
    for err in failures.values():
        raise err


@command.command(epilog="Example: charon models add my-network.onnx")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def add(file: Path, as_json: bool) -> None:
    """Take your own ONNX FILE into the store; what it is, is told from its inputs and outputs."""
    store = _store()
    with _Bars() as bars:
        card = store.add_file(file, progress=bars)
    if as_json:
        _print(store, [card])
    else:
        say(f"{card.name}: {card.architecture}, stems {', '.join(card.stems)}, {card.rate_hz} Hz")


class _Bars:
    """One progress bar after another, as the store goes from one piece of work to the next."""

    def __init__(self) -> None:
        self._what = ""
        self._bar: Any = None
        self._update: Any = None

    def __call__(self, what: str, done_bytes: int, total_bytes: int | None) -> None:
        if what != self._what:
            self.__exit__()
            self._what = what
            self._bar = progress(what, total_bytes)
            self._update = self._bar.__enter__()
        self._update(done_bytes, f"{done_bytes / 1e6:.1f} MB")

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None
