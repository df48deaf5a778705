"""The rows of `charon bench kernels` for the spectral side of analysis, against librosa and scipy."""

from collections.abc import Callable
from functools import partial

import numpy as np

from app.cli.kernel_case import ANALYSIS_RATE_HZ, LENGTHS_S, Call, KernelCase, bench_sound, library
from engine.kernels.delta import delta
from engine.kernels.hpss import Hpss, hpss_masks
from engine.kernels.jit import RowPool
from engine.kernels.median import running_median
from engine.kernels.mel import MelSpectrum
from engine.kernels.pitch import PitchTrack, Yin
from engine.kernels.spectral import rms, spectral_flux, spectral_shape, zero_crossing_rate
from engine.units import F32, AnyArray

PITCH_RANGE_HZ = (65.40639, 2093.0045)
MEDIAN_SIZE = 31

EQUAL_DB = -200.0
"""Not a bit may differ: this is what no difference counts as."""
ROUNDING_DB, PITCH_DB, ROLLOFF_DB = -110.0, -65.0, -70.0
"""Single precision; a cent, which is -65 dB of a frequency; a few frames of thousands whose sum reaches the
share a bin sooner or later by its roundings."""

_SHAPES: dict[str, str] = {
    "centroid_hz": "spectral_centroid",
    "bandwidth_hz": "spectral_bandwidth",
    "rolloff_hz": "spectral_rolloff",
    "flatness": "spectral_flatness",
}


def _magnitudes(seconds: float) -> tuple[F32, F32]:
    """Time first, as kernels take them, and frequency first, as librosa does; both contiguous."""
    theirs: F32 = np.ascontiguousarray(np.abs(library("librosa").stft(bench_sound(seconds))))
    return np.ascontiguousarray(theirs.T), theirs


def _median(seconds: float, threads: int, axis: int) -> tuple[Call, Call]:
    ndimage = library("scipy.ndimage")
    ours, theirs = _magnitudes(seconds)
    pool, out = RowPool(threads), np.empty_like(ours)
    size = (1, MEDIAN_SIZE) if axis == 0 else (MEDIAN_SIZE, 1)
    return (
        lambda: running_median(ours, MEDIAN_SIZE, axis, out, pool),
        lambda: ndimage.median_filter(theirs, size=size, mode="reflect").T,
    )


def _hpss(seconds: float, threads: int) -> tuple[Call, Call]:
    effects = library("librosa").effects
    x = bench_sound(seconds)
    plan = Hpss(threads=threads)
    parts = np.empty((2, 1, x.size), np.float32)

    def ours() -> AnyArray:
        plan.separate(x[None], parts[0], parts[1])
        return parts[:, 0]

    return ours, lambda: np.stack(effects.hpss(x))


def _hpss_masks(seconds: float, threads: int) -> tuple[Call, Call]:
    decompose = library("librosa").decompose
    ours, theirs = _magnitudes(seconds)
    pool = RowPool(threads)
    return (
        lambda: np.stack(hpss_masks(ours, threads=pool)),
        lambda: np.stack(decompose.hpss(theirs, mask=True)).transpose(0, 2, 1),
    )


def _yin(seconds: float, threads: int) -> tuple[Call, Call]:
    librosa = library("librosa")
    x = bench_sound(seconds)
    plan = Yin(ANALYSIS_RATE_HZ, PITCH_RANGE_HZ, threads=threads)
    shape = (1, plan.n_frames(x.size))
    track = PitchTrack(np.empty(shape, np.float32), np.empty(shape, np.float32))
    lowest_hz, highest_hz = PITCH_RANGE_HZ
    return (
        lambda: plan.track(x[None], track).f0_hz[0],
        lambda: librosa.yin(x, fmin=lowest_hz, fmax=highest_hz, sr=ANALYSIS_RATE_HZ),
    )


def _shape(seconds: float, threads: int, field: str) -> tuple[Call, Call]:
    feature = library("librosa").feature
    reference = getattr(feature, _SHAPES[field])
    ours, theirs = _magnitudes(seconds)
    pool = RowPool(threads)
    return (
        lambda: getattr(spectral_shape(ours, ANALYSIS_RATE_HZ, threads=pool), field),
        lambda: reference(S=theirs)[0],
    )


def _flux(seconds: float, threads: int) -> tuple[Call, Call]:
    onset = library("librosa").onset
    ours, theirs = _magnitudes(seconds)
    pool = RowPool(threads)
    return lambda: spectral_flux(ours, pool), lambda: onset.onset_strength(S=theirs, center=False)


def _rms(seconds: float, threads: int) -> tuple[Call, Call]:
    feature = library("librosa").feature
    x, pool = bench_sound(seconds), RowPool(threads)
    return lambda: rms(x[None], threads=pool)[0], lambda: feature.rms(y=x)[0]


def _zero_crossings(seconds: float, threads: int) -> tuple[Call, Call]:
    feature = library("librosa").feature
    x, pool = bench_sound(seconds), RowPool(threads)
    return lambda: zero_crossing_rate(x[None], threads=pool)[0], lambda: feature.zero_crossing_rate(x)[0]


def _mel(seconds: float, threads: int) -> tuple[Call, Call]:
    feature = library("librosa").feature
    x = bench_sound(seconds)
    plan = MelSpectrum(ANALYSIS_RATE_HZ, threads=threads)
    out = plan.power(x[None])
    return lambda: plan.power(x[None], out)[0], lambda: feature.melspectrogram(y=x).T


def _onset(seconds: float, threads: int) -> tuple[Call, Call]:
    onset = library("librosa").onset
    x = bench_sound(seconds)
    plan = MelSpectrum(ANALYSIS_RATE_HZ, threads=threads)
    return lambda: plan.onset_strength(x[None])[0], lambda: onset.onset_strength(y=x)


def _delta(seconds: float, threads: int) -> tuple[Call, Call]:
    feature = library("librosa").feature
    with MelSpectrum(ANALYSIS_RATE_HZ) as plan:
        tracks = np.ascontiguousarray(plan.levels_db(bench_sound(seconds)[None])[0].T)
    pool, out = RowPool(threads), np.empty_like(tracks)
    return lambda: delta(tracks, out=out, threads=pool), lambda: feature.delta(tracks)


def spectral_cases(threads: int) -> list[KernelCase]:
    """Rows at every length of LENGTHS_S, mono at ANALYSIS_RATE_HZ, 2048/512.

    Parameters
    ----------
    threads : int
        On our side; the references have one, or what their array library takes.

    Notes
    -----
    Centroid, bandwidth, roll-off and flatness come out of one pass here, flux with them, so that the
    time in each of their rows is that of all five.
    """
    makers: list[tuple[str, str, float, Callable[[float], tuple[Call, Call]]]] = [
        ("median, time", "scipy.ndimage.median_filter", EQUAL_DB, partial(_median, threads=threads, axis=0)),
        (
            "median, frequency", "scipy.ndimage.median_filter", EQUAL_DB,
            partial(_median, threads=threads, axis=1),
        ),
        ("hpss", "librosa.effects.hpss", ROUNDING_DB, partial(_hpss, threads=threads)),
        ("hpss masks", "librosa.decompose.hpss", ROUNDING_DB, partial(_hpss_masks, threads=threads)),
        ("yin", "librosa.yin", PITCH_DB, partial(_yin, threads=threads)),
    ]  # fmt: skip
    for field, name in _SHAPES.items():
        make = partial(_shape, threads=threads, field=field)
        tolerance_db = ROLLOFF_DB if field == "rolloff_hz" else ROUNDING_DB
        makers.append((name.replace("_", " "), f"librosa.feature.{name}", tolerance_db, make))
    rest: list[tuple[str, str, Callable[..., tuple[Call, Call]]]] = [
        ("spectral flux", "librosa.onset.onset_strength(S)", _flux),
        ("rms", "librosa.feature.rms", _rms),
        ("zero crossings", "librosa.feature.zero_crossing_rate", _zero_crossings),
        ("mel bands", "librosa.feature.melspectrogram", _mel),
        ("onset strength", "librosa.onset.onset_strength", _onset),
        ("delta", "librosa.feature.delta", _delta),
    ]
    makers += [(name, theirs, ROUNDING_DB, partial(make, threads=threads)) for name, theirs, make in rest]
    return [
        KernelCase(name, seconds, reference, tolerance_db, partial(make, seconds))
        for name, reference, tolerance_db, make in makers
        for seconds in LENGTHS_S
    ]
