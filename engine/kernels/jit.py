"""How kernels are compiled and spread over threads: the one place that names numba's options.

Compiled once a machine and cached beside the source; runs on whichever thread calls, without the
GIL. It exists so that no kernel chooses its own options: an exception or a bounds check in one of
them would take the GIL, and inside the audio callback that is a dropout (house.md, promise 1).

numba's own `parallel=True` is never used: its default threading layer aborts the process when two
threads enter it at once, which is exactly what a player that separates while it plays does.
`RowPool` splits rows over threads that its owner starts and stops.

numba's cache looks at the file of a kernel but not at the files of the kernels it calls, and would
run yesterday's code after an update. `_watch_sources` makes it look at both, and lets processes that
compile at the same time keep their results apart.
"""

import contextlib
import os
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from typing import Any, ParamSpec, Self, TypeVar

import numba

from engine.errors import ParameterError

P = ParamSpec("P")
R = TypeVar("R")


def kernel(fn: Callable[P, R]) -> Callable[P, R]:
    """Compile a function over arrays and scalars: no GIL, cached, no exceptions, strict floats.

    Parameters
    ----------
    fn : function
        numba nopython code. It must not raise: bounds are unchecked and division by zero gives
        infinity or NaN as in numpy.

    Returns
    -------
    function
        A numba dispatcher, callable from Python, from other kernels and from a `@cfunc`.
    """
    return _watch_sources(numba.njit(nogil=True, cache=True, error_model="numpy", boundscheck=False)(fn))


def fast_kernel(fn: Callable[P, R]) -> Callable[P, R]:
    """`kernel` whose sums may be reordered and fused, so that reductions vectorise.

    NaN and infinity keep their meaning (no `nnan`, no `ninf`): a model's NaN must stay visible.
    """
    return _watch_sources(
        numba.njit(
            nogil=True,
            cache=True,
            error_model="numpy",
            boundscheck=False,
            fastmath={"contract", "reassoc", "nsz", "arcp"},
        )(fn)
    )


def _watch_sources(dispatcher: Any) -> Any:
    """Let a kernel's cached code expire when a kernel or a constant that it names changes."""
    seen: dict[Any, None] = {}
    constants: list[tuple[str, str]] = []
    _collect(dispatcher.py_func, seen, constants)
    try:
        files = sorted({fn.__code__.co_filename for fn in seen} | {__file__})
        stamp = tuple((file, os.stat(file).st_mtime_ns, os.stat(file).st_size) for file in files)
        cache_file = dispatcher._cache._cache_file
        cache_file._source_stamp = (stamp, tuple(sorted(set(constants))))
        cache_file.save = partial(_save_apart, cache_file)
    except (OSError, AttributeError):
        # No sources in a frozen program, where they cannot change either; or another numba, whose
        # cache has other insides and keeps its own stamp.
        return dispatcher
    return dispatcher


def _save_apart(cache_file: Any, key: Any, data: Any) -> None:
    """Save code under a name that no other sources and types have; only then name it in the index.

    numba counts names up, and writes the index first. Two processes that compile a kernel for arrays of two
    types give both results one name, and a third that looks in between finds the code of other sources
    under it: all of them run what was compiled for something else, and crash.
    """
    name = cache_file._data_name(zlib.crc32(repr((cache_file._source_stamp, key)).encode()))
    cache_file._save_data(name, data)
    overloads = {**cache_file._load_index(), key: name}
    cache_file._save_index(overloads)
    # What older sources left. If another process is about to name one of these, it will compile once more.
    prefix, suffix = cache_file._index_name.removesuffix("nbi"), ".nbc"
    for old in os.listdir(cache_file._cache_path):
        if old.startswith(prefix) and old.endswith(suffix) and old not in overloads.values():
            with contextlib.suppress(OSError):
                os.unlink(cache_file._data_path(old))


def _collect(fn: Any, seen: dict[Any, None], constants: list[tuple[str, str]]) -> None:
    """Add `fn`, the kernels and intrinsics it names, theirs, and the numbers they all name."""
    if fn in seen:
        return
    seen[fn] = None
    for name in fn.__code__.co_names:
        value = fn.__globals__.get(name)
        if isinstance(value, int | float | str | tuple):
            constants.append((name, repr(value)))
        for inner in (getattr(value, "py_func", None), getattr(value, "_defn", None)):
            if inner is not None:
                _collect(inner, seen, constants)


class RowPool:
    """Threads that share the rows of a nogil kernel.

    Parameters
    ----------
    threads : int or None, 1 to 64
        Threads that work on one call, the calling one included; None takes the number of cores,
        at most 8 (kernels here are bound by memory beyond that).

    Notes
    -----
    The calling thread works on the last share itself, so one thread means no pool at all. Handing
    a share over costs about 30 us: give it work of at least a few hundred microseconds.
    Several threads may call `run` on one pool. Not for the audio callback.
    """

    def __init__(self, threads: int | None = None) -> None:
        n = min(os.cpu_count() or 1, 8) if threads is None else threads
        if not 1 <= n <= 64:
            raise ParameterError(f"{n} threads is outside 1..64")
        self.threads = n
        self._pool = ThreadPoolExecutor(n - 1, thread_name_prefix="rows") if n > 1 else None

    def run(self, fn: Callable[..., Any], n_rows: int, *args: Any) -> None:
        """Call `fn(row_start, row_stop, *args)` so that [0, n_rows) is covered once.

        Parameters
        ----------
        fn : nogil kernel
            Works on rows [row_start, row_stop); calls on disjoint ranges must not write the same
            memory.
        n_rows : int, >= 0
            Rows to share.
        *args
            Passed on unchanged.
        """
        n_shares = min(self.threads, n_rows)
        if n_rows <= 0:
            return
        if self._pool is None or n_shares == 1:
            fn(0, n_rows, *args)
            return
        edges = [n_rows * i // n_shares for i in range(n_shares + 1)]
        futures = [self._pool.submit(fn, edges[i], edges[i + 1], *args) for i in range(n_shares - 1)]
        try:
            fn(edges[-2], edges[-1], *args)
        finally:
            wait(futures)  # nobody may still write into the caller's arrays once this returns
        for future in futures:
            future.result()

    def close(self) -> None:
        """Stop the threads; the pool cannot be used afterwards."""
        if self._pool is not None:
            self._pool.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def run_rows(fn: Callable[..., Any], n_rows: int, *args: Any, threads: RowPool | None = None) -> None:
    """`threads.run(fn, n_rows, *args)`, or one plain call when there is no pool."""
    if threads is not None:
        threads.run(fn, n_rows, *args)
    elif n_rows > 0:
        fn(0, n_rows, *args)
