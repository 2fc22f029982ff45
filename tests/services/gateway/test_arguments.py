"""What verbs take."""

from __future__ import annotations

from typing import Any

import pytest

from bus.actor import Refused
from market.symbols import BadTicker
from services.gateway.arguments import (
    Arguments,
    BarsWanted,
    DecisionsWanted,
    EventsWanted,
    OneTicker,
    TailWanted,
    TickerAsOf,
    read_arguments,
    series_key,
)


def test_a_query_string_gives_numbers_as_text() -> None:
    given = {"ticker": "nvda", "limit": "5", "timeframe": "1h", "adjusted": "false"}
    wanted = BarsWanted("nvda", None, "1h", 5, adjusted=False)
    assert read_arguments(BarsWanted, given, texts=True) == wanted


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (Arguments, {"ticker": "NVDA"}),
        (OneTicker, {}),
        (OneTicker, {"ticker": 5}),
        (OneTicker, {"ticker": ""}),
        (OneTicker, {"ticker": "N" * 41}),
        (BarsWanted, {"ticker": "NVDA", "limit": 0}),
        (BarsWanted, {"ticker": "NVDA", "limit": 5_001}),
        (BarsWanted, {"ticker": "NVDA", "limit": "5"}),
        (BarsWanted, {"ticker": "NVDA", "timeframe": "5m"}),
        (EventsWanted, {"from_seq": 2**62 + 1}),
        (EventsWanted, {"from_seq": 10**26}),
        (TailWanted, {"count": 2**64}),
    ],
)
def test_wrong_arguments_are_refused_with_those_that_there_are(
    kind: type[Arguments], given: dict[str, Any]
) -> None:
    with pytest.raises(Refused) as refused:
        read_arguments(kind, given, texts=False)
    assert refused.value.code == "bad_argument"
    assert refused.value.remedy.startswith("takes ")


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        (OneTicker, {}, "ticker is missing"),
        (OneTicker, {"ticker": ""}, "ticker must not be empty"),
        (OneTicker, {"ticker": "N" * 41}, "ticker has more than 40 characters"),
        (OneTicker, {"ticker": 5}, "ticker must be a text"),
        (BarsWanted, {"ticker": "A", "limit": 0}, "limit must be at least 1"),
        (BarsWanted, {"ticker": "A", "limit": 9_999}, "limit must be at most 5000"),
        (BarsWanted, {"ticker": "A", "limit": "few"}, "limit must be a whole number"),
        (BarsWanted, {"ticker": "A", "timeframe": "5m"}, "timeframe cannot be '5m'"),
        (BarsWanted, {"ticker": "A", "adjusted": "half"}, "adjusted must be true or false"),
        (TickerAsOf, {"ticker": "A", "as_of": 5}, "as_of must be a text"),
        (EventsWanted, {"from_seq": "9" * 5_000}, "from_seq is out of range"),
        (Arguments, {"more": 1}, "more is no argument here"),
    ],
)
def test_a_refusal_says_in_peoples_words_what_is_wrong(
    kind: type[Arguments], given: dict[str, Any], words: str
) -> None:
    with pytest.raises(Refused) as refused:
        read_arguments(kind, given, texts=kind is EventsWanted)
    assert refused.value.message == words


@pytest.mark.parametrize("kind", [TickerAsOf, BarsWanted, DecisionsWanted])
def test_what_is_no_instant_is_refused_before_anybody_is_asked(kind: type[Arguments]) -> None:
    with pytest.raises(Refused) as refused:
        read_arguments(kind, {"ticker": "NVDA", "as_of": "yesterday"}, texts=False)
    assert refused.value.code == "bad_instant"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("nvda", "NVDA"),
        (" brk.b ", "BRK-B"),
        ("spy~sim", "SPY~sim"),
        ("SPY~SIM", "SPY~sim"),
        ("btc-usd", "BTC-USD"),
    ],
)
def test_every_spelling_of_a_ticker_names_one_series(text: str, key: str) -> None:
    assert series_key(text) == key


@pytest.mark.parametrize("text", ["", "~sim", "N V", "../etc", "NVDAAAA", "Ä"])
def test_what_is_no_ticker_is_refused(text: str) -> None:
    with pytest.raises(BadTicker):
        series_key(text)
