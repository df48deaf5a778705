"""Ten minutes of noise bursts through the true-peak limiter: how near its ceiling do they come.

    python -m tests.benchmarks.limiter_bursts [--minutes 10] [--rate 48000] [--ceiling -1]

Prints one JSON object: the highest true peak in dB relative to the ceiling, as the engine's meter and as
scipy's band-limited oversampling (4 and 16 points a sample) see it, and the highest sample; all are below 0.
"""

import argparse
import json

import numpy as np

from engine.realtime.effects import limiter_ahead
from tests.effect_rig import EffectRig
from tests.golden.test_limiter_reference import bursts, true_peaks_db

STRETCH_S = 10
SEAM_FRAMES = 500


def over_ceiling_db(minutes: float, rate_hz: int, ceiling_db: float) -> dict[str, float]:
    """Highest peaks of what the limiter lets through, in dB over its ceiling, by each meter."""
    rig = EffectRig(limiter_ahead.KIND, rate_hz, ceiling_db=ceiling_db)
    rng = np.random.default_rng(0)
    highest = [-np.inf] * 4
    last = np.zeros((2, 2 * SEAM_FRAMES), np.float32)
    for seed in range(round(minutes * 60 / STRETCH_S)):
        rig.set(release_ms=float(rng.choice([10.0, 80.0, 500.0])))
        y = rig.process(bursts(STRETCH_S * rate_hz, rate_hz, seed))
        # Measured across the seams, and faded at either end: what is cut off within a burst rings higher.
        seen = np.concatenate([last, y], axis=1)
        seen[:, :SEAM_FRAMES] *= np.linspace(0, 1, SEAM_FRAMES, dtype=np.float32)
        seen[:, -SEAM_FRAMES:] *= np.linspace(1, 0, SEAM_FRAMES, dtype=np.float32)
        peaks = [*true_peaks_db(seen), 20 * np.log10(np.abs(y).max())]
        highest = [max(pair) for pair in zip(highest, peaks, strict=True)]
        last = y[:, -2 * SEAM_FRAMES :]
    names = ("meter_db", "scipy_4x_db", "scipy_16x_db", "sample_db")
    return {name: round(float(db) - ceiling_db, 3) for name, db in zip(names, highest, strict=True)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=int, default=48_000)
    parser.add_argument("--ceiling", type=float, default=-1.0)
    arguments = parser.parse_args()
    over = over_ceiling_db(arguments.minutes, arguments.rate, arguments.ceiling)
    print(json.dumps({"minutes": arguments.minutes, "rate_hz": arguments.rate, **over}))


if __name__ == "__main__":
    main()
