"""The HTTP side over a fake deck."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from services.gateway.guard import Door
from services.gateway.http import application
from services.gateway.live import HELLO_SECONDS, Live
from services.gateway.metrics import Meters
from services.gateway.news import News
from tests.services.gateway.fakes import FakeDeck

Browse = Callable[..., TestClient]


@pytest.fixture
def news() -> News:
    return News()


@pytest.fixture
def browse(tmp_path: Path, news: News) -> Iterator[Browse]:
    """Opens a client of an application over the deck; ``token`` locks its door."""
    (tmp_path / "index.html").write_text("<!doctype html><title>Tapedeck</title>")

    with ExitStack() as stack:

        def opened(
            deck: FakeDeck,
            token: str = "",
            pages_max: int = 8,
            hello_seconds: float = HELLO_SECONDS,
        ) -> TestClient:
            meters = Meters()
            live = Live(deck, news, meters, pages_max, hello_seconds)
            app = application(deck, Door("127.0.0.1", token), live, meters, "1.2.3", tmp_path)
            client = TestClient(
                app, base_url="http://127.0.0.1:8321", raise_server_exceptions=False
            )
            return stack.enter_context(client)

        yield opened
