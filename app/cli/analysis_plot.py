"""`charon analyze --plot`: what the analysis panel draws, into a file and without a screen.

Main thread. Qt draws on its off-screen platform, so that a server without a display does as well as a
desktop; the drawing is the panel's own.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.off_screen import ENDINGS, application, check_folders, write_picture
from engine.errors import ParameterError

if TYPE_CHECKING:
    from engine.services.curves import SongCurves


def picture_paths(songs: Sequence[Path], plot: Path) -> dict[Path, Path]:
    """Where each song's picture goes.

    Parameters
    ----------
    songs : sequence of Path
    plot : Path
        A picture for one song, or a folder that is there.

    Returns
    -------
    dict of Path to Path
        A file for each song, two songs of one name apart.

    Raises
    ------
    ParameterError
        Neither fits.
    """
    if not plot.is_dir():
        if plot.suffix.lower() not in ENDINGS:
            raise ParameterError(f"--plot {plot}: a picture ends in .png or .svg, a folder must be there")
        if len(songs) > 1:
            raise ParameterError(f"--plot {plot} is one picture for {len(songs)} songs: name a folder")
        return {songs[0]: plot}
    taken: set[Path] = set()
    found: dict[Path, Path] = {}
    for song in dict.fromkeys(songs):
        path, number = plot / f"{song.stem}.png", 2
        while path in taken:
            path, number = plot / f"{song.stem} {number}.png", number + 1
        taken.add(path)
        found[song] = path
    return found


def check_pictures(pictures: Iterable[Path]) -> None:
    """Refuse before the songs are listened to what could not be written after.

    Raises
    ------
    CharonError
        A folder is missing or cannot be written, or Qt cannot be used here.
    """
    check_folders({path.parent for path in pictures})


def draw_plot(song: Path, curves: "SongCurves", path: Path) -> None:
    """Draw a song over time.

    Parameters
    ----------
    song : Path
        Whose title stands above.
    curves : SongCurves
    path : Path
        PNG or SVG, by its ending; replaced whole.

    Raises
    ------
    CharonError
        The file cannot be written.
    """
    application()
    from app.panels.analysis_export import Sheet, draw_image, draw_svg, png_bytes
    from app.panels.analysis_song import PLOTS, prepare
    from app.song_words import read_words
    from app.theme import tokens

    words = read_words(song, None)
    title = "  ·  ".join(part for part in (words.title, words.artist) if part)
    sheet = Sheet(prepare(curves), title, PLOTS, tokens().accent)
    data = draw_svg(sheet) if path.suffix.lower() == ".svg" else png_bytes(draw_image(sheet))
    write_picture(path, data)
