"""The words of a song, a line at a time: the in-process interface, and what the worker process runs.

One thread. A song is listened to once (`voice_track`), cut into windows where there is a voice, and each
window goes through Whisper as it is in the mix and as it is without the band; of both, what is believed
is kept. It is a lazy generator: progress is what it yields, cancelling is not asking for more, and what
is heard is on the disk.

    transcriber = Transcriber()
    with transcriber.open("song.mp3") as transcription:
        for segment in transcription.segments():
            print(segment.text)
"""

import hashlib
import os
import time
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np

from engine.errors import CharonWarning, ModelMissing
from engine.inference.model_store import ModelStore
from engine.inference.sessions import Profile
from engine.inference.whisper import Encoded, Whisper, check_language, choose_plan
from engine.inference.whisper_cache import WhisperCache
from engine.inference.whisper_decode import hear
from engine.io.decode import SongInfo, content_hash, decode_blocks, probe
from engine.io.home import Home, default_home
from engine.io.song_store import ORIGINAL, SongStore
from engine.lyrics import Lyrics, Segment, SegmentSource, Word
from engine.services.lyric_choice import believed, choose_lines
from engine.services.lyric_windows import Window, nearest, plan_windows, voiced_share
from engine.services.lyrics_store import LyricsStore, Transcript
from engine.services.song_vocals import MAX_SEPARATED_S, VOCALS, song_vocals
from engine.services.transcription_job import TranscriptionOrder
from engine.services.voice_onsets import snap_words
from engine.services.voice_track import VoiceTrack, make_track
from engine.units import F32

RUN_VERSION = 2
"""Raised when a change of code changes the words, so that old transcripts are not taken for new ones."""
LANGUAGE_WINDOWS = 3
"""The language is asked of so many windows and the surest answer taken: one may be "la la la"."""

Report = Callable[[str, float], None]
"""Told what is being done and which part of it is, 0 to 1; raises JobCancelled to stop the work."""


class Transcriber:
    """Transcribes songs, with models that are kept between them.

    Parameters
    ----------
    home : Home or None
        Where models, stems and lyrics are; None is the user's.
    models : ModelStore or None
        None is the one of `home`.
    budget_bytes : int or None
        Memory for loaded models; see `WhisperCache`.
    profile : "throughput" or "live"
        All cores, or as many as playing leaves.

    Notes
    -----
    Any number of threads may have a song open at once; a model serves one of them at a time.
    """

    def __init__(
        self,
        *,
        home: Home | None = None,
        models: ModelStore | None = None,
        budget_bytes: int | None = None,
        profile: Profile = "throughput",
    ) -> None:
        self.home = home or default_home()
        self.models = models or ModelStore(self.home.models, self.home.cards)
        self.profile: Profile = profile
        cores = os.cpu_count() or 1
        threads = cores if profile == "throughput" else max(1, cores - 1)
        self.cache = WhisperCache(self.models, budget_bytes, threads)

    def open(self, song: Path | str, order: TranscriptionOrder | None = None) -> "SongTranscription":
        """Begin with a song: look at it, and at what is known of its words.

        Parameters
        ----------
        song : Path or str
            Any file that holds sound.
        order : TranscriptionOrder or None
            None is the default model on everything.

        Returns
        -------
        SongTranscription
            To iterate over; close it.

        Raises
        ------
        ModelMissing, ModelError, ParameterError
            The model is not here or does not do this; no such device or precision.
        DecodeError
            The file cannot be read as sound.
        StoreBusy
            Another process transcribes this song.
        """
        return SongTranscription(self, Path(song), order or TranscriptionOrder())

    def close(self) -> None:
        """Let go of the models."""
        self.cache.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class SongTranscription:
    """One song being transcribed.

    Attributes
    ----------
    song : SongInfo
    ran_on : str
        "CPU, int8".
    language : str
        Empty until it is known.
    warnings : list of str
        What the user must know: the song is cut off, there are no vocals to listen to.
    resumed_windows : int
        Windows that were there already.
    inference_s : float
        Seconds spent in the network.
    """

    def __init__(self, transcriber: Transcriber, path: Path, order: TranscriptionOrder) -> None:
        self._transcriber = transcriber
        self.order = order
        card = transcriber.models.card(order.model)
        transcriber.models.files(order.model, "transcribe")
        self._language = check_language(card, order.language)
        self._plan = choose_plan(order.device, order.precision)
        self.ran_on = self._plan.text
        self.song: SongInfo = probe(path)
        self.song_hash = content_hash(path)
        said = f"{RUN_VERSION} {card.key} {order.language} {order.hearing} {order.separator}"
        key = hashlib.sha256(said.encode()).hexdigest()[:16]
        folder = LyricsStore(transcriber.home).folder(self.song_hash)
        self.transcript = Transcript(folder, key)
        self.language = self.transcript.record.language
        self.warnings: list[str] = list(self.transcript.record.warnings)
        self.resumed_windows = len(self.transcript.record.heard)
        self.inference_s = 0.0
        self._tracks: dict[SegmentSource, VoiceTrack] = {}
        self._encoded: dict[Window, Encoded] = {}  # windows of the voice whose language was asked for

    @property
    def lyrics(self) -> Lyrics:
        """The lines so far."""
        record = self.transcript.record
        return Lyrics(record.segments, self.language, self.order.model)

    def segments(
        self, report: Report | None = None, playhead_s: Callable[[], float] | None = None
    ) -> Iterator[Segment]:
        """Transcribe what is missing.

        Parameters
        ----------
        report : callable or None
            Told "preparing" or "transcribing" and the part of it that is done; raises JobCancelled to
            stop.
        playhead_s : callable or None
            Where the listener is; the window that is heard next goes first. None goes from beginning to
            end.

        Yields
        ------
        Segment
            What was there already first; then each window's lines as soon as they are on the disk.

        Raises
        ------
        JobCancelled
            `report` said so; what is heard stays.
        DecodeError, StoreError, ModelError
            What is heard stays.
        """
        report = report or _say_nothing
        record = self.transcript.record
        yield from record.segments
        if record.done:
            report("transcribing", 1.0)
            return
        report("preparing", 0.0)
        self.prepare(report)
        with self.model() as model:
            if not record.windows:
                self._begin(model)
            yield from self._windows(model, report, playhead_s)
        self.transcript.finish()
        report("transcribing", 1.0)

    def prepare(self, report: Report) -> None:
        """Have the sound ready that Whisper listens to: the mix, the vocals, or both.

        Parameters
        ----------
        report : callable
            As of `segments`.

        Raises
        ------
        JobCancelled, DecodeError, StoreError, ModelError
        """
        if self._tracks or self._recall():
            return
        vocals = self._vocals(report) if self.order.hearing != "mix" else None
        stages: list[SegmentSource] = ["vocals"] if vocals is not None else []
        if self.order.hearing != "vocals" or vocals is None:
            stages.append("mix")
        for i, source in enumerate(stages):
            begun = 0.5 if vocals is not None else 0.0

            def heard(seconds: float, i: int = i, begun: float = begun) -> None:
                done = (i + min(1.0, seconds / max(self.song.duration_s, 0.001))) / len(stages)
                report("preparing", begun + (1.0 - begun) * done)

            path = self.transcript.folder / f"{self.transcript.key}.{source}.s16"
            with warnings.catch_warnings(record=True) as said, self._sound(source, vocals) as sound:
                warnings.simplefilter("always", CharonWarning)
                self._tracks[source] = make_track(*sound, path, heard)
            self._note([str(w.message) for w in said if issubclass(w.category, CharonWarning)])
        if vocals is not None:
            vocals.close()
        self._keep()

    def model(self) -> AbstractContextManager[Whisper]:
        """The model of the order, for as long as a block runs; waits its turn."""
        return self._transcriber.cache.use(self.order.model, self._plan)

    def voice(self) -> VoiceTrack:
        """The track in which a voice is looked for: the vocals where there are some."""
        return self._tracks.get("vocals") or self._tracks["mix"]

    def track(self, source: SegmentSource) -> VoiceTrack:
        """The track of a source, or the one there is."""
        return self._tracks.get(source) or self.voice()

    def _vocals(self, report: Report) -> SongStore | None:
        """The store with the vocals; None, with a warning, where there can be none."""
        if self.song.duration_s > MAX_SEPARATED_S:
            minutes = f"{self.song.duration_s / 60:.0f} minutes"
            self._note(
                [f"{self.song.path.name} has {minutes}: its vocals are not taken out, the mix is heard"]
            )
            return None
        home = self._transcriber.home
        last = 0.0

        def told(part: float) -> None:
            nonlocal last
            last = max(last, part)
            report("preparing", 0.5 * last)

        try:
            return song_vocals(
                home, self.song.path, self.song_hash, self.order.separator, self._transcriber.profile, told
            )
        except ModelMissing as err:
            self._note([f"only the mix is heard, which finds fewer words: {err}"])
            return None

    @contextmanager
    def _sound(self, source: SegmentSource, vocals: SongStore | None) -> Generator[tuple[Iterable[F32], int]]:
        """Blocks of the song or its vocals, and their rate."""
        if vocals is None:
            yield decode_blocks(self.song.path), self.song.rate_hz
            return
        with vocals.open_lane(VOCALS if source == "vocals" else ORIGINAL) as lane:
            yield lane.blocks(vocals.total_frames or 0), vocals.rate_hz

    def _keep(self) -> None:
        """Remember what was found in the tracks, so that a resumed run listens no second time."""
        rows: dict[str, np.ndarray] = {}
        for source, track in self._tracks.items():
            rows[f"{source}_level_db"], rows[f"{source}_voice"] = track.level_db, track.voice
            rows[f"{source}_frames"] = np.array([track.n_frames])
        draft = self.transcript.folder / f"{self.transcript.key}.new.npz"
        np.savez(draft, **rows)  # pyright: ignore[reportArgumentType]
        draft.replace(self.transcript.folder / f"{self.transcript.key}.npz")

    def _recall(self) -> bool:
        path = self.transcript.folder / f"{self.transcript.key}.npz"
        try:
            with np.load(path) as rows:
                for source in ("vocals", "mix"):
                    if f"{source}_voice" not in rows:
                        continue
                    n_frames = int(rows[f"{source}_frames"][0])
                    frames = self.transcript.folder / f"{self.transcript.key}.{source}.s16"
                    if frames.stat().st_size != 2 * n_frames:  # another run is at it, or was killed
                        self._tracks.clear()
                        return False
                    level_db, voice = rows[f"{source}_level_db"], rows[f"{source}_voice"]
                    self._tracks[source] = VoiceTrack(frames, n_frames, level_db, voice)
        except (OSError, ValueError, KeyError):
            self._tracks.clear()
        return bool(self._tracks)

    def _begin(self, model: Whisper) -> None:
        """Plan the windows and settle the language."""
        windows = plan_windows(self.voice())
        self.language = self._language or self._detect(model, windows)
        self.transcript.begin(self.order.model, self.language, windows, self.warnings)

    def _detect(self, model: Whisper, windows: list[Window]) -> str:
        voice = self.voice()
        best = sorted(windows, key=lambda w: -voiced_share(voice, w.start_s, w.stop_s) * w.seconds)
        votes: dict[str, float] = {}
        for window in best[:LANGUAGE_WINDOWS]:
            sound = voice.read(window.start_s, window.stop_s)
            encoded = self._encoded[window] = model.encode(sound)
            language, probability = model.detect_language(encoded)
            votes[language] = votes.get(language, 0.0) + probability
            if probability > 0.9:
                break
        return max(votes, key=lambda language: votes[language]) if votes else "en"

    def _windows(
        self, model: Whisper, report: Report, playhead_s: Callable[[], float] | None
    ) -> Generator[Segment]:
        record = self.transcript.record
        self.language = record.language
        total_s = sum(window.seconds for window in record.windows) or 1.0
        left = [index for index in range(len(record.windows)) if index not in record.heard]
        while left:
            done_s = total_s - sum(record.windows[index].seconds for index in left)
            report("transcribing", done_s / total_s)
            index = nearest(record.windows, left, playhead_s() if playhead_s is not None else 0.0)
            left.remove(index)
            begun_s = time.perf_counter()
            segments = self._hear(model, record.windows[index])
            self.inference_s += time.perf_counter() - begun_s
            self.transcript.add(index, segments)
            yield from segments

    def _hear(self, model: Whisper, window: Window) -> list[Segment]:
        """The lines of one window."""
        voice = self.voice()
        sounds: dict[SegmentSource, F32] = {}
        known: dict[SegmentSource, Encoded] = {}
        of_voice = self._encoded.pop(window, None)
        for source, track in self._tracks.items():
            sounds[source] = track.read(window.start_s, window.stop_s)
            if of_voice is not None and track is voice:
                known[source] = of_voice
        sides = hear(model, sounds, window.start_s, self.language, known)

        def share(start_s: float, stop_s: float) -> float:
            return voiced_share(voice, start_s, stop_s)

        lines = believed(choose_lines(sides.get("mix", []), sides.get("vocals", [])), share)
        return timed_lines([line.segment for line in lines], voice, window)

    def _note(self, texts: list[str]) -> None:
        for text in texts:
            if text not in self.warnings:
                self.warnings.append(text)
                warnings.warn(text, CharonWarning, stacklevel=4)

    def close(self) -> None:
        """Let others transcribe this song."""
        self.transcript.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def timed_lines(segments: list[Segment], voice: VoiceTrack, window: Window) -> list[Segment]:
    """Lines with their words drawn to the onsets of the voice.

    Parameters
    ----------
    segments : list of Segment
    voice : VoiceTrack
    window : Window
        Where they are.

    Returns
    -------
    list of Segment
        The same lines; times to a millisecond.
    """
    words = [word for segment in segments for word in segment.words]
    if not words:
        return segments
    snapped = iter(snap_words(words, voice.read(window.start_s, window.stop_s), window.start_s))
    return [_retimed(segment, [next(snapped) for _ in segment.words]) for segment in segments]


def _retimed(segment: Segment, words: list[Word]) -> Segment:
    words = [replace(word, start_s=round(word.start_s, 3), end_s=round(word.end_s, 3)) for word in words]
    return replace(segment, start_s=words[0].start_s, end_s=words[-1].end_s, words=tuple(words))


def _say_nothing(what: str, part: float) -> None:
    del what, part
