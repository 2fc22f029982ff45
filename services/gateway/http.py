"""The HTTP door: a Starlette application made from the table of verbs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec
import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from bus.actor import Refused
from bus.errors import BusError, MessageTooLarge
from market.instants import jsonable
from market.symbols import BadTicker
from services.gateway.arguments import read_arguments
from services.gateway.assets import chart_library
from services.gateway.deck import Deck
from services.gateway.failures import Failure, failure_of
from services.gateway.guard import COOKIE, Door, pass_for, same
from services.gateway.holding import hold
from services.gateway.live import Live
from services.gateway.metrics import Meters, figures
from services.gateway.middleware import Guard
from services.gateway.page import docs_page, login_page
from services.gateway.responses import failure_response, json_response
from services.gateway.schema import openapi
from services.gateway.verb import Verb
from services.gateway.verbs import VERBS

BODY_BYTES_MAX = 64 << 10
STATIC = Path(__file__).parent / "static"

_EXPECTED_ERRORS = (Refused, BusError, BadTicker)
_log = structlog.get_logger("gateway")

Endpoint = Callable[[Request], Awaitable[Response]]


def application(
    deck: Deck, door: Door, live: Live, meters: Meters, version: str, static: Path = STATIC
) -> Starlette:
    """The whole HTTP side of the gateway over one deck."""
    app = Starlette(
        routes=[
            *(_route(deck, meters, verb, path) for verb in VERBS for path in verb.routes),
            *_fixed_routes(deck, door, live, meters, version, static),
        ],
        middleware=[Middleware(Guard, door=door)],
        exception_handlers={
            HTTPException: _http_error,
            BusError: _refused,
            Exception: _unforeseen,
        },
        lifespan=lambda app: live.news.on_this_loop(),
    )
    app.router.redirect_slashes = False
    return app


# --- verbs -------------------------------------------------------------------------------------


def _route(deck: Deck, meters: Meters, verb: Verb, path: str) -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            arguments = read_arguments(
                verb.arguments, await _given(verb, request), texts=verb.method != "POST"
            )
            answer = await hold(deck, verb.begin(arguments), verb.within_seconds)
        except _EXPECTED_ERRORS as error:
            failure = failure_of(error)
            meters.requests.labels("http", verb.name, failure.code).inc()
            return failure_response(failure)
        meters.requests.labels("http", verb.name, "").inc()
        return _answered(answer)

    return Route(path, endpoint, methods=[verb.method], name=verb.name)


async def _given(verb: Verb, request: Request) -> dict[str, Any]:
    if verb.method == "POST":
        return {**await _json_object(request), **request.path_params}
    return {**request.query_params, **request.path_params}


async def _json_object(request: Request) -> dict[str, Any]:
    body = await _body(request)
    if not body.strip():
        return {}
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(
            "bad_body",
            f"the body is not a JSON object ({error})",
            'send one, like {"ticker": "NVDA"}',
        ) from error


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            raise MessageTooLarge(
                f"the body has more than {BODY_BYTES_MAX} bytes", "send less: a ticker is enough"
            )
    return bytes(body)


def _answered(answer: msgspec.Struct) -> Response:
    failure = getattr(answer, "error", None)
    status = failure.status if isinstance(failure, Failure) else HTTPStatus.OK
    return json_response(jsonable(answer), status)


# --- fixed routes ------------------------------------------------------------------------------


def _fixed_routes(
    deck: Deck, door: Door, live: Live, meters: Meters, version: str, static: Path
) -> list[BaseRoute]:
    described = msgspec.json.encode(openapi(VERBS, version))

    async def index(request: Request) -> Response:
        return FileResponse(static / "index.html")

    async def alive(request: Request) -> Response:
        return json_response({"live": True})

    async def metrics(request: Request) -> Response:
        told = await hold(deck, figures(), within_seconds=5.0)
        return Response(meters.text(told), media_type="text/plain; version=0.0.4")

    async def docs(request: Request) -> Response:
        return HTMLResponse(docs_page(VERBS))

    async def specification(request: Request) -> Response:
        return Response(described, media_type="application/json")

    async def login(request: Request) -> Response:
        return _logged_in(door, await _body(request), secure=request.url.scheme == "https")

    return [
        Route("/", index),
        Route("/health/live", alive),
        Route("/metrics", metrics),
        Route("/docs", docs),
        Route("/openapi.json", specification),
        Route("/api/login", login, methods=["POST"]),
        WebSocketRoute("/api/live", live.page),
        Route("/static/vendor/lightweight-charts.js", _chart_library),
        Mount("/static", StaticFiles(directory=static, check_dir=False)),
    ]


async def _chart_library(request: Request) -> Response:
    """The library, or a script that does nothing: a page without it is whole, and no error."""
    path = chart_library()
    if path is None:
        return Response("// not here: make web fetches it\n", media_type="text/javascript")
    return FileResponse(path, media_type="text/javascript")


def _logged_in(door: Door, body: bytes, *, secure: bool) -> Response:
    given = parse_qs(body.decode("utf-8", "replace")).get("token", [""])[0]
    if not same(given, door.token):
        return HTMLResponse(login_page(), HTTPStatus.UNAUTHORIZED)
    response = RedirectResponse("/", HTTPStatus.SEE_OTHER)
    response.set_cookie(
        COOKIE, pass_for(door.token), httponly=True, samesite="strict", secure=secure
    )
    return response


# --- errors ------------------------------------------------------------------------------------


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it alone
    codes = {404: "not_found", 405: "method_not_allowed"}
    failure = Failure(
        codes.get(error.status_code, "bad_argument"),
        f"{request.method} {request.url.path}: {error.detail}",
        "GET /docs lists every route",
    )
    response = json_response(failure.body(), error.status_code)
    response.headers.update(error.headers or {})
    return response


def _refused(request: Request, error: Exception) -> Response:
    return failure_response(failure_of(error))


def _unforeseen(request: Request, error: Exception) -> Response:
    _log.error("http.failed", method=request.method, path=request.url.path, exc_info=error)
    return failure_response(failure_of(error))
