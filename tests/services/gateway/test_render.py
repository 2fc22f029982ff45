"""Answers as a terminal shows them."""

from __future__ import annotations

import re

import pytest

from services.gateway import render, render_collector, render_health


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (0.4, "0 s"), (119.0, "119 s"), (120.0, "2 min"), (7_300.0, "2 h"), (2e5, "2 d")],
)
def test_an_age_is_told_in_the_largest_unit_that_it_fills_twice(
    seconds: float | None, text: str
) -> None:
    entry = {"ticker": "A", "price": 5.0, "source": "yahoo", "age_seconds": seconds}
    line = render.cache({"entries": [entry | {"bars": {}}]}).splitlines()[1]
    assert re.split(r"\s{2,}", line)[3] == text


def test_columns_are_aligned_and_prices_below_one_keep_four_digits() -> None:
    bars = {
        "start": ["2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z"],
        "open": [1_234.5, 0.123_45],
        "high": [1_300.0, 0.2],
        "low": [1_000.0, 0.1],
        "close": [1_250.0, 0.15],
        "volume": [1e6, 2.0],
    }
    assert render.bars(bars) == (
        "start                 open      high      low       close     volume\n"
        "2026-11-20T00:00:00Z  1,234.50  1,300.00  1,000.00  1,250.00  1,000,000\n"
        "2026-11-21T00:00:00Z  0.1235    0.2000    0.1000    0.1500    2"
    )


def test_simulated_and_stale_data_say_so_before_anything_else() -> None:
    shown = render.anything({"simulated": True, "stale": True, "price": 5.0}).splitlines()
    assert shown[:2] == [render.SIMULATED, render.STALE]


def test_nested_answers_are_indented() -> None:
    answer = {"ticker": "A", "quote": {"price": 5.0, "source": None}, "known": [], "list": [1]}
    assert render.anything(answer) == (
        "ticker: A\nquote:\n  price: 5.0\n  source: –\nknown: –\nlist:\n  0: 1"
    )


COLLECTOR = {
    "running": True,
    "market": "open",
    "next_session": None,
    "last_run": None,
    "next_run": None,
    "fetching": [],
    "watchlist": ["SPY"],
    "cache_entries": 1,
    "sources": [],
    "budgets": [],
    "backfills": [],
    "venues": [],
    "queues": [],
    "settling": [],
    "listings": [],
    "market_told": None,
    "cycle": {
        "asked": 3,
        "brought": 2,
        "missing": [{"ticker": "ZZZZ", "reason": "unknown_symbol"}],
    },
}


def test_a_cycle_tells_whom_it_could_not_bring() -> None:
    assert render_collector.collector(COLLECTOR).endswith(
        "Last cycle: 2 of 3; missing: ZZZZ (unknown_symbol)"
    )


def test_a_stream_says_how_many_tickers_are_live() -> None:
    trades = {"capability": "trades", "state": "closed", "reason": "", "retry_at": None}
    source = {"source": "finnhub", "capabilities": [trades], "streaming": ["SPY", "QQQ"]}
    lines = render_collector.collector(COLLECTOR | {"sources": [source]}).splitlines()
    (line,) = [line for line in lines if line.startswith("finnhub")]
    assert line.split() == ["finnhub", "trades", "closed", "2", "live", "–"]


def test_every_capability_of_a_source_has_its_state_its_reason_and_its_next_try() -> None:
    breaker = {"reason": "rate limited", "retry_at": "2026-11-20T12:00:00Z"}
    sources = [
        {
            "source": "finnhub",
            "capabilities": [{"capability": "quote", "state": "paused"} | breaker],
        },
        {"source": "yahoo", "usable": True, "reason": "", "retry_at": None, "capabilities": []},
    ]
    lines = render_collector.collector(COLLECTOR | {"sources": sources}).splitlines()
    words = [line.split() for line in lines if line.startswith(("source", "finnhub", "yahoo"))]
    assert words == [
        ["source", "for", "state", "why", "again", "at"],
        ["finnhub", "quote", "paused", "rate", "limited", "2026-11-20T12:00:00Z"],
        ["yahoo", "–", "ready", "–", "–"],
    ]


def test_a_history_that_is_being_fetched_has_a_bar() -> None:
    left = {"ticker": "QQQ", "done": 1, "of": 2, "waits_for": ["1h"], "cancelled": False}
    told = COLLECTOR | {"watchlist": ["SPY", "QQQ", "AMD"]}
    shown = render_collector.collector(told | {"backfills": [left]})
    assert "[################....] 5 of 6, waiting: QQQ" in shown

    cancelled = left | {"ticker": "AMD", "cancelled": True}
    shown = render_collector.collector(told | {"backfills": [left, cancelled]})
    assert "[###############.....] 3 of 4, waiting: QQQ, cancelled: AMD" in shown
    assert "cancelled: AMD" in render_collector.collector(told | {"backfills": [cancelled]})


def test_a_symbol_that_is_not_listed_and_a_day_that_is_not_settled_are_told() -> None:
    gone = {
        "ticker": "NVDA",
        "state": "silent",
        "because": "the last trade is of 2026-01-05",
        "last_trade": "2026-01-05T21:00:00Z",
    }
    late = {"ticker": "SPY", "day": "2026-01-08", "times": 8, "retry_at": None}
    shown = render_collector.collector(COLLECTOR | {"listings": [gone], "settling": [late]})
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert "NVDA silent the last trade is of 2026-01-05 2026-01-05T21:00:00Z" in lines
    assert "SPY 2026-01-08 8 times given up" in lines


def test_what_waits_is_shown_by_lane_with_who_is_next() -> None:
    queue = {
        "source": "yahoo",
        "lane": "1h",
        "waiting": 412,
        "asked": 1,
        "oldest": "2026-11-20T15:00:00Z",
        "first": ["NVDA", "SPY"],
    }
    shown = render_collector.collector(COLLECTOR | {"queues": [queue]})
    assert "waits for  lane  tickers  asked  since                 next" in shown
    assert "yahoo      1h    412      1      2026-11-20T15:00:00Z  NVDA SPY" in shown


def test_other_markets_are_shown_beside_new_york() -> None:
    venues = [
        {"venue": "us", "market": "closed", "next_session": "2026-11-23T14:30:00Z"},
        {"venue": "crypto", "market": "open", "next_session": "2026-11-21T00:00:00Z"},
    ]
    shown = render_collector.collector(COLLECTOR | {"venues": venues})
    assert "market     closed, next session 2026-11-23T14:30:00Z" in shown
    assert "crypto     open, next session 2026-11-21T00:00:00Z" in shown


def test_a_simulated_event_is_marked_even_where_its_body_is_too_large_to_show() -> None:
    at, large = "2026-11-20T00:00:00Z", "market.bars.SPY~sim.1d"
    line = render.event_line({"seq": 1, "at": at, "subject": large, "event": None})
    assert line.endswith("market.bars.SPY~sim.1d  SIMULATED  (large)")


def test_long_values_of_an_event_are_cut() -> None:
    event = {"seq": 1, "at": "2026-11-20T00:00:00Z", "subject": "a.b.-", "event": {"x": "y" * 99}}
    line = render.event_line(event)
    assert line.endswith("…")
    assert len(line) < 90
    assert render.event_line(event | {"event": None}).endswith("(large)")


def test_the_health_tells_of_the_bus_and_of_what_each_service_met_with() -> None:
    bus = {"commits": 3, "commit_ms_p50": 0.4, "commit_ms_p99": 2.5, "batch_p50": 2.0}
    counts = {"resends": 1, "refused": 0, "bad_frames": 4, "tape_bytes": 4_200_000}
    met = {"dead_letters": 1, "gaps": 2, "resends": 3, "bad_frames": 5}
    cache = {"name": "cache", "ready": True, "lag": 0, "starts": 1, "pid": 42, "counters": met}
    answer = {"ready": True, "missing": [], "head": 7, "bus": bus | counts, "services": [cache]}
    assert render_health.health(answer) == (
        "ready\n"
        "tape      7 events, 4.2 MB\n"
        "commits   3, half within 0.4 ms, 99 % within 2.5 ms\n"
        "batch     2 events, median\n"
        "kept out  came twice 1, refused 0, bad frames 4\n"
        "service  ready  lag  starts  pid  dead letters  gaps  resends  bad frames\n"
        "cache    yes    0    1       42   1             2     3        5"
    )


def test_the_health_tells_what_the_disk_refuses() -> None:
    answer = {
        "ready": True,
        "missing": [],
        "services": [],
        "degraded": "the tape refused an append",
    }
    assert render_health.health(answer).startswith("ready\ndisk  the tape refused an append\n")


def test_the_health_tells_of_old_data_and_of_the_sources_beside_who_is_ready() -> None:
    source = {
        "source": "yahoo",
        "calls": 9,
        "outcomes": {"answered": 7, "invalid": 2},
        "refusals": {"doubtful": 1, "invalid": 2},
        "raw_lost": 1,
        "raw_lost_because": "the disk is full",
    }
    data = {"fresh": False, "tickers": 3, "stale": ["QQQ", "NVDA"]}
    answer = {"ready": True, "missing": [], "services": [], "data": data, "sources": [source]}
    shown = render_health.health(answer)
    assert shown.startswith("ready\ndata  2 of 3 old: QQQ NVDA\n")
    assert "yahoo   9      7         doubtful 1, invalid 2" in shown
    assert "yahoo: 1 answers could not be kept (the disk is full)" in shown


def test_a_deck_without_dead_letters_says_so() -> None:
    assert render.letters({"letters": []}) == "No dead letters."
