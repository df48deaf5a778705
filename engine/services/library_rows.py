"""Rows that the library writes inside its transactions.

Whichever thread holds the transaction. Apart from the library, so that what belongs together on disk
(a path and the song that it pointed to before) is changed in one place.
"""

import json
import os
import sqlite3
from pathlib import Path

import numpy as np

from engine.services.library_records import AnalysisRecord, FileState

_HALF_FLOAT = 65_504.0


def id_of(db: sqlite3.Connection, content_hash: str) -> int | None:
    """Number of the song of this content, None when there is none."""
    row = db.execute("SELECT id FROM songs WHERE content_hash = ?", (content_hash,)).fetchone()
    return None if row is None else int(row[0])


def put_analysis(db: sqlite3.Connection, song_id: int | None, analysis: AnalysisRecord) -> None:
    """Replace the analysis of a song or stem."""
    # Not an upsert: segments belong to the analysis that is replaced, and go with it.
    db.execute("DELETE FROM analyses WHERE song_id = ? AND source = ?", (song_id, analysis.source))
    db.execute(
        "INSERT INTO analyses "
        "(song_id, source, version, tempo_bpm, key, lufs, fingerprint, measures, portrait) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            song_id,
            analysis.source,
            analysis.version,
            analysis.tempo_bpm,
            analysis.key,
            analysis.lufs,
            analysis.fingerprint.astype("<f4").tobytes(),
            json.dumps(analysis.measures, allow_nan=False),
            None if analysis.portrait is None else analysis.portrait.astype("<f4").tobytes(),
        ),
    )
    if analysis.moments is not None:
        # Half floats: a difference of 1 is what two songs differ by, and 0.001 is kept of it.
        limited = np.clip(analysis.moments, -_HALF_FLOAT, _HALF_FLOAT)
        db.execute(
            "INSERT INTO segments (song_id, source, dimensions, moments) VALUES (?, ?, ?, ?)",
            (song_id, analysis.source, limited.shape[1], limited.astype("<f2").tobytes()),
        )


def point(db: sqlite3.Connection, path: Path, state: FileState, song_id: int | None) -> None:
    """Let a path point to a song, or to none; its song of before goes when it lies nowhere else."""
    name = os.fsencode(path)
    before = db.execute("SELECT song_id FROM paths WHERE path = ?", (name,)).fetchone()
    db.execute(
        "INSERT OR REPLACE INTO paths (path, size_bytes, mtime_ns, song_id, failure, version) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (
            name,
            state.size_bytes,
            state.mtime_ns,
            song_id,
            None if song_id is not None else state.failure or "unknown",
            state.version,
        ),
    )
    if before is not None and before[0] is not None and before[0] != song_id:
        db.execute(
            "DELETE FROM songs WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM paths WHERE song_id = ?1)",
            (before[0],),
        )
