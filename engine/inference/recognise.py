"""What a user's ONNX file is, told from its inputs and outputs.

Runs in the thread that adds a model. It exists so that nobody has to write a card by hand for an
export that Charon can run anyway.

Metadata of the file may say more than shapes can: `stems` (comma-separated, in the order of the
output), `residual_stem`, `rate_hz`, `licence`.
"""

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from engine.errors import ModelError
from engine.inference.cards import ArchitectureName, CardFile, Licence, ModelCard, Segment, Source
from engine.inference.fetching import sha256_of

_Shape = Sequence[int | str | None]

_STEM_NAMES = {
    2: ("vocals", "accompaniment"),
    4: ("drums", "bass", "other", "vocals"),
    6: ("drums", "bass", "other", "vocals", "guitar", "piano"),
}
_FREE_WINDOW_FRAMES = 343_980  # 7.8 s at 44.1 kHz, for graphs that take any length
_SPLEETER_WINDOW_FRAMES = 527_360  # 512 STFT frames of 4096, hop 1024


def recognise(path: Path, taken: Collection[str]) -> ModelCard:
    """Write the card of an ONNX file.

    Parameters
    ----------
    path : Path
        The file.
    taken : collection of str
        Names that other models have.

    Returns
    -------
    ModelCard
        With a free name made from the file's, and the file as its only source.

    Raises
    ------
    ModelError
        The file cannot be read as ONNX, or its inputs and outputs are none that Charon can run.
    """
    inputs, outputs, metadata = _describe(path)
    architecture, window_frames, n_stems = _match(path, inputs, outputs)
    stems = tuple(part.strip() for part in metadata.get("stems", "").split(",") if part.strip())
    if len(stems) != n_stems:
        stems = _STEM_NAMES.get(n_stems, tuple(f"stem{i + 1}" for i in range(n_stems)))
    residual = metadata.get("residual_stem", "")
    if residual not in stems:
        residual = next((name for name in ("accompaniment", "other") if name in stems), stems[-1])
    slug = re.sub(r"[^a-z0-9._-]+", "-", path.stem.lower()).strip("-._")[:48] or "model"
    name, number = slug, 2
    while name in taken:
        name, number = f"{slug}-{number}", number + 1
    overlap = 0.1 if architecture == "spleeter" else 0.25
    licence = Licence(metadata.get("licence", "") or "unknown", "Added by the user.")
    file = CardFile(f"{name}.onnx", sha256_of(path), path.stat().st_size)
    return ModelCard(
        name=name,
        title=f"{path.name}, {n_stems} stems",
        architecture=architecture,
        stems=stems,
        residual_stem=residual,
        rate_hz=int(metadata.get("rate_hz", "44100")),
        segment=Segment(window_frames, overlap),
        normalisation="none",
        licence=licence,
        files=(file,),
        sources=(Source("file", path=str(path)),),
    )


def _describe(path: Path) -> tuple[list[_Shape], list[_Shape], dict[str, str]]:
    """Shapes of the inputs and outputs, and the metadata."""
    import onnxruntime as ort

    ort.set_default_logger_severity(4)
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL  # it is only looked at
    options.intra_op_num_threads = 1
    if not path.is_file():
        raise ModelError(f"{path} is not a file; give the path of an .onnx file")
    try:
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as err:
        reason = str(err).strip().splitlines()[0][:120]
        raise ModelError(f"{path} cannot be read as an ONNX model ({reason}); export it again") from err
    nodes: list[Any] = [*session.get_inputs(), *session.get_outputs()]
    for node in nodes:
        if node.type != "tensor(float)":
            raise ModelError(
                f"{path}: {node.name} is {node.type}, Charon runs float32 models; export it as such"
            )
    shapes: list[_Shape] = [tuple(node.shape) for node in nodes]
    n_inputs = len(session.get_inputs())
    return shapes[:n_inputs], shapes[n_inputs:], dict(session.get_modelmeta().custom_metadata_map)


def _match(
    path: Path, inputs: Sequence[_Shape], outputs: Sequence[_Shape]
) -> tuple[ArchitectureName, int, int]:
    """Architecture, window and number of stems of the one kind of graph that fits."""
    if len(inputs) == 1 and len(outputs) == 1 and _fits(inputs[0], 1, 2, None):
        n_frames, out = inputs[0][2], outputs[0]
        if len(out) == 4 and isinstance(out[1], int) and _fits(out, 1, None, 2, n_frames):
            return "waveform", n_frames if isinstance(n_frames, int) else _FREE_WINDOW_FRAMES, out[1]
    if (
        len(inputs) == 1
        and len(outputs) == 2
        and all(_fits(s, 1, 2, None, 1024) for s in (*inputs, *outputs))
    ):
        n_stft = inputs[0][2]
        frames = (n_stft - 1) * 1024 + 4096 if isinstance(n_stft, int) else _SPLEETER_WINDOW_FRAMES
        if n_stft == "T" or isinstance(n_stft, int):
            return "spleeter", frames, 2
    if len(inputs) == 2 and len(outputs) == 2 and _fits(inputs[0], 1, 2, None) and len(outputs[1]) == 4:
        n_frames, n_stems = inputs[0][2], outputs[1][1]
        if isinstance(n_frames, int) and isinstance(n_stems, int):
            n_stft = -(-n_frames // 1024)
            wanted = (_fits(inputs[1], 1, 4, 2048, n_stft), _fits(outputs[1], 1, n_stems, None, n_frames))
            if all(wanted) and _fits(outputs[0], 1, n_stems, 4, 2048, n_stft):
                return "htdemucs", n_frames, n_stems
    found = f"{[list(s) for s in inputs]} -> {[list(s) for s in outputs]}"
    raise ModelError(
        f"{path.name} maps {found}; Charon runs [1, 2, N] -> [1, S, 2, N] (waveforms), "
        "Spleeter's two estimates [1, 2, T, 1024], and HTDemucs's two branches"
    )


def _fits(shape: _Shape, *wanted: int | str | None) -> bool:
    """Whether a shape has these sizes; None stands for any, and a named size fits a leading 1."""
    if len(shape) != len(wanted):
        return False
    return all(
        size is None or own == size or (i == 0 and size == 1 and not isinstance(own, int))
        for i, (own, size) in enumerate(zip(shape, wanted, strict=True))
    )
