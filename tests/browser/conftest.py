"""Chromium, shared by all tests of this folder, and pages in it that fail on any complaint."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request, sync_playwright

from tests.browser.deck import PageDeck
from tests.browser.serving import LOOPBACK, served

NOW_US = 1_795_104_900_000_000  # 2026-11-19T16:15:00Z, a Thursday: the market is open
NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--headless",
    "--no-sandbox",  # containers run tests as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE {LOOPBACK}",  # nothing leaves the machine
)
ANSWERS_WITHIN_MS = 15_000.0

DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests of this folder share one browser, and with it one worker."""
    for item in items:
        if "tests/browser" in item.path.as_posix():
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium without a window; on a user's machine tests are skipped where there is none.

    It ends with this folder: playwright keeps an event loop running in the thread of the tests, and
    no other test could run one of its own.
    """
    executable = next((path for name in NAMES if (path := shutil.which(name))), None)
    if executable is None:
        reason = "no Chromium is installed (Debian: apt-get install chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        yield opened
        opened.close()


class Watch:
    """What a page complained of, and whom it asked; a test may allow what it means to provoke."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self._allowed: list[str] = []

    def allow(self, *words: str) -> None:
        """Complaints that hold one of these words are meant from here on."""
        self._allowed += words

    def heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._complain(f"{message.type}: {message.text} ({message.location.get('url')})")

    def threw(self, error: Error) -> None:
        self._complain(f"uncaught: {error.message}")

    def asked(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in ("http", "https", "ws", "wss") and address.hostname != LOOPBACK:
            self._complain(f"foreign request: {request.url}")

    def _complain(self, text: str) -> None:
        if not any(words in text for words in self._allowed):
            self.complaints.append(text)


@pytest.fixture
def watch() -> Iterator[Watch]:
    watching = Watch()
    yield watching
    assert watching.complaints == []


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, watch: Watch) -> Iterator[OpenPage]:
    """Opens an address as a new visitor whose clock stands at `NOW_US` and runs."""
    with ExitStack() as stack:

        def opened(address: str, **options: Any) -> Page:
            context = browser.new_context(**({"viewport": DESK} | options))
            stack.callback(context.close)
            context.set_default_timeout(ANSWERS_WITHIN_MS)
            page = context.new_page()
            page.on("request", watch.asked)
            page.on("console", watch.heard)
            page.on("pageerror", watch.threw)
            page.clock.install(time=NOW_US / 1_000_000)
            page.goto(address)
            page.wait_for_selector("html[data-ready=true]")
            return page

        yield opened


@pytest.fixture
def deck() -> PageDeck:
    """A deck that collects SPY, QQQ and NVDA while the market is open."""
    opened = PageDeck(NOW_US)
    opened.open()
    opened.track("NVDA")
    return opened


@pytest.fixture
def address(deck: PageDeck) -> Iterator[str]:
    """Where the deck's page is served."""
    with served(deck) as where:
        yield where


@pytest.fixture
def page(address: str, open_page: OpenPage) -> Page:
    """The deck's page as it opens."""
    return open_page(address)


@pytest.fixture
def simulating() -> PageDeck:
    """A deck that no source could bring real prices to."""
    opened = PageDeck(NOW_US, simulates=True)
    opened.open()
    return opened


@pytest.fixture
def simulated(simulating: PageDeck) -> Iterator[str]:
    """Where the simulating deck's page is served."""
    with served(simulating) as where:
        yield where
