"""Pitch correction on real voices and on made ones: the notes it hits, the vowels it keeps.

What comes out of recordings is measured by tests.pitch_meter, of steady tones by `Yin`, which is librosa's
within a cent. How the effect itself sees the pitch is used only to know where it holds one note long enough
to be measured, beside the places where the voice itself does.
"""

from pathlib import Path

import librosa
import numpy as np
import pytest
import scipy.signal
import soundfile

from engine.kernels.pitch import Yin
from engine.realtime.effects import pitch_correction
from engine.realtime.effects.scales import SCALE_NAMES, nearest_note
from engine.stream.resampler import Resampler
from tests.effect_rig import EffectRig
from tests.pitch_meter import measure

SHARED = Path(__file__).parents[3] / "shared" / "data"
RATES_HZ = [44_100, 48_000, 88_200, 96_000]
BLOCK_FRAMES = 60
WINDOW_S = 0.04
PITCHED = 0.15
"""Aperiodicity of the voice, as it comes in, up to which its pitch can be told."""
LOUD = 1e-5
"""Its mean square, 10 dB over what the effect takes for silence."""


def recording(name, rate_hz, seconds=20):
    x, own_hz = soundfile.read(SHARED / name, frames=seconds * 44_100, dtype="float32", always_2d=True)
    x = np.ascontiguousarray(np.tile(x.T, (2, 1))[:2])
    return x if own_hz == rate_hz else Resampler(2, own_hz, rate_hz).process(x).copy()


def correct(x, rate_hz, **values):
    """The corrected voice, and block by block the pitch sung and the pitch put out."""
    one = EffectRig(pitch_correction.KIND, rate_hz, **values)
    parts, seen = [], []
    for at in range(0, x.shape[1], BLOCK_FRAMES):
        parts.append(one.process(x[:, at : at + BLOCK_FRAMES], (BLOCK_FRAMES,)))
        seen.append(one.state[1:3].copy())
    return np.concatenate(parts, axis=1), np.array(seen)


def pitch_of(y, rate_hz, window_s=WINDOW_S):
    """Pitch every 5 ms, its aperiodicity, and the frames' places."""
    with Yin(rate_hz, (60.0, 1300.0), int(window_s * rate_hz) // 2 * 2, rate_hz // 200, threads=1) as plan:
        found = plan.track(np.ascontiguousarray(y[:1]))
    return found.f0_hz[0], found.aperiodicity[0], np.arange(found.f0_hz.shape[1]) * (rate_hz // 200)


def held_notes(x, seen, rate_hz, scale=0):
    """Where a note is held, every 5 ms: places, and the note in semitones from A or NaN.

    A note is held where the voice itself, half as long again as the measuring window, is pitched and stays
    nearest to that note, by more than the effect's reluctance to leave one. And also where the effect says
    that it holds one for as long, if the voice is pitched there. What came out has no say in it.
    """
    places = np.arange(0, x.shape[1], rate_hz // 200)
    sung_hz, aperiodicity = measure(x[0], rate_hz, places - pitch_correction.KIND.latency_frames(rate_hz))
    level = np.array([np.mean(x[0, max(0, p - 1500) : p + 500] ** 2) for p in places])
    pitched = (aperiodicity < PITCHED) & (level > LOUD)
    pitch = 12 * np.log2(np.where(pitched, sung_hz, 440.0) / 440.0)
    nearest = np.array([[nearest_note(p + d, 0, scale) for d in (0.0, -0.15, 0.15)] for p in pitch])
    pitched_note = np.where(pitched & (np.ptp(nearest, axis=1) == 0), nearest[:, 0], np.nan)
    with np.errstate(divide="ignore"):
        put_out = np.round(12 * np.log2(seen[:, 1] / 440.0))
    notes = np.full(places.size, np.nan)
    for t, block in enumerate(places // BLOCK_FRAMES):
        for track, at, step_s in ((put_out, block, BLOCK_FRAMES / rate_hz), (pitched_note, t, 0.005)):
            reach = int(0.75 * WINDOW_S / step_s)
            around = track[at - reach : at + reach + 1] if at >= reach else track[:0]
            if pitched[t] and around.size and np.isfinite(around).all() and np.ptp(around) == 0:
                notes[t] = around[0]
    return places, notes


def held_errors(x, y, seen, rate_hz, scale=0):
    """Cents from the note, wherever one is held."""
    places, notes = held_notes(x, seen, rate_hz, scale)
    held = np.flatnonzero(np.isfinite(notes))
    f0_hz, _ = measure(y[0], rate_hz, places[held], WINDOW_S)
    inside = np.isfinite(f0_hz)
    return np.abs(1200 * np.log2(f0_hz[inside] / 440.0) - 100 * notes[held][inside])


def resonances(z):
    """The vowel's transfer function at points of the unit circle, at 48 kHz."""
    total = np.ones_like(z)
    for radius, angle in poles_of(48_000):
        total = total / (1 - 2 * radius * np.cos(angle) / z + radius**2 / z**2)
    return total


def poles_of(rate_hz):
    radius = np.exp(-np.pi * 90.0 / rate_hz)
    return [(radius, 2 * np.pi * formant_hz / rate_hz) for formant_hz in (700.0, 1220.0, 2600.0)]


def vowel(f0_hz, rate_hz):
    """A sung vowel: pulses of the pitch of each frame through three resonances."""
    phase = np.cumsum(f0_hz) / rate_hz
    n_overtones = int(0.45 * rate_hz / np.max(f0_hz))
    pulses = sum(np.cos(2 * np.pi * k * phase) for k in range(1, n_overtones + 1))
    for radius, angle in poles_of(rate_hz):
        pulses = scipy.signal.lfilter([1.0], [1.0, -2 * radius * np.cos(angle), radius**2], pulses)
    return np.tile((0.3 * pulses / np.abs(pulses).max()).astype(np.float32), (2, 1))


def overtone_levels_db(y, f0_hz, count):
    """Levels of the overtones of a steady tone, half a hertz apart."""
    n = 96_000
    spectrum = np.abs(np.fft.rfft(y[0, -n:] * np.blackman(n)))
    places = np.round(2 * f0_hz * np.arange(1, count + 1)).astype(int)
    return 20 * np.log10([spectrum[p - 6 : p + 7].max() for p in places])


def distance_db(levels, at_hz):
    """How far levels are from the vowel's own at some frequencies, whatever the loudness."""
    apart = levels - 20 * np.log10(np.abs(resonances(np.exp(2j * np.pi * at_hz / 48_000))))
    return apart.std()


@pytest.mark.parametrize("scale", ["chromatic", "minor pentatonic"])
@pytest.mark.parametrize("name", ["trumpet.ogg", "speech.ogg"])
@pytest.mark.parametrize("rate_hz", [44_100, 48_000])
def test_real_voices_come_out_within_5_cents_of_the_note(name, rate_hz, scale):
    x = recording(name, rate_hz)
    number = SCALE_NAMES.index(scale)
    y, seen = correct(x, rate_hz, speed_ms=0.0, scale=number)
    errors = held_errors(x, y, seen, rate_hz, number)
    assert errors.size > 120
    assert np.median(errors) < 1.0
    assert np.percentile(errors, 98) <= 5.0
    assert errors.max() < 60.0  # never an octave, nor another note


@pytest.mark.parametrize("wrong_cents", [-10.0, 10.0])
def test_ten_cents_off_would_be_seen(wrong_cents):
    """The voice as corrected for another concert pitch, held against the notes of this one."""
    x = recording("speech.ogg", 48_000)
    y, seen = correct(x, 48_000, speed_ms=0.0, tuning_hz=440.0 * 2 ** (wrong_cents / 1200))
    assert np.median(held_errors(x, y, seen, 48_000)) == pytest.approx(10.0, abs=1.0)


def test_a_jitter_would_be_seen():
    x = recording("speech.ogg", 48_000)
    y, seen = correct(x, 48_000, speed_ms=0.0)
    # A delay that sways 15 cents sharp and flat, 8 times a second.
    t = np.arange(y.shape[1])
    turn = 2 * np.pi * 8.0 / 48_000
    sway = (2 ** (15 / 1200) - 1) / turn * np.sin(turn * t)
    errors = held_errors(x, np.interp(t + sway, t, y[0])[None], seen, 48_000)
    assert np.percentile(errors, 98) > 8.0
    assert (errors > 5.0).mean() > 0.3


def pulses(periods):
    """A voice of ten overtones in step: it peaks where each of the given periods, in frames, begins."""
    at = np.concatenate([[0.0], np.cumsum(periods)])
    phase = 2 * np.pi * np.interp(np.arange(int(at[-1])), at, np.arange(at.size))
    x = sum(np.cos(k * phase) / k for k in range(1, 11))
    return np.tile((0.1 * x).astype(np.float32), (2, 1))


def cents_between_pulses(y, note_hz, begin):
    """How far from the note each distance between two pulses is."""
    peaks, _ = scipy.signal.find_peaks(y[0, begin:].astype(float), height=0.1, distance=120)
    a, b, c = (y[0, begin + peaks + d].astype(float) for d in (-1, 0, 1))
    places = peaks + 0.5 * (a - c) / (a + c - 2 * b)
    return 1200 * np.log2(48_000 / np.diff(places) / note_hz)


def test_a_period_that_is_skipped_has_its_own_length():
    """A wide vibrato, all of it drawn down to A3: every few periods one is left out."""
    periods = []
    while sum(periods) < 96_000:
        t = sum(periods) / 48_000
        periods.append(48_000 / (229.0 * 2 ** (70 * np.sin(2 * np.pi * 7.0 * t) / 1200)))
    y, seen = correct(pulses(periods), 48_000, speed_ms=0.0, scale=SCALE_NAMES.index("major pentatonic"))
    assert np.allclose(seen[200:-20, 1], 220.0, atol=0.01)
    assert np.abs(cents_between_pulses(y[:, :-2000], 220.0, 12_000)).max() < 5.0


def test_a_fall_of_a_whole_tone_within_two_periods_is_followed():
    periods = 48_000 / np.repeat([280.0, 266.0, 251.0], [100, 1, 100])
    y, seen = correct(pulses(periods), 48_000, speed_ms=0.0, scale=SCALE_NAMES.index("minor pentatonic"))
    assert np.allclose(seen[200:-20, 1], 261.63, atol=0.01)
    assert np.abs(cents_between_pulses(y[:, :-2000], 261.63, 12_000)).max() < 5.0


def test_one_odd_period_is_no_new_note():
    periods = np.full(200, 48_000 / 205.0)
    periods[100] *= 1.05
    _, seen = correct(pulses(periods), 48_000, speed_ms=0.0)
    assert np.allclose(seen[200:-20, 1], 207.65, atol=0.01)


def test_a_hum_below_the_range_is_no_voice():
    hum = vowel(np.full(48_000, 62.0), 48_000)
    y, seen = correct(hum, 48_000)
    late = pitch_correction.KIND.latency_frames(48_000)
    assert np.all(seen[200:] == 0.0)
    assert np.array_equal(y[:, 24_000:], hum[:, 24_000 - late : -late])


def test_the_recordings_were_not_on_the_note_before():
    f0_hz, aperiodicity, _ = pitch_of(recording("speech.ogg", 48_000), 48_000)
    cents = 1200 * np.log2(f0_hz[aperiodicity < 0.1] / 440.0)
    assert (np.abs(cents - 100 * np.round(cents / 100)) <= 5.0).mean() < 0.2


@pytest.mark.parametrize("name", ["trumpet.ogg", "speech.ogg"])
def test_what_has_a_pitch_is_found_to_have_one(name):
    x = recording(name, 48_000)
    _, seen = correct(x, 48_000)
    f0_hz, aperiodicity, places = pitch_of(x, 48_000)
    level = np.array([np.mean(x[0, max(0, p - 500) : p + 500] ** 2) for p in places])
    clear = np.flatnonzero((aperiodicity < 0.08) & (level > 1e-4))
    late = places[clear] + pitch_correction.KIND.latency_frames(48_000)
    sung = seen[np.minimum(late // BLOCK_FRAMES, len(seen) - 1), 0]
    assert clear.size > 200
    assert (sung > 0).mean() > 0.93
    cents = np.abs(1200 * np.log2(sung[sung > 0] / f0_hz[clear][sung > 0]))
    assert (cents < 100).mean() > 0.97


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("f0_hz", [70.0, 110.7, 228.0, 449.0, 1080.0])
def test_made_tones_land_on_the_nearest_note_at_every_rate(rate_hz, f0_hz):
    x = vowel(np.full(rate_hz, f0_hz), rate_hz)
    y, seen = correct(x, rate_hz, speed_ms=0.0)
    note_hz = 440.0 * 2 ** (np.round(12 * np.log2(f0_hz / 440.0)) / 12)
    found, _, _ = pitch_of(y[:, rate_hz // 2 :], rate_hz, 0.06)
    assert np.abs(1200 * np.log2(found[20:-20] / note_hz)).max() < 3.0
    assert np.abs(1200 * np.log2(seen[-1] / [f0_hz, note_hz])).max() < 2.0


def test_a_vibrato_is_ironed_out_and_a_slow_one_is_kept_by_a_slow_speed():
    t = np.arange(2 * 48_000) / 48_000
    f0_hz = 220.0 * 2 ** (40 * np.sin(2 * np.pi * 5.5 * t) / 1200)
    x = vowel(f0_hz, 48_000)
    hard, _ = correct(x, 48_000, speed_ms=0.0)
    soft, _ = correct(x, 48_000, speed_ms=400.0)
    widths = [
        np.ptp(1200 * np.log2(pitch_of(y[:, 24_000:], 48_000)[0][20:-20] / 220.0)) for y in (x, hard, soft)
    ]
    assert widths[0] > 70.0
    assert widths[1] < 6.0
    assert widths[2] > 60.0


@pytest.mark.parametrize(("key", "scale", "sung_hz", "note"), [
    ("C", "major", 277.18, None),  # C#: neither C nor D is nearer by more than a hair
    ("C", "major", 285.0, "D4"),
    ("A", "minor pentatonic", 233.08, "A3"),  # A#
    ("F", "blues", 246.94, "B3"),  # the blue note itself
    ("E", "harmonic minor", 293.66, "D#4"),  # D: the seventh is raised
])  # fmt: skip
def test_only_notes_of_the_scale_sound(key, scale, sung_hz, note):
    keys = pitch_correction.KIND.parameters[pitch_correction.P_KEY].choices
    x = vowel(np.full(48_000, sung_hz), 48_000)
    values = {"key": keys.index(key), "scale": SCALE_NAMES.index(scale), "speed_ms": 0.0}
    found = pitch_of(correct(x, 48_000, **values)[0][:, 24_000:], 48_000, 0.06)[0][20:-20]
    wanted = [librosa.note_to_hz(n) for n in ([note] if note else ["C4", "D4"])]
    nearest = np.min([np.abs(1200 * np.log2(found / hz)) for hz in wanted], axis=0)
    assert nearest.max() < 3.0


def test_another_concert_pitch_moves_the_notes():
    x = vowel(np.full(48_000, 440.0), 48_000)
    y, _ = correct(x, 48_000, speed_ms=0.0, tuning_hz=432.0)
    found = pitch_of(y[:, 24_000:], 48_000)[0][20:-20]
    assert np.abs(1200 * np.log2(found / 432.0)).max() < 3.0


@pytest.mark.parametrize("amount", [0.0, 0.5, 1.0])
def test_the_amount_is_the_part_of_the_error_that_goes(amount):
    x = vowel(np.full(96_000, 220.0 * 2 ** (30 / 1200)), 48_000)
    y, _ = correct(x, 48_000, speed_ms=0.0, amount=amount)
    found = pitch_of(y[:, 48_000:], 48_000)[0][20:-20]
    assert 1200 * np.log2(np.median(found) / 220.0) == pytest.approx(30 * (1 - amount), abs=1.0)
    if amount == 0.0:
        late = pitch_correction.KIND.latency_frames(48_000)
        assert np.array_equal(y[:, late:], x[:, :-late])


def test_the_speed_is_the_time_constant_of_the_correction():
    x = vowel(np.full(48_000, 220.0 * 2 ** (40 / 1200)), 48_000)
    _, seen = correct(x, 48_000, speed_ms=150.0)
    cents = 1200 * np.log2(np.maximum(seen[:, 1], 1.0) / 220.0)
    begin = np.flatnonzero(seen[:, 1])[0]
    after = cents[begin + round(0.15 * 48_000 / BLOCK_FRAMES)]
    assert after == pytest.approx(40 * np.exp(-1), abs=2.5)
    assert abs(cents[-1]) < 1.0


@pytest.mark.parametrize("sung_hz", [121.0, 177.8, 240.0])
def test_vowels_stay_while_the_pitch_moves(sung_hz):
    """Overtones at their new places have the levels of the vowel there, not those that they brought along."""
    x = vowel(np.full(3 * 48_000, sung_hz), 48_000)
    y, seen = correct(x, 48_000, speed_ms=0.0, scale=SCALE_NAMES.index("major pentatonic"))
    sung, put_out = seen[-1]
    assert abs(1200 * np.log2(put_out / sung)) > 120.0
    count = int(3500 / put_out)
    levels = overtone_levels_db(y, put_out, count)
    at_hz = put_out * np.arange(1, count + 1)
    assert distance_db(levels, at_hz) < 2.0
    assert distance_db(levels, at_hz * sung / put_out) > 4.0  # a tape that ran faster or slower


@pytest.mark.parametrize("sung_hz", [121.0, 177.8, 240.0])
def test_what_comes_out_is_nothing_but_overtones_of_the_note(sung_hz):
    """Fades between misfitting periods would leave a rough floor."""
    y, seen = correct(vowel(np.full(3 * 48_000, sung_hz), 48_000), 48_000, speed_ms=0.0)
    energy = np.abs(np.fft.rfft(y[0, -96_000:] * np.blackman(96_000))) ** 2
    rest = energy[80:].copy()
    for k in range(1, int(24_000 / seen[-1, 1])):
        place = round(2 * k * seen[-1, 1]) - 80
        rest[max(0, place - 8) : place + 9] = 0.0
    assert 10 * np.log10(rest.sum() / energy.sum()) < -50.0


def test_breath_passes_untouched():
    noise = 0.1 * np.random.default_rng(3).standard_normal((2, 48_000)).astype(np.float32)
    y, seen = correct(noise, 48_000)
    late = pitch_correction.KIND.latency_frames(48_000)
    assert np.array_equal(y[:, late:], noise[:, :-late])
    assert np.all(seen == 0.0)
