"""Tempo and key against what the makers of 28 generated tracks asked for, and against librosa.

    python -m tests.benchmarks.tempo_key WHEEL

WHEEL is the file `immich_memories_music-0.1.0-py3-none-any.whl`, whose licence file lists them. Prints one
line a track and one JSON object: tracks right within 4 %, right but for an octave (half or double), and
keys, ours and librosa's (its tempo; its chroma with the same profiles over plain means). The priors of
engine/kernels/tempo.py were chosen on these same tracks: what they say of other music is less sure.
"""

import json
import re
import sys
import tempfile
import zipfile
from pathlib import Path

import librosa
import numpy as np

from engine.io.decode import read_song
from engine.kernels.chroma import ChromaCqt
from engine.kernels.key import PROFILES, estimate_key
from engine.kernels.mel import MelSpectrum
from engine.kernels.resample import design, resample_frames
from engine.kernels.tempo import estimate_tempo
from engine.units import F32

RATE_HZ = 22_050
HOP_FRAMES = 512
TOLERANCE = 0.04
TRACK = re.compile(r"(?m)^\s+(\w+\.opus)\s+(\d+) bpm\s+(\w+) (major|minor)")
NOTES = {name: i for i, name in enumerate(["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"])}
NOTES |= {"Db": 1, "Eb": 3, "Gb": 6, "Ab": 8, "Bb": 10}


def mono(path: Path) -> F32:
    x, rate_hz = read_song(path)
    both = x.mean(axis=0, keepdims=True)
    f = design(rate_hz, RATE_HZ)
    out = np.empty((1, -(-both.shape[1] * RATE_HZ // rate_hz)), np.float32)
    resample_frames(both, 0, f, 0, out)
    return out[0]


def verdict(found_bpm: float, asked_bpm: float) -> str:
    for name, factor in (("right", 1.0), ("octave", 2.0), ("octave", 0.5)):
        if abs(found_bpm / (factor * asked_bpm) - 1.0) <= TOLERANCE:
            return name
    return "wrong"


def librosas_key(y: F32) -> tuple[int, str]:
    shares = librosa.feature.chroma_cqt(y=y, sr=RATE_HZ).mean(axis=1)
    scores = [
        (float(np.corrcoef(np.roll(PROFILES[mode], tonic), shares)[0, 1]), tonic, name)
        for mode, name in enumerate(("major", "minor"))
        for tonic in range(12)
    ]
    return max(scores)[1:]


def main(wheel: Path) -> None:
    counts = {side: {"right": 0, "octave": 0, "wrong": 0, "key": 0} for side in ("ours", "librosa")}
    plan, mel = ChromaCqt(RATE_HZ, HOP_FRAMES), MelSpectrum(RATE_HZ)
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
        listed = TRACK.findall(next(Path(folder).rglob("LICENSE-MUSIC")).read_text(encoding="utf-8"))
        for name, bpm, note, mode in listed:
            y = mono(next(Path(folder).rglob(name)))
            tempo = estimate_tempo(mel.onset_strength(y[None])[0], RATE_HZ / HOP_FRAMES)
            key = estimate_key(plan.chroma(y))
            theirs = float(librosa.feature.tempo(y=y, sr=RATE_HZ)[0])
            their_key = librosas_key(y)
            asked_key = (NOTES[note], mode)
            right_key = key is not None and (key.tonic, key.mode) == asked_key
            counts["ours"][verdict(tempo.bpm, float(bpm))] += 1
            counts["ours"]["key"] += right_key
            counts["librosa"][verdict(theirs, float(bpm))] += 1
            counts["librosa"]["key"] += their_key == asked_key
            print(
                f"{name:32} {bpm:>3} bpm  ours {tempo.bpm:6.1f} {verdict(tempo.bpm, float(bpm)):6}"
                f"  librosa {theirs:6.1f} {verdict(theirs, float(bpm)):6}"
                f"  {note} {mode}: {key.name if key else 'none'}{'' if right_key else ' (wrong)'}"
            )
    print(json.dumps({"tracks": len(listed), **counts}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
