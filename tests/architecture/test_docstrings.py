"""Every public function and class of the engine says what it does, and every array its shape."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ENGINE = Path(__file__).resolve().parents[2] / "engine"
FILES = sorted(ENGINE.rglob("*.py"))
ARRAYS = {"F32", "F64", "I64", "U8", "C64", "AnyArray"}
# Either the shape itself, or the name of that which has it: "Of `FftTables`", "see `Architecture.separate`".
SHAPE = re.compile(r"\bshapes?\b|\b([Ss]ee|[Oo]f|[Aa]s in) `[\w.]+`")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def public(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, Function | ast.ClassDef]]:
    """Public functions and classes, methods included, by dotted name."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name[0] != "_":
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body, f"{node.name}.")


def array_parameters(function: Function) -> list[str]:
    """Names of the parameters whose annotation is one of the engine's array types, or has one in a union."""
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return [
        argument.arg
        for argument in arguments
        if argument.annotation is not None
        and {part.strip() for part in ast.unparse(argument.annotation).strip("'\"").split("|")} & ARRAYS
    ]


def undocumented(source: str) -> list[str]:
    """What lacks a docstring."""
    documented: dict[str, str] = {}
    missing: list[str] = []
    for name, node in public(ast.parse(source).body):
        text = documented[name] = ast.get_docstring(node) or ""
        owner, _, attribute = name.rpartition(".")
        # An attribute of a protocol is described where a reader looks for it, in the class.
        if not text and f"\n{attribute} : " not in documented.get(owner, ""):
            missing.append(name)
    return missing


def shapeless(source: str) -> list[str]:
    """Array parameters without a shape in Parameters or, where that is missing, in the docstring."""
    missing: list[str] = []
    for name, node in public(ast.parse(source).body):
        if isinstance(node, ast.ClassDef):
            continue
        text = ast.get_docstring(node) or ""
        _, heading, section = text.partition("Parameters\n----------\n")
        section = re.split(r"\n\n\w+\n-{4,}\n", section)[0]
        for parameter in array_parameters(node):
            entry = re.search(rf"(?m)^(?:\w+, )*{parameter}\b.*(?:\n +.*)*", section)
            described = entry[0] if entry else "" if heading else text
            if not SHAPE.search(described):
                missing.append(f"{name}({parameter})")
    return missing


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ENGINE)))
def test_public_names_have_docstrings(path: Path):
    assert undocumented(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ENGINE)))
def test_modules_say_what_they_are_for(path: Path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ENGINE)))
def test_array_parameters_have_shapes(path: Path):
    assert shapeless(path.read_text(encoding="utf-8")) == []


def test_the_check_sees_what_is_missing():
    source = (
        "def bare(x: F32): ...\n"
        'def vague(x: F32):\n    """Add.\n\n    Parameters\n    ----------\n    x : array\n    """\n'
        'def good(x: F32):\n    """Add.\n\n    Parameters\n    ----------\n    x : shape (n,)\n    """\n'
    )
    assert undocumented(source) == ["bare"]
    assert shapeless(source) == ["bare(x)", "vague(x)"]
