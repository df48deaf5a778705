"""`charon bench similarity`: exact nearest neighbours beside scikit-learn's brute force, in the same run.

Main thread, and the threads of both sides. The points are noise: neither side is faster or slower on
fingerprints of music.
"""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import click
import numpy as np

from app.cli.console import json_option, print_json, progress, table
from app.cli.kernel_case import library
from engine.errors import CharonError
from engine.units import I64

DIMENSIONS = 25
NEIGHBOURS = 10
QUERIES = (1, 16)


@dataclass(frozen=True)
class Row:
    """Median seconds of a search by both, and how many times ours is faster; the indices are equal."""

    name: str
    ours_s: float
    reference: str
    reference_s: float
    ratio: float


@click.command(name="similarity", epilog="Example: charon bench similarity --json")
@click.option("--points", type=click.IntRange(1000, 10_000_000), default=1_000_000, show_default=True)
@click.option(
    "--repeats", type=click.IntRange(1, 100), default=7, show_default=True, help="Searches a median is of."
)
@click.option(
    "--threads", default=None, type=click.IntRange(1, 64), help="Threads on our side. [default: cores]"
)
@json_option
def command(points: int, repeats: int, threads: int | None, as_json: bool) -> None:
    """Compare the search for the 10 nearest fingerprints with scikit-learn's brute force.

    Each search is for queries of its own, and both must find the same. ratio is reference_s / ours_s: 2
    means twice as fast as the reference. Building the index, once a library, is not part of it.
    """
    from engine.kernels.jit import RowPool
    from engine.kernels.similarity import NeighbourIndex

    neighbours = library("sklearn.neighbors")
    rng = np.random.default_rng(0)
    cloud = rng.standard_normal((points, DIMENSIONS), np.float32)
    rows: list[Row] = []
    with (
        RowPool(threads or min(os.cpu_count() or 1, 8)) as pool,
        progress("Searching", len(QUERIES) * repeats, quiet=as_json) as update,
    ):
        start = time.perf_counter()
        index = NeighbourIndex(cloud)
        build_s = time.perf_counter() - start
        reference = neighbours.NearestNeighbors(n_neighbors=NEIGHBOURS, algorithm="brute").fit(cloud)
        for turn, n_queries in enumerate(QUERIES):
            queries = rng.standard_normal((repeats + 1, n_queries, DIMENSIONS), np.float32)
            ours_s, reference_s = _alternate(
                lambda i, x=queries: index.nearest(x[i], NEIGHBOURS, threads=pool).indices,
                lambda i, x=queries: reference.kneighbors(x[i], return_distance=False),
                repeats,
                lambda done, first=turn * repeats: update(first + done),
            )
            name = f"{points} x {DIMENSIONS}, top {NEIGHBOURS}, {n_queries} at once"
            rows.append(
                Row(name, ours_s, "sklearn NearestNeighbors brute", reference_s, reference_s / ours_s)
            )
    if as_json:
        print_json({"rows": rows, "build_s": build_s, "threads": pool.threads})
        return
    table(
        ["search", "ours ms", "scikit-learn ms", "ratio"],
        [(r.name, f"{1e3 * r.ours_s:.2f}", f"{1e3 * r.reference_s:.2f}", f"{r.ratio:.2f}") for r in rows],
    )


def _alternate(
    ours: Callable[[int], I64],
    reference: Callable[[int], I64],
    repeats: int,
    update: Callable[[int], None],
) -> tuple[float, float]:
    """Median seconds of both, by turns, so that a machine that slows down slows both."""
    times: tuple[list[float], list[float]] = ([], [])
    for i in range(repeats + 1):
        found: list[I64] = []
        for function, taken in zip((ours, reference), times, strict=True):
            start = time.perf_counter()
            found.append(function(i))
            taken.append(time.perf_counter() - start)
        if not np.array_equal(found[0], found[1]):
            raise CharonError(f"search {i} found {found[0].tolist()}, scikit-learn {found[1].tolist()}")
        update(i)
    # The first search of each is warm-up.
    return statistics.median(times[0][1:]), statistics.median(times[1][1:])
