"""A market week under random faults: the tape ends true, refusals have reasons, nothing grows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from bus.testing import given, microseconds
from market.messages.fetcher import FetchRefused
from market.messages.news import News
from services.fetcher.actor import build
from services.fetcher.effects import Open
from tests.fakes.faults import (
    AnyFault,
    BrokenJson,
    Cut,
    Disordered,
    Doubled,
    Empty,
    ExtraRow,
    Hang,
    Hostile,
    Html,
    MissingColumns,
    NoRows,
    Odd,
    Prices,
    Redirect,
    Refused,
    Reset,
    Shut,
    Stale,
    Stamps,
    Status,
    UnequalColumns,
    WrongSymbol,
    WrongTypes,
)
from tests.fakes.market import Market
from tests.fakes.wire import Provider
from tests.services.fetcher.imitated import Imitated
from tests.services.fetcher.kit import OPTIONS
from tests.services.fetcher.served import Row, Served, folded, same
from tests.torture.forms import forms

TICKERS = ("SPY", "QQQ", "NVDA", "BRK-B")
DAYS = ("2026-09-21", "2026-09-22", "2026-09-23", "2026-09-24", "2026-09-25")
AFTER = "2026-09-28T14:40:00"
"""The first cycles of the next session have read the week once more."""
SEED = 20_260_921
REASONS_MIN = 5
LIMITS: dict[Provider, int] = {"finnhub": 60, "yahoo": 30}
"""Calls in any minute."""
GROWTH_MAX = 1.1
"""What is known of four tickers and two sources; breakers and refusals come and go."""

FAULTS: tuple[AnyFault, ...] = (
    *(Prices(to) for to in ("nan", "nan_text", "null", "zero", "negative")),
    WrongTypes(),
    Hostile(),
    Shut(),
    UnequalColumns(),
    MissingColumns(),
    WrongSymbol(),
    Stale(),
    Stamps(7 * 86_400),
    Doubled(),
    Disordered(),
    ExtraRow(),
    NoRows(),
    *(Status(code) for code in (404, 422, 500, 502, 503)),
    Status(429),
    Status(429, retry_after_seconds=20),
    Redirect(),
    Html(),
    Odd(),
    Odd('{"error": "try later"}'),
    Empty(),
    BrokenJson(),
    Cut(),
    Reset(),
    Hang(),
)

SLIPS: dict[Provider, AnyFault] = {"finnhub": Prices("unit"), "yahoo": Prices("spike")}
"""What two sources say alike is believed, so each slips in its own way."""


@forms("interval_seconds", short=3_600, long=300)
def test_after_a_week_of_random_faults_the_bars_are_those_that_were_served(
    interval_seconds: int,
) -> None:
    imitated = Imitated(Market(), SEED)
    asked = replace(OPTIONS, news_seconds=3_600, market_status_seconds=interval_seconds)
    deck = given(build(replace(asked, watchlist=TICKERS, interval_seconds=interval_seconds)))
    imitated.clock.now_us = microseconds(f"{DAYS[0]}T12:00:00")
    deck.tell(imitated.clock.now_us, Open())
    imitated.play(deck, microseconds(f"{DAYS[0]}T13:00:00"))
    for provider, slips in SLIPS.items():
        imitated.plan.sometimes(provider, 0.2, *FAULTS, slips)
        imitated.plan.sometimes(provider, 0.05, Refused())
    sizes = []
    for day in DAYS:
        imitated.play(deck, microseconds(f"{day}T23:00:00"))
        sizes.append(len(msgspec.msgpack.encode(deck.state)))
    imitated.plan.clear()
    imitated.play(deck, microseconds(AFTER))

    served = Served(Market(), imitated.clock.seconds)
    series = folded(deck.said)
    assert served.lies(deck.said) == []
    told = Counter(one for news in deck.said if isinstance(news, News) for one in named(news))
    assert {ticker for ticker, _, _ in told} == set(TICKERS)
    assert set(told.values()) == {1}
    week_ends_us = microseconds(f"{DAYS[-1]}T23:00:00")
    before = {key: until(rows, week_ends_us) for key, rows in series.items()}
    truth = {key: until(served.rows(*key), week_ends_us) for key in before}
    assert {key for key, rows in before.items() if same(rows, truth[key])} == {
        (ticker, timeframe) for ticker in TICKERS for timeframe in ("1d", "1h")
    }
    assert len({one.reason for one in deck.said if isinstance(one, FetchRefused)}) >= REASONS_MIN
    assert max(sizes) <= GROWTH_MAX * sizes[0]
    for provider, limit in LIMITS.items():
        counted = imitated.providers.counters(provider)
        assert (counted.per_minute_max <= limit, counted.in_pauses) == (True, ())


def named(news: News) -> Iterator[tuple[str, str, int]]:
    """Whose headlines, their words and times: what both providers tell alike."""
    return ((news.ticker, one.headline, one.published_us) for one in news.headlines)


def until(rows: dict[int, Row], end_us: int) -> dict[int, Row]:
    """The bars that begin before an instant."""
    return {start_us: row for start_us, row in rows.items() if start_us < end_us}
