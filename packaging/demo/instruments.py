"""The instruments of the demo song: General MIDI parts through fluidsynth and a sound font."""

import subprocess
import tempfile
from pathlib import Path

import mido
import numpy as np
import soundfile
from composition import BPM, LENGTH_S, Note

RATE_HZ = 44_100
SOUND_FONT = Path("/usr/share/sounds/sf3/MuseScore_General_Lite.sf3")
_TICKS_A_BEAT = 960


def play(notes: list[Note], program: int, is_drums: bool = False) -> np.ndarray:
    """Render one part dry.

    Parameters
    ----------
    notes : list of Note
        The part.
    program : int, 0 to 127
        General MIDI program.
    is_drums : bool
        Whether to use the percussion channel.

    Returns
    -------
    float64 array, shape (2, frames)
        At 44.1 kHz, as long as the song.
    """
    channel = 9 if is_drums else 0
    events: list[tuple[int, int, mido.Message]] = []
    for note in notes:
        on = round(note.start * _TICKS_A_BEAT)
        off = round((note.start + note.length) * _TICKS_A_BEAT)
        events.append(
            (on, 1, mido.Message("note_on", channel=channel, note=note.pitch, velocity=note.velocity))
        )
        events.append((off, 0, mido.Message("note_off", channel=channel, note=note.pitch)))
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(BPM))])
    track.append(mido.Message("program_change", channel=channel, program=program))
    now = 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        track.append(message.copy(time=tick - now))
        now = tick
    with tempfile.TemporaryDirectory() as folder:
        midi, wave = Path(folder) / "part.mid", Path(folder) / "part.wav"
        mido.MidiFile(ticks_per_beat=_TICKS_A_BEAT, tracks=[track]).save(midi)
        command = ["fluidsynth", "-ni", "-q", "-g", "0.5", "-r", str(RATE_HZ), "-R", "0", "-C", "0"]
        command += ["-O", "float", "-T", "wav", "-F", str(wave), str(SOUND_FONT), str(midi)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        x, _ = soundfile.read(wave, always_2d=True)
    out = np.zeros((2, round(LENGTH_S * RATE_HZ)))
    n = min(out.shape[1], len(x))
    out[:, :n] = x[:n].T
    return out
