"""What separation sees of a model: windows of a song in, its stems out.

Pure declaration. It exists so that the separation service knows neither ONNX nor spectrograms, and
a new kind of network is one new room beside this one.
"""

from typing import Protocol

from engine.units import F32


class Architecture(Protocol):
    """One loaded model, used by one thread.

    Attributes
    ----------
    stems : tuple of str
        Names, in the order of `separate`'s rows.
    residual_stem : str
        The stem that takes what the others leave of the song.
    rate_hz : int
        Rate of what goes in and comes out.
    window_frames : int
        Frames of one window.
    valid_start, valid_stop : int
        Frames of the window for which stems come out: 0 <= valid_start < valid_stop <= window_frames.
    default_overlap : float
        Part of the valid frames that neighbouring windows should share, 0 to 0.9.
    provider : str
        What runs the network ("CPU", "CUDA", "DirectML", "CoreML").
    notices : list of str
        What the user must know, such as a fall-back to CPU.
    inference_s : float
        Wall-clock seconds spent in the network so far.
    """

    stems: tuple[str, ...]
    residual_stem: str
    rate_hz: int
    window_frames: int
    valid_start: int
    valid_stop: int
    default_overlap: float

    @property
    def provider(self) -> str: ...  # noqa: D102 - described above

    @property
    def notices(self) -> list[str]: ...  # noqa: D102

    @property
    def inference_s(self) -> float: ...  # noqa: D102

    def separate(self, window: F32, out: F32) -> None:
        """Separate one window.

        Parameters
        ----------
        window : float32 array, shape (2, window_frames)
            Left and right, full scale +-1; zeros where the song has not begun or is over.
        out : float32 array, shape (n_stems, 2, valid_stop - valid_start)
            The stems of frames [valid_start, valid_stop); overwritten.

        Raises
        ------
        ModelError
            The network failed or returned NaN, on the CPU as well.
        JobCancelled
            `stop` was called meanwhile; `out` holds nothing of use.
        """
        ...

    def stop(self) -> None:
        """End the network's run that is under way, if one is; called from another thread."""
        ...

    def close(self) -> None:
        """Stop the threads; the model cannot be used afterwards."""
        ...
