"""Training of the splitter: free sounds, the same songs and weights for the same seed, an exact export."""

import copy
import hashlib
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from engine.errors import ChecksumMismatch, ParameterError, TrainingError
from engine.kernels.stft import Stft
from engine.kernels.warped_bins import N_BINS, group_starts
from models.training.orbit.progress import Silent
from models.training.process import Stopped
from models.training.splitter.dataset import make_songs, set_name
from models.training.splitter.drums import DrumShop
from models.training.splitter.examples import LOOK_AHEAD, crop_frames, measure
from models.training.splitter.export import largest_error, onnx_bytes
from models.training.splitter.instruments import N_FRAMES, check_player
from models.training.splitter.losses import part_errors, split_loss
from models.training.splitter.mixing import Studio, render_song
from models.training.splitter.network import SplitNetwork
from models.training.splitter.order import MODEL_NAME, Order
from models.training.splitter.score import make_up, read_folder, read_midi
from models.training.splitter.sounds import FREE_LICENCES, SoundShelf, read_manifest
from models.training.splitter.train import train


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_every_sound_is_free_and_complete():
    sounds = read_manifest()
    assert len(sounds) > 90
    assert len({sound.path for sound in sounds}) == len(sounds)
    for sound in sounds:
        assert sound.licence in FREE_LICENCES
        assert len(sound.sha256) == 64
        assert sound.package
        assert sound.author
        assert "amen" not in sound.path


def test_a_sound_under_another_licence_is_refused(tmp_path):
    manifest = tmp_path / "sounds.toml"
    fields = {
        "path": "a.wav",
        "role": "kick",
        "package": "p",
        "licence": "GPL-2",
        "author": "x",
        "sha256": "0",
    }
    manifest.write_text("[[sound]]\n" + "\n".join(f'{name} = "{value}"' for name, value in fields.items()))
    with pytest.raises(TrainingError, match=r"a\.wav is under 'GPL-2'"):
        read_manifest(manifest)


def test_missing_packages_are_named(tmp_path):
    with pytest.raises(TrainingError, match="apt-get install fluidr3mono-gm-soundfont hydrogen-drumkits"):
        SoundShelf(tmp_path)


def test_no_sound_without_an_entry_is_opened(tmp_path):
    """Every sound that drums are made of has an entry, and is what the entry says."""
    roles = ("kick", "snare", "hat", "open_hat", "cymbal", "tom", "percussion")
    lines = []
    for k, role in enumerate(roles):
        shot = np.random.default_rng(k).standard_normal(4000) * np.exp(-np.arange(4000) / 600)
        soundfile.write(tmp_path / f"{role}.wav", 0.3 * shot, 44_100)
        digest = hashlib.sha256((tmp_path / f"{role}.wav").read_bytes()).hexdigest()
        lines.append(
            f'[[sound]]\npath = "{role}.wav"\nrole = "{role}"\npackage = "ours"\nlicence = "CC0"\n'
            f'author = "tests"\nsha256 = "{digest}"\n'
        )
    soundfile.write(tmp_path / "stray.wav", np.zeros(100), 44_100)
    (tmp_path / "sounds.toml").write_text("\n".join(lines))
    shelf = SoundShelf(tmp_path, read_manifest(tmp_path / "sounds.toml"))
    opened: list[str] = []

    def watch(event: str, arguments: tuple) -> None:
        if event == "open" and isinstance(arguments[0], str | Path):
            opened.append(str(arguments[0]))

    sys.addaudithook(watch)
    shop = DrumShop(shelf, None)
    kits = [shop.kit(np.random.default_rng(k)) for k in range(12)]
    assert all(set(kit) == set(roles) for kit in kits)
    sounds = {path for path in opened if path.startswith(str(tmp_path)) and path.endswith(".wav")}
    assert sounds
    assert sounds <= {str(tmp_path / sound.path) for sound in shelf.sounds}
    (tmp_path / "kick.wav").write_bytes(b"another sound")
    fresh = SoundShelf(tmp_path, shelf.sounds)
    with pytest.raises(ChecksumMismatch, match=r"kick\.wav is not the file"):
        fresh.file(fresh.of_role("kick")[0])


def midi(events: bytes) -> bytes:
    track = events + b"\x00\xff\x2f\x00"
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, 480) + b"MTrk" + struct.pack(">I", len(track)) + track


def test_notes_of_a_midi_file(tmp_path):
    path = tmp_path / "a.mid"
    events = (
        b"\x00\xff\x03\x06MELODY"
        b"\x00\xff\x51\x03\x07\xa1\x20"  # 0.5 s a quarter note
        b"\x00\x90\x3c\x64"
        b"\x83\x60\x3c\x00"  # 480 ticks later, by running status
        b"\x00\xff\x51\x03\x0f\x42\x40"  # from here 1 s
        b"\x83\x60\x90\x40\x50"
        b"\x83\x60\x80\x40\x00"
    )
    path.write_bytes(midi(events))
    notes = read_midi(path)["melody"]
    assert [(n.pitch, n.velocity) for n in notes] == [(60, 100), (64, 80)]
    assert [n.start_s for n in notes] == pytest.approx([0.0, 1.5])
    assert [n.length_s for n in notes] == pytest.approx([0.5, 1.0])


def test_a_folder_of_scores(tmp_path):
    (tmp_path / "1.mid").write_bytes(midi(b"\x00\xff\x03\x05PIANO\x00\x90\x3c\x64\x83\x60\x3c\x00"))
    beats = [f"{0.5 * k} {1.0 if k % 4 == 0 else 0.0} 0.0" for k in range(40)]
    (tmp_path / "beat_midi.txt").write_text("\n".join(beats))
    (tmp_path / "chord_midi.txt").write_text("0.0 4.0 N\n4.0 20.0 F#:min7/b3\n")
    score = read_folder(tmp_path, np.random.default_rng(0))
    assert score.beats_a_bar == 4
    chord = score.chord_at(5.0)
    assert chord is not None
    assert (chord.root, chord.steps) == (6, (0, 3, 7, 10))
    assert score.chord_at(1.0) is None
    assert len(score.parts["piano"]) == 1


def test_a_song_is_the_same_for_the_same_seed():
    score = make_up(np.random.default_rng(4))
    assert score.chords
    assert len(score.parts["melody"]) > 8
    studio = Studio(None, DrumShop(None, None), ())
    first, again = render_song(studio, 7, 3), render_song(studio, 7, 3)
    assert first.shape == (4, 2, N_FRAMES)
    np.testing.assert_array_equal(first, again)
    assert np.isfinite(first).all()
    assert 0.85 < float(np.abs(first.sum(axis=0)).max()) < 0.92
    assert all(float(np.square(stem).mean()) > 1e-6 for stem in first[:3])


def test_sound_fonts_ask_for_their_player(monkeypatch):
    monkeypatch.setitem(sys.modules, "tinysoundfont", None)
    with pytest.raises(TrainingError, match="pip install --no-deps tinysoundfont"):
        check_player()


def test_a_set_is_named_by_what_it_is_made_from(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "beat_midi.txt").write_text("")
    names = {
        set_name(1, None, None),
        set_name(2, None, None),
        set_name(1, tmp_path, None),
        set_name(1, None, tmp_path),
    }
    assert len(names) == 4


def test_sums_give_the_error_of_masks_exactly():
    n = 6
    rng = np.random.default_rng(0)
    parts = (0.1 * rng.standard_normal((4, 2, crop_frames(n)))).astype(np.float32)
    gains = rng.uniform(0.5, 1.5, (4, N_BINS)).astype(np.float32)
    batch = measure(parts, gains)
    assert batch.seen.shape == (1, 4, n + LOOK_AHEAD, 576)
    masks = rng.uniform(0.0, 1.0, (1, 4, 2, n, 576)).astype(np.float32)
    error, true, whole = part_errors(
        *(torch.from_numpy(a) for a in (masks, batch.mixed, batch.shared, batch.alone))
    )
    with Stft(4096, 1024) as plan:
        spectra = (
            plan.forward(parts.reshape(8, -1)).reshape(4, 2, -1, N_BINS)[:, :, :n] * gains[:, None, None]
        )
    mixed = spectra.sum(axis=0)
    wide = np.repeat(masks[0], np.diff(group_starts()), axis=3)
    expected = np.square(np.abs(spectra - wide * mixed)).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(error[0].numpy(), expected, rtol=1e-3)
    np.testing.assert_allclose(true[0].numpy(), np.square(np.abs(spectra)).sum(axis=(1, 2, 3)), rtol=1e-3)
    assert float(whole) == pytest.approx(float(np.square(np.abs(mixed)).sum()), rel=1e-3)
    level = np.sqrt(np.square(np.abs(mixed)).sum() / (2 * n))
    left = np.abs(mixed[0, :, 100]) / level
    np.testing.assert_allclose(batch.seen[0, 0, :n, 100], left**0.3, rtol=1e-3)


def test_the_loss_falls_with_the_error():
    rng = np.random.default_rng(1)
    parts = np.zeros((4, 2, crop_frames(4)), np.float32)
    parts[1] = 0.1 * rng.standard_normal(parts.shape[1:])
    batch = measure(parts, np.ones((4, N_BINS), np.float32))
    sums = [torch.from_numpy(a) for a in (batch.mixed, batch.shared, batch.alone)]
    right = torch.zeros(1, 4, 2, 4, 576)
    right[:, 1] = 1.0
    wrong = torch.full_like(right, 0.25)
    assert float(split_loss(right, *sums)) < -8.0 < 0.0 < float(split_loss(wrong, *sums)) + 5.0


@pytest.fixture(scope="module")
def network() -> SplitNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        network = SplitNetwork((4, 6, 8, 8, 8), 12)
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2.0)
    return network.eval()


def test_it_looks_four_frames_ahead_and_no_further(network):
    exact = copy.deepcopy(network).double()
    seen = torch.rand(1, 4, 16 + LOOK_AHEAD, 576, dtype=torch.float64)
    other = seen.clone()
    other[:, :, 12:] = torch.rand(1, 4, 4 + LOOK_AHEAD, 576, dtype=torch.float64)
    with torch.no_grad():
        difference = (exact(seen) - exact(other)).abs().amax(dim=(0, 1, 2, 4))
    assert float(difference[: 12 - LOOK_AHEAD].max()) < 1e-13
    assert float(difference[12 - LOOK_AHEAD :].min()) > 1e-10


def test_masks_sum_to_one_and_the_file_is_the_network(network):
    with torch.no_grad():
        masks = network(torch.rand(2, 4, 3 + LOOK_AHEAD, 576))
    assert masks.shape == (2, 4, 2, 3, 576)
    torch.testing.assert_close(masks.sum(dim=1), torch.ones(2, 2, 3, 576))
    model = onnx_bytes(network)
    assert model == onnx_bytes(network)
    assert largest_error(network, model) < 1e-5


def test_an_order_out_of_range_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="--songs 1 is outside 2"):
        Order(tmp_path, songs=1)
    with pytest.raises(ParameterError, match=r"--frames 641 is outside 16\.\.640"):
        Order(tmp_path, frames=641)
    with pytest.raises(ParameterError, match="is no folder"):
        Order(tmp_path, data=tmp_path / "gone")


def test_a_run_that_is_stopped_goes_on_as_if_it_had_not(tmp_path):
    """Songs, examples, weights and the file: bit for bit, with the real Spleeter in between."""
    songs = tmp_path / "songs"
    settings = {"songs": 2, "songs_folder": songs, "steps": 4, "steps_an_epoch": 2, "batch": 1, "frames": 16}
    settings |= {"sounds": None, "workers": 1, "threads": 1, "seed": 3}
    straight = Order(tmp_path / "straight", **settings)
    train(straight, Silent())
    files = make_songs(songs, range(2), seed=3, data=None, sounds=None, workers=1, told=lambda *_: None)
    layers = np.load(files[0], mmap_mode="r")
    assert layers.shape == (5, 2, N_FRAMES)
    assert layers.dtype == np.float16

    class StopAfterOne(Silent):
        def epoch(self, record, total_epochs):
            raise Stopped

    with pytest.raises(Stopped):
        train(Order(tmp_path / "stopped", **settings), StopAfterOne())
    train(Order(tmp_path / "stopped", **settings, resume=True), Silent())
    whole = (tmp_path / "straight" / MODEL_NAME).read_bytes()
    assert whole == (tmp_path / "stopped" / MODEL_NAME).read_bytes()
    assert 1_000_000 < len(whole) < 16_000_000
    history = (tmp_path / "stopped" / "training_history.json").read_text()
    assert '"epoch": 2' in history
    with pytest.raises(Exception, match="another steps"):
        train(Order(tmp_path / "stopped", **(settings | {"steps": 6}), resume=True), Silent())
