"""From a card and its files to a loaded model.

Runs in the process that will use the model. The one place that knows every architecture; each is
imported only when a card asks for it.
"""

from collections.abc import Mapping
from pathlib import Path

from engine.inference.architecture import Architecture
from engine.inference.cards import ModelCard
from engine.inference.sessions import Profile


def load_architecture(
    card: ModelCard, files: Mapping[str, Path], profile: Profile, provider: str | None = None
) -> Architecture:
    """Load a model.

    Parameters
    ----------
    card : ModelCard
        What it is.
    files : dict of str to Path
        Where the card's files lie, as `ModelStore.files` gives them.
    profile : "live" or "throughput"
        See `engine.inference.sessions.Profile`.
    provider : str or None
        Execution provider, or None for the fastest that works.

    Returns
    -------
    Architecture
        Ready to separate; owned by one thread, to be closed by it.

    Raises
    ------
    ModelError, ProviderUnavailable
        A file is not a usable model of this architecture; no such provider.
    """
    paths = [files[file.name] for file in card.files]
    if card.architecture == "spleeter":
        from engine.inference.spleeter import Spleeter

        return Spleeter(card, paths, profile, provider)
    if card.architecture == "htdemucs":
        from engine.inference.htdemucs import HTDemucs

        return HTDemucs(card, paths[0], profile, provider)
    if card.architecture == "splitter":
        from engine.inference.splitter import Splitter

        return Splitter(card, files, profile, provider)
    from engine.inference.waveform import WaveformModel

    return WaveformModel(card, paths[0], profile, provider)
