"""How answers and failures leave over HTTP."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
from starlette.responses import Response

from services.gateway.failures import Failure


def json_response(value: Any, status: int = HTTPStatus.OK) -> Response:
    """The value as JSON; what is no finite number is null."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def failure_response(failure: Failure) -> Response:
    """The error shape with its status."""
    response = json_response(failure.body(), failure.status)
    if failure.status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["retry-after"] = "1"
    return response
