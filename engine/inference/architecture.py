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
    mirrors_ends : bool
        Whether a window that reaches past the song is filled by mirroring it instead of by silence.
        Measured, not believed: on the 6 s of Falcon 69 the mirror gives HTDemucs 0.4 dB of vocals and
        takes 0.4 dB from Spleeter, which was trained on songs padded with zeros.
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
    mirrors_ends: bool

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
            Left and right, full scale +-1; what lies outside of the song is zero or
            mirrored, see `mirrors_ends`.
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
