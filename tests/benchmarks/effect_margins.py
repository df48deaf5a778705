"""How far from their references the mic chain's effects are: the figures behind the golden tests.

    python -m tests.benchmarks.effect_margins [--minutes 10] [--json]

Each row is the worst of many settings and rates, beside what is asked: magnitudes against scipy, static
curve and decay against the textbook, aliases, true peaks over --minutes of noise bursts, notes on read
speech and on a trumpet, the silence after the sound, and the fuzzer, which turns every setting of every
effect some 2000 times a second for --minutes, half a minute each at most: its largest step between two
frames is given as a share of its bound.
"""

import argparse
import itertools
import json
from dataclasses import asdict, dataclass

import numpy as np

from app.cli.console import table
from engine.realtime.effects.catalogue import KINDS
from engine.realtime.effects.chain_memory import ChainMemory
from engine.realtime.effects.plan import EffectPlan, EffectSetting
from engine.realtime.effects.scales import SCALE_NAMES
from tests.benchmarks.limiter_bursts import over_ceiling_db
from tests.chain_effects import run
from tests.golden import test_compressor_reference as compressor
from tests.golden import test_equaliser_reference as equaliser
from tests.golden import test_pitch_correction as pitch
from tests.golden import test_reverb_decay as reverb
from tests.golden import test_saturator_reference as saturator
from tests.streaming import test_effect_fuzz as fuzz

RATES_HZ = (44_100, 48_000, 88_200, 96_000)
FUZZ_SECONDS = 30.0


@dataclass(frozen=True)
class Margin:
    """One figure and what is asked of it."""

    effect: str
    figure: str
    found: float
    asked: str
    is_met: bool


def at_most(effect: str, figure: str, found: float, limit: float) -> Margin:
    return Margin(effect, figure, float(found), f"<= {limit:g}", bool(found <= limit))


def filters() -> list[Margin]:
    """Equaliser, high-pass, compressor, saturator."""
    bands = [equaliser.equaliser_error_db(rate_hz, seed) for rate_hz in RATES_HZ for seed in range(20)]
    cuts = itertools.product((44_100, 96_000), (0, 1), (20, 80, 1000))
    curves = [
        np.abs(compressor.curve_errors_db(rate_hz, detector, *curve)).max()
        for rate_hz, detector, curve in itertools.product((44_100, 96_000), (0, 1), compressor.CURVES)
    ]
    aliases = [saturator.highest_alias_db(rate_hz, bias) for rate_hz in RATES_HZ for bias in (0.0, 0.6)]
    return [
        at_most("equaliser", "magnitude off scipy's, dB", max(bands), 0.1),
        at_most(
            "high_pass", "magnitude off scipy's, dB", max(equaliser.high_pass_error_db(*c) for c in cuts), 0.1
        ),
        at_most("compressor", "static curve off the textbook's, dB", max(curves), 0.2),
        at_most("saturator", "alias of 5 kHz at +12 dB, dB", max(aliases), -70.0),
    ]


def rooms() -> list[Margin]:
    """Decay of the reverb, whole and by band."""
    even = [
        reverb.decay_s(reverb.response(1.1 * wanted + 0.3, decay_s=wanted, bass=1.0, treble=1.0, size=size))
        / wanted - 1
        for wanted in (0.3, 1.0, 3.0, 10.0) for size in (0.5, 1.0, 1.5)
    ]  # fmt: skip
    bands = [reverb.band_errors(rate_hz, *room) for rate_hz in RATES_HZ for room in reverb.ROOMS]
    return [
        at_most("reverb", "decay off the set time, %", 100 * np.abs(even).max(), 10.0),
        at_most("reverb", "the same by band, %", 100 * np.abs(bands).max(), 10.0),
    ]


def notes() -> list[Margin]:
    """Notes that the pitch correction holds, on recordings."""
    found: list[Margin] = []
    for name, scale in itertools.product(("speech.ogg", "trumpet.ogg"), ("chromatic", "minor pentatonic")):
        errors = []
        number = SCALE_NAMES.index(scale)
        for rate_hz in (44_100, 48_000):
            x = pitch.recording(name, rate_hz)
            y, seen = pitch.correct(x, rate_hz, speed_ms=0.0, scale=number)
            errors.append(pitch.held_errors(x, y, seen, rate_hz, number))
        cents = np.concatenate(errors)
        for word, q in (("median", 50.0), ("90th percentile", 90.0), ("98th percentile", 98.0)):
            figure = f"{name}, {scale}: {word} of {cents.size} held frames off the note, cents"
            found.append(at_most("pitch_correction", figure, float(np.percentile(cents, q)), 5.0))
    return found


def silence() -> Margin:
    """What is left at the end of 20 s of silence behind a sound, all effects on."""
    chain = ChainMemory(EffectPlan(48_000, [EffectSetting(name) for name in KINDS]))
    run(chain, fuzz.smooth(24_000), [512])
    tail = run(chain, np.zeros((2, 960_000), np.float32), [512])
    return at_most("all effects", "largest sample 20 s after the sound", np.abs(tail[:, -48_000:]).max(), 0.0)


def fuzzed(seconds: float) -> list[Margin]:
    """Every effect turned at audio rate."""
    found: list[Margin] = []
    for name in KINDS:
        x, y, resets = fuzz.turned(name, 7, seconds)
        step, bound = fuzz.step_and_bound(name, x, y)
        lost = int(np.count_nonzero(~np.isfinite(y))) + resets
        found.append(at_most(name, f"fuzzed for {seconds:g} s: step, share of its bound", step / bound, 1.0))
        found.append(at_most(name, f"fuzzed for {seconds:g} s: NaN, infinite, resets", lost, 0.0))
    return found


def main() -> None:
    """Everything, as a table or as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    over_db = max(over_ceiling_db(arguments.minutes, 48_000, -1.0).values())
    rows = [
        *filters(),
        *rooms(),
        *notes(),
        at_most(
            "limiter_ahead", f"true peak over the ceiling in {arguments.minutes:g} min, dB", over_db, 0.0
        ),
        silence(),
        *fuzzed(min(60.0 * arguments.minutes, FUZZ_SECONDS)),
    ]
    if arguments.json:
        print(json.dumps({"rows": [asdict(row) for row in rows]}, indent=2))
    else:
        cells = [(r.effect, r.figure, f"{r.found:.3f}", r.asked, "" if r.is_met else "MISSED") for r in rows]
        table(["effect", "figure", "found", "asked", ""], cells)


if __name__ == "__main__":
    main()
