"""How good separations are, judged by songs whose true stems are known.

Runs in the caller's thread; the network has its own. Songs are held whole, because BSS Eval needs them so:
about 5 MB a second for four stems.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from engine.errors import ParameterError
from engine.inference.model_store import ModelStore
from engine.io.encode import OutputFormat, SoundFileWriter
from engine.io.home import Home, default_home
from engine.io.stem_store import StemStore
from engine.io.true_stems import TrueSong
from engine.kernels.stem_figures import BAND_EDGES_HZ, StemFigures, sdr_db
from engine.services.bss_metrics import HOW_TO_ADD, BssFigures, bss_figures, has_bss_metrics
from engine.services.separation import Separator
from engine.services.split_baseline import BASELINE, BASELINE_STEMS, split_without_model
from engine.units import F32

BASELINE_MODEL = "spleeter-2stems"
"""Takes the vocals away before the baseline splits what is left."""
_VOCALS = "vocals"

Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class StemScore:
    """One stem of one song by one model.

    Parameters
    ----------
    song, model, stem : str
    sdr_db : float or None
        Energy of the true stem over that of the error; None where the song has no such stem.
    bss : BssFigures or None
        None without the package, or where the stem is silent.
    bands_db : list of float or None
        The energy ratio by band, see `BAND_EDGES_HZ`.
    leakage : dict of str to float or None
        Share of the energy of each true stem that is in this one, 0 to 1; None for a silent one.
    """

    song: str
    model: str
    stem: str
    sdr_db: float | None
    bss: BssFigures | None
    bands_db: list[float | None]
    leakage: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class ModelRun:
    """What a separation took.

    Parameters
    ----------
    song, model : str
    provider : str
        What ran the network.
    seconds, wall_s : float
        Length of the song; time from file to stems, the loading of the network not counted.
    realtime_factor : float
        `seconds / wall_s`.
    """

    song: str
    model: str
    provider: str
    seconds: float
    wall_s: float
    realtime_factor: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One song by one model.

    Parameters
    ----------
    run : ModelRun
    scores : list of StemScore
        In the order of the model's stems.
    """

    run: ModelRun
    scores: list[StemScore]


@dataclass(frozen=True, slots=True)
class _Stems:
    """Estimates of shape (stems, 2, frames), and how they came about."""

    names: tuple[str, ...]
    residual: str
    sounds: F32
    provider: str
    wall_s: float


class Evaluator:
    """Models to be judged, one loaded at a time.

    Parameters
    ----------
    models : sequence of str
        Cards of separating models, or "baseline".
    home : Home or None
        Where models are kept; None is the user's. Stems are not kept.
    provider : str or None
        Execution provider; None chooses.

    Attributes
    ----------
    notices : list of str
        What the user should know.

    Raises
    ------
    ModelMissing, ModelError
        A model is unknown, was not fetched or does something else; nothing was begun.
    ParameterError
        No model at all.
    """

    def __init__(
        self, models: Sequence[str], *, home: Home | None = None, provider: str | None = None
    ) -> None:
        if not models:
            raise ParameterError("no model to evaluate; name one, see `charon models list`")
        self._home = home or default_home()
        self._store = ModelStore(self._home.models, self._home.cards)
        self._provider = provider
        self.models = tuple(dict.fromkeys(models))
        for model in self.models:
            self._store.files(BASELINE_MODEL if model == BASELINE else model)
        self.notices: list[str] = [] if has_bss_metrics() else [HOW_TO_ADD]
        self._scratch = tempfile.TemporaryDirectory(prefix="charon-evaluate-")
        self._kept: tuple[TrueSong, _Stems] | None = None

    def evaluate(self, song: TrueSong, model: str, progress: Progress | None = None) -> Evaluation:
        """Separate the mixture of a song and compare.

        Parameters
        ----------
        song : TrueSong
        model : str
            One of `models`.
        progress : callable or None
            Given the part that is done, 0 to 1, and what is being done.

        Returns
        -------
        Evaluation

        Raises
        ------
        CharonError
            As `Separator`.
        """
        say = progress or _say_nothing
        began_s = time.perf_counter()
        stems = self._split(song, say) if model == BASELINE else self._separate(song, model, say)
        say(0.9, "comparing")
        seconds = song.mixture.shape[1] / song.rate_hz
        wall_s = stems.wall_s or time.perf_counter() - began_s
        run = ModelRun(song.name, model, stems.provider, seconds, wall_s, seconds / wall_s)
        return Evaluation(run, _compare(song, model, stems))

    def _split(self, song: TrueSong, say: Progress) -> _Stems:
        """What the baseline makes of the song."""
        first = self._separate(song, BASELINE_MODEL, say)
        began_s = time.perf_counter()
        vocals = first.sounds[first.names.index(_VOCALS)]
        rest = split_without_model(song.mixture - vocals, song.rate_hz)
        wall_s = first.wall_s + time.perf_counter() - began_s
        sounds = np.concatenate([rest, vocals[np.newaxis]])
        return _Stems((*BASELINE_STEMS, _VOCALS), BASELINE_STEMS[-1], sounds, first.provider, wall_s)

    def _separate(self, song: TrueSong, model: str, say: Progress) -> _Stems:
        if self._kept is not None and self._kept[0] is song and model == BASELINE_MODEL:
            return self._kept[1]
        stems = self._run(song, model, say)
        if model == BASELINE_MODEL:
            self._kept = (song, stems)
        return stems

    def _run(self, song: TrueSong, model: str, say: Progress) -> _Stems:
        with tempfile.TemporaryDirectory(dir=self._scratch.name) as folder:
            path = Path(folder) / "mixture.wav"
            n_frames = song.mixture.shape[1]
            with SoundFileWriter(path, OutputFormat("wav", "32f"), song.rate_hz) as file:
                file.write(song.mixture)
                file.commit()
            stems = StemStore(Path(folder) / "stems")
            with Separator(model, home=self._home, stems=stems, provider=self._provider) as separator:
                separator.load()
                began_s = time.perf_counter()
                with separator.separate_file(path) as separation:
                    for segment in separation.segments():
                        say(0.9 * segment.n_done / segment.n_total, "separating")
                    wall_s = time.perf_counter() - began_s
                    names = separator.card.stems
                    sounds = np.zeros((len(names), 2, n_frames), np.float32)
                    for k, name in enumerate(names):
                        with separation.store.open_lane(name) as lane:
                            sounds[k] = lane.read(0, n_frames).T
                self.notices += [text for text in separation.warnings if text not in self.notices]
                return _Stems(names, separator.card.residual_stem, sounds, separation.provider, wall_s)

    def close(self) -> None:
        """Remove what was written."""
        self._kept = None
        self._scratch.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _compare(song: TrueSong, model: str, stems: _Stems) -> list[StemScore]:
    """Every figure of every stem."""
    truths = np.stack(list(song.stems(stems.names, stems.residual).values()))
    figures = StemFigures(truths, song.rate_hz)
    unknown: list[BssFigures | None] = [None] * len(truths)
    bss = bss_figures(truths, stems.sounds, song.rate_hz) if has_bss_metrics() else unknown
    return [
        StemScore(
            song=song.name,
            model=model,
            stem=name,
            sdr_db=sdr_db(truths[k], stems.sounds[k]),
            bss=bss[k],
            bands_db=figures.band_sdr_db(k, stems.sounds[k]),
            leakage=dict(zip(stems.names, figures.leakage(stems.sounds[k]), strict=True)),
        )
        for k, name in enumerate(stems.names)
    ]


def band_names() -> list[str]:
    """The bands of `StemScore.bands_db` in words."""
    names: list[str] = []
    for low_hz, high_hz in pairwise(BAND_EDGES_HZ):
        names.append(f"{low_hz:g}-{high_hz:g} Hz")
    return names


def _say_nothing(part: float, what: str) -> None:
    del part, what
