"""Conversion of Spleeter's checkpoint to ONNX: one U-Net an instrument, laid out for speed.

Runs once, after the checkpoint is fetched, in the thread that fetches it. Nothing is computed but
the rounding of convolution weights to float16, so that the same checkpoint gives the same bytes on
every machine and with every version of every library.

A transposed convolution (5x5, stride 2) gives each output pixel of a 2x2 cell its own share of the
25 taps: 2x2, 2x3, 3x2 and 3x3 of them. As four plain convolutions and a depth-to-space they run in
onnxruntime's blocked kernels at the processor's full rate. Measured on two cores, 512 STFT frames, a network:
transposed convolutions 73 ms, one 3x3 convolution to 4C channels (44 % of its taps are zeros) 65 ms,
four convolutions where they pay (the four deepest levels, at least 32 channels) 56 ms.

References
----------
A. Jansson et al., "Singing voice separation with deep U-Net convolutional networks", ISMIR 2017.
R. Hennequin et al., "Spleeter: a fast and efficient music source separation tool", JOSS 2020.
"""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from engine.errors import ModelError
from engine.inference.onnx_graph import OnnxGraph
from engine.units import F32

N_BINS = 1024
"""STFT bins the network sees: 0 to 11 kHz of a 4096-point transform at 44.1 kHz."""

_N_LEVELS = 6
_BATCH_NORM_EPSILON = 1e-3  # Keras' default

_Upsampling = Literal["four", "wide", "transposed"]
# From the deepest level up: where each way of upsampling is the fastest (see above).
_UPSAMPLING: tuple[_Upsampling, ...] = ("four", "four", "four", "four", "wide", "transposed")

# Taps (position in the small kernel -> position in the 5-tap kernel) of an even and an odd output
# pixel: y[2i + k - 1] += x[i] w[k], so even ones take k = 3, 1 and odd ones k = 4, 2, 0.
_PHASE_TAPS: tuple[tuple[int, ...], tuple[int, ...]] = ((3, 1), (4, 2, 0))


def convert_network(tensors: Mapping[str, F32], network: int) -> bytes:
    """One instrument's U-Net as an ONNX file.

    Parameters
    ----------
    tensors : dict of str to float32 array
        The checkpoint's tensors, as `read_checkpoint` gives them.
    network : int, >= 0
        Which instrument: 0 is the vocals, 1 the accompaniment.

    Returns
    -------
    bytes
        ONNX: `magnitude` [1, 2, T, 1024] -> `estimate` of the same shape, T a multiple of 64.

    Raises
    ------
    ModelError
        A tensor is missing: not this network's checkpoint.
    """
    try:
        return _Network(tensors, network).build()
    except KeyError as err:
        raise ModelError(f"checkpoint has no tensor {err}: not Spleeter's 2 stems; fetch it again") from err


def _numbered(base: str, index: int) -> str:
    """Keras' names: the first has no number."""
    return f"{base}_{index}" if index else base


class _Network:
    """Builder of one U-Net; Keras counts each kind of layer on through the networks."""

    def __init__(self, tensors: Mapping[str, F32], network: int) -> None:
        self._tensors = tensors
        self._first_conv = network * (_N_LEVELS + 1)
        self._first_up = network * _N_LEVELS
        self._first_norm = network * 2 * _N_LEVELS
        self._graph = OnnxGraph("spleeter")

    def build(self) -> bytes:
        graph = self._graph
        shape = (1, 2, "T", N_BINS)
        magnitude = graph.input("magnitude", shape)
        x, skips = magnitude, list[str]()
        for level in range(_N_LEVELS):
            # SAME as TensorFlow pads a stride of 2: 1 before, 2 after.
            skips.append(self._conv(x, level, f"down{level}", strides=[2, 2], pads=[1, 1, 2, 2]))
            if level < _N_LEVELS - 1:
                x = self._batch_norm(skips[-1], level, f"down{level}_norm")
                x = graph.node("LeakyRelu", [x], f"down{level}_act", alpha=0.2)
        x = skips.pop()  # the deepest convolution goes up as it is
        for level in range(_N_LEVELS):
            if level:  # skip joins take the convolutions before their batch norm
                x = graph.node("Concat", [skips.pop(), x], f"up{level}_join", axis=1)
            x = self._upsample(x, level)
            x = self._batch_norm(x, _N_LEVELS + level, f"up{level}_norm")
        x = self._conv(x, _N_LEVELS, "last", dilations=[2, 2], pads=[3, 3, 3, 3])
        x = graph.node("Sigmoid", [x], "mask")
        graph.output(graph.node("Mul", [x, magnitude], "estimate"), shape)
        return graph.to_bytes()

    def _conv(self, x: str, layer: int, name: str, **attributes: list[int]) -> str:
        """A Keras Conv2D: kernel (height, width, in, out) -> (out, in, height, width)."""
        source = _numbered("conv2d", self._first_conv + layer)
        kernel = self._tensors[f"{source}/kernel"].transpose(3, 2, 0, 1)
        weights = self._graph.half_weight(f"{name}_kernel", kernel)
        bias = self._graph.weight(f"{name}_bias", self._tensors[f"{source}/bias"])
        size = list(kernel.shape[2:])
        return self._graph.node("Conv", [x, weights, bias], name, kernel_shape=size, **attributes)

    def _batch_norm(self, x: str, layer: int, name: str) -> str:
        source = _numbered("batch_normalization", self._first_norm + layer)
        parts = [
            self._graph.weight(f"{name}_{part}", self._tensors[f"{source}/{part}"])
            for part in ("gamma", "beta", "moving_mean", "moving_variance")
        ]
        return self._graph.node("BatchNormalization", [x, *parts], name, epsilon=_BATCH_NORM_EPSILON)

    def _upsample(self, x: str, level: int) -> str:
        """A Keras Conv2DTranspose (5x5, stride 2, SAME) and its ReLU; kernel (height, width, out, in)."""
        source = _numbered("conv2d_transpose", self._first_up + level)
        kernel = self._tensors[f"{source}/kernel"]
        bias = self._tensors[f"{source}/bias"]
        name, graph = f"up{level}", self._graph
        if _UPSAMPLING[level] == "transposed":
            weights = graph.half_weight(f"{name}_kernel", kernel.transpose(3, 2, 0, 1))
            offset = graph.weight(f"{name}_bias", bias)
            y = graph.node(
                "ConvTranspose",
                [x, weights, offset],
                name,
                kernel_shape=[5, 5],
                strides=[2, 2],
                pads=[1, 1, 2, 2],
            )
            return graph.node("Relu", [y], f"{name}_act")
        if _UPSAMPLING[level] == "wide":
            cells = np.concatenate([_phase_kernel(kernel, row, col, 3) for row in (0, 1) for col in (0, 1)])
            weights = graph.half_weight(f"{name}_kernel", cells)
            offset = graph.weight(f"{name}_bias", np.tile(bias, 4))
            y = graph.node("Conv", [x, weights, offset], name, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
            y = graph.node("Relu", [y], f"{name}_act")
        else:
            offset = graph.weight(f"{name}_bias", bias)
            parts = [self._phase(x, kernel, offset, name, row, col) for row in (0, 1) for col in (0, 1)]
            y = graph.node("Concat", parts, f"{name}_cells", axis=1)
        return graph.node("DepthToSpace", [y], f"{name}_pixels", blocksize=2, mode="DCR")

    def _phase(self, x: str, kernel: F32, bias: str, name: str, row: int, col: int) -> str:
        """One of the four output pixels of a cell: only the taps that reach it."""
        own = _phase_kernel(kernel, row, col, None)
        weights = self._graph.half_weight(f"{name}_kernel_{row}{col}", own)
        y = self._graph.node(
            "Conv",
            [x, weights, bias],
            f"{name}_{row}{col}",
            kernel_shape=list(own.shape[2:]),
            pads=[1, 1, row, col],
        )
        return self._graph.node("Relu", [y], f"{name}_{row}{col}_act")


def _phase_kernel(kernel: F32, row: int, col: int, size: int | None) -> F32:
    """Taps of one output pixel of a cell, as a plain kernel (out, in, height, width).

    Zero-filled to `size` x `size`, or as small as they come for None.
    """
    n_rows, n_cols = len(_PHASE_TAPS[row]), len(_PHASE_TAPS[col])
    n_out, n_in = kernel.shape[2:]
    taps = np.zeros((n_out, n_in, size or n_rows, size or n_cols), np.float32)
    for i, tap_row in enumerate(_PHASE_TAPS[row]):
        for j, tap_col in enumerate(_PHASE_TAPS[col]):
            taps[:, :, i, j] = kernel[tap_row, tap_col]
    return taps
