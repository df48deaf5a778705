"""`charon visualize`: the Julia set of a song as a video with its sound, a picture, or a sheet of pictures.

Main thread; thin: drawing is `app/visual/film.py`. Needs no display, and no graphics card either.
"""

import re
import shutil
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.console import json_option, print_json, progress, say
from engine.errors import CharonError, EncodeError, ParameterError

if TYPE_CHECKING:
    from app.visual.film import Film, FilmResult
    from engine.inference.control_net import ControlNet

ENDINGS = (".mp4", ".png")
MAX_SHEET = 100


class _Size(click.ParamType[tuple[int, int]]):
    """WIDTHxHEIGHT in pixels."""

    name = "WxH"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """A pair of ints."""
        found = re.fullmatch(r"(\d{1,5})[xX](\d{1,5})", str(value).strip())
        if found is None:
            self.fail(f"{value!r} is no size; give width and height like 1280x720", param, ctx)
        width, height = int(found[1]), int(found[2])
        if not (16 <= width <= 8192 and 16 <= height <= 8192):
            self.fail(f"{value} is outside 16x16..8192x8192 pixels", param, ctx)
        return width, height


@click.command(
    epilog="Examples: charon visualize song.mp3 -o song.mp4 --size 1920x1080 --fps 60; "
    "charon visualize song.mp3 -o sheet.png --sheet 12 --size 640x360",
    short_help="Draw the Julia set of a song: a video with its sound, or pictures.",
)
@click.argument("song", type=click.Path(readable=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="What to write, .mp4 or .png; SONG.mp4 in this folder by default. Replaced when it is there.",
)
@click.option("--size", type=_Size(), default="1280x720", show_default=True, help="Of a picture, in pixels.")
@click.option("--fps", type=click.FloatRange(1.0, 240.0), default=60.0, show_default=True)
@click.option("--scene", default="lagoon", show_default=True, help="How the set is lit and framed.")
@click.option("--palette", default="", help="Its colours; the scene's own by default.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True)
@click.option(
    "--stems",
    type=click.Path(path_type=Path),
    help="Folder with the song's stems (drums.wav, bass.wav ..): each drives its own part.",
)
@click.option("--network", help="What steers the orbit: a name, a file, or `rules`; else the chosen one.")
@click.option("--seconds", type=click.FloatRange(0.0, min_open=True), help="Only its first seconds.")
@click.option("--at", "at_s", type=click.FloatRange(0.0), help="For a .png: when; the middle by default.")
@click.option("--sheet", type=click.IntRange(2, MAX_SHEET), help="For a .png: so many pictures in one.")
@click.option(
    "--allow-flashes", is_flag=True, help="Without the limit of three flashes a second (WCAG 2.3.1)."
)
@json_option
def command(
    song: Path,
    output: Path | None,
    size: tuple[int, int],
    fps: float,
    scene: str,
    palette: str,
    seed: int,
    stems: Path | None,
    network: str | None,
    seconds: float | None,
    at_s: float | None,
    sheet: int | None,
    allow_flashes: bool,
    as_json: bool,
) -> None:
    """Draw the Julia set of a song: a video with its sound, or pictures.

    It is drawn as in the window, without a display; the same song, network and seed give the same pictures.
    """
    from app.visual.film import Film, FilmOrder
    from app.visual.renderer import look_of
    from engine.services.visual_score import ScoreOptions

    path = output or Path(f"{song.stem}.mp4")
    _check_usage(path, at_s, sheet)
    name, net = _network(network)
    score = ScoreOptions(fps=fps, seed=seed, stems=stems)
    look = look_of(scene, palette, limited=not allow_flashes)
    order = FilmOrder(song=song, size=size, score=score, net=net, look=look, seconds=seconds)
    film = Film(order)
    times_s = _check_place(film, path, at_s, sheet)
    start_s = time.perf_counter()
    beats_s, tempo_bpm = _beats(song, quiet=as_json)
    film = Film(replace(order, score=replace(score, beats_s=beats_s, tempo_bpm=tempo_bpm)))
    result = _pictures(film, path, times_s, quiet=as_json) if times_s else _video(film, path, quiet=as_json)
    wall_s = time.perf_counter() - start_s
    if as_json:
        facts = {"fps": fps, "size": size, "scene": scene, "palette": look.palette.name, "seed": seed}
        steered = {"network": name, "tempo_bpm": tempo_bpm}
        speed = {"wall_s": wall_s, "pictures_per_s": result.frames / wall_s}
        print_json({"song": song, "output": path, **asdict(result), **speed, **facts, **steered})
        return
    drawn = f"{result.frames} pictures" if result.frames > 1 else "1 picture"
    say(f"{path}: {drawn} of {size[0]}x{size[1]}, steered by {name}, drawn by {result.renderer}")
    speed_words = "" if times_s else f", {result.frames / wall_s:.1f} pictures a second"
    say(f"{wall_s:.1f} s{speed_words}")


def _check_usage(path: Path, at_s: float | None, sheet: int | None) -> None:
    if path.suffix.lower() not in ENDINGS:
        raise click.UsageError(f"{path} ends neither in .mp4 nor in .png")
    if path.suffix.lower() == ".mp4" and (at_s is not None or sheet is not None):
        raise click.UsageError("--at and --sheet are for pictures: let the output end in .png")
    if at_s is not None and sheet is not None:
        raise click.UsageError("--at is for one picture, --sheet for many: give one of them")


def _check_place(film: "Film", path: Path, at_s: float | None, sheet: int | None) -> list[float]:
    """Refuse what could not be written at the end; times of the single pictures, none for a video."""
    from engine.io.video_writer import check_size

    width, height = film.order.size
    if path.suffix.lower() == ".mp4":
        check_size(film.order.size)
        _check_folder(path, film.estimated_bytes)
        return []
    _check_folder(path, width * height * 4 * (sheet or 1))
    return _times_s(film, at_s, sheet)


def _beats(song: Path, *, quiet: bool) -> tuple[tuple[float, ...], float | None]:
    """The song's beats and tempo, which the orbit is locked to."""
    from engine.services.analysis import analyse_song

    with progress(f"{song.name}: beats", 1.0, quiet=quiet) as update:
        found = analyse_song(song, update)
    return found.beats_s, found.tempo_bpm


def _times_s(film: "Film", at_s: float | None, sheet: int | None) -> list[float]:
    if sheet is not None:
        return film.sheet_times_s(sheet)
    if at_s is not None and at_s >= film.length_s:
        raise ParameterError(f"--at {at_s:g} lies behind the end of the song, {film.length_s:.1f} s")
    return [film.length_s / 2 if at_s is None else at_s]


def _video(film: "Film", path: Path, *, quiet: bool) -> "FilmResult":
    with progress(path.name, film.n_pictures, quiet=quiet) as update:
        return film.write_video(path, update)


def _pictures(film: "Film", path: Path, times_s: list[float], *, quiet: bool) -> "FilmResult":
    from PySide6.QtGui import QImage

    from app.panels.analysis_export import png_bytes
    from app.visual.film import FilmResult, sheet_of
    from app.write_behind import replace_file

    total = min(film.n_pictures, round(times_s[-1] * film.order.score.fps) + 1)
    with progress(path.name, total, quiet=quiet) as update:
        pictures, renderer = film.picture_at(times_s, update)
    if not pictures:
        raise CharonError(f"{film.order.song} holds no sound: there is nothing to draw")
    whole = sheet_of(pictures)
    height, width = whole.shape[:2]
    image = QImage(whole.data, width, height, 4 * width, QImage.Format.Format_RGB32)
    try:
        replace_file(path, png_bytes(image))
    except OSError as err:
        raise EncodeError(f"{path} could not be written: {(err.strerror or str(err)).lower()}") from err
    return FilmResult(len(pictures), film.length_s, renderer)


def _network(wanted: str | None) -> "tuple[str, ControlNet | None]":
    """The network of that name or file, and what it is called."""
    from engine.errors import name_hint
    from engine.inference.control_net import load_control_net
    from engine.io.home import default_home
    from engine.services.control_shelf import ControlShelf

    shelf = ControlShelf(default_home())
    if wanted is not None and wanted.endswith(".onnx"):
        return Path(wanted).stem, load_control_net(Path(wanted))
    if wanted is None:
        chosen = shelf.chosen()
    else:
        known = {network.name: network for network in shelf.networks()}
        if wanted not in known:
            raise ParameterError(f"no network {wanted!r}; {name_hint(wanted, known)}")
        chosen = known[wanted]
    return chosen.name, None if chosen.path is None else load_control_net(chosen.path)


def _check_folder(path: Path, n_bytes: int) -> None:
    """Refuse at once what could not be written at the end."""
    folder = path.parent
    if path.is_dir():
        raise EncodeError(f"{path} is a folder; give the name of a file")
    if not folder.is_dir():
        raise EncodeError(f"there is no folder {folder}; make it or choose another with -o")
    part = path.with_name(f".{path.name}.part")
    try:
        part.touch()
        part.unlink()
    except OSError as err:
        raise EncodeError(f"{path} cannot be written: {(err.strerror or str(err)).lower()}") from err
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < n_bytes:
        raise EncodeError(
            f"{folder} has {free_bytes / 1e6:.0f} MB free and {path.name} may take {n_bytes / 1e6:.0f} MB: "
            "free some space, or choose another folder with -o"
        )
