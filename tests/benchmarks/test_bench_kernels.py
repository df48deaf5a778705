import subprocess
import sys

import numpy as np
import pytest

from app.cli.bench_kernels_engine import engine_cases
from app.cli.bench_kernels_spectral import spectral_cases
from app.cli.bench_kernels_tonal import tonal_cases
from app.cli.kernel_case import LENGTHS_S, KernelCase
from engine.units import energy_ratio_db

CASES = [
    *engine_cases(2.0, 1),
    *(case for case in (*spectral_cases(1), *tonal_cases(1)) if case.seconds == LENGTHS_S[0]),
]


@pytest.mark.parametrize("case", CASES, ids=[f"{case.name}, {case.reference_name}" for case in CASES])
def test_every_kernel_agrees_with_its_reference(case: KernelCase):
    ours, reference = case.make()
    expected = reference().copy()
    error_db = -energy_ratio_db(np.abs(expected), np.abs(ours() - expected))
    assert error_db <= case.tolerance_db


def test_a_missing_reference_is_one_line():
    code = (
        "import sys; sys.modules['librosa'] = None; sys.argv = ['charon', 'bench', 'kernels'];"
        "from app.__main__ import main; sys.exit(main())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("charon: error: ")
    assert "librosa, which is not installed" in done.stderr
    assert done.stderr.count("\n") == 1
