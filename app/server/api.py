"""The routes of the local API: training, its events, the control networks.

Runs on the server's event loop; whatever touches a disk, a process or a network runs on a thread of the
server's pool (routes that are not `async`). Every answer that is an error is one line: `{"error": ...}`.
"""

from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.routing import Match

from app.server.answers import (
    AboutAnswer,
    ChoiceRequest,
    ModelsAnswer,
    NetworkAnswer,
    StartRequest,
    StatusAnswer,
    Trouble,
    network_answer,
    status_answer,
)
from app.server.events import MAX_LISTENERS, EventStream, Listeners
from app.server.guard import Access, Guard
from app.server.pages import add_pages
from engine.errors import CharonError, ModelError, ParameterError, TrainingBusy, TrainingError
from engine.inference.control_net import MAX_NET_BYTES
from engine.services.control_shelf import MAX_NAME_LENGTH, ControlShelf
from engine.services.training_run import TrainingOrder, TrainingRun, training_trouble

_STATUS = {ParameterError: 422, ModelError: 422, TrainingBusy: 409, TrainingError: 503}
_ABOUT = """Train the network that steers Charon's Julia set, watch it learn, choose which one is used.

Calls come from this server's own page, or from programs; a page of another site is refused. When the server
was started with a token, every call carries `Authorization: Bearer TOKEN`."""


def _troubles(*codes: int) -> dict[int | str, dict[str, Any]]:
    """Answers of a route that are errors, for the document."""
    words = {
        400: "The request cannot be read.",
        401: "The token is missing or wrong.",
        403: "Host or Origin is not this server's.",
        408: "The body did not come.",
        409: "A training runs already.",
        413: "The body is too long.",
        415: "The body is of another type.",
        422: "A value cannot be used: the line says which.",
        503: "Not possible just now: the line says why.",
    }
    return {code: {"model": Trouble, "description": words[code]} for code in (401, 403, *codes)}


_BODY_TROUBLES = (400, 408, 413)


class Api:
    """What the routes work with.

    Parameters
    ----------
    run : TrainingRun
    shelf : ControlShelf

    Attributes
    ----------
    listeners : Listeners
    """

    def __init__(self, run: TrainingRun, shelf: ControlShelf) -> None:
        self.run = run
        self.shelf = shelf
        self.listeners = Listeners(run.status)

    def start(self, order: StartRequest) -> StatusAnswer:
        """Start a training; there is one at a time."""
        folders = tuple(Path(text) for text in order.data)
        for text, folder in zip(order.data, folders, strict=True):
            if not folder.is_absolute():
                raise ParameterError(
                    f"{text!r} is no absolute path; give the whole path of a folder of music"
                )
        values = order.model_dump(exclude={"data"})
        return status_answer(self.run.start(TrainingOrder(data=folders, **values)))

    def stop(self) -> StatusAnswer:
        """Ask the training to end with a checkpoint; it can be resumed. Without one, nothing happens."""
        return status_answer(self.run.stop())

    def status(self) -> StatusAnswer:
        """Tell how the training goes."""
        return status_answer(self.run.status())

    async def events(self) -> Response:
        """Tell how the training goes, as server-sent events.

        `status` comes first and after every epoch, `progress` in between.
        """
        if self.listeners.n_open >= MAX_LISTENERS:
            raise HTTPException(503, f"{MAX_LISTENERS} listen already; ask /api/train/status")
        return EventStream(self.listeners)

    def models(self) -> ModelsAnswer:
        """List the control networks: the rules, the shipped one, the user's own."""
        chosen = self.shelf.chosen()
        return ModelsAnswer(models=[network_answer(one, chosen) for one in self.shelf.networks()])

    async def upload(
        self,
        request: Request,
        name: str = Query(
            "Uploaded", min_length=1, max_length=MAX_NAME_LENGTH, description="What it shall be called."
        ),
    ) -> NetworkAnswer:
        """Take in an ONNX control network, float32 [1, 60] to [1, 9], and use it from now on.

        It is parsed and checked without running anything, then loaded; what is no such network is refused
        and leaves nothing behind.
        """
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/octet-stream":
            raise HTTPException(415, f"Content-Type is {kind[:60]!r}; send application/octet-stream")
        # The guard ends a body that is longer than MAX_NET_BYTES, so this holds no more than that.
        data = await request.body()
        return await run_in_threadpool(self._take_in, data, name)

    def _take_in(self, data: bytes, name: str) -> NetworkAnswer:
        network = self.shelf.add(data, name)
        return network_answer(network, self.shelf.choose(network.name))

    def choose(self, choice: ChoiceRequest) -> NetworkAnswer:
        """Use another network from now on."""
        network = self.shelf.choose(choice.name)
        return network_answer(network, network)

    def about(self) -> AboutAnswer:
        """Tell which Charon this is, and whether it can train."""
        return AboutAnswer(version=version("charon"), training_trouble=training_trouble())


def make_app(api: Api, access: Access) -> FastAPI:
    """The application: routes, pages, guard.

    Parameters
    ----------
    api : Api
    access : Access
        Who is let in.
    """
    app = FastAPI(
        title="Charon",
        version=version("charon"),
        description=_ABOUT,
        # Their pages load from another server; ours (app/server/pages.py) do not.
        docs_url=None,
        redoc_url=None,
    )
    _add_routes(app, api)
    add_pages(app)
    app.add_exception_handler(CharonError, _tell_error)
    app.add_exception_handler(StarletteHTTPException, _tell_http_error)
    app.add_exception_handler(RequestValidationError, _tell_invalid)
    limits = {("POST", "/api/models"): MAX_NET_BYTES}
    app.add_middleware(Guard, access=access, limits=limits)
    return app


def _add_routes(app: FastAPI, api: Api) -> None:
    train, models = ["Training"], ["Control networks"]
    add = app.add_api_route
    add(
        "/api/train/start",
        api.start,
        methods=["POST"],
        tags=[*train],
        responses=_troubles(409, 422, 503, *_BODY_TROUBLES),
    )
    add("/api/train/stop", api.stop, methods=["POST"], tags=[*train], responses=_troubles())
    add("/api/train/status", api.status, methods=["GET"], tags=[*train], responses=_troubles())
    add(
        "/api/train/events",
        api.events,
        methods=["GET"],
        tags=[*train],
        # FastAPI would read it from the class's arguments, which has none.
        status_code=200,
        response_class=EventStream,
        responses=_troubles(503),
    )
    add("/api/models", api.models, methods=["GET"], tags=[*models], responses=_troubles())
    add(
        "/api/models",
        api.upload,
        methods=["POST"],
        status_code=201,
        tags=[*models],
        responses=_troubles(415, 422, *_BODY_TROUBLES),
        openapi_extra={
            "requestBody": {
                "required": True,
                "description": f"The ONNX file, at most {MAX_NET_BYTES} bytes.",
                "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
            }
        },
    )
    add(
        "/api/models/current",
        api.choose,
        methods=["PUT"],
        tags=[*models],
        responses=_troubles(422, *_BODY_TROUBLES),
    )
    add("/api/about", api.about, methods=["GET"], tags=["Server"], responses=_troubles())


# --- errors --------------------------------------------------------------------------------------------


def _answer(status: int, words: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": " ".join(words.split())}, status, headers)


def _tell_error(_request: Request, error: Exception) -> JSONResponse:
    status = next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 500)
    return _answer(status, str(error))


def _tell_http_error(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, StarletteHTTPException):
        raise error
    headers = dict(error.headers or {})
    if error.status_code == 405:
        # Starlette names the methods of one route; a path has a route for each of them here.
        headers["Allow"] = ", ".join(sorted(_methods(request)))
    if error.status_code == 413:
        # The rest of the body is still on its way, and nobody will read it.
        headers["Connection"] = "close"
    return _answer(error.status_code, str(error.detail), headers)


def _methods(request: Request) -> set[str]:
    """What the path of a request can be asked for."""
    found: set[str] = set()
    for route in request.app.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            found |= route.methods or set()
    return found


def _tell_invalid(_request: Request, error: Exception) -> JSONResponse:
    """Say what is wrong with a request's values, without repeating them: they may be a megabyte."""
    if not isinstance(error, RequestValidationError):
        raise error
    parts: list[str] = []
    for problem in error.errors()[:5]:
        place = ".".join(str(step)[:60] for step in problem["loc"] if step not in {"body", "query"})
        parts.append(f"{place or 'the request'}: {problem['msg']}")
    return _answer(422, "; ".join(parts), None)
