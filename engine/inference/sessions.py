"""ONNX sessions: which provider runs a model, with how many threads, on which memory.

A session belongs to the one thread (of a worker process) that runs its architecture. It exists so
that every model gets the same care: a provider is chosen and named, shapes are fixed, inputs and
outputs are bound once, nothing is written to standard error, and a provider that fails or returns
nonsense is replaced by the CPU with a notice and not in silence.
"""

import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime as ort

from engine.errors import JobCancelled, ModelError, ParameterError, ProviderUnavailable
from engine.kernels.jit import fast_kernel
from engine.units import F32

Profile = Literal["live", "throughput"]
"""`live` leaves a core to the audio and never spins; `throughput` takes every core."""

CPU = "CPU"
_PROVIDERS = {
    "DirectML": "DmlExecutionProvider",
    "CUDA": "CUDAExecutionProvider",
    "CoreML": "CoreMLExecutionProvider",
    CPU: "CPUExecutionProvider",
}
_SILENT = 4  # ORT's "fatal": everything else reaches us as an exception anyway

_log = logging.getLogger(__name__)


@fast_kernel
def _zero_if_finite(values: F32) -> np.float32:
    """Sum of values * 0: zero, or NaN when one of them is NaN or infinite."""
    total = np.float32(0.0)
    for i in range(values.size):
        total += values[i] * np.float32(0.0)
    return total


def all_finite(values: F32) -> bool:
    """Whether a C-ordered array of any shape holds neither NaN nor infinity; one pass, no allocation."""
    return bool(_zero_if_finite(values.reshape(-1)) == 0.0)


def available_providers() -> list[str]:
    """Providers of this onnxruntime, the fastest first; the last is always CPU."""
    built_in = set(ort.get_available_providers())
    return [name for name, provider in _PROVIDERS.items() if provider in built_in]


def choose_providers(requested: str | None = None) -> list[str]:
    """Providers to try, in order.

    Parameters
    ----------
    requested : str or None
        "DirectML", "CUDA", "CoreML" or "CPU" in any case; None tries what there is.

    Returns
    -------
    list of str
        The requested one alone, or all available ones, CPU last.

    Raises
    ------
    ProviderUnavailable
        The requested one is not part of this onnxruntime.
    """
    available = available_providers()
    if requested is None:
        return available
    for name in available:
        if name.lower() == requested.lower():
            return [name]
    raise ProviderUnavailable(
        f"provider {requested!r} is not available here; choose from {', '.join(available)}"
    )


def n_threads(profile: Profile) -> int:
    """Threads a model may use under a profile: all cores, or all but one."""
    cores = os.process_cpu_count() if hasattr(os, "process_cpu_count") else None  # type: ignore[attr-defined]
    if cores is None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores if profile == "throughput" else max(1, cores - 1)


def open_session(
    path: Path,
    profile: Profile,
    provider: str | None = None,
    *,
    threads: int | None = None,
    dimensions: Mapping[str, int] | None = None,
    graph: bytes | None = None,
) -> tuple[ort.InferenceSession, str]:
    """Load a graph on the first provider that takes it.

    Parameters
    ----------
    path : Path
        The ONNX file.
    profile : Profile
        See `Profile`.
    provider : str or None
        Only this one, or the first that works.
    threads : int or None
        Instead of the profile's number, for an owner who runs several sessions at once.
    dimensions : dict of str to int
        Values of the graph's free dimensions; shapes are fixed before anything is planned.
    graph : bytes or None
        What to load instead of the file's own content, which was made from it.

    Returns
    -------
    (InferenceSession, str)
        The session and the name of its provider.

    Raises
    ------
    ProviderUnavailable, ModelError
        No such provider; the file is not a usable ONNX model.
    """
    if profile not in ("live", "throughput"):
        raise ParameterError(f"profile {profile!r} is neither 'live' nor 'throughput'")
    ort.set_default_logger_severity(_SILENT)
    names = choose_providers(provider)
    source = str(path) if graph is None else graph
    for name in names[:-1]:
        try:
            session = _create(source, name, profile, threads, dimensions)
            if session.get_providers()[0] == _PROVIDERS[name]:
                return session, name
        except Exception as err:  # noqa: BLE001 - onnxruntime raises many types of its own; the next one is tried
            _log.info("%s refused %s: %s", name, path.name, err)
    try:
        session = _create(source, names[-1], profile, threads, dimensions)
    except Exception as err:
        reason = str(err).strip().splitlines()[0][:160]
        raise ModelError(
            f"{path.name} is not a usable ONNX model ({reason}); fetch or export it again"
        ) from err
    if session.get_providers()[0] != _PROVIDERS[names[-1]]:
        raise ProviderUnavailable(f"provider {names[-1]} cannot start on this machine; try --provider CPU")
    return session, names[-1]


def _create(
    source: str | bytes,
    name: str,
    profile: Profile,
    threads: int | None,
    dimensions: Mapping[str, int] | None,
) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = _SILENT
    options.intra_op_num_threads = threads or n_threads(profile)
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    if profile == "live":
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if name == "DirectML":  # it accepts neither memory patterns nor parallel execution
        options.enable_mem_pattern = False
    for dimension, value in (dimensions or {}).items():
        options.add_free_dimension_override_by_name(dimension, value)
    wanted = [_PROVIDERS[name]] if name == CPU else [_PROVIDERS[name], _PROVIDERS[CPU]]
    return ort.InferenceSession(source, options, providers=wanted)


def _static_shape(path: Path, node: Any, free_size: int | None) -> tuple[int, ...]:
    """Shape of an input or output; its last size, where the graph leaves it free, is `free_size`."""
    shape = tuple(node.shape)
    if shape and free_size is not None and not isinstance(shape[-1], int):
        shape = (*shape[:-1], free_size)
    if node.type != "tensor(float)" or not all(isinstance(size, int) and size > 0 for size in shape):
        raise ModelError(
            f"{path.name}: {node.name} is {node.type} {list(shape)}; float32 of a fixed shape is needed"
        )
    return shape


class BoundSession:
    """A session with its inputs and outputs bound to arrays once and for all.

    Parameters
    ----------
    path, profile, provider, threads, dimensions, graph
        As for `open_session`.
    free_size : int or None
        Last size of every input and output whose graph does not say it.

    Attributes
    ----------
    inputs, outputs : list of float32 arrays
        In the graph's order: fill the inputs, call `run`, read the outputs. Same memory every time.
    provider : str
        What runs it now.
    notices : list of str
        What the user must know, such as a fall-back to CPU.
    inference_s : float
        Seconds spent inside the session so far.

    Notes
    -----
    One thread at a time. `run` allocates nothing of its own.
    """

    def __init__(
        self,
        path: Path,
        profile: Profile,
        provider: str | None = None,
        *,
        threads: int | None = None,
        dimensions: Mapping[str, int] | None = None,
        free_size: int | None = None,
        graph: bytes | None = None,
    ) -> None:
        self._path = path
        self._profile: Profile = profile
        self._threads = threads
        self._dimensions = dimensions
        self._graph = graph
        self._session, self.provider = self._open(provider)
        self.notices: list[str] = []
        self.inference_s = 0.0
        self._options = ort.RunOptions()
        self.inputs = [_empty(_static_shape(path, node, free_size)) for node in self._session.get_inputs()]
        self.outputs = [_empty(_static_shape(path, node, free_size)) for node in self._session.get_outputs()]
        self._bind()

    def _open(self, provider: str | None) -> tuple[ort.InferenceSession, str]:
        return open_session(
            self._path,
            self._profile,
            provider,
            threads=self._threads,
            dimensions=self._dimensions,
            graph=self._graph,
        )

    def _bind(self) -> None:
        self._binding = self._session.io_binding()
        for node, array in zip(self._session.get_inputs(), self.inputs, strict=True):
            self._binding.bind_input(node.name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        for node, array in zip(self._session.get_outputs(), self.outputs, strict=True):
            self._binding.bind_output(node.name, "cpu", 0, np.float32, array.shape, array.ctypes.data)

    def run(self) -> None:
        """Compute the outputs from the inputs.

        Raises
        ------
        ModelError
            The model failed on the CPU, or returned NaN or infinity there.
        JobCancelled
            `stop` was called while it ran.
        """
        reason = self._run_once()
        if reason and self.provider != CPU:
            notice = f"{self.provider} {reason}; {self._path.stem} goes on on the CPU"
            _log.warning(notice)
            self.notices.append(notice)
            self._session, self.provider = self._open(CPU)
            self._bind()
            reason = self._run_once()
        if reason:
            raise ModelError(f"model {self._path.name} {reason}; verify it with: charon models verify")

    def stop(self) -> None:
        """End the run that is under way at its next layer, if one is; from another thread."""
        self._options.terminate = True

    def _run_once(self) -> str:
        """Run on the present provider; empty, or what was wrong."""
        started_s = time.perf_counter()
        self._options.terminate = False
        try:
            self._session.run_with_iobinding(self._binding, self._options)
        except Exception as err:
            if self._options.terminate:
                raise JobCancelled(f"a run of {self._path.name} was stopped") from err
            # Whatever else a driver throws, the CPU is tried next.
            return f"failed ({str(err).strip().splitlines()[0][:160]})"
        finally:
            self.inference_s += time.perf_counter() - started_s
        if not all(all_finite(array) for array in self.outputs):
            # Only an input that was finite makes it the model's fault.
            return "returned NaN or infinity" if _finite(self.inputs) else "was given NaN or infinity"
        if self.provider != CPU and _all_zero(self.outputs) and not _all_zero(self.inputs):
            return "returned only zeros (is its memory full?)"
        return ""


class SingleNetwork:
    """What an architecture of one session passes on of it; see `Architecture`.

    Parameters
    ----------
    session : BoundSession
    """

    def __init__(self, session: BoundSession) -> None:
        self._session = session

    @property
    def provider(self) -> str:
        """What runs the network."""
        return self._session.provider

    @property
    def notices(self) -> list[str]:
        """What the user must know."""
        return self._session.notices

    @property
    def inference_s(self) -> float:
        """Seconds in the network."""
        return self._session.inference_s

    def stop(self) -> None:
        """End the run that is under way, if one is."""
        self._session.stop()


def _empty(shape: tuple[int, ...]) -> F32:
    return np.zeros(shape, np.float32)


def _finite(arrays: Sequence[F32]) -> bool:
    return all(all_finite(array) for array in arrays)


def _all_zero(arrays: Sequence[F32]) -> bool:
    return not any(array.any() for array in arrays)
