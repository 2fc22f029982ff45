"""The imitation of Yahoo's chart answer: the shape of its body, its meta data and its errors.

Known oddities of the real service are served: prices are float32 widened, the session's volume
in `meta` differs from the row's, and intraday answers have no adjusted closes. Which rows a
question gets is told by chart_rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from tests.fakes.bars import Bar, bar_of_bars, single
from tests.fakes.chart_rows import (
    VALID_RANGES,
    Refusal,
    Window,
    adjusted_rows,
    interval_of,
    rows_of,
    window_of,
)
from tests.fakes.market import History, dividends
from tests.fakes.sessions import NEW_YORK, new_york_day, session_on
from tests.fakes.wire import Answer, json_answer

CONTENT_TYPE = "application/json;charset=utf-8"
FRESHNESS = {"Cache-Control": "public, max-age=10, stale-while-revalidate=20"}

Json = dict[str, object]


def refusal_answer(status: int, code: str, description: str) -> Answer:
    """The error body of a chart."""
    body = {"chart": {"result": None, "error": {"code": code, "description": description}}}
    return msgspec.structs.replace(json_answer(body, status), content_type=CONTENT_TYPE)


NOT_FOUND = refusal_answer(404, "Not Found", "No data found, symbol may be delisted")


def chart_answer(history: History | None, query: Mapping[str, str]) -> Answer:
    """The answer to one chart question about a history; None stands for an unknown symbol."""
    if history is None:
        return NOT_FOUND
    try:
        body = {"chart": {"result": [_result(history, query)], "error": None}}
    except Refusal as no:
        return refusal_answer(no.status, no.code, no.description)
    answer = json_answer(body)
    return msgspec.structs.replace(answer, content_type=CONTENT_TYPE, headers=FRESHNESS)


def _result(history: History, query: Mapping[str, str]) -> Json:
    interval = interval_of(query)
    window = window_of(history, query, interval)
    rows = rows_of(history, window, interval)
    result: Json = {"meta": _meta(history, query, window, interval)}
    if rows:
        result["timestamp"] = [row.start_seconds for row in rows]
    if events := _events(history, window, query.get("events", "")):
        result["events"] = events
    indicators: Json = {"quote": [_columns(rows)]}
    if interval == "1d":
        indicators["adjclose"] = [{"adjclose": adjusted_rows(history, window)} if rows else {}]
    return result | {"indicators": indicators}


def _columns(rows: Sequence[Bar]) -> Json:
    if not rows:
        return {}
    return {
        "open": single(row.open for row in rows),
        "high": single(row.high for row in rows),
        "low": single(row.low for row in rows),
        "close": single(row.close for row in rows),
        "volume": [row.volume for row in rows],
    }


def _meta(history: History, query: Mapping[str, str], window: Window, interval: str) -> Json:
    listing, days = history.listing, history.days
    intraday = interval != "1d"
    day, before = days[-1].bar, days[-2].bar
    year = bar_of_bars([earlier.bar for earlier in days[-252:]])
    change = round(100 * (day.close / before.close - 1), 3)
    clock = datetime.fromtimestamp(history.at_seconds, NEW_YORK)
    earlier = [d for d in days if d.session.open_seconds < window.first_seconds] or days[:1]
    meta: Json = {
        "currency": "USD",
        "symbol": listing.symbol,
        "exchangeName": listing.exchange,
        "fullExchangeName": listing.exchange_name,
        "instrumentType": listing.instrument,
        "firstTradeDate": days[0].session.open_seconds,
        "regularMarketTime": history.last.at_seconds,
        "hasPrePostMarketData": True,
        "gmtoffset": _offset_seconds(clock),
        "timezone": clock.tzname(),
        "exchangeTimezoneName": "America/New_York",
        "regularMarketPrice": day.close,
        "regularMarketChangePercent": change,
        "fulldayPrice": day.close,
        "fulldayChange": round(day.close - before.close, 2),
        "fulldayChangePercent": change,
        "fiftyTwoWeekHigh": year.high,
        "fiftyTwoWeekLow": year.low,
        "regularMarketDayHigh": day.high,
        "regularMarketDayLow": day.low,
        "regularMarketVolume": day.volume + day.volume // 1_000,
        "longName": listing.name,
        "shortName": listing.name,
        "chartPreviousClose": earlier[-1].bar.close,
    }
    if intraday:
        meta |= {"previousClose": before.close, "scale": 3}
    meta |= {"priceHint": 2, "currentTradingPeriod": _current_period(history)}
    if intraday:
        with_extended = query.get("includePrePost", "").lower() == "true"
        meta["tradingPeriods"] = _trading_periods(history, window, with_extended)
    return meta | {
        "dataGranularity": interval,
        "range": window.range,
        "validRanges": VALID_RANGES,
    }


def _current_period(history: History) -> Json:
    """Today's periods, or on a day without a session those of the last one."""
    session = session_on(new_york_day(history.at_seconds)) or history.days[-1].session
    return {
        "pre": _period(session.pre_seconds, session.open_seconds),
        "regular": _period(session.open_seconds, session.close_seconds),
        "post": _period(session.close_seconds, session.post_seconds),
    }


def _trading_periods(history: History, window: Window, with_extended: bool) -> object:
    asked = [d.session for d in history.days if d.session.close_seconds > window.first_seconds]
    asked = [session for session in asked if session.open_seconds < window.end_seconds]
    regular = [[_period(s.open_seconds, s.close_seconds)] for s in asked]
    if not with_extended:
        return regular
    return {
        "pre": [[_period(s.pre_seconds, s.open_seconds)] for s in asked],
        "regular": regular,
        "post": [[_period(s.close_seconds, s.post_seconds)] for s in asked],
    }


def _period(start_seconds: int, end_seconds: int) -> Json:
    clock = datetime.fromtimestamp(start_seconds, NEW_YORK)
    return {
        "timezone": clock.tzname(),
        "start": start_seconds,
        "end": end_seconds,
        "gmtoffset": _offset_seconds(clock),
    }


def _offset_seconds(clock: datetime) -> int:
    offset = clock.utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


def _events(history: History, window: Window, asked: str) -> Json:
    events: Json = {}
    paid = [d for d in dividends(history) if "div" in asked and window.holds(d.ex_seconds)]
    if paid:
        events["dividends"] = {
            str(d.ex_seconds): {"amount": d.amount, "date": d.ex_seconds} for d in paid
        }
    opens = {day.session.day: day.session.open_seconds for day in history.days}
    splits = [
        (opens[s.day], s) for s in history.listing.splits if "split" in asked and s.day in opens
    ]
    told = {
        str(at): {
            "date": at,
            "numerator": float(split.numerator),
            "denominator": float(split.denominator),
            "splitRatio": f"{split.numerator}:{split.denominator}",
        }
        for at, split in splits
        if window.holds(at)
    }
    return events | ({"splits": told} if told else {})
