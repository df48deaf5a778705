"""Training over HTTP: started once, watched by status and by events, stopped, resumed, killed."""

import json
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from app.server.events import MAX_LISTENERS
from tests.server.conftest import Place
from tests.services.training_rig import alive, program, wait_for


def test_before_the_first_training_there_is_nothing_to_tell(place: Place) -> None:
    assert place.status() == {
        "status": "idle",
        "progress": 0.0,
        "current_epoch": 0,
        "total_epochs": 0,
        "loss_history": [],
        "error": None,
        "batch_loss": None,
        "left_s": None,
        "folder": None,
        "network": None,
    }
    assert place.client.post("/api/train/stop").json()["status"] == "idle"


def test_a_training_is_started_watched_and_its_network_offered(place: Place) -> None:
    answer = place.client.post("/api/train/start", json=place.order())
    assert answer.status_code == 200
    assert answer.json()["status"] == "running"
    assert answer.json()["total_epochs"] == 3
    wait_for(lambda: place.status()["status"] == "done")
    status = place.status()
    assert (status["progress"], status["current_epoch"]) == (1.0, 3)
    assert [one["epoch"] for one in status["loss_history"]] == [1, 2, 3]
    assert status["loss_history"][0]["loss"] == {"total": 1.0, "smoothness": None}
    names = [one["name"] for one in place.client.get("/api/models").json()["models"]]
    assert status["network"] in names
    assert (Path(status["folder"]) / "orbit-control.onnx").is_file()


def test_of_two_starts_at_once_one_is_refused(make_place: Callable[..., Place]) -> None:
    place = make_place(*program(epoch_s=30.0))
    gate = threading.Barrier(2)

    def start(_n: int) -> httpx.Response:
        gate.wait()
        return httpx.post(f"{place.server.url}api/train/start", json=place.order(), trust_env=False)

    with ThreadPoolExecutor(2) as threads:
        answers = sorted(threads.map(start, range(2)), key=lambda answer: answer.status_code)
    assert [answer.status_code for answer in answers] == [200, 409]
    assert "running already" in answers[1].json()["error"]
    assert place.status()["status"] == "running"


def test_a_training_that_is_killed_is_an_error_and_goes_on_from_its_checkpoint(
    make_place: Callable[..., Place],
) -> None:
    place = make_place(*program(epoch_s=0.2))
    place.client.post("/api/train/start", json=place.order(epochs=5))
    wait_for(lambda: place.status()["loss_history"])
    pid = place.run.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: place.status()["status"] != "running")
    status = place.status()
    assert status["status"] == "failed"
    assert "killed (SIGKILL)" in status["error"]
    assert "resume" in status["error"]
    n_done = len(status["loss_history"])
    again = place.client.post("/api/train/start", json=place.order(epochs=5, resume=True))
    assert again.status_code == 200
    assert again.json()["folder"] == status["folder"]
    wait_for(lambda: len(place.status()["loss_history"]) == 5 - n_done)
    assert place.status()["loss_history"][0]["epoch"] == n_done + 1


def test_a_stop_ends_the_process_and_is_no_error(make_place: Callable[..., Place]) -> None:
    place = make_place(*program(epoch_s=30.0))
    place.client.post("/api/train/start", json=place.order())
    pid = place.run.pid
    assert pid is not None
    assert place.client.post("/api/train/stop").json()["status"] in {"stopping", "idle"}
    wait_for(lambda: place.status()["status"] == "idle")
    assert place.status()["error"] is None
    assert not alive(pid)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"data": ["music"]}, "no absolute path"),
        ({"data": ["/no/such/folder"]}, "neither a folder nor a file"),
        ({"data": []}, "data"),
        ({"data": "/music"}, "data"),
        ({"epochs": 0}, "epochs"),
        ({"epochs": "3"}, "epochs"),
        ({"epochs": 2.5}, "epochs"),
        ({"seed": -1}, "seed"),
        ({"device": "tpu"}, "device"),
        ({"epoch": 3}, "epoch"),
        ({"resume": True}, "no interrupted training"),
    ],
)
def test_what_cannot_be_carried_out_is_refused_in_one_line(place: Place, change: dict, words: str) -> None:
    answer = place.client.post("/api/train/start", json=place.order(**change))
    assert answer.status_code == 422
    assert words in answer.json()["error"]
    assert "\n" not in answer.json()["error"]
    assert place.run.pid is None


def events(answer: httpx.Response) -> list[tuple[str, dict]]:
    """All events until the stream ends or the training does."""
    found = []
    kind = ""
    for line in answer.iter_lines():
        name, _, value = line.partition(": ")
        if name == "event":
            kind = value
        elif name == "data":
            found.append((kind, json.loads(value)))
            if found[-1][1]["status"] in {"done", "failed"}:
                break
    return found


def test_events_tell_the_whole_first_then_what_is_new(make_place: Callable[..., Place]) -> None:
    # Longer than a look, so that batches and epochs are seen one by one.
    place = make_place(*program(epoch_s=0.5))
    with place.client.stream("GET", "/api/train/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        place_order = place.order(epochs=2)
        httpx.post(f"{place.server.url}api/train/start", json=place_order, trust_env=False)
        told = events(answer)
    kinds = [kind for kind, _ in told]
    assert kinds[0] == "status"
    assert told[0][1]["loss_history"] == []
    assert "progress" in kinds
    assert all(("loss_history" in value) is (kind == "status") for kind, value in told)
    assert [len(value["loss_history"]) for kind, value in told if kind == "status"] == [0, 1, 2]
    progress = [value["progress"] for _, value in told]
    assert progress == sorted(progress)


def test_a_listener_that_leaves_makes_room(place: Place) -> None:
    def listen() -> httpx.Response:
        request = place.client.build_request("GET", "/api/train/events")
        return place.client.send(request, stream=True)

    listening = [listen() for _ in range(MAX_LISTENERS)]
    assert {answer.status_code for answer in listening} == {200}
    refused = listen()
    assert refused.status_code == 503
    assert "listen already" in json.loads(refused.read())["error"]
    for answer in listening:
        answer.close()

    def welcome() -> bool:
        answer = listen()
        answer.close()
        return answer.status_code == 200

    wait_for(welcome)


def test_the_end_of_the_server_ends_its_streams(place: Place) -> None:
    with place.client.stream("GET", "/api/train/events") as answer:
        lines = answer.iter_lines()
        assert next(lines) == "event: status"
        closing = threading.Thread(target=place.server.close)
        closing.start()
        assert sum(1 for _ in lines) < 10
        closing.join(10.0)
        assert not closing.is_alive()
