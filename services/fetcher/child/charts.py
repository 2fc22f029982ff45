"""The child's use of yfinance: one chart call a question, bounded, its failures not repeated."""

from __future__ import annotations

import hashlib
import logging
import math
import time
import warnings
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import yfinance
from curl_cffi import CurlOpt
from curl_cffi.requests import Response, Session
from curl_cffi.requests.exceptions import ConnectionError as Unreachable
from curl_cffi.requests.exceptions import Timeout
from yfinance.data import YfData

from services.fetcher.child.frames import Answered, AskChart, Chart, Failed, Load, Loaded

# Importing yfinance switches DeprecationWarning on for itself; each of its calls would print some.
warnings.filterwarnings("ignore", module="yfinance")

CHART_PATH: Final = "/v8/finance/chart/"
COOKIE_URL: Final = "https://fc.yahoo.com"
COOKIE_SECONDS = 2.0
EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
BYTES_MAX = 16 * 1024 * 1024


class StatusError(Exception):
    """Yahoo answered a chart question with an error status."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.body = body


class BoundedSession(Session[Response]):
    """What yfinance sends its requests with.

    All requests of a question share one deadline (yfinance waits 30 s for a cookie, whatever the
    timeout). A chart needs no crumb, so only the chart and the cookie are asked for. An error
    status or a redirect ends the question: yfinance would ask for a new crumb and for the chart
    again.
    """

    def __init__(self) -> None:
        super().__init__(impersonate="chrome", curl_options={CurlOpt.MAXFILESIZE_LARGE: BYTES_MAX})
        self._end = 0.0
        self.body = b""

    def begin(self, seconds: float) -> None:
        """Give the next question its time."""
        self._end = time.monotonic() + seconds
        self.body = b""

    def request(  # type: ignore[override]
        self, method: Any, url: str, **options: Any
    ) -> Response:
        """Send what a chart needs, in what is left of the time."""
        left = self._end - time.monotonic()
        is_chart = CHART_PATH in url
        if left <= 0:
            raise Timeout("the time of the question is up")
        if not is_chart and url != COOKIE_URL:
            raise Unreachable(f"{url.partition('?')[0]} is not needed for a chart")
        if not is_chart:
            options["timeout"] = min(left, COOKIE_SECONDS)
            return super().request(method, url, **options)
        options |= {"timeout": left, "allow_redirects": False}
        response = super().request(method, url, **options)
        self.body = response.content
        if response.status_code >= 300:
            raise StatusError(response.status_code, response.content)
        return response


_session: Final = BoundedSession()


def answer(request: AskChart | Load, cache_folder: Path) -> Answered:
    """Load, or ask Yahoo for a chart."""
    if isinstance(request, Load):
        _configure(cache_folder)
        return Loaded()
    try:
        return read(request)
    except StatusError as error:
        return Failed(
            kinds=[StatusError.__name__],
            message=_description(error.body) or str(error),
            status=error.status,
            answer_hash=_digest(error.body),
        )
    finally:
        YfData().cache_get.cache_clear()  # it keeps answers that were failures for good


def read(asked: AskChart) -> Chart:
    """The chart as yfinance cleans it, with prices adjusted for splits alone."""
    _session.begin(asked.seconds)
    ticker = yfinance.Ticker(asked.symbol, session=_session)
    frame = ticker.history(
        period=asked.period,
        interval=asked.interval,
        auto_adjust=False,
        actions=True,
        timeout=asked.seconds,
    )
    meta = ticker.get_history_metadata()
    time_of_price = meta.get("regularMarketTime")
    daily = asked.interval == "1d"
    return Chart(
        symbol=str(meta.get("symbol", "")),
        price=_number(meta.get("regularMarketPrice")),
        market_time_us=_microseconds(time_of_price) if time_of_price is not None else None,
        day_volume=_number(meta.get("regularMarketVolume")),
        start_us=[_label(start) if daily else _microseconds(start) for start in frame.index],
        open=frame["Open"].tolist(),
        high=frame["High"].tolist(),
        low=frame["Low"].tolist(),
        close=frame["Close"].tolist(),
        volume=[float(volume) for volume in frame["Volume"]],
        splits=[float(split) for split in frame["Stock Splits"]],
        dividends=[float(dividend) for dividend in frame["Dividends"]],
        answer_hash=_digest(_session.body),
    )


def _configure(cache_folder: Path) -> None:
    cache_folder.mkdir(parents=True, exist_ok=True)
    yfinance.set_tz_cache_location(str(cache_folder))
    yfinance.config.debug.hide_exceptions = False
    logging.getLogger("yfinance").setLevel(logging.CRITICAL)  # what fails is raised, and told


def _description(body: bytes) -> str:
    """Yahoo's own words, where its error has some."""
    try:
        found = msgspec.json.decode(body)["chart"]["error"]["description"]
    except (msgspec.MsgspecError, KeyError, TypeError):
        return ""
    return str(found)[:300]


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _microseconds(instant: datetime | float) -> int:
    """Pandas' timestamps are datetimes; yfinance leaves a time that is no integer as it was."""
    seconds = instant.timestamp() if isinstance(instant, datetime) else instant
    return round(seconds) * 1_000_000


def _label(day: datetime) -> int:
    """A session's date as an instant: midnight UTC."""
    return (day.toordinal() - EPOCH_DAY) * 86_400_000_000


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
