"""Compile every kernel that playing, separating and singing need, so that no song waits for it.

numba keeps what it compiled beside the source, so this costs some seconds once a machine and
installation, and about a second from then on. Runs in the process that set-up starts, or on a thread
behind an empty window; never in the callback.
"""

import multiprocessing
import tempfile
from pathlib import Path

import numpy as np

from engine.io.encode import OutputFormat, SoundFileWriter
from engine.io.home import Home, default_home
from engine.io.stem_store import StemStore
from engine.realtime.callback import compile_callback
from engine.realtime.capture import compile_capture_callback
from engine.realtime.far_call import kernel_address
from engine.realtime.memory import EngineMemory
from engine.realtime.mic import run_mic
from engine.realtime.source import run_source
from engine.services.curves import warm_curves
from engine.services.feeder import warm_feeder
from engine.services.peaks import warm_peaks
from engine.services.process_vocal import warm_effects
from engine.services.separation import Separator

WARM_UP_S = 0.5
RATES_HZ = (44_100, 48_000)
"""The model's own rate, and one that has to be resampled."""


def warm_up(model: str | None = None, home: Home | None = None) -> None:
    """Compile the callback, the feeder, the peaks, the mic, the effects and the analysis, and separate noise.

    Mic, effects and analysis are compiled by processes of their own beside the rest: they take as long
    again, the compiler holds the GIL, and set-up is being waited for.

    Parameters
    ----------
    model : str or None
        Model to run; None is `ModelStore.default`.
    home : Home or None
        Where it lies; None is the user's. Nothing is kept of the stems.

    Raises
    ------
    ModelMissing
        The model was not fetched.
    """
    spawn = multiprocessing.get_context("spawn")
    beside = [spawn.Process(target=work) for work in (warm_effects, warm_curves, warm_mic)]
    for process in beside:
        process.start()
    try:
        _warm_playing(model, home or default_home())
    finally:
        for process in beside:
            process.join()


def warm_mic() -> None:
    """Compile what a song is played without: paths of a mic and of a live source, a second callback."""
    kernel_address(run_mic)
    kernel_address(run_source)
    compile_capture_callback()


def _warm_playing(model: str | None, home: Home) -> None:
    """Everything but the mic, the effects and the analysis, in this process."""
    compile_callback()
    warm_feeder(EngineMemory())
    warm_peaks()
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        stems = StemStore(Path(folder) / "stems")
        with Separator(model, home=home, stems=stems) as separator:
            for rate_hz in RATES_HZ:
                path = Path(folder) / f"{rate_hz}.wav"
                with SoundFileWriter(path, OutputFormat(), rate_hz) as writer:
                    writer.write(rng.normal(0.0, 0.1, (2, int(WARM_UP_S * rate_hz))).astype(np.float32))
                    writer.commit()
                with separator.separate_file(path) as separation:
                    separation.save_all(Path(folder) / "out")
