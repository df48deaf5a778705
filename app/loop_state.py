"""The A-B loop as the user has set it; GUI thread only.

Views read it and follow `changed`; `app.edits` writes it, so that it can be undone; the bridge hands
it to the engine.
"""

from PySide6.QtCore import QObject, Signal

MIN_LOOP_S = 0.05


class LoopState(QObject):
    """Start and end of the loop, and whether it is on.

    Attributes
    ----------
    changed : Signal()
        Any of it is new.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.span_s: tuple[float, float] | None = None
        self.enabled = False

    @property
    def active_s(self) -> tuple[float, float] | None:
        """What the engine should repeat, or None."""
        return self.span_s if self.enabled else None

    def set(self, span_s: tuple[float, float] | None, enabled: bool) -> None:
        """Set the loop.

        Parameters
        ----------
        span_s : (float, float) or None
            Start and stop in seconds, in either order; less than MIN_LOOP_S apart is no loop.
        enabled : bool
        """
        if span_s is not None:
            span_s = (max(0.0, min(span_s)), max(span_s))
            if span_s[1] - span_s[0] < MIN_LOOP_S:
                span_s = None
        enabled = enabled and span_s is not None
        if (span_s, enabled) != (self.span_s, self.enabled):
            self.span_s, self.enabled = span_s, enabled
            self.changed.emit()
