"""How long the library's list of 100,000 songs takes of the GUI thread while it is scrolled and searched.

    python -m tests.benchmarks.library_scroll [--songs 100000] [--frames 240] [--width 700]

Makes a library of that many songs, shows its panel on the current platform and scrolls it, a frame every
16.7 ms: by the wheel, by pulling the scroll bar from end to end, and while letters are typed into the
search. Prints one JSON object: for each, milliseconds of a frame (what moved and all painting that it asks
for, synchronous: median, 99th percentile, worst; `cpu_...` is the GUI thread's own time, which does not
count what other programs take), the longest absence of the GUI thread from its loop, and the share of
frames in which every row in view had been read.
"""

import argparse
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.jobs import JobPool
from app.library_keeper import LibraryKeeper
from app.library_model import LibraryModel, LibraryRole
from app.library_scans import LibraryScans
from app.panels.library import LibraryPanel
from app.theme import apply_theme
from engine.services.library_schema import open_database, transaction

FRAME_MS = 1000 / 60
WORDS = ("Falcon", "River", "Paper", "Night", "Glass", "Amber", "Slow", "Northern", "Quiet", "Electric")


def fill(file: Path, n_songs: int) -> None:
    """Write songs as a scan would, in one transaction."""
    chance = np.random.default_rng(0)
    with closing(open_database(file)) as db, transaction(db):
        for i in range(n_songs):
            words = " ".join(WORDS[j] for j in chance.integers(0, len(WORDS), 2))
            song = (
                i + 1,
                f"{i:064x}",
                f"{words} {i}",
                f"Band {i % 997}",
                f"Album {i % 4999}",
                60.0 + i % 300,
            )
            db.execute("INSERT INTO songs VALUES (?, ?, ?, ?, ?, ?, 44100, 2, ?)", (*song, time.time() - i))
            path = os.fsencode(f"/music/{i // 12}/{i}.mp3")
            db.execute("INSERT INTO paths VALUES (?, 1, 1, ?, NULL, 1)", (path, i + 1))
            db.execute(
                "INSERT INTO analyses (song_id, source, version, tempo_bpm, key, lufs, fingerprint, "
                "measures) VALUES (?, 'song', 1, ?, 'A minor', -14.0, ?, '{}')",
                (i + 1, 60.0 + i % 120, np.zeros(25, "<f4").tobytes()),
            )


class Scroller:
    """Moves the list sixty times a second and keeps what each frame took."""

    def __init__(self, panel: LibraryPanel) -> None:
        self._panel = panel

    def run(self, n_frames: int, move: Callable[[int], None]) -> dict[str, float]:
        """Carry out some frames."""
        frames: list[tuple[float, float]] = []
        looks: list[float] = []
        whole = 0
        loop, timer = QEventLoop(), QTimer()
        table = self._panel.table

        def frame() -> None:
            nonlocal whole
            looks.append(time.perf_counter())
            wall_s, cpu_s = time.perf_counter(), time.thread_time()
            move(len(frames))
            table.viewport().repaint()
            frames.append((time.perf_counter() - wall_s, time.thread_time() - cpu_s))
            whole += self._is_whole()
            if len(frames) >= n_frames:
                loop.quit()

        timer.timeout.connect(frame)
        timer.start(round(FRAME_MS))
        loop.exec()
        timer.stop()
        wall_ms = sorted(1000 * wall_s for wall_s, _ in frames)
        cpu_ms = sorted(1000 * cpu_s for _, cpu_s in frames)
        gaps_ms = [1000 * (after - before) for before, after in itertools.pairwise(looks)]
        return {
            "frame_ms": round(statistics.median(wall_ms), 2),
            "p99_ms": round(wall_ms[int(0.99 * (len(wall_ms) - 1))], 2),
            "worst_ms": round(wall_ms[-1], 2),
            "cpu_frame_ms": round(statistics.median(cpu_ms), 2),
            "cpu_p99_ms": round(cpu_ms[int(0.99 * (len(cpu_ms) - 1))], 2),
            "cpu_worst_ms": round(cpu_ms[-1], 2),
            "longest_absence_ms": round(max(gaps_ms), 1),
            "frames_with_all_rows": round(whole / len(frames), 3),
        }

    def _is_whole(self) -> bool:
        table, model = self._panel.table, self._panel.table.model()
        first, last = table.rowAt(0), table.rowAt(table.viewport().height() - 1)
        if first < 0:
            return True
        last = last if last >= 0 else model.rowCount() - 1
        return all(model.index(row, 0).data(LibraryRole.ROW) is not None for row in range(first, last + 1))


def main() -> None:
    """Run everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--songs", type=int, default=100_000)
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--width", type=int, default=700)
    given = parser.parse_args()
    app = QApplication.instance() or QApplication(["library_scroll"])
    assert isinstance(app, QApplication)
    apply_theme(app)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "library.db"
        fill(file, given.songs)
        pool, model = JobPool(n_threads=3), LibraryModel()
        keeper = LibraryKeeper(file, model, pool)
        panel = LibraryPanel(model, keeper, LibraryScans(keeper.library, pool))
        panel.resize(given.width, 720)
        panel.show()
        panel.set_look("title", False, ())
        while model.rowCount() != given.songs:
            QTest.qWait(20)
        QTest.qWait(500)
        bar, scroller = panel.table.verticalScrollBar(), Scroller(panel)
        result = {
            "songs": given.songs,
            "wheel": scroller.run(given.frames, lambda _: bar.setValue(bar.value() + 40)),
            "pulled": scroller.run(
                given.frames, lambda n: bar.setValue(round(bar.maximum() * n / given.frames))
            ),
        }
        letters = iter("falcon river 12")

        def type_one(n: int) -> None:
            if n % 8 == 0:
                letter = next(letters, None)
                if letter is not None:
                    QTest.keyClicks(panel.search, letter)

        result["typing"] = scroller.run(given.frames, type_one)
        json.dump(result, sys.stdout, indent=1)
        print()
        panel.close()
        keeper.close()


if __name__ == "__main__":
    main()
