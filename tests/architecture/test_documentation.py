"""Every public function of the engine says what it takes; every array says its shape."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENGINE = ROOT / "engine"
ARRAYS = {"F32", "F64", "I64", "U8", "C64", "AnyArray", "NDArray", "ndarray", "memmap"}
ENTRY = re.compile(r"^ {0,4}([\w*, ]+?) : (.+)$")
SHAPED = re.compile(r"\bshape\b|\blength\b|\bfloat32 \(|\bint64 \(|\(channels|\(frames|\(n_|\(S, |\(2, |\(rows")


@dataclass(frozen=True)
class Documented:
    """A public function, or the constructor of a public class, and the docstring that describes it."""

    where: str
    parameters: dict[str, str]
    docstring: str

    @property
    def entries(self) -> dict[str, str]:
        """Each parameter that the docstring lists, with the whole of what it says about it."""
        found: dict[str, str] = {}
        current: list[str] = []
        for line in self.docstring.splitlines():
            entry = ENTRY.match(line)
            if entry:
                current = [name.strip(" *") for name in entry.group(1).split(",")]
                found.update(dict.fromkeys(current, entry.group(2)))
            elif current and line.startswith("    "):
                for name in current:
                    found[name] += " " + line.strip()
            elif line.strip():
                current = []
        return found


def documented(path: Path) -> Iterator[Documented]:
    """Every public function and constructor of a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield Documented(f"{module}.{node.name}", arguments(node), ast.get_docstring(node) or "")
        if not isinstance(node, ast.ClassDef) or node.name.startswith("_"):
            continue
        if any("Protocol" in ast.unparse(base) for base in node.bases):
            continue
        of_class = ast.get_docstring(node) or ""
        for item in node.body:
            if not isinstance(item, ast.FunctionDef):
                continue
            if item.name == "__init__":
                yield Documented(f"{module}.{node.name}", arguments(item), of_class)
            elif not item.name.startswith("_"):
                own = ast.get_docstring(item) or ""
                yield Documented(f"{module}.{node.name}.{item.name}", arguments(item), own)


def arguments(node: ast.FunctionDef) -> dict[str, str]:
    """Names of the parameters and their annotations, but self."""
    every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    taken = {a.arg: ast.unparse(a.annotation) if a.annotation else "" for a in every}
    return {name: annotation for name, annotation in taken.items() if name not in {"self", "cls"}}


def is_array(annotation: str) -> bool:
    """Whether an annotation is that of an array."""
    return bool(ARRAYS & set(re.findall(r"\w+", annotation))) and "Callable" not in annotation


MODULES = sorted(path for path in ENGINE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ENGINE)))
def test_public_functions_are_documented(path):
    missing = []
    for function in documented(path):
        entries = function.entries
        if not function.docstring:
            missing.append(f"{function.where}: no docstring")
        # A sentence may explain a small function; a list of parameters has to be whole.
        if "Parameters\n-----" in function.docstring:
            missing += [f"{function.where}: {p} not listed" for p in function.parameters if p not in entries]
        for name, annotation in function.parameters.items():
            if is_array(annotation) and not SHAPED.search(entries.get(name, function.docstring)):
                missing.append(f"{function.where}: shape of {name} ({annotation}) not given")
    assert not missing, "\n".join(missing)


def test_every_module_says_what_it_is_for():
    silent = [str(p.relative_to(ROOT)) for p in MODULES if not ast.get_docstring(ast.parse(p.read_text("utf-8")))]
    assert silent == []


def test_an_undocumented_array_is_noticed(tmp_path):
    source = (
        'def louder(x: F32, gain: float) -> F32:\n    """Louder.\n\n    Parameters\n    ----------\n'
        '    x : float32 array\n        Sound.\n    """\n'
    )
    module = ROOT / "engine" / "example.py"  # only its name is used
    path = tmp_path / "example.py"
    path.write_text(source)
    tree = ast.parse(source).body[0]
    assert isinstance(tree, ast.FunctionDef)
    function = Documented(str(module), arguments(tree), ast.get_docstring(tree) or "")
    assert "gain" not in function.entries
    assert not SHAPED.search(function.entries["x"])
