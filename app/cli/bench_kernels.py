"""`charon bench kernels`: each kernel against its reference library, alternately in one run.

Main thread, and the threads of the plans that the cases make.
"""

import os
import statistics
import time
from dataclasses import dataclass

import click
import numpy as np

from app.cli.bench_kernels_engine import engine_cases
from app.cli.bench_kernels_spectral import spectral_cases
from app.cli.bench_kernels_tonal import tonal_cases
from app.cli.console import json_option, print_json, progress, table, warn
from app.cli.kernel_case import KernelCase
from engine.errors import CharonError
from engine.units import energy_ratio_db

EXIT_FAILED = 1


@dataclass(frozen=True)
class KernelRow:
    """One comparison.

    Attributes
    ----------
    name : str
    seconds : float
        Length of the sound worked on.
    ours_s, reference_s : float
        Median wall time of a call.
    reference : str
        The function it is compared with.
    ratio : float
        reference_s / ours_s: 2 means twice as fast as the reference.
    error_db : float
        Energy of the difference from the reference's result, over that of the result.
    tolerance_db : float
        What `error_db` may be; see the rooms of the cases for why.
    """

    name: str
    seconds: float
    ours_s: float
    reference: str
    reference_s: float
    ratio: float
    error_db: float
    tolerance_db: float


def _measure(case: KernelCase, repeats: int) -> KernelRow:
    """Take turns, so that a machine that slows down slows both."""
    ours, reference = case.make()
    expected = reference().copy()
    found = ours()
    error_db = -energy_ratio_db(np.abs(expected), np.abs(found - expected))
    ours_s: list[float] = []
    reference_s: list[float] = []
    for _ in range(repeats):
        for function, times_s in ((ours, ours_s), (reference, reference_s)):
            start = time.perf_counter()
            function()
            times_s.append(time.perf_counter() - start)
    median_s, reference_median_s = statistics.median(ours_s), statistics.median(reference_s)
    return KernelRow(
        case.name,
        case.seconds,
        median_s,
        case.reference_name,
        reference_median_s,
        reference_median_s / median_s,
        error_db,
        case.tolerance_db,
    )


def _cases(seconds: float, threads: int, only: str) -> list[KernelCase]:
    cases = [*engine_cases(seconds, threads), *spectral_cases(threads), *tonal_cases(threads)]
    chosen = [case for case in cases if only.casefold() in case.name.casefold()]
    if not chosen:
        names = ", ".join(sorted({case.name for case in cases}))
        raise CharonError(f"no kernel's name contains {only!r}; there are {names}")
    return chosen


@click.command(name="kernels")
@click.option(
    "--seconds",
    default=60.0,
    show_default=True,
    type=click.FloatRange(1, 600),
    help="Length of sound for transforms, resampler and loudness; analysis takes 1, 10 and 60.",
)
@click.option(
    "--repeats", default=5, show_default=True, type=click.IntRange(1, 100), help="Calls a median is of."
)
@click.option(
    "--threads", default=None, type=click.IntRange(1, 64), help="Threads on both sides. [default: cores]"
)
@click.option("--only", default="", metavar="TEXT", help="Kernels whose name contains TEXT.")
@json_option
def command(seconds: float, repeats: int, threads: int | None, only: str, as_json: bool) -> int:
    """Compare each kernel with its reference library in the same run.

    Fails when a result is further from the reference's than its stated tolerance.

    ratio is reference_s / ours_s: 2 means twice as fast as the reference. soxr, librosa, scipy.signal
    and the resampler use one thread; the Fourier transforms of both sides and analysis use --threads.

    Example: charon bench kernels --only hpss --json
    """
    n_threads = threads or min(os.cpu_count() or 1, 8)
    cases = _cases(seconds, n_threads, only)
    rows: list[KernelRow] = []
    with progress("Measuring", len(cases), quiet=as_json) as update:
        for case in cases:
            update(len(rows), case.name)
            rows.append(_measure(case, repeats))
        update(len(cases))
    apart = [row for row in rows if not row.error_db <= row.tolerance_db]
    for row in apart:
        warn(
            f"{row.name} of {row.seconds:g} s is {row.error_db:.0f} dB from {row.reference}: "
            f"{row.tolerance_db:.0f} dB were stated"
        )
    if as_json:
        print_json({"kernels": rows, "threads": n_threads})
        return EXIT_FAILED if apart else 0
    table(
        ["kernel", "s", "ours ms", "reference ms", "reference", "ratio", "error dB", "allowed dB"],
        [
            (
                r.name,
                f"{r.seconds:g}",
                f"{1e3 * r.ours_s:.2f}",
                f"{1e3 * r.reference_s:.2f}",
                r.reference,
                f"{r.ratio:.2f}",
                f"{r.error_db:.0f}",
                f"{r.tolerance_db:.0f}",
            )
            for r in rows
        ],
    )
    return EXIT_FAILED if apart else 0
