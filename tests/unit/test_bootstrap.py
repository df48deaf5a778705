"""What `bootstrap.py` decides: what is set up already, what is missing, what it refuses at once."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def load() -> ModuleType:
    # Not a package's module: it lies beside the packages and is run before there is an environment.
    module = ModuleType("bootstrap")
    module.__file__ = str(ROOT / "bootstrap.py")
    exec(compile((ROOT / "bootstrap.py").read_bytes(), module.__file__, "exec"), module.__dict__)  # noqa: S102
    return module


@pytest.fixture
def bootstrap(tmp_path: Path) -> ModuleType:
    """The module, working on a folder with locks and nothing else."""
    module = load()
    (tmp_path / "packaging" / "locks").mkdir(parents=True)
    for name in ("run", "test", "uv"):
        (tmp_path / "packaging" / "locks" / f"{name}.txt").write_text(f"{name}==1\n")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / ".venv").mkdir()
    module.ROOT = tmp_path
    module.VENV = tmp_path / ".venv"
    module.LOCKS = tmp_path / "packaging" / "locks"
    return module


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "bootstrap.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_stamp_depends_on_lock_requirements_and_kind(bootstrap: ModuleType):
    first = bootstrap.stamp("run")
    assert first == bootstrap.stamp("run")
    assert first != bootstrap.stamp("test")
    seen = {first}
    for name in ("packaging/locks/run.txt", "packaging/locks/uv.txt", "pyproject.toml"):
        path = bootstrap.ROOT / name
        path.write_text(path.read_text() + "# changed\n")
        seen.add(bootstrap.stamp("run"))
    assert len(seen) == 4


def test_another_lock_leaves_the_stamp_alone(bootstrap: ModuleType):
    before = bootstrap.stamp("run")
    (bootstrap.LOCKS / "test.txt").write_text("test==2\n")
    assert bootstrap.stamp("run") == before


@pytest.mark.parametrize(
    ("there", "wanted", "works"),
    [("run", "run", False), ("test", "test", False), ("test", "run", False), ("run", "test", True)],
)
def test_what_is_set_up_is_not_set_up_again(
    bootstrap: ModuleType, there: str, wanted: str, works: bool, capsys: pytest.CaptureFixture[str]
):
    bootstrap.stamp_path().write_text(bootstrap.stamp(there))
    done: list[str] = []
    bootstrap.step = lambda what, work: done.append(what)
    bootstrap.set_up(wanted)
    assert bool(done) is works
    assert ("Setting Charon up" in capsys.readouterr().out) is works


def test_the_stamp_is_written_when_all_is_done(bootstrap: ModuleType):
    def fail(what: str, work: object) -> None:
        raise bootstrap.SetupError(what)

    bootstrap.step = fail
    with pytest.raises(bootstrap.SetupError):
        bootstrap.set_up("run")
    assert bootstrap.read_stamp() == ""
    bootstrap.step = lambda what, work: None
    bootstrap.set_up("run")
    assert bootstrap.read_stamp() == bootstrap.stamp("run")


def missing(kind: str, libraries: set[str], commands: set[str], has_venv: bool = True) -> list[str]:
    return load().missing_packages(
        kind,
        has_library=lambda name: name not in libraries,
        has_command=lambda name: name not in commands,
        has_venv=has_venv,
    )


def test_nothing_is_missing_where_everything_is_there():
    assert missing("test", set(), set()) == []


def test_missing_libraries_are_named_as_debian_does():
    assert missing("run", {"portaudio", "EGL"}, set()) == ["libportaudio2", "libegl1"]


def test_only_tests_need_a_sound_server_and_a_virtual_screen():
    assert missing("run", set(), {"jackd", "Xvfb"}) == []
    assert missing("test", set(), {"jackd", "Xvfb"}) == ["jackd2", "xvfb"]


def test_virtual_environments_are_a_package_of_their_own():
    assert missing("run", set(), set(), has_venv=False) == ["python3-venv"]


def test_an_old_python_is_refused_by_its_number(bootstrap: ModuleType):
    bootstrap.OLDEST_PYTHON = (99, 0)
    with pytest.raises(bootstrap.SetupError, match="this is 3\\."):
        bootstrap.check_python()


def test_the_demo_song_is_there():
    assert load().find_song(None).stat().st_size > 100_000


@pytest.mark.parametrize("arguments", [[], ["fly"], ["run", "a.wav", "b.wav"], ["setup", "--fast"]])
def test_wrong_usage_is_2(arguments: list[str]):
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage:" in done.stderr


def test_a_missing_song_is_one_line_before_any_work(tmp_path: Path):
    done = run("run", str(tmp_path / "none.mp3"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"bootstrap: there is no file {tmp_path / 'none.mp3'}: check the path\n"
