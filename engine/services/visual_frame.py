"""Everything that one picture of the Julia set is drawn from.

Plain values that any thread may hold: the visuals thread makes them while a song plays, the offline
score makes them from a file, the renderer only reads them. They exist so that a picture depends on
nothing else, and two renders of one score are the same pictures.
"""

from dataclasses import dataclass

N_CONTROLS = 9
"""Controls of the orbit, in the order of `engine.kernels.orbit.CONTROLS`."""


@dataclass(frozen=True, slots=True)
class VisualFrame:
    """One moment of the music as the renderer sees it.

    Attributes
    ----------
    time_s : float
        Song time that is *heard* at this moment; where no song plays, seconds since the start.
    c : complex
        Parameter of z -> z^2 + c, within 1.6 of 0. Continuous in value and slope.
    scale : float, 0.7 to 1.4
        Magnification about the middle: 1 is the scene's own, larger is nearer. The bass breathes it.
    pulse : float, 0 to 1
        Rises at a drum's onset within a frame and falls over about a quarter of a second.
    hue : float, turns
        Where the palette starts. Continuous, unwrapped: it may pass 1 or fall below 0.
    rotation : float, radians
        Turn of the picture. Continuous, unwrapped.
    glow : float, 0 to 1
        Slow loudness of the whole: 0 in silence, about 0.8 in a loud passage.
    levels : tuple of 4 floats, 0 to 1
        Drums, bass, vocals, other; the mix's own bands where there are no stems.
    controls : tuple of 9 floats
        What steered the orbit: `engine.kernels.orbit.CONTROLS` in its own ranges.
    """

    time_s: float
    c: complex
    scale: float
    pulse: float
    hue: float
    rotation: float
    glow: float
    levels: tuple[float, float, float, float]
    controls: tuple[float, ...]


CALM_FRAME = VisualFrame(
    time_s=0.0,
    c=complex(-0.745, 0.113),
    scale=1.0,
    pulse=0.0,
    hue=0.0,
    rotation=0.0,
    glow=0.0,
    levels=(0.0, 0.0, 0.0, 0.0),
    controls=(1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
)
"""What is drawn before the first sound: a quiet picture, never black."""
