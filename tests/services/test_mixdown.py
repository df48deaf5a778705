"""The mix as a file: the same samples as the mixer of the device thread plays, whatever the setting."""

import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.errors import JobCancelled, ParameterError, StoreError
from engine.io.encode import OutputFormat
from engine.io.song_store import ORIGINAL, Progress, SongStore
from engine.realtime.layout import FADE_FRAMES, MASTER_ROW, RAMP_FRAMES
from engine.realtime.limiter import LOOKAHEAD_FRAMES
from engine.services.export import export_stems
from engine.services.mixdown import LaneSetting, Mix, Mixer, export_mix
from engine.units import F32, energy_ratio_db
from tests.realtime.conftest import Rig, write_song

STEMS = ("vocals", "drums", "bass", "other")
N_FRAMES = 150_000
NEUTRAL = Mix()
TOUCHED = Mix(
    {
        "vocals": LaneSetting(gain_db=-4.5, pan=-0.3),
        "drums": LaneSetting(gain_db=2.0),
        "bass": LaneSetting(mute=True),
        "other": LaneSetting(pan=0.8),
    },
    LaneSetting(gain_db=-1.5, pan=0.1),
)
SOLO = Mix({"drums": LaneSetting(solo=True, gain_db=-6.0), "bass": LaneSetting(solo=True, mute=True)})
LOUD = Mix({"drums": LaneSetting(gain_db=12.0)}, LaneSetting(gain_db=9.0))


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> SongStore:
    """Three seconds at 48 kHz: stems of noise that sum to the original, all of them final."""
    rng = np.random.default_rng(3)
    stems = {name: rng.normal(0.0, 0.05, (2, N_FRAMES)).astype(np.float32) for name in STEMS}
    total = np.sum(list(stems.values()), axis=0, dtype=np.float32)
    store = write_song(tmp_path_factory.mktemp("stores") / "song", {ORIGINAL: total, **stems}, 48_000)
    store.progress[Progress.TOTAL_SEGMENTS] = store.progress[Progress.SEGMENTS_DONE] = 4
    return store


def heard(store: SongStore, mix: Mix) -> F32:
    """What the device plays after the fade-in and every ramp, the limiter's delay taken out."""
    rig = Rig(store)
    try:
        for row, setting in [
            *((1 + k, mix.stems.get(name, LaneSetting())) for k, name in enumerate(store.stems)),
            (MASTER_ROW, mix.master),
        ]:
            rig.memory.set_gain_db(row, setting.gain_db)
            rig.memory.set_pan(row, setting.pan)
            rig.memory.set_mute(row, setting.mute)
            rig.memory.set_solo(row, setting.solo)
        rig.pull(2 * RAMP_FRAMES)
        rig.seek(0)
        time.sleep(0.05)
        rig.memory.set_playing(True)
        return rig.pull(N_FRAMES)[:, LOOKAHEAD_FRAMES:]
    finally:
        rig.close()


def rendered(store: SongStore, mix: Mix, block_frames: int = 1 << 16) -> F32:
    return np.concatenate([block.copy() for block in Mixer(store, mix).blocks(block_frames)]).T


@pytest.mark.parametrize("mix", [NEUTRAL, TOUCHED, SOLO, LOUD], ids=["neutral", "touched", "solo", "loud"])
def test_the_file_is_what_the_device_plays(song: SongStore, mix: Mix) -> None:
    played, offline = heard(song, mix), rendered(song, mix)
    assert offline.shape == (2, N_FRAMES)
    # The fade-in at the start, the cross-fade from the original to the stems and, where the limiter
    # works, its release afterwards are the player's own.
    settled = slice(FADE_FRAMES + RAMP_FRAMES + (96_000 if mix is LOUD else 0), played.shape[1])
    difference = played[:, settled] - offline[:, settled]
    assert energy_ratio_db(offline[:, settled], difference) > 90.0


def test_an_untouched_mix_is_the_song_bit_by_bit(song: SongStore) -> None:
    assert np.array_equal(rendered(song, NEUTRAL), song.map_lane(ORIGINAL).T)


@pytest.mark.parametrize("block_frames", [LOOKAHEAD_FRAMES + 1, 4097, 1 << 18])
def test_blocks_of_any_size_give_the_same_mix(song: SongStore, block_frames: int) -> None:
    assert np.array_equal(rendered(song, LOUD, block_frames), rendered(song, LOUD))


def test_a_muted_stem_is_gone(song: SongStore) -> None:
    others = np.sum([song.map_lane(name).T for name in STEMS if name != "drums"], axis=0)
    mix = rendered(song, Mix({"drums": LaneSetting(mute=True)}))
    assert energy_ratio_db(others, mix - others) > 120.0


def test_a_mix_is_written_with_its_level_and_named_without_replacing(song: SongStore, tmp_path: Path) -> None:
    original = tmp_path / "song.wav"
    soundfile.write(original, np.zeros((10, 2)), 48_000)
    parts: list[float] = []
    first, second = (
        export_mix(
            song, tmp_path, OutputFormat(), TOUCHED, song_path=original, name="My song", progress=parts.append
        )
        for _ in range(2)
    )
    assert [first.file.name, second.file.name] == ["My song.wav", "My song (2).wav"]
    audio, rate_hz = soundfile.read(first.file, dtype="float32", always_2d=True)
    assert rate_hz == 48_000
    assert np.array_equal(audio.T, rendered(song, TOUCHED))
    assert first.peak_db == pytest.approx(20 * np.log10(np.max(np.abs(audio))), abs=1e-3)
    assert parts[-1] == 1.0
    assert first.warnings == []


@pytest.mark.parametrize("fmt", [OutputFormat("wav", "16"), OutputFormat("flac", "24"), OutputFormat("mp3")])
def test_a_loud_mix_stays_below_full_scale_and_says_so(
    song: SongStore, tmp_path: Path, fmt: OutputFormat
) -> None:
    written = export_mix(song, tmp_path, fmt, LOUD, song_path=tmp_path / "none", name="loud")
    assert soundfile.info(written.file).frames == N_FRAMES
    assert written.limited_db < -6.0
    assert written.peak_db <= 0.0
    assert "limiter took" in written.warnings[0]


def test_a_cancelled_mix_leaves_nothing_behind(song: SongStore, tmp_path: Path) -> None:
    def cancel(part: float) -> None:
        raise JobCancelled(f"cancelled at {part:.0%}")

    with pytest.raises(JobCancelled):
        export_mix(
            song, tmp_path, OutputFormat(), NEUTRAL, song_path=tmp_path / "none", name="x", progress=cancel
        )
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_mixed_is_refused(song: SongStore, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="no stem 'piano'"):
        Mixer(song, Mix({"piano": LaneSetting()}))
    with pytest.raises(ParameterError, match="above"):
        LaneSetting(gain_db=30.0)
    with pytest.raises(ParameterError, match="outside -1"):
        LaneSetting(pan=2.0)
    lanes = {ORIGINAL: np.zeros((2, 4096), np.float32), "vocals": np.zeros((2, 4096), np.float32)}
    unfinished = write_song(tmp_path / "unfinished", lanes, 48_000, None)
    with pytest.raises(StoreError, match="not complete"):
        Mixer(unfinished, NEUTRAL)


@pytest.mark.parametrize("fmt", [OutputFormat("wav", "16"), OutputFormat("flac", "24"), OutputFormat()])
def test_a_stem_is_the_same_file_with_and_without_the_others(
    song: SongStore, tmp_path: Path, fmt: OutputFormat
) -> None:
    def export(stems: tuple[str, ...] | None) -> dict[str, Path]:
        written = export_stems(
            song,
            tmp_path,
            fmt,
            song_path=tmp_path / "none",
            song_name="x",
            residual_stem="other",
            stems=stems,
        )
        return written.files

    every, some = export(None), export(("other", "vocals"))
    assert list(every) == list(STEMS)
    assert list(some) == ["vocals", "other"]
    assert sorted(path.name for path in some["other"].parent.iterdir()) == sorted(
        f"{name}{fmt.suffix}" for name in some
    )
    for name, path in some.items():
        assert path.read_bytes() == every[name].read_bytes()
    with pytest.raises(ParameterError, match="there are vocals, drums, bass, other"):
        export(("piano",))
    with pytest.raises(ParameterError, match=r"\(none\)"):
        export(())
