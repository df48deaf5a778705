"""The pages of the local server: training live, and the API's documents. Nothing is loaded from elsewhere.

Files lie in `resources/server`; the colours are the window's own tokens, so that page and window are one.
"""

import json
import re
import tomllib
from collections.abc import Callable
from functools import cache, partial
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from fastapi import FastAPI, Response

_FONTS = ("Inter-Regular.ttf", "Inter-Medium.ttf", "Inter-SemiBold.ttf")
_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


def add_pages(app: FastAPI) -> None:
    """Give an application its pages; they are no part of the API's document."""
    kinds: dict[str, Callable[[], Response]] = {
        "/": partial(_file, "training.html"),
        "/assets/charon.css": _style,
        "/assets/training.js": partial(_file, "training.js"),
        "/assets/charts.js": partial(_file, "charts.js"),
        "/favicon.svg": partial(_bytes, "icons", "charon.svg", _TYPES["svg"]),
        "/docs": lambda: Response(docs_html(app.openapi()), media_type=_TYPES["html"]),
    }
    for name in _FONTS:
        kinds[f"/assets/{name}"] = partial(_bytes, "fonts", name, "font/ttf")
    for path, answer in kinds.items():
        app.add_api_route(path, _route(answer), methods=["GET"], include_in_schema=False)


def _route(answer: Callable[[], Response]) -> Callable[[], Response]:
    # FastAPI reads the signature; a partial's would offer its arguments as query parameters.
    def route() -> Response:
        return answer()

    return route


def _file(name: str) -> Response:
    return _bytes("server", name, _TYPES[name.rpartition(".")[2]])


def _bytes(folder: str, name: str, kind: str) -> Response:
    return Response(_resource(folder, name), media_type=kind)


def _style() -> Response:
    return Response(style_sheet(), media_type=_TYPES["css"])


@cache
def style_sheet() -> str:
    """The pages' style sheet, with the tokens of the window as its variables."""
    values = tomllib.loads(_resource("theme", "tokens.toml").decode())
    lines = [f"--{name}: {colour};" for name, colour in values["colour"].items()]
    lines += [f"--lane-{name}: {colour};" for name, colour in values["lane"].items()]
    lines += [f"--radius-{name}: {px}px;" for name, px in values["radius"].items()]
    lines += [f"--text-{name}: {px}px;" for name, px in values["text"].items()]
    return f":root {{ {' '.join(lines)} }}\n" + _resource("server", "charon.css").decode()


@cache
def _resource(folder: str, name: str) -> bytes:
    return (files("resources") / folder / name).read_bytes()


# --- the API's document ------------------------------------------------------------------------------------


def docs_html(document: dict[str, Any]) -> str:
    """A page that shows an OpenAPI document.

    Parameters
    ----------
    document : dict
        As FastAPI makes it.
    """
    schemas: dict[str, Any] = document.get("components", {}).get("schemas", {})
    parts = [
        _operation(method, path, operation, schemas)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    template = Template(_resource("server", "docs.html").decode())
    about = "".join(f"<p>{_marked(text)}</p>" for text in document["info"]["description"].split("\n\n"))
    return template.substitute(
        title=escape(document["info"]["title"]),
        version=escape(document["info"]["version"]),
        about=about,
        operations="".join(parts),
    )


def _operation(method: str, path: str, operation: dict[str, Any], schemas: dict[str, Any]) -> str:
    summary, _, more = operation.get("description", "").partition("\n\n")
    rows: list[str] = [
        _row(item["name"], "query", _kind(item["schema"], schemas), item.get("description", ""))
        for item in operation.get("parameters", [])
    ]
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        if kind == "application/json":
            rows += _fields(content["schema"], schemas)
        else:
            rows.append(_row("body", kind, "bytes", operation["requestBody"].get("description", "")))
    answers = "".join(
        f"<li><b>{escape(code)}</b> {escape(answer.get('description', ''))}{_shape(answer, schemas)}</li>"
        for code, answer in operation.get("responses", {}).items()
    )
    table = f"<table>{''.join(rows)}</table>" if rows else ""
    more_words = f"<p>{_marked(more)}</p>" if more else ""
    return (
        f'<section class="card"><h2><span class="verb {escape(method)}">{escape(method.upper())}</span>'
        f"<code>{escape(path)}</code></h2><p>{escape(summary)}</p>{more_words}{table}"
        f"<details><summary>Answers</summary><ul>{answers}</ul></details></section>"
    )


def _marked(text: str) -> str:
    """Words, those between backticks as code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


def _row(name: str, place: str, kind: str, words: str) -> str:
    return (
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(kind)}</td>"
        f"<td>{escape(words)}</td><td>{escape(place)}</td></tr>"
    )


def _fields(schema: dict[str, Any], schemas: dict[str, Any]) -> list[str]:
    whole = _resolved(schema, schemas)
    required = set(whole.get("required", []))
    return [
        _row(name, "needed" if name in required else _default(field), _kind(field, schemas), _words(field))
        for name, field in whole.get("properties", {}).items()
    ]


def _default(field: dict[str, Any]) -> str:
    value = field.get("default")
    return "optional" if value is None else f"else {json.dumps(value)}"


def _words(field: dict[str, Any]) -> str:
    return str(field.get("description", ""))


def _shape(answer: dict[str, Any], schemas: dict[str, Any]) -> str:
    schema = answer.get("content", {}).get("application/json", {}).get("schema")
    if schema is None:
        return ""
    fields = _resolved(schema, schemas).get("properties", {})
    inside = ", ".join(f"{name}: {_kind(field, schemas)}" for name, field in fields.items())
    return f"<code>{{{escape(inside)}}}</code>" if inside else ""


def _kind(field: dict[str, Any], schemas: dict[str, Any]) -> str:
    """A type in a few words."""
    field = _resolved(field, schemas)
    if "anyOf" in field:
        return " or ".join(_kind(one, schemas) for one in field["anyOf"])
    if "enum" in field:
        return " | ".join(str(value) for value in field["enum"])
    if field.get("type") == "array":
        return f"list of {_kind(field.get('items', {}), schemas)}"
    low, high = field.get("minimum"), field.get("maximum")
    span = "" if low is None or high is None else f" {low:,.0f} to {high:,.0f}"
    return str(field.get("title" if "properties" in field else "type", "value")) + span


def _resolved(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    return schemas[name] if name else schema
