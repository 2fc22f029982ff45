"""Networks without a way out, as environments for the product's processes."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

# Connections that the kernel accepts into the queue of a listener nobody serves; a product that
# opens more meets a black hole that does not even answer SYN.
QUEUE = 256


def proxy_environment(url: str) -> dict[str, str]:
    """The variables that send every HTTPS request of a child process through a proxy.

    Both spellings, since clients differ in which one wins; localhost is left alone.
    """
    names = {"HTTPS_PROXY": url, "NO_PROXY": "127.0.0.1,localhost"}
    return names | {name.lower(): value for name, value in names.items()}


@contextlib.contextmanager
def black_hole() -> Iterator[dict[str, str]]:
    """A network that accepts every connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=QUEUE) as listener:
        yield proxy_environment(_url(listener))


@contextlib.contextmanager
def refused() -> Iterator[dict[str, str]]:
    """A network that refuses every connection: its port is taken, and nobody listens."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield proxy_environment(_url(holder))


def _url(bound: socket.socket) -> str:
    return f"http://127.0.0.1:{bound.getsockname()[1]}"
