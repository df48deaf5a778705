"""Spleeter's network for live use: the way up computes only the newest STFT frames.

Runs once, when a live separation starts. The way down needs the whole context, the way up only what the
wanted frames see of it: half of the time of a call goes into frames that nobody takes. The graph is
sliced before every join; the numbers that are left are the same, bit for bit.
"""

from engine.errors import ParameterError
from engine.inference.onnx_graph import OnnxGraph
from engine.inference.spleeter_convert import N_BINS

_N_LEVELS = 6
_FRAMES_AXIS = 2
_REACH_LAST = 3
"""Rows to each side that the last convolution (4x4, dilation 2) sees."""
_REACH_UP = 1
"""Rows to each side, at its input's resolution, that a transposed convolution (5x5, stride 2) sees."""


def crop_decoder(network: bytes, n_context: int, n_wanted: int) -> bytes:
    """The network with an output of its newest frames only.

    Parameters
    ----------
    network : bytes
        ONNX, as `convert_network` makes it.
    n_context : int
        STFT frames that go in: a multiple of 64.
    n_wanted : int, 1 to n_context
        STFT frames that come out.

    Returns
    -------
    bytes
        ONNX: `magnitude` [1, 2, n_context, 1024] -> `estimate` [1, 2, n_wanted, 1024].

    Raises
    ------
    ModelError
        It is no network of Spleeter's.
    """
    if n_context % 64 or not 1 <= n_wanted <= n_context:
        raise ParameterError(f"{n_wanted} of {n_context} STFT frames cannot be cropped: 1 to 64 n are needed")
    graph = OnnxGraph.from_bytes(network)
    first = n_context - n_wanted
    graph.slice_input("estimate", "mask", _FRAMES_AXIS, first - _last_from(first))
    graph.slice_input("estimate", "magnitude", _FRAMES_AXIS, first)
    wanted_from = _last_from(first)
    consumer, source = "last", "up5_norm"
    # From the top down: what a level must give decides what it must take.
    for level in range(_N_LEVELS - 1, -1, -1):
        taken_from = max(0, wanted_from // 2 - _REACH_UP) if level else 0
        graph.slice_input(consumer, source, _FRAMES_AXIS, wanted_from - 2 * taken_from)
        if level:
            graph.slice_input(f"up{level}_join", f"down{_N_LEVELS - 1 - level}", _FRAMES_AXIS, taken_from)
            consumer, source = f"up{level}_join", f"up{level - 1}_norm"
        wanted_from = taken_from
    graph.replace_output("estimate", (1, 2, n_wanted, N_BINS))
    return graph.to_bytes()


def _last_from(first: int) -> int:
    """First row that the last convolution must see."""
    return max(0, first - _REACH_LAST)
