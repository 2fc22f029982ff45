"""Finnhub's frames are read as they were recorded; whatever else comes is refused, never raised."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.messages.stream import EXAMPLE_CHARACTERS_MAX, Fault
from services.fetcher.core.hearing import Refusal, Trade
from services.fetcher.stream.frames import NOT_THE_MARKETS_PRICE, STALE_US, read, symbol_of

NOW_MS = 1_674_226_440_000
SYMBOLS = {"GOOG": "GOOG", "TSLA": "TSLA", "BRK.B": "BRK-B", "COINBASE:BTC-USD": "BTC-USD"}


def told(frame: object) -> list[Trade | Refusal]:
    body = frame if isinstance(frame, bytes) else json.dumps(frame).encode()
    return read(body, SYMBOLS, NOW_MS * 1_000)


def one_trade(**changes: object) -> list[Trade | Refusal]:
    row = {"c": ["1"], "p": 98.5, "s": "GOOG", "t": NOW_MS - 5, "v": 51} | changes
    return told({"data": [row], "type": "trade"})


def fault_of(frame: list[Trade | Refusal]) -> Fault:
    (refusal,) = frame
    assert isinstance(refusal, Refusal)
    return refusal.fault


def test_a_frame_of_trades_tells_each_in_its_order() -> None:
    rows = [
        {"c": [], "p": 130.3498, "s": "TSLA", "t": NOW_MS - 10, "v": 1667},
        {"c": ["1", "12"], "p": 98.4556, "s": "GOOG", "t": NOW_MS - 5, "v": 51},
        {"c": None, "p": 66_972.77, "s": "COINBASE:BTC-USD", "t": NOW_MS, "v": 0.01559},
    ]
    assert told({"data": rows, "type": "trade"}) == [
        Trade("TSLA", 130.3498, (NOW_MS - 10) * 1_000),
        Trade("GOOG", 98.4556, (NOW_MS - 5) * 1_000),
        Trade("BTC-USD", 66_972.77, NOW_MS * 1_000),
    ]


def test_a_ping_says_nothing() -> None:
    assert told({"type": "ping"}) == []


def test_an_error_is_refused_in_the_sources_own_words() -> None:
    frame = {"msg": "Subscribing to too many symbols", "type": "error"}
    assert told(frame) == [Refusal("error", "Subscribing to too many symbols")]


@pytest.mark.parametrize("condition", sorted(NOT_THE_MARKETS_PRICE))
def test_a_trade_whose_price_is_not_the_markets_is_refused(condition: str) -> None:
    assert fault_of(one_trade(c=["1", condition])) == "condition"


def test_an_odd_lot_is_a_price_of_the_market() -> None:
    assert one_trade(c=["1", "12"]) == one_trade()


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"s": "ZZZZ"}, "wrong_symbol"),
        ({"s": "BINANCE:BTCUSDT"}, "wrong_symbol"),
        ({"p": 0}, "no_price"),
        ({"p": -98.5}, "no_price"),
        ({"p": "98.5"}, "unreadable"),
        ({"p": None}, "unreadable"),
        ({"t": "now"}, "unreadable"),
        ({"c": [1]}, "unreadable"),
        ({"t": 0}, "stamp"),
        ({"t": NOW_MS - STALE_US // 1_000 - 1}, "stamp"),
        ({"t": NOW_MS + 121_000}, "stamp"),
        ({"t": NOW_MS * 1_000}, "stamp"),
        ({"t": 2**62}, "stamp"),
    ],
)
def test_a_trade_that_cannot_be_believed_is_refused_alone(
    changes: dict[str, object], fault: Fault
) -> None:
    good = {"p": 98.5, "s": "GOOG", "t": NOW_MS}
    frame = told({"data": [good | changes, good], "type": "trade"})
    assert isinstance(frame[0], Refusal)
    assert frame[0].fault == fault
    assert frame[1:] == [Trade("GOOG", 98.5, NOW_MS * 1_000)]


@pytest.mark.parametrize(
    ("frame", "fault"),
    [
        (b"", "unreadable"),
        (b"{not json", "unreadable"),
        (b"null", "unreadable"),
        (b"[]", "unreadable"),
        (b'{"type":"trade","data":{}}', "unreadable"),
        (b'{"type":"trade","data":[{"p":NaN,"s":"GOOG","t":1}]}', "unreadable"),
        (b"\xff\xfe", "unreadable"),
        (b"[" * 100_000, "unreadable"),
        (b'{"type":"news","data":[]}', "unknown_kind"),
    ],
)
def test_a_frame_that_is_none_is_refused(frame: bytes, fault: Fault) -> None:
    assert fault_of(told(frame)) == fault


@given(st.binary(max_size=400) | st.text(max_size=100).map(lambda text: text.encode()))
def test_no_bytes_make_it_raise_or_tell_what_is_no_trade(frame: bytes) -> None:
    assert all(isinstance(one, Refusal) for one in told(frame))


@given(st.text(max_size=300))
def test_an_example_is_short_and_printable(words: str) -> None:
    (refusal,) = told({"msg": words, "type": "error"})
    assert isinstance(refusal, Refusal)
    assert len(refusal.example) <= EXAMPLE_CHARACTERS_MAX
    assert refusal.example.isascii()
    assert refusal.example.isprintable()


def test_symbols_are_spelt_as_the_stream_does() -> None:
    assert [symbol_of(one) for one in ("SPY", "BRK-B", "BTC-USD")] == [
        "SPY",
        "BRK.B",
        "COINBASE:BTC-USD",
    ]


@pytest.mark.skipif(
    "TAPEDECK_SHARED_DATA" not in os.environ,
    reason="real recorded frames are where TAPEDECK_SHARED_DATA points to, and it is not set",
)
@pytest.mark.parametrize(
    ("name", "prices", "refused"),
    [
        ("trade", [130.3498, 130.3498, 98.4556], []),
        ("trade_crypto", [], ["wrong_symbol"]),
        ("ping", [], []),
        ("error", [], ["error"]),
    ],
)
def test_recorded_frames_are_read(name: str, prices: list[float], refused: list[str]) -> None:
    folder = Path(os.environ["TAPEDECK_SHARED_DATA"]) / "recorded"
    body = (folder / f"finnhub_ws_{name}.json").read_bytes()
    found = read(body, SYMBOLS, 1_674_226_439_400_000)
    assert [one.price for one in found if isinstance(one, Trade)] == prices
    assert [one.fault for one in found if isinstance(one, Refusal)] == refused
