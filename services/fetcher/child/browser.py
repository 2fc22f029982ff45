"""The child's browser: yfinance's session, that asks for one page once and repeats nothing."""

from __future__ import annotations

import logging
import time
import warnings
from pathlib import Path
from typing import Any, Final

import yfinance
from curl_cffi import CurlOpt
from curl_cffi.requests import Response, Session
from curl_cffi.requests.exceptions import ConnectionError as Unreachable
from curl_cffi.requests.exceptions import Timeout
from yfinance.data import YfData

from services.fetcher.child.frames import Answered, AskPage, Load, Loaded, Page

# Importing yfinance switches DeprecationWarning on for itself; each of its calls would print some.
warnings.filterwarnings("ignore", module="yfinance")

COOKIE_URL: Final = "https://fc.yahoo.com"
COOKIE_SECONDS = 2.0
BYTES_MAX = 8 * 1024 * 1024


class Whole(Exception):
    """The page came with an error status or a redirect: that is the answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"HTTP {response.status_code}")
        self.response = response


class BoundedSession(Session[Response]):
    """What yfinance sends its requests with.

    All requests of a question share one deadline (yfinance waits 30 s for a cookie, whatever the
    timeout). No page that is asked for needs a crumb, so only the page and the cookie go out. An
    error status or a redirect ends the question: yfinance would ask for a new crumb and for the
    page again.
    """

    def __init__(self) -> None:
        super().__init__(impersonate="chrome", curl_options={CurlOpt.MAXFILESIZE_LARGE: BYTES_MAX})
        self._end = 0.0
        self._page = ""

    def begin(self, page: str, seconds: float) -> None:
        """Give the next question its time."""
        self._page = page
        self._end = time.monotonic() + seconds

    def request(  # type: ignore[override]
        self, method: Any, url: str, **options: Any
    ) -> Response:
        """Send what the page needs, in what is left of the time."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise Timeout("the time of the question is up")
        if url == COOKIE_URL:
            return super().request(method, url, **options | {"timeout": min(left, COOKIE_SECONDS)})
        if url != self._page:
            raise Unreachable(f"{url.partition('?')[0]} is not needed for the page")
        options |= {"timeout": left, "allow_redirects": False}
        response = super().request(method, url, **options)
        if response.status_code >= 300:
            raise Whole(response)
        return response


_session: Final = BoundedSession()


def answer(request: AskPage | Load, cache_folder: Path) -> Answered:
    """Load, or ask for a page."""
    if isinstance(request, Load):
        _configure(cache_folder)
        return Loaded()
    return read(request)


def read(asked: AskPage) -> Page:
    """The page as it came; yfinance brings the browser's handshake and the cookie."""
    _session.begin(asked.url, asked.seconds)
    browser = YfData(session=_session)
    options = {"params": asked.params, "timeout": asked.seconds}
    try:
        response: Response = (
            browser.post(asked.url, data=asked.sent, **options)
            if asked.sent
            else browser.get(asked.url, **options)
        )
    except Whole as whole:
        response = whole.response
    headers = {name.lower(): value or "" for name, value in response.headers.items()}
    return Page(response.status_code, headers, response.content, response.url)


def _configure(cache_folder: Path) -> None:
    cache_folder.mkdir(parents=True, exist_ok=True)
    yfinance.set_tz_cache_location(str(cache_folder))
    yfinance.config.debug.hide_exceptions = False
    logging.getLogger("yfinance").setLevel(logging.CRITICAL)  # what fails is raised, and told
