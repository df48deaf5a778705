"""The error tree: what can go wrong, as one line a musician can act on.

Raised at the border (`raise X(...) from err`); every message says what, the value, and what to do
next. Real-time code has no exceptions, only status bits and counters.
"""

import difflib
from collections.abc import Iterable


class CharonError(Exception):
    """Anything Charon reports to its user in one line."""


class ParameterError(CharonError, ValueError):
    """An argument is outside its documented type, shape or range."""


class DeviceError(CharonError):
    """An audio device is missing, busy, lost, or refuses a format."""


class DecodeError(CharonError):
    """A file cannot be read as sound."""


class EncodeError(CharonError):
    """A result cannot be written: folder, disk space, format or rate."""


class StoreError(CharonError):
    """The stem store on disk is damaged, full or in use by another process."""


class StoreBusy(StoreError):
    """Somebody else writes the stems of this song just now."""


class ModelError(CharonError):
    """A model cannot be found, fetched, loaded or trusted."""


class ModelMissing(ModelError):
    """The model's files are not on this machine."""


class ChecksumMismatch(ModelError):
    """A file is not the one its card describes."""


class LicenceNotAccepted(ModelError):
    """The model's licence must be accepted by the user first."""


class ProviderUnavailable(ModelError):
    """An execution provider (GPU, CPU) that was asked for is not usable here."""


class LibraryError(CharonError):
    """The song library cannot be read or written."""


class BatchError(CharonError):
    """Many songs cannot be worked through: no cluster answers, or no process stays alive."""


class TrainingError(CharonError):
    """A network cannot be trained here."""


class TrainingBusy(TrainingError):
    """One training runs at a time."""


class JobCancelled(CharonError):
    """The user cancelled; what was finished is kept."""


class CharonWarning(UserWarning):
    """Something a user must know though the work went on (a file cut off, stems clipped)."""


def name_hint(name: str, known: Iterable[str]) -> str:
    """What to try instead of a name that nothing has, as the end of a message.

    Parameters
    ----------
    name : str
        What was asked for.
    known : iterable of str
        What there is.

    Returns
    -------
    str
        "did you mean 'reverb'?", or the whole list where nothing comes close.
    """
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names) or 'none'}"
