"""`charon evaluate`: how good separations are, against true stems.

Runs on the main thread; the work is `engine.services.evaluation`.
"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.console import json_option, print_json, progress, say, table, warn
from engine.errors import CharonError

if TYPE_CHECKING:
    from engine.services.evaluation import Evaluation, StemScore

EXIT_FAILED = 1


@click.command(
    epilog="Examples: charon evaluate song.stem.mp4 --model spleeter-2stems; "
    "charon evaluate stems/ --model htdemucs-4stems --start 20 --seconds 30 --plot scores.png"
)
@click.argument(
    "paths",
    metavar="FILE|FOLDER...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, readable=False),
)
@click.option(
    "--model",
    "models",
    multiple=True,
    help="Model to judge, or baseline; may be given again. [default: all that are here]",
)
@click.option(
    "--baseline/--no-baseline",
    "wants_baseline",
    default=True,
    show_default=True,
    help="Beside models with drums: what signal processing alone makes of it.",
)
@click.option(
    "--start", "start_s", type=click.FloatRange(min=0.0), default=0.0, help="Begin here, in seconds."
)
@click.option("--seconds", "length_s", type=click.FloatRange(min=0.5), help="Take so much of each song.")
@click.option("--provider", help="What runs the network, such as CPU or CUDA; the fastest by default.")
@click.option(
    "--plot", type=click.Path(path_type=Path), metavar="PICTURE", help="Draw the figures, as PNG or SVG."
)
@json_option
def command(
    paths: tuple[Path, ...],
    models: tuple[str, ...],
    wants_baseline: bool,
    start_s: float,
    length_s: float | None,
    provider: str | None,
    plot: Path | None,
    as_json: bool,
) -> int:
    """Separate songs whose true stems are known, and tell how near the result comes.

    FILE is a stem file (.stem.mp4); FOLDER holds a file a track, called like the stems, or several of
    either. sdr_db is the energy of the true stem over that of the error, BSS Eval (version 4) beside it.
    """
    from engine.io.true_stems import read_true_song, true_songs
    from engine.services.evaluation import Evaluator

    if plot is not None:
        from app.cli.evaluate_plot import check_plot

        check_plot(plot)
    songs = [song for path in paths for song in true_songs(path)]
    found: list[Evaluation] = []
    errors: list[dict[str, Any]] = []
    with Evaluator(_chosen(models, wants_baseline), provider=provider) as evaluator:
        steps = len(songs) * len(evaluator.models)
        with progress("evaluating", float(steps), quiet=as_json) as update:
            for i, path in enumerate(songs):
                try:
                    song = read_true_song(path, start_s, length_s)
                    for k, model in enumerate(evaluator.models):
                        done = i * len(evaluator.models) + k
                        found.append(
                            evaluator.evaluate(
                                song,
                                model,
                                lambda part, what, at=done, of=model: update(at + part, f"{what}, {of}"),
                            )
                        )
                except CharonError as err:
                    if len(songs) == 1:
                        raise
                    line = " ".join(str(err).split())
                    click.echo(f"charon: error: {line}", err=True)
                    errors.append({"input": path, "error": line})
        for line in evaluator.notices:
            warn(line)
    if plot is not None and found:
        from app.cli.evaluate_plot import draw_plot

        draw_plot(found, plot)
    if as_json:
        print_json(_plain(found, errors, plot))
    else:
        _show(found, plot)
    return EXIT_FAILED if errors else 0


def _chosen(models: tuple[str, ...], wants_baseline: bool) -> list[str]:
    """The models to judge, the baseline among them where it has something to be compared with."""
    from engine.inference.model_store import ModelStore
    from engine.io.home import default_home
    from engine.services.split_baseline import BASELINE

    home = default_home()
    store = ModelStore(home.models, home.cards)
    names = list(models) or [
        name for name, card in store.cards.items() if card.task == "separate" and store.is_present(name)
    ]
    splits = [name for name in names if name != BASELINE and "drums" in store.card(name).stems]
    if wants_baseline and splits and BASELINE not in names:
        names.append(BASELINE)
    return names


def _plain(found: "list[Evaluation]", errors: list[dict[str, Any]], plot: Path | None) -> dict[str, Any]:
    """What --json prints."""
    from engine.services.evaluation import band_names

    rows: list[dict[str, Any]] = []
    for one in found:
        for score in one.scores:
            row = asdict(score)
            row["bands_db"] = dict(zip(band_names(), score.bands_db, strict=False))
            rows.append(row)
    result: dict[str, Any] = {"rows": rows, "runs": [one.run for one in found]}
    if errors:
        result["errors"] = errors
    if plot is not None:
        result["plot"] = plot
    return result


def _show(found: "list[Evaluation]", plot: Path | None) -> None:
    from engine.services.evaluation import band_names

    scores = [score for one in found for score in one.scores]
    head = ("song", "model", "stem")
    has_bss = any(score.bss is not None for score in scores)
    say(
        "Energy of the true stem over that of the error, in dB"
        + ("; behind it BSS Eval 4" if has_bss else "")
    )
    table(
        (*head, "SDR", *(("SDR v4", "ISR", "SIR", "SAR") if has_bss else ())),
        [(*_name(score), score.sdr_db, *(_bss(score) if has_bss else ())) for score in scores],
    )
    say("\nThe same by frequency band, in dB")
    bands = band_names()
    table(
        (*head, *bands),
        [(*_name(score), *(score.bands_db + [None] * len(bands))[: len(bands)]) for score in scores],
    )
    say("\nHow much of each true stem is in each stem found, in percent of its energy")
    true_stems = list(dict.fromkeys(name for score in scores for name in score.leakage))
    table(
        (*head, *true_stems),
        [(*_name(score), *(_percent(score.leakage.get(name)) for name in true_stems)) for score in scores],
    )
    say("")
    for one in found:
        run = one.run
        say(f"{run.song}: {run.model} on {run.provider}, {run.realtime_factor:.1f} times real time")
    if plot is not None:
        say(f"plot: {plot}")


def _name(score: "StemScore") -> tuple[str, str, str]:
    return score.song, score.model, score.stem


def _bss(score: "StemScore") -> tuple[float | None, ...]:
    bss = score.bss
    return (None,) * 4 if bss is None else (bss.sdr_db, bss.isr_db, bss.sir_db, bss.sar_db)


def _percent(share: float | None) -> float | None:
    return None if share is None else 100.0 * share
