"""The API against its own OpenAPI document: every answer to anything is one that the document names."""

import re
from pathlib import Path
from typing import Any

import httpx
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case
from schemathesis.specs.openapi.checks import positive_data_acceptance

from app.server.api import Api, make_app
from app.server.guard import Access
from engine.io.home import Home
from engine.services.control_shelf import ControlShelf
from engine.services.training_run import TrainingRun
from tests.server.conftest import Place

ENDLESS = "/api/train/events"
"""A stream: `test_training_api` reads it."""


def document() -> dict[str, Any]:
    """As the server gives it out: of an application that nobody calls."""
    nowhere = Home(Path("nowhere"))
    return make_app(Api(TrainingRun(nowhere.root), ControlShelf(nowhere)), Access()).openapi()


schema = schemathesis.openapi.from_dict(document()).exclude(path=ENDLESS)


@schema.parametrize()
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_in_the_document(case: Case, place: Place) -> None:
    # Which folders hold music and which bytes are a network, no schema says: what it allows may be refused.
    case.call_and_validate(base_url=place.server.url, timeout=20, excluded_checks=[positive_data_acceptance])


def test_the_document_names_every_route(place: Place) -> None:
    paths = document()["paths"]
    assert place.client.get("/openapi.json").json()["paths"] == paths
    assert {path: sorted(methods) for path, methods in paths.items()} == {
        "/api/train/start": ["post"],
        "/api/train/stop": ["post"],
        "/api/train/status": ["get"],
        ENDLESS: ["get"],
        "/api/models": ["get", "post"],
        "/api/models/current": ["put"],
        "/api/about": ["get"],
    }


def test_the_pages_load_what_this_server_has(place: Place) -> None:
    for page in ("/", "/docs"):
        text = place.client.get(page).text
        assert "://" not in re.sub(r"<(code|p|td)>.*?</\1>", "", text)
        wanted = re.findall(r'(?:href|src)="(/[^"]*)"', text)
        assert wanted
        for path in wanted:
            assert place.client.get(path).status_code == 200, path
    script = place.client.get("/assets/training.js").text
    style = place.client.get("/assets/charon.css").text
    for path in re.findall(r'"(/assets/[^"]+)"|url\("?(/assets/[^")]+)', script + style):
        assert place.client.get("".join(path)).status_code == 200, path
    called = set(re.findall(r'"(/api/[a-z/]+)"', script))
    assert called <= set(place.client.get("/openapi.json").json()["paths"])
    assert "/api/train/start" in place.client.get("/docs").text


def test_what_is_not_there_is_said_in_one_line(place: Place) -> None:
    for method, path, code in (
        ("GET", "/api/no", 404),
        ("DELETE", "/api/models", 405),
        ("GET", "/../x", 404),
    ):
        answer = place.client.request(method, path)
        assert answer.status_code == code
        assert list(answer.json()) == ["error"]


def test_an_error_of_ours_is_one_line_too(place: Place) -> None:
    """A shelf that cannot be listed: a file stands where its folder should."""
    place.shelf.folder.parent.mkdir(parents=True, exist_ok=True)
    place.shelf.folder.write_text("in the way")
    answer = httpx.put(f"{place.server.url}api/models/current", json={"name": "rules"}, trust_env=False)
    assert answer.status_code == 422
    assert "cannot be written" in answer.json()["error"]
