"""What was sung to the song that plays, as lanes of it. Playback's part of the takes."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from engine.errors import ParameterError
from engine.realtime.layout import MAX_LANES
from engine.services.song_player import SongPlayer
from engine.services.take_lane import TakeLane


class SongTakes:
    """The takes of a playback.

    Parameters
    ----------
    player : SongPlayer
    changing_device : callable
        Makes a context in which nothing sounds, and after which the song goes on where it was.
    """

    def __init__(
        self, player: SongPlayer, changing_device: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._player = player
        self._changing_device = changing_device
        self._heard: dict[str, TakeLane] = {}

    def set(self, takes: Mapping[str, TakeLane]) -> None:
        """Hear these takes, and no others, beside the song; a change is a gap of some hundredths of a second.

        Parameters
        ----------
        takes : mapping of str to TakeLane
            By the name that the mixer knows each by, in order; those that stay keep their settings.

        Raises
        ------
        ParameterError
            They were made for another song or model, or there are too many.
        StoreError
            A lane's file is gone.
        """
        store = self._player.store
        if takes and (store is None or any(take.folder != store.folder for take in takes.values())):
            raise ParameterError("these takes were made for another song: open that one first")
        most = MAX_LANES - 1 - (0 if store is None else len(store.stems))
        if len(takes) > most:
            raise ParameterError(
                f"{len(takes)} takes are more than the {most} that fit beside these stems: remove one first"
            )
        # A song that is loaded anew has none, whatever it had before.
        if list(takes.items()) == list(self._heard.items()) and tuple(takes) == self._player.mixer.takes:
            return
        lanes = {name: take.map() for name, take in takes.items()}
        with self._changing_device():
            self._player.set_takes(lanes)
            self._heard = dict(takes)
