"""What batches leave in their output folder: one small JSON file a song, beside its stems if it has any.

Used by the one thread that runs the batch. A file is there when its song is done and not before, and
says of what content and with which settings: that is all a batch that is started again needs to know.
"""

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from engine.errors import EncodeError
from engine.io.song_address import result_name, shown
from engine.services.batch_work import Outcome

SUFFIXES = {"analysis": ".analysis.json", "stems": ".stems.json"}
"""Ends of the files' names; the same song may have both."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a song that is done.

    Parameters
    ----------
    input : str
        Its address, without a password.
    settings : str
        What it was done with, see `engine.services.batch_work`.
    content_hash, stamp : str
        Of the song when it was done.
    result : dict
        Of an analysis `Analysis.to_dict`, of a separation what `SongResult` has; stems are relative to
        the output folder.
    notes : tuple of str
    """

    input: str
    settings: str
    content_hash: str
    stamp: str
    result: dict[str, Any]
    notes: tuple[str, ...]


class Records:
    """The records of one kind in one folder.

    Parameters
    ----------
    folder : Path
        Exists.
    settings : str
        What this batch does; its first word is the kind, a key of SUFFIXES.
    """

    def __init__(self, folder: Path, settings: str) -> None:
        self.folder = folder
        self._settings = settings
        self._suffix = SUFFIXES[settings.split()[0]]

    def file(self, address: str) -> Path:
        """Where the record of a song is or would be.

        Parameters
        ----------
        address : str
        """
        return self.folder / result_name(address, self._suffix)

    def known(self, address: str) -> Record | None:
        """The record of a song, if it was made with the same settings and its stems are still there.

        Parameters
        ----------
        address : str
        """
        record = self._read(address)
        if record is None or record.settings != self._settings:
            return None
        sizes: dict[str, int] = record.result.get("sizes_bytes", {})
        for stem, name in record.result.get("stems", {}).items():
            try:
                if (self.folder / name).stat().st_size != sizes.get(stem):
                    return None
            except OSError:
                return None
        return record

    def keep(self, address: str, outcome: Outcome) -> Path:
        """Write the record of a song that is done; stems that belonged to the one before go.

        Parameters
        ----------
        address : str
        outcome : Outcome
            With a result.

        Returns
        -------
        Path
            The record.

        Raises
        ------
        EncodeError
            The disk is full, the folder is gone.
        """
        before = self._read(address)
        record = {
            "input": shown(address),
            "settings": self._settings,
            "content_hash": outcome.content_hash,
            "stamp": outcome.stamp,
            "notes": outcome.notes,
            "result": outcome.result,
        }
        self._write(address, record)
        stems: dict[str, str] = (outcome.result or {}).get("stems", {})
        if before is not None:
            for name in set(before.result.get("stems", {}).values()) - set(stems.values()):
                # Our own names only: the file may have been edited.
                if Path(name).parent == Path(result_name(address)):
                    with contextlib.suppress(OSError):
                        (self.folder / name).unlink()
        return self.file(address)

    def stamp_again(self, address: str, record: Record, stamp: str) -> None:
        """Say that a song was looked at and found unchanged, though its stamp changed.

        Parameters
        ----------
        address : str
        record : Record
        stamp : str
        """
        values = {name: getattr(record, name) for name in Record.__slots__}
        self._write(address, {**values, "stamp": stamp})

    def _write(self, address: str, record: dict[str, Any]) -> None:
        file = self.file(address)
        draft = file.with_name(file.name + ".part")
        try:
            with draft.open("w", encoding="utf-8") as out:
                json.dump(record, out, indent=1, allow_nan=False)
                out.flush()
                os.fsync(out.fileno())
            draft.replace(file)
        except OSError as err:
            with contextlib.suppress(OSError):
                draft.unlink()
            raise EncodeError(
                f"{file} cannot be written: {(err.strerror or str(err)).lower()}; what is done is kept, "
                "start the batch again when there is room"
            ) from err

    def _read(self, address: str) -> Record | None:
        """The record of a song; None when there is none, or it is none."""
        try:
            values = json.loads(self.file(address).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        if not isinstance(values, dict):
            return None
        texts = cast("dict[str, Any]", values)
        try:
            texts["notes"] = tuple(texts["notes"])
            record = Record(**texts)
        except (KeyError, TypeError):
            return None
        return record if isinstance(cast("object", record.result), dict) else None
