import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ParameterError
from engine.kernels.jit import RowPool, fast_kernel, kernel, run_rows


@kernel
def _count_rows(first, last, counts):
    for row in range(first, last):
        counts[row] += 1


@kernel
def _divide(a, b):
    return a / b


@fast_kernel
def _total(x):
    total = 0.0
    for i in range(x.shape[0]):
        total += x[i]
    return total


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("n_rows", [0, 1, 2, 5, 1000])
def test_every_row_is_worked_on_once(threads, n_rows):
    counts = np.zeros(n_rows, np.int64)
    with RowPool(threads) as pool:
        run_rows(_count_rows, n_rows, counts, threads=pool)
    assert np.all(counts == 1)


def test_without_a_pool_it_is_one_plain_call():
    counts = np.zeros(9, np.int64)
    run_rows(_count_rows, 9, counts)
    assert np.all(counts == 1)


def test_two_threads_share_one_pool():
    with RowPool(2) as pool:
        counts = np.zeros((2, 4000), np.int64)

        def work(i):
            for _ in range(50):
                pool.run(_count_rows, 4000, counts[i])

        threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert np.all(counts == 50)


def test_an_error_in_a_share_reaches_the_caller():
    def fail(first, _last):
        if first == 0:
            raise ValueError("first share")

    with RowPool(2) as pool, pytest.raises(ValueError, match="first share"):
        pool.run(fail, 10)


def test_thread_counts_are_checked():
    with pytest.raises(ParameterError, match="0 threads"):
        RowPool(0)


def test_kernels_divide_by_zero_as_numpy_does():
    assert _divide(1.0, 0.0) == np.inf


def test_fast_kernels_keep_nan_and_infinity():
    assert np.isnan(_total(np.array([1.0, np.nan])))
    assert _total(np.array([1.0, np.inf])) == np.inf


def test_cached_code_expires_when_a_called_kernel_changes(tmp_path):
    (tmp_path / "inner.py").write_text(
        "from engine.kernels.jit import kernel\n@kernel\ndef inner():\n    return 1\n"
    )
    (tmp_path / "outer.py").write_text(
        "from engine.kernels.jit import kernel\nfrom inner import inner\n"
        "@kernel\ndef outer():\n    return inner()\nprint(outer(), sum(outer.stats.cache_hits.values()))\n"
    )
    root = Path(__file__).parents[2]

    def run():
        environment = {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{tmp_path}"}
        done = subprocess.run(
            [sys.executable, "outer.py"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            check=True,
            text=True,
        )
        return done.stdout.split()

    assert run() == ["1", "0"]
    assert run() == ["1", "1"], "an unchanged kernel must come from the cache"
    (tmp_path / "inner.py").write_text(
        "from engine.kernels.jit import kernel\n@kernel\ndef inner():\n    return 22\n"
    )
    assert run() == ["22", "0"]


def test_processes_that_compile_for_two_types_at_once_do_not_mix_them_up(tmp_path):
    (tmp_path / "first.py").write_text(
        "import sys\nimport numpy as np\nfrom engine.kernels.jit import kernel\n"
        "@kernel\ndef first(x):\n    return x[0]\n"
        "print(first(np.full(1, 3, sys.argv[1])), sum(first.stats.cache_hits.values()))\n"
    )
    root = Path(__file__).parents[2]

    def run(kind):
        environment = {**os.environ, "PYTHONPATH": str(root)}
        command = [sys.executable, "first.py", kind]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, check=True, text=True
        )
        return done.stdout.split()

    assert run("float32") == ["3.0", "0"]
    (index,) = (tmp_path / "__pycache__").glob("first.first-*.nbi")
    # The other has looked at the index before the first one wrote it, and is written over by it.
    seen = index.read_bytes()
    index.unlink()
    assert run("int64") == ["3", "0"]
    index.write_bytes(seen)
    assert run("float32") in (["3.0", "0"], ["3.0", "1"])
    assert run("int64") == ["3", "0"]
    assert run("float32") == ["3.0", "1"]
    assert run("int64") == ["3", "1"]
