"""The socket the gateway listens on, and the server that runs on it."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from bus.errors import AddressRefused
from services.gateway.place import url

CONNECTIONS_MAX = 256
MESSAGE_BYTES_MAX = 64 << 10
"""From a page, over the WebSocket."""


def listen(host: str, port: int) -> socket.socket:
    """A bound socket for the server; raises `AddressRefused`, with the remedy for a taken port."""
    try:
        listener = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=256
        )
    except OSError as error:
        raise _refused(host, port, error) from error
    # asyncio does not do so for a socket it is given: each answer, which leaves in two writes,
    # waited 40 ms for the reader's delayed acknowledgement (measured).
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def serve(app: ASGIApp, listener: socket.socket, alive: Callable[[], bool]) -> None:
    """Serve in the main thread until TERM or INT, or until what it serves is not alive any more."""
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=CONNECTIONS_MAX,
            ws_max_size=MESSAGE_BYTES_MAX,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=2,
            timeout_notify=1,
        )
    )

    async def notice() -> None:
        server.should_exit = server.should_exit or not alive()

    server.config.callback_notify = notice
    server.run(sockets=[listener])


def _refused(host: str, port: int, error: OSError) -> AddressRefused:
    if error.errno == errno.EADDRINUSE:
        return AddressRefused(
            f"{url(host, port)} is taken",
            "end the program that holds it, or choose another TAPEDECK_GATEWAY__PORT",
        )
    return AddressRefused(
        f"{url(host, port)} cannot be served ({error.strerror})",
        "choose another TAPEDECK_GATEWAY__HOST or TAPEDECK_GATEWAY__PORT",
    )
