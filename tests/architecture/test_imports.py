"""Imports point down, and the engine runs without window, graphics and training libraries."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ABOVE_THE_ENGINE = {"PySide6", "moderngl", "pyqtgraph", "torch", "click", "app", "models"}

IMPORT_ALL = """
import importlib, json, pkgutil, sys
import engine.services
names = [m.name for m in pkgutil.walk_packages(engine.services.__path__, "engine.services.")]
for name in names:
    importlib.import_module(name)
print(json.dumps({"imported": names, "loaded": sorted({n.partition(".")[0] for n in sys.modules})}))
"""


def test_the_import_contract_holds():
    linter = Path(sys.executable).with_name("lint-imports.exe" if sys.platform == "win32" else "lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_services_load_neither_window_nor_graphics_nor_training():
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert "engine.services.separation" in found["imported"]
    assert "engine.services.playback" in found["imported"]
    assert ABOVE_THE_ENGINE.isdisjoint(found["loaded"])
