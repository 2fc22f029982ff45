"""The gatekeeper around the HTTP application: who may come in, and what every answer carries."""

from __future__ import annotations

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.failures import Failure
from services.gateway.guard import COOKIE, Door, caller, objection
from services.gateway.page import login_page
from services.gateway.responses import failure_response

# The chart library writes style elements of its own; scripts come from this deck alone.
_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "cache-control": "no-cache",
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}
_POLICY_VIOLATION = 1008


class Guard:
    """Lets in only whom `guard.objection` lets in; every answer leaves with the strict headers."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        cookie = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
        failure = objection(self._door, caller(scope, headers, cookie))
        if failure is None:
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "http":
            response = _refusal(failure, headers)
            await response(scope, receive, _with_headers(send))
        else:
            await _deny(failure, receive, send)


def _refusal(failure: Failure, headers: Headers) -> Response:
    if failure.code == "unauthorized" and "text/html" in headers.get("accept", ""):
        return HTMLResponse(login_page(), HTTPStatus.UNAUTHORIZED)
    response = failure_response(failure)
    if failure.code == "unauthorized":
        response.headers["www-authenticate"] = "Bearer"
    return response


async def _deny(failure: Failure, receive: Receive, send: Send) -> None:
    """Refuse a WebSocket before it is accepted: the server answers its handshake with 403."""
    await receive()
    await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": failure.message})


def _with_headers(send: Send) -> Send:
    async def sender(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
            message["headers"] = [*message.get("headers", ()), *own]
        await send(message)

    return sender
