"""How long a frame of the lanes takes to paint while a ten-minute song plays.

    python -m tests.benchmarks.lanes_rate [--seconds 5] [--scale 1] [--width 1040] [--height 620]

Makes a store of a ten-minute song in five lanes (noise with a beat, written by the store's own writer),
shows it in a real window of the current platform, and moves the play-head by the clock and the meters by
a wave, sixty times a second: once with the whole song in view and once zoomed in to eight seconds, where
pages turn. Prints one JSON object: for each view milliseconds of a frame (the tick and all painting that
it asks for, heads included: median, 99th percentile, worst; `cpu_...` is the GUI thread's own time, which
does not count what other programs take), the share of the waveforms' pixels that is repainted, the rate
that was reached, the longest time between two frames, and how many pages were turned; the same of whole
repaints while zooming and scrolling; and of the ticks while peaks are measured behind them.
"""

import argparse
import json
import math
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PySide6.QtCore import QEvent, QEventLoop, QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication

from app import theme
from app.edits import Edits
from app.loop_state import LoopState
from app.mixer_state import MixerState
from app.panels.lanes import LanesPanel
from app.tick import Tick
from engine.io.journal import Span
from engine.io.stem_store import StemStore

RATE_HZ = 44_100
SONG_S = 600
SEGMENT_S = 20
STEMS = ("vocals", "drums", "bass", "other")


@dataclass(frozen=True)
class Shape:
    """What the store needs to know of a song."""

    max_frames: int
    rate_hz: int = RATE_HZ


def make_song(folder: Path) -> Path:
    """A finished store of SONG_S seconds."""
    rng = np.random.default_rng(0)
    n = SEGMENT_S * RATE_HZ
    beat = np.exp(-8.0 * (np.arange(n) / RATE_HZ * 2.0 % 1.0)) * 0.4
    stems = (rng.standard_normal((len(STEMS), 2, n)) * beat).astype(np.float32)
    with StemStore(folder).open(Shape(SONG_S * RATE_HZ), "0" * 32, "1" * 32, STEMS) as store:
        store.begin_original()
        for start in range(0, SONG_S * RATE_HZ, n):
            store.write_original(start, np.ascontiguousarray(stems.sum(0)))
        store.finish_original(SONG_S * RATE_HZ, [])
        n_segments = SONG_S // SEGMENT_S
        store.set_total_segments(n_segments)
        for i in range(n_segments):
            gain = 0.5 + 0.5 * np.sin(i) ** 2
            span = Span(i, i * n, (i + 1) * n, 0, i == n_segments - 1)
            store.write_segment(span, stems * np.float32(gain))
        return store.folder


class Painted(QObject):
    """Adds up the time of paint events and the pixels they cover."""

    def __init__(self, watched: QObject) -> None:
        super().__init__()
        self.pixels = 0
        watched.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            self.pixels += sum(r.width() * r.height() for r in event.region())
        return super().eventFilter(watched, event)


def play(panel: LanesPanel, seconds: float, start_s: float, folder: Path) -> dict[str, float]:
    """Tick at 60 Hz and paint at once, by the clock."""
    painted = Painted(panel.waves)
    times: list[Cost] = []
    gaps: list[float] = []
    pages = [0]
    began_s = last_s = time.perf_counter()
    loop = QEventLoop()

    def frame() -> None:
        nonlocal last_s
        cost, now_s = Cost.start(), time.perf_counter()
        gaps.append(now_s - last_s)
        last_s = now_s
        goal = panel.waves.view.goal
        position_s = start_s + now_s - began_s
        panel.show_tick(moment(folder, position_s))
        pages[0] += goal != panel.waves.view.goal
        # What the event loop would do next, done here so that it is inside the measured time.
        QApplication.sendPostedEvents()
        times.append(cost.stop())
        if now_s - began_s >= seconds:
            loop.quit()

    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.setInterval(1000 // 60)
    timer.timeout.connect(frame)
    timer.start()
    loop.exec()
    timer.stop()
    shown_pixels = len(times) * panel.waves.width() * panel.waves.height()
    return summary(times) | {
        "rate_hz": round(1.0 / statistics.mean(gaps[1:]), 1),
        "longest_gap_ms": round(max(gaps[1:]) * 1e3, 1),
        "pages": pages[0],
        "repainted_share": round(painted.pixels / shown_pixels, 4),
    }


def moment(folder: Path, position_s: float) -> Tick:
    """The engine while it plays, with meters that move in every frame."""
    level_db = -12.0 + 10.0 * math.sin(position_s * 9.0)
    return Tick(
        folder=folder,
        position_s=position_s,
        duration_s=SONG_S,
        playing=True,
        stems_ready=True,
        lane_peaks_db=dict.fromkeys(("original", *STEMS), (level_db, level_db - 1.0)),
    )


@dataclass(frozen=True)
class Cost:
    """Seconds by the clock, and seconds that this thread ran."""

    wall_s: float
    cpu_s: float

    @classmethod
    def start(cls) -> "Cost":
        return cls(time.perf_counter(), time.thread_time())

    def stop(self) -> "Cost":
        return Cost(time.perf_counter() - self.wall_s, time.thread_time() - self.cpu_s)


def summary(times: list[Cost]) -> dict[str, float]:
    """Milliseconds of frames."""
    rows: dict[str, float] = {"frames": len(times)}
    for prefix, values in (("", [t.wall_s for t in times]), ("cpu_", [t.cpu_s for t in times])):
        ordered = sorted(values)
        rows[f"{prefix}median_ms"] = round(statistics.median(ordered) * 1e3, 3)
        rows[f"{prefix}p99_ms"] = round(ordered[int(0.99 * (len(ordered) - 1))] * 1e3, 3)
        rows[f"{prefix}worst_ms"] = round(ordered[-1] * 1e3, 3)
    return rows


def repeat(panel: LanesPanel, change: Callable[[], object], n: int = 100) -> dict[str, float]:
    """Whole repaints that a change asks for."""
    times: list[Cost] = []
    for _ in range(n):
        cost = Cost.start()
        change()
        panel.waves.view.jump()
        panel.waves.repaint()
        times.append(cost.stop())
    return summary(times)


def load(panel: LanesPanel, folder: Path) -> dict[str, float]:
    """Ticks from the wish for a song until every lane is drawn to its end."""
    began_s = time.perf_counter()
    times: list[Cost] = []
    panel.show_song(folder)
    while not is_drawn(panel):
        cost = Cost.start()
        panel.show_tick(Tick(folder=folder, duration_s=SONG_S))
        QApplication.processEvents()
        times.append(cost.stop())
        time.sleep(0.005)
    return summary(times) | {"seconds": round(time.perf_counter() - began_s, 2)}


def is_drawn(panel: LanesPanel) -> bool:
    """Whether every lane has its peaks."""
    peaks = panel.waves.peaks
    return peaks is not None and all(
        stop >= peaks.n_frames - 1024
        for lane in peaks.lanes
        for _, stop in [(0, 0), *peaks.ready_spans(lane)][-1:]
    )


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--scale", default="1")
    parser.add_argument("--width", type=int, default=1040)
    parser.add_argument("--height", type=int, default=620)
    arguments = parser.parse_args()
    os.environ["QT_SCALE_FACTOR"] = arguments.scale
    application = QApplication([])
    theme.apply_theme(application)
    mixer, loop = MixerState(), LoopState()
    mixer.set_stems(STEMS)
    panel = LanesPanel(mixer, loop, Edits(mixer, loop))
    panel.resize(arguments.width, arguments.height)
    panel.show()
    with tempfile.TemporaryDirectory() as temporary:
        folder = make_song(Path(temporary) / "stems")
        rows: dict[str, object] = {
            "platform": application.platformName(),
            "scale": float(arguments.scale),
            "load": load(panel, folder),
        }
        rows["whole_song"] = play(panel, arguments.seconds, 200.0, folder)
        panel.waves.view.zoom(SONG_S / 8.0, 200.0)
        panel.waves.view.jump()
        rows["eight_seconds"] = play(panel, arguments.seconds, 200.0, folder)
        rows["zoom_step"] = repeat(panel, lambda: panel.waves.view.zoom(0.97, 200.0))
        rows["scroll_step"] = repeat(panel, lambda: panel.waves.view.scroll(0.1))
        panel.shutdown()
    print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
