"""A process that listens to files for the library: content hash, tags, analysis; one file after another.

Runs in the processes of an `engine.services.crew.Crew`, so that a file which ends a decoder ends that
process and nothing else, and so that analysis uses every core. It reads the data base (a song that is
known by its content is not analysed again) and never writes it. Nothing heavy is imported before
`examiner` runs.
"""

import importlib
import logging
import os
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import CharonError, CharonWarning, LibraryError

if TYPE_CHECKING:
    from engine.services.library import Library
    from engine.services.library_records import AnalysisRecord, SongRecord

_log = logging.getLogger(__name__)

EXAMINER = "engine.services.library_process:examiner"
"""The workshop of a scan's crew."""

ANALYSER = "engine.services.analysis:analyse_song"
"""Module and function that listen to a song; the module has an ANALYSIS_VERSION too."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What a file turned out to be.

    Attributes
    ----------
    content_hash : str
        "" when the file could not be read to its end, or something else than the file was at fault.
    song : SongRecord or None
    analysis : AnalysisRecord or None
        Both None when the library has this song, or when it failed.
    failure : str
        In words; "" when there is a song.
    notes : tuple of str
        What a listener should know though the file is readable.
    """

    content_hash: str = ""
    song: "SongRecord | None" = None
    analysis: "AnalysisRecord | None" = None
    failure: str = ""
    notes: tuple[str, ...] = ()


def analyser_version(analyser: str) -> int:
    """Version of the formulas of an analyser.

    Parameters
    ----------
    analyser : str
        ``module:function``.
    """
    return int(importlib.import_module(analyser.partition(":")[0]).ANALYSIS_VERSION)


@contextmanager
def examiner(database: str, analyser: str) -> Generator[Callable[[Path, object], Examined]]:
    """Set a process of a crew up to examine files; see `engine.services.crew.Workshop`.

    Parameters
    ----------
    database : str
        File of the library.
    analyser : str
        ``module:function``; the function takes a path and `threads`, and gives an
        `engine.services.analysis.Analysis`.

    Yields
    ------
    callable
        Makes an `Examined` of a path.
    """
    from engine.services.library import Library

    module, _, function = analyser.partition(":")
    analyse = getattr(importlib.import_module(module), function)
    version = analyser_version(analyser)
    with Library(Path(database)) as library:
        yield lambda path, _report: _examine(path, library, analyse, version)


def _examine(path: Path, library: "Library", analyse: Any, version: int) -> Examined:
    from engine.io.decode import content_hash

    digest = failure = ""
    heard: tuple[SongRecord, AnalysisRecord] | None = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            digest = content_hash(path)
            if library.analysed_version(digest) != version:
                heard = _listen(path, digest, analyse, version)
        except LibraryError as err:
            digest, failure = "", " ".join(str(err).split())
        except MemoryError:
            digest, failure = "", "there is not enough memory to analyse it: close other programs"
        except CharonError as err:
            failure = " ".join(str(err).split())
        except Exception as err:  # noqa: BLE001  one bad file must not stop a scan of thousands
            _log.exception("%s cannot be analysed", path)
            failure = " ".join(f"it cannot be analysed ({type(err).__name__}: {err})".split())
    notes = tuple(" ".join(str(w.message).split()) for w in caught if issubclass(w.category, CharonWarning))
    return Examined(digest, *(heard or (None, None)), failure, notes)


def _listen(path: Path, digest: str, analyse: Any, version: int) -> "tuple[SongRecord, AnalysisRecord]":
    from engine.io.tags import read_tags
    from engine.services.library_records import SongRecord

    heard = analyse(path, threads=1)
    tags, _cover = read_tags(path)
    # Names and tags may hold bytes that are no text; the data base takes text only.
    tags = {name: _text(value) for name, value in tags.items()}
    song = SongRecord(
        content_hash=digest,
        title=tags.get("title") or _text(path.stem),
        duration_s=float(heard.duration_s),
        rate_hz=int(heard.rate_hz),
        channels=int(heard.channels),
        tags=tags,
    )
    return song, analysis_record(heard, version)


def analysis_record(found: Any, version: int, source: str = "song") -> "AnalysisRecord":
    """What the library keeps of an analysis.

    Parameters
    ----------
    found : engine.services.analysis.Analysis
    version : int
        Of its formulas.
    source : str
        WHOLE_SONG, or the stem that was analysed.

    Returns
    -------
    AnalysisRecord
    """
    from engine.services.library_records import AnalysisRecord

    portrait = found.portrait
    return AnalysisRecord(
        version=version,
        tempo_bpm=found.tempo_bpm,
        key=found.key,
        lufs=found.lufs,
        fingerprint=found.fingerprint.to_array(),
        measures=found.to_dict(),
        source=source,
        portrait=None if portrait is None else portrait.whole,
        moments=None if portrait is None else portrait.moments,
    )


def _text(value: str) -> str:
    return os.fsencode(value).decode("utf-8", "replace")
