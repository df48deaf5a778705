"""The control networks of one user: the shipped one, those trained here or taken in, and which is used.

Any thread. A network becomes a file of the shelf only after it was parsed, checked, loaded and asked once;
the choice is a file too, so that the window sees what a server that runs beside it was given.
"""

import contextlib
import hashlib
import json
import os
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from engine.errors import ModelError, ParameterError, name_hint
from engine.inference.control_net import MAX_NET_BYTES, check_control_net, load_control_net
from engine.io.file_names import safe_name
from engine.io.home import Home
from engine.stream.orbit_features import N_INPUTS

RULES = "rules"
"""The mapping without a network."""
SHIPPED = "orbit-control"
"""The network that comes with Charon."""
MAX_NAME_LENGTH = 64
_MAX_NETWORKS = 200
_SHIPPED_FILE = Path(__file__).resolve().parents[2] / "models" / "weights" / f"{SHIPPED}.onnx"
_CHOICE = "chosen.json"


@dataclass(frozen=True, slots=True)
class ControlNetwork:
    """One network of the shelf.

    Parameters
    ----------
    name : str
    origin : str
        `rules` (no network at all), `shipped`, or `own`: trained here or taken in.
    path : Path or None
        Its file; None for the rules.
    size_bytes : int
    sha256 : str
        Of the file; empty for the rules.
    """

    name: str
    origin: Literal["rules", "shipped", "own"]
    path: Path | None
    size_bytes: int
    sha256: str


class ControlShelf:
    """The networks in a home.

    Parameters
    ----------
    home : Home
        They lie in its models folder, under `control`.
    shipped : Path or None
        The network that comes with Charon; None is where it is installed.
    """

    def __init__(self, home: Home, shipped: Path | None = None) -> None:
        self.folder = home.models / "control"
        self._shipped = shipped or _SHIPPED_FILE
        self._guard = threading.Lock()

    def networks(self) -> list[ControlNetwork]:
        """All there is: the rules, the shipped network, the user's own by name."""
        found = [ControlNetwork(RULES, "rules", None, 0, "")]
        if self._shipped.is_file():
            found.append(_described(self._shipped, SHIPPED, "shipped"))
        own = sorted(self.folder.glob("*.onnx")) if self.folder.is_dir() else []
        return found + [_described(path, path.stem, "own") for path in own]

    def chosen(self) -> ControlNetwork:
        """The one the visuals use: as chosen; else the shipped one; else the rules."""
        networks = {network.name: network for network in self.networks()}
        return networks.get(self._chosen_name()) or networks.get(SHIPPED) or networks[RULES]

    def choice_stamp_ns(self) -> int:
        """Changes when another network is chosen, by whatever program; costs one look at a file."""
        try:
            return (self.folder / _CHOICE).stat().st_mtime_ns
        except OSError:
            return 0

    def choose(self, name: str) -> ControlNetwork:
        """Use another one from now on.

        Parameters
        ----------
        name : str
            One of `networks`; `RULES` is none.

        Raises
        ------
        ParameterError
            There is none of that name.
        ModelError
            The choice cannot be kept.
        """
        networks = {network.name: network for network in self.networks()}
        if name not in networks:
            raise ParameterError(f"no network {_shown(name)}; {name_hint(name, networks)}")
        with self._guard:
            self._write(self.folder / _CHOICE, json.dumps({"name": name}).encode())
        return networks[name]

    def add(self, data: bytes, name: str, metadata: bytes | None = None) -> ControlNetwork:
        """Take a network in; what is no control network leaves nothing behind.

        Parameters
        ----------
        data : bytes
            An ONNX file, at most `MAX_NET_BYTES`.
        name : str
            What it is called here, at most `MAX_NAME_LENGTH` characters. A name that is taken by another
            network is counted on.
        metadata : bytes or None
            The JSON that belongs beside it.

        Raises
        ------
        ParameterError
            The name.
        ModelError
            Why this is no control network, or cannot be kept.
        """
        title = _checked_name(name)
        if len(data) > MAX_NET_BYTES:
            raise ModelError(f"the network has {len(data)} bytes; at most {MAX_NET_BYTES} are taken")
        check_control_net(data)
        _try_out(data, metadata)
        digest = hashlib.sha256(data).hexdigest()
        with self._guard:
            own = [network for network in self.networks() if network.origin == "own"]
            for network in own:
                if network.sha256 == digest:
                    return network
            if len(own) >= _MAX_NETWORKS:
                raise ModelError(f"{self.folder} holds {_MAX_NETWORKS} networks already; remove some files")
            path = self._free_path(title)
            if metadata is not None:
                self._write(path.with_suffix(".json"), metadata)
            self._write(path, data)
        return _described(path, path.stem, "own")

    def add_file(self, path: Path, name: str) -> ControlNetwork:
        """Take in a network and the metadata beside it.

        Raises
        ------
        ModelError
            As `add`; or the file cannot be read.
        """
        try:
            data = path.read_bytes()
            beside = path.with_suffix(".json")
            metadata = beside.read_bytes() if beside.is_file() else None
        except OSError as err:
            raise ModelError(f"{path} cannot be read: {err.strerror}") from err
        return self.add(data, name, metadata)

    def keep_trained(self, path: Path, name: str) -> str:
        """`add_file` for `TrainingRun`; returns the name that the network has here."""
        return self.add_file(path, name).name

    def _chosen_name(self) -> str:
        try:
            value: Any = json.loads((self.folder / _CHOICE).read_bytes())
        except (OSError, ValueError):
            return ""
        name = cast("dict[str, Any]", value).get("name") if isinstance(value, dict) else None
        return name if isinstance(name, str) else ""

    def _free_path(self, title: str) -> Path:
        number, path = 1, self.folder / f"{title}.onnx"
        while path.exists() or path.stem in {RULES, SHIPPED}:
            number += 1
            path = self.folder / f"{title} {number}.onnx"
        return path

    def _write(self, path: Path, data: bytes) -> None:
        """Write a file whole or not at all."""
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(data)
            partial.replace(path)
        except OSError as err:
            with contextlib.suppress(OSError):
                partial.unlink()
            raise ModelError(f"{path} cannot be written: {err.strerror}; free some space there") from err


def _checked_name(name: str) -> str:
    title = " ".join(name.split())
    if not title or len(title) > MAX_NAME_LENGTH or safe_name(title) != title or title.startswith("."):
        raise ParameterError(
            f"{_shown(name)} is no name for a network; give 1 to {MAX_NAME_LENGTH} letters, digits, spaces"
        )
    return title


def _shown(name: str) -> str:
    return repr(name if len(name) <= MAX_NAME_LENGTH else name[:MAX_NAME_LENGTH] + "…")


def _try_out(data: bytes, metadata: bytes | None) -> None:
    """Load a network as the visuals do, and ask it about silence."""
    with tempfile.TemporaryDirectory(prefix="charon-") as folder:
        path = Path(folder, "network.onnx")
        path.write_bytes(data)
        if metadata is not None:
            path.with_suffix(".json").write_bytes(metadata)
        controls = load_control_net(path).controls(np.zeros(N_INPUTS, np.float32))
    if not np.all(np.isfinite(controls)):
        raise ModelError("the network answers silence with numbers that are not finite")


def _described(path: Path, name: str, origin: Literal["shipped", "own"]) -> ControlNetwork:
    data = path.read_bytes()
    return ControlNetwork(name, origin, path, len(data), hashlib.sha256(data).hexdigest())
