import json
import subprocess
import sys

KEYS = {"name", "seconds", "ours_s", "reference", "reference_s", "ratio", "error_db"}


def test_every_kernel_agrees_with_its_reference():
    done = subprocess.run(
        [sys.executable, "-m", "app", "bench", "kernels", "--seconds", "2", "--repeats", "1", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = json.loads(done.stdout)["kernels"]
    assert len(rows) == 11
    for row in rows:
        assert row.keys() >= KEYS
        assert row["ratio"] == row["reference_s"] / row["ours_s"]
        exact = "fft" in row["name"]
        assert row["error_db"] < (-110 if exact else -60), row


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
