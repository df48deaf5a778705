"""Records noise on a virtual device until it is killed. Arguments: folder, n_frames to run at most.

Prints a line when the recording runs.
"""

import sys
from pathlib import Path

from engine.services.recorder import Recorder, TakeRequest
from engine.services.take import TakeHead
from tests.realtime.mic_rig import MicRig, noise


def main() -> None:
    rig = MicRig()
    Recorder(rig.memory, TakeRequest(Path(sys.argv[1])), TakeHead(48_000, 0))
    x = noise(1, int(sys.argv[2]))
    print("recording", flush=True)
    import time

    for at in range(0, x.shape[1], 480):
        rig.run(x[:, at : at + 480])
        time.sleep(0.002)


if __name__ == "__main__":
    main()
