"""Words and figures of a training, as the window shows them."""

from PySide6.QtCore import QCoreApplication

from engine.services.training_report import TOTAL, TrainingStatus


def status_title(status: TrainingStatus) -> str:
    """What goes on, in a word or two."""
    titles = {
        "idle": _tr("Stopped") if status.total_epochs else _tr("No training yet"),
        "running": _tr("Training"),
        "stopping": _tr("Stopping…"),
        "done": _tr("Trained"),
        "failed": _tr("Failed"),
    }
    return titles[status.status]


def part_title(part: str) -> str:
    """What a part of a loss is called."""
    return _tr("Whole loss") if part == TOTAL else part.replace("_", " ").capitalize()


def loss_text(value: float | None) -> str:
    """A loss in three figures."""
    return "-" if value is None else f"{value:.3g}"


def duration_text(seconds: float) -> str:
    """Hours, minutes and seconds as on a clock."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _tr(text: str) -> str:
    return QCoreApplication.translate("Training", text)
