"""How far the lit word is from its sound: the whole window on a JACK server, another program listening.

    xvfb-run -a python -m tests.benchmarks.lyrics_offset [--seconds 20] [--period 128] [--load none|loop|sort]

A song of clicks, one every half second, has lyrics whose words begin with the clicks. The window plays it and
paints; each painting is noted with its moment. A process of its own hears the same output and notes the
moment of each click (`click_listener`), to which the server's latency to the converter is added. Two figures
come of it, milliseconds, negative is early: when a word was first painted as begun against its click
(`word_*`), and how far every painting was from what sounded at its moment (`fill_*`). A screen shows what is
painted at its next refresh: up to 17 ms are to be added for one of 60 Hz.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import sounddevice
import soundfile
from PySide6.QtCore import QEvent, QEventLoop, QObject, QTimer
from PySide6.QtWidgets import QApplication

from app.cli.bench_realtime import gil_load
from app.panels.lyrics_view import LyricsView, Mark
from app.tick import Tick
from engine.io.device import StreamRequest, portaudio_opener, rescan_devices
from engine.io.home import Home
from engine.io.lyric_files import write_lyrics
from engine.lyrics import Lyrics, Segment, Word
from tests.inference.graphs import gains_model
from tests.realtime.jack import jack_server

RATE_HZ = 48_000
FIRST_S, EVERY_S, WORDS_A_LINE = 1.0, 0.5, 4
CLICK_FRAMES = 480


def write_song(path: Path, n_clicks: int) -> Lyrics:
    """Clicks over silence, and the words that begin with them, beside it."""
    x = np.zeros(round((FIRST_S + EVERY_S * n_clicks + 2.0) * RATE_HZ), np.float32)
    burst = (0.8 * np.cos(2 * np.pi * 3000 * np.arange(CLICK_FRAMES) / RATE_HZ)).astype(np.float32)
    words: list[Word] = []
    for k in range(n_clicks):
        start_s = FIRST_S + k * EVERY_S
        at = round(start_s * RATE_HZ)
        x[at : at + CLICK_FRAMES] = burst
        words.append(Word(start_s, start_s + EVERY_S, f"word{k}"))
    soundfile.write(path, np.stack([x, x], axis=1), RATE_HZ, subtype="FLOAT")
    rows = [tuple(words[i : i + WORDS_A_LINE]) for i in range(0, n_clicks, WORDS_A_LINE)]
    lines = tuple(
        Segment(row[0].start_s, row[-1].end_s, " ".join(word.text for word in row), row) for row in rows
    )
    lyrics = Lyrics(lines, "en")
    write_lyrics(lyrics, path.with_suffix(".json"))
    write_lyrics(lyrics, path.with_suffix(".lrc"), "lrc-words")
    return lyrics


class Watcher(QObject):
    """Notes every painting of the words: its moment, and what was lit."""

    def __init__(self, view: LyricsView) -> None:
        super().__init__()
        self._view = view
        self.paintings: list[tuple[float, Mark]] = []
        view.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Before a painting the last one is known whole."""
        del watched
        newest = (self._view.shown_at_s, self._view.shown)
        if event.type() == QEvent.Type.Paint and (not self.paintings or newest != self.paintings[-1]):
            self.paintings.append(newest)
        return False


def offsets_ms(
    paintings: list[tuple[float, Mark]], lyrics: Lyrics, heard_s: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Milliseconds of each word's lighting after its click, and of each painting after what sounded.

    Parameters
    ----------
    paintings : list of (float, Mark)
    lyrics : Lyrics
    heard_s : float64 array, shape (n_clicks,)
        When each click reached the converter.
    """
    words = [word for line in lyrics.segments for word in line.words]
    lit: dict[int, float] = {}
    fills: list[float] = []
    starts_s = np.array([word.start_s for word in words])

    def sounds_s(moment_s: float) -> float:
        """Song time that sounds at a moment: between two clicks it runs evenly."""
        return float(np.interp(moment_s, heard_s, starts_s[: heard_s.size]))

    for moment_s, mark in paintings:
        if mark.line < 0 or mark.word < 0 or not heard_s[0] < moment_s < heard_s[-1]:
            continue
        k = mark.line * WORDS_A_LINE + mark.word
        lit.setdefault(k, moment_s)
        if 0.0 < mark.part < 1.0:
            shown_s = words[k].start_s + mark.part * (words[k].end_s - words[k].start_s)
            fills.append(sounds_s(moment_s) - shown_s)
    begun = [lit[k] - heard_s[k] for k in sorted(lit) if 1 < k < heard_s.size - 1]
    return 1e3 * np.array(begun), 1e3 * np.array(fills)


def is_separated(tick: Tick) -> bool:
    """Whether nothing else will work beside the song."""
    return 0 < tick.segments_total <= tick.segments_done


def _wait(app: QApplication, until: Any, timeout_s: float = 60.0) -> None:
    loop, deadline_s = QEventLoop(), time.monotonic() + timeout_s
    timer = QTimer()
    timer.timeout.connect(lambda: loop.quit() if until() or time.monotonic() > deadline_s else None)
    timer.start(20)
    loop.exec()
    if not until():
        raise RuntimeError(f"not within {timeout_s} s: {until}")
    del app


def run(seconds: float, period_frames: int, load: str) -> dict[str, Any]:
    """Everything, on one server."""
    from dataclasses import replace

    from app.desktop import Desktop
    from app.settings import load_settings, save_settings
    from app.theme import apply_theme
    from engine.inference.model_store import ModelStore

    app = QApplication([])
    apply_theme(app)
    with (
        tempfile.TemporaryDirectory() as folder,
        jack_server(f"lyrics-{os.getpid()}", RATE_HZ, period_frames),
    ):
        os.environ["CHARON_HOME"] = folder
        home = Home(Path(folder))
        ModelStore(home.models, home.cards).add_file(
            gains_model(home.root / "quarter.onnx", [0.25, 0.5], 16_384, stems="vocals,accompaniment")
        )
        settings, _ = load_settings()
        save_settings(replace(settings, stems=replace(settings.stems, model="quarter")))
        song = home.root / "clicks.wav"
        lyrics = write_song(song, round((seconds + 8.0) / EVERY_S))
        rescan_devices()
        desktop = Desktop(portaudio_opener(StreamRequest()), home)
        desktop.start()
        _wait(app, lambda: desktop.bridge.playback is not None and desktop.rooms is not None)
        assert desktop.rooms is not None
        room = desktop.rooms.lyrics
        desktop.window.open_panel("lyrics")
        desktop.bridge.play_song(song, play=False)
        _wait(app, lambda: room.state.is_timed and is_separated(desktop.bridge.tick))
        watcher = Watcher(room.panel.view)
        command = [sys.executable, "-m", "tests.benchmarks.click_listener", "--seconds", str(seconds)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as listening:
            assert listening.stdout is not None
            listening.stdout.readline()
            desktop.bridge.toggle_play()
            with gil_load(load):
                _wait(app, lambda: listening.poll() is not None, seconds + 30.0)
            told = json.loads(listening.stdout.read())
        heard_s = np.array(told["clicks_s"]) + told["to_converter_s"]
        begun, fills = offsets_ms(watcher.paintings, lyrics, heard_s)
        playback = desktop.bridge.playback
        assert playback is not None
        result = {
            "load": load,
            "period_frames": period_frames,
            "platform": app.platformName(),
            "output_latency_ms": 1e3 * playback.stream.output_latency_s,
            "to_converter_ms": 1e3 * told["to_converter_s"],
            "clicks": heard_s.size,
            "paintings": len(watcher.paintings),
            "dropouts": desktop.bridge.tick.dropouts,
            **_figures("word", begun),
            **_figures("fill", fills),
        }
        desktop.close()
        sounddevice._terminate()
    sounddevice._initialize()
    return result


def _figures(name: str, ms: np.ndarray) -> dict[str, float]:
    low, middle, high = (float(np.percentile(ms, q)) for q in (1, 50, 99))
    worst = float(ms[np.argmax(np.abs(ms))])
    return {f"{name}_p1_ms": low, f"{name}_p50_ms": middle, f"{name}_p99_ms": high, f"{name}_worst_ms": worst}


def main() -> None:
    """Parse the arguments, print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--period", type=int, default=128)
    parser.add_argument("--load", choices=("none", "loop", "sort"), default="none")
    arguments = parser.parse_args()
    print(json.dumps(run(arguments.seconds, arguments.period, arguments.load), indent=2))


if __name__ == "__main__":
    main()
