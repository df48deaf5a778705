"""The mic beside a song: opened while it plays, recorded along with it, exported as a lane of it.

Playback's part of the mic. What can be turned while it sounds is `live`; what needs the device to be opened
again, or the song to be known, goes through here, under playback's lock.
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from engine.errors import ParameterError, StoreError
from engine.io.encode import OutputFormat
from engine.services.live_mic import LiveMic, MicChoice
from engine.services.recorder import Recorder, TakeRequest
from engine.services.song_player import SongPlayer
from engine.services.take import KINDS, Kind
from engine.services.take_export import TakeExport, export_take


class SongMic:
    """The mic of a playback.

    Parameters
    ----------
    live : LiveMic
        Level, chain, meters, latency: what takes effect at once.
    player : SongPlayer
        The song beside it.
    lock : RLock
        Playback's own.
    changing_device : callable
        Makes a context in which the device may be opened again: the song fades out before it and goes on
        where it was.

    Attributes
    ----------
    live : LiveMic
    """

    def __init__(
        self,
        live: LiveMic,
        player: SongPlayer,
        lock: threading.RLock,
        changing_device: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self.live = live
        self._player = player
        self._lock = lock
        self._changing_device = changing_device

    def open(self, choice: MicChoice) -> None:
        """Listen to a microphone; the song pauses for the moment that the device needs.

        Raises
        ------
        DeviceError
            There is no such input, it refuses, or it would howl; the song goes on without it.
        """
        self.live.prepare()
        with self._changing_device():
            self.live.open(choice)

    def close(self) -> None:
        """Let go of the microphone, ending a recording."""
        with self._lock:
            if self.live.choice is None:
                return
            self.live.stop_recording()
            with self._changing_device():
                self.live.close()

    def record(self, folder: Path, song: Path | None, kinds: tuple[Kind, ...] = KINDS) -> Recorder:
        """Begin a take beside the song that is loaded, or without one.

        Parameters
        ----------
        folder : Path
            Made if it is not there.
        song : Path or None
            The loaded song; the take is called after it.
        kinds : tuple of {"dry", "wet"}

        Raises
        ------
        DeviceError
            The mic is closed, or recorded already.
        EncodeError, StoreError
            The files cannot be created.
        """
        with self._lock:
            store = self._player.store
            name = "take" if song is None else song.stem
            rate_hz = 0 if store is None or song is None else store.rate_hz
            return self.live.record(
                TakeRequest(folder, kinds, name), "" if song is None else str(song), rate_hz
            )

    def export(self, log: Path, out: Path, kind: Kind = "wet", fmt: OutputFormat | None = None) -> TakeExport:
        """Write a take as a lane of the song that is loaded: as long as it, every passage in its place.

        Parameters
        ----------
        log : Path
            The ``.take`` file; not of a recording under way.
        out : Path
            The file to write; replaced if it exists.
        kind : {"dry", "wet"}
        fmt : OutputFormat or None
            None writes a float WAV.

        Raises
        ------
        ParameterError
            The song is not decoded to its end yet, or the take is still being recorded.
        StoreError, EncodeError
            The take cannot be read, or the file not written.
        """
        store, recorder = self._player.store, self.live.recorder
        if store is None or store.total_frames is None:
            raise ParameterError("the song is not decoded to its end yet: its length is not known")
        if recorder is not None and recorder.log_path == log and recorder.is_running:
            raise ParameterError(f"{log.name} is still being recorded: stop that first")
        if not log.exists():
            raise StoreError(f"there is no take {log}: choose a .take file that Charon recorded")
        return export_take(log, out, store.total_frames, kind, fmt)
