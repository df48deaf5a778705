"""A docstring of the engine that lists parameters lists all of them, a class's those of its constructor."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ENGINE = Path(__file__).resolve().parents[2] / "engine"
FILES = sorted(ENGINE.rglob("*.py"))


def described(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, ast.FunctionDef, str]]:
    """Public functions and constructors, each with the docstring that describes it."""
    for node in body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield prefix + node.name, node, ast.get_docstring(node) or ""
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from described(node.body, f"{node.name}.")
            for item in node.body:
                if isinstance(item, ast.FunctionDef) and item.name == "__init__":
                    yield node.name, item, ast.get_docstring(node) or ""


def unlisted(source: str) -> list[str]:
    """Parameters that are left out of a list."""
    missing: list[str] = []
    for where, function, text in described(ast.parse(source).body):
        _, heading, section = text.partition("Parameters\n----------\n")
        section = re.split(r"\n\n\w+\n-{4,}\n", section)[0]
        listed = {
            name.strip(" *")
            for line in section.splitlines()
            if line and not line.startswith(" ")
            for name in line.partition(" : ")[0].split(",")
        }
        taken = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        names = [argument.arg for argument in taken if argument.arg not in {"self", "cls"}]
        missing += [f"{where}({name})" for name in names if heading and name not in listed]
    return missing


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ENGINE)))
def test_lists_of_parameters_are_whole(path: Path):
    assert unlisted(path.read_text(encoding="utf-8")) == []


def test_what_is_left_out_is_seen():
    listed = '"""Add.\n\n{0}Parameters\n{0}----------\n{0}x, y : float\n{0}    Any.\n{0}"""'
    source = (
        f"def add(x, y, *, z):\n    {listed.format('    ')}\n"
        f"class Sum:\n    {listed.format('    ')}\n    def __init__(self, x, y, w): ...\n"
    )
    assert unlisted(source) == ["add(z)", "Sum(w)"]
