"""What verbs take."""

from __future__ import annotations

from typing import Any

import pytest

from bus.actor import Refused
from market.symbols import BadTicker
from services.gateway.arguments import (
    Arguments,
    BarsWanted,
    OneTicker,
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
