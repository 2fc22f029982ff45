"""One bounded HTTP GET: a total deadline, a size, no redirects; a failure is a value."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Protocol, TypeVar

import requests
from urllib3.exceptions import HTTPError

from services.fetcher.core.answers import Failure
from services.fetcher.raw import RawAnswer

BYTES_MAX = 1_000_000
CHUNK_BYTES = 65_536

T = TypeVar("T")


class Http(Protocol):
    """A port: one question to a web service."""

    def __call__(
        self,
        url: str,
        params: Mapping[str, str],
        headers: Mapping[str, str],
        seconds: float,
    ) -> RawAnswer | Failure:
        """The answer, or why there is none after so many seconds."""


def get(
    url: str,
    params: Mapping[str, str],
    headers: Mapping[str, str],
    seconds: float,
    bytes_max: int = BYTES_MAX,
) -> RawAnswer | Failure:
    """Ask once; proxies and CA files of the environment hold.

    The timeout of `requests` counts each read by itself: an answer that drips took 6.9 s under a
    timeout of 2 (measured). So the whole is waited for in a thread of its own, and left alone there
    when the time is up.
    """
    late: RawAnswer | Failure = Failure("unreachable", f"no whole answer within {seconds:g} s")
    return within(seconds, lambda: _ask(url, params, headers, seconds, bytes_max), late)


def within(seconds: float, work: Callable[[], T], late: T) -> T:
    """What the work gives, or ``late`` when it takes longer; the work then ends unheard."""
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except Exception as error:  # noqa: BLE001 - whoever waits gets it, whatever it is
            outcome.set_exception(error)

    threading.Thread(target=run, name="http", daemon=True).start()
    try:
        return outcome.result(seconds)
    except TimeoutError:
        return late


def _ask(
    url: str,
    params: Mapping[str, str],
    headers: Mapping[str, str],
    seconds: float,
    bytes_max: int,
) -> RawAnswer | Failure:
    """A session a call: `requests` does not promise that threads may share one."""
    end = time.monotonic() + seconds
    try:
        with (
            requests.Session() as session,
            session.get(
                url,
                params=params,
                headers=headers,
                timeout=seconds,
                allow_redirects=False,
                stream=True,
            ) as response,
        ):
            return _read(response, end, bytes_max)
    except (requests.RequestException, HTTPError, OSError) as error:
        return Failure("unreachable", f"{type(error).__name__} at {url}")


def _read(response: requests.Response, end: float, bytes_max: int) -> RawAnswer | Failure:
    body = bytearray()
    while chunk := response.raw.read1(CHUNK_BYTES, decode_content=True):
        body += chunk
        if len(body) > bytes_max:
            return Failure("invalid", f"the answer is larger than {bytes_max} bytes")
        if time.monotonic() > end:
            return Failure("unreachable", "the answer came too slowly")
    headers = {name.lower(): value for name, value in response.headers.items()}
    return RawAnswer(response.status_code, headers, bytes(body), response.url)
