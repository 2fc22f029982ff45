"""The real gateway over any deck, served on a free loopback port by a thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from services.gateway.guard import Door
from services.gateway.http import application
from services.gateway.live import Live
from services.gateway.metrics import Meters
from services.gateway.news import News
from services.gateway.serving import listen
from tests.browser.deck import PageDeck

LOOPBACK = "127.0.0.1"
ENDS_WITHIN_SECONDS = 30.0
"""On a busy machine too a connection ends by itself, and is not cancelled."""


@contextmanager
def served(deck: PageDeck, port: int = 0) -> Iterator[str]:
    """The address under which the deck's page is open as long as the context is."""
    deck.told.news = News()  # it belongs to one event loop
    meters = Meters()
    app = application(deck, Door(LOOPBACK), Live(deck, deck.told.news, meters), meters, "0")
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=20))
    with listen(LOOPBACK, port) as socket:
        thread = threading.Thread(target=server.run, args=([socket],), name="gateway")
        thread.start()
        try:
            yield f"http://{LOOPBACK}:{socket.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(ENDS_WITHIN_SECONDS)
