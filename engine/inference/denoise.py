"""A voice without the noise around it, hop by hop: what every denoiser promises, and how one is opened.

Runs in the worker process of the mic chain. A denoiser owns all the state between its hops and allocates
nothing that matters, so that a hop costs what its network costs.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from engine.errors import ModelError
from engine.inference.cards import ModelCard
from engine.units import F32

_DELAY_HOPS = {
    # Windows of two hops overlap by one, and the library looks one hop ahead for the pitch.
    "rnnoise": 2,
    # Blocks of four hops: the sums of a hop are complete when all that reach into it are in.
    "dtln": 3,
    # Windows of two hops, and two hops of look-ahead.
    "deepfilternet": 3,
}


def denoiser_delay_frames(card: ModelCard) -> int:
    """Frames, at the card's rate, by which a denoiser's output is late; the model need not be loaded."""
    return _DELAY_HOPS[card.architecture] * card.segment.window_frames


class Denoiser(Protocol):
    """One loaded denoiser, used by one thread.

    Attributes
    ----------
    rate_hz : int
        Rate of what goes in and comes out.
    hop_frames : int
        Frames a call.
    latency_frames : int
        Output frame k is input frame k - latency_frames, denoised; the hop that has to be full before
        a call comes on top, see `total_latency_ms`.
    """

    rate_hz: int
    hop_frames: int
    latency_frames: int

    def process(self, hop: F32, out: F32) -> None:
        """Denoise one hop.

        Parameters
        ----------
        hop : float32 array, shape (hop_frames,)
            Mono, full scale +-1, finite.
        out : float32 array, shape (hop_frames,)
            Overwritten; may be `hop`.
        """
        ...

    def reset(self) -> None:
        """Forget everything that was heard."""
        ...

    def close(self) -> None:
        """Free the model; it cannot be used afterwards."""
        ...


def total_latency_ms(denoiser: Denoiser) -> float:
    """From a sample's arrival to its denoised self, the time to compute not counted."""
    return 1000.0 * (denoiser.hop_frames + denoiser.latency_frames) / denoiser.rate_hz


def load_denoiser(card: ModelCard, files: Mapping[str, Path]) -> Denoiser:
    """Load a denoiser.

    Parameters
    ----------
    card : ModelCard
        Of the task "denoise".
    files : dict of str to Path
        As `ModelStore.files(name, "denoise")` gives them.

    Raises
    ------
    ModelError
        A file is not what the card says it is.
    """
    paths = [files[file.name] for file in card.files]
    if card.architecture == "dtln":
        from engine.inference.dtln import Dtln

        return Dtln(card, paths)
    if card.architecture == "rnnoise":
        from engine.inference.rnnoise import RNNoise

        return RNNoise(card, paths[0])
    if card.architecture == "deepfilternet":
        from engine.inference.deepfilternet import DeepFilterNet

        return DeepFilterNet(card, paths[0], paths[1])
    raise ModelError(f"model {card.name!r} is a {card.architecture}, which denoises nothing")
