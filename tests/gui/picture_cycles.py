"""A window in a process of its own whose Julia set is docked, undocked, shown on the whole screen, closed and
opened again, over and over; prints what it holds after some rounds and at the end, as JSON.

    python -m tests.gui.picture_cycles memory|surface N
"""

import json
import os
import sys
import threading
import time
from dataclasses import replace

import psutil
from PySide6.QtWidgets import QApplication

from app.desktop import Desktop, new_application
from app.visual_desk import VisualDesk
from engine.errors import DeviceError
from engine.io.home import default_home
from engine.services.visual_frame import CALM_FRAME, VisualFrame

STEP_S = 0.03
WARM_ROUNDS = 10


def no_device(callback_address: int, userdata_address: int, rate_hz: int | None) -> None:
    raise DeviceError("none")


def moving() -> VisualFrame:
    """Another picture every time."""
    now_s = time.monotonic() % 1000.0
    return replace(CALM_FRAME, time_s=now_s, c=CALM_FRAME.c + 0.01 * (now_s % 1.0), rotation=now_s)


def held() -> dict[str, int]:
    """What this process holds."""
    process = psutil.Process()
    return {
        "rss_bytes": process.memory_info().rss,
        "threads": threading.active_count(),
        "all_threads": process.num_threads(),
        "files": process.num_fds(),
        "widgets": len(QApplication.allWidgets()),
    }


def main(kind: str, n: int) -> None:
    app = new_application()
    desktop = Desktop(no_device, default_home())
    visual = VisualDesk(desktop, kind)
    visual.pictures.set_source(moving)
    dock, action = desktop.window.dock("visual"), desktop.window.actions_["picture"]
    n_drawn = [0]
    visual.pictures.drawn.connect(lambda: n_drawn.__setitem__(0, n_drawn[0] + 1))
    desktop.window.show()

    def go_on(seconds: float) -> None:
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            app.processEvents()
            time.sleep(0.002)

    def wait_for_pictures() -> None:
        end_s = time.monotonic() + 30.0
        while visual.pictures.rate_hz == 0.0 and time.monotonic() < end_s:
            go_on(0.02)

    wait_for_pictures()
    warm: dict[str, int] = {}
    for k in range(n):
        for step in (
            lambda: dock.setFloating(True),
            lambda: dock.setFloating(False),
            lambda: action.setChecked(True),
            lambda: action.setChecked(False),
            dock.close,
            dock.show,
        ):
            step()
            go_on(STEP_S)
        if k == WARM_ROUNDS - 1:
            warm = held()
    go_on(0.5)
    end = held()
    stage_left = visual.stage is not None
    result = {
        "kind": visual.pictures.kind,
        "reason": visual.pictures.reason,
        "rate_hz": visual.pictures.rate_hz,
        "n_drawn": n_drawn[0],
        "stage_left": stage_left,
        "warm": warm,
        "end": end,
    }
    visual.close()
    result["threads_after_close"] = threading.active_count()
    desktop.close()
    print(json.dumps(result))
    sys.stdout.flush()


if __name__ == "__main__":
    os.environ.setdefault("LIBGL_ALWAYS_SOFTWARE", "1")
    main(sys.argv[1], int(sys.argv[2]))
