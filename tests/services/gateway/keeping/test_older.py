"""What is found in an older collector's folder, and what is refused by its name."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus.actor import Refused
from services.gateway.keeping.older import BYTES_MAX, NAMES_MAX, UNTOLD, Older, Refusal, read

KEY = "d1a2b3c4d5e6f7g8h9i0"
TICKER_RULE = (
    "no ticker: write 1 to 5 letters or digits, and a class suffix where there is one: NVDA, BRK-B"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An older collector's folder, still empty."""
    made = tmp_path / "older" / "data"
    made.mkdir(parents=True)
    return made


def of_watchlist(folder: Path, text: str) -> Older:
    (folder / "watchlist.json").write_text(text)
    return read(folder, extended=False)


@pytest.mark.parametrize(
    "text",
    [
        '["nvda", "BRK.B", "NVDA"]',
        '{"tickers": ["NVDA", "brk-b"]}',
        '{"watchlist": ["NVDA", "BRK/B"]}',
    ],
)
def test_a_watchlist_is_a_list_of_tickers_in_any_spelling_perhaps_under_a_name(
    folder: Path, text: str
) -> None:
    older = of_watchlist(folder, text)
    assert (older.tickers, older.refused) == (("NVDA", "BRK-B"), ())


def test_an_entry_that_is_no_ticker_is_refused_and_the_others_are_taken(folder: Path) -> None:
    older = of_watchlist(folder, '["NVDA", "TOOLONG", 7, null, {"ticker": "SPY"}, "SPY~sim"]')
    assert older.tickers == ("NVDA",)
    assert older.refused == tuple(
        Refusal(f"watchlist.json: {entry}", TICKER_RULE)
        for entry in ("'TOOLONG'", "7", "None", "{'ticker': 'SPY'}", "'SPY~sim'")
    )


def test_extended_symbols_are_taken_where_they_are_switched_on(folder: Path) -> None:
    refused = of_watchlist(folder, '["BTC-USD"]').refused
    assert (len(refused), "EXTENDED_SYMBOLS" in refused[0].reason) == (1, True)
    assert read(folder, extended=True).tickers == ("BTC-USD",)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("NVDA, SPY", "it is not JSON"),
        ("", "it is not JSON"),
        ("null", "it is empty"),
        ('"NVDA"', "it is not a list of up to 1000 tickers, perhaps under"),
        ('{"symbols": ["NVDA"]}', "it is not a list of up to 1000 tickers, perhaps under"),
        ('{"tickers": [], "watchlist": []}', "it is not a list of up to 1000 tickers"),
        (f"[{','.join(['1'] * (NAMES_MAX + 1))}]", "it is not a list of up to 1000 tickers"),
        (f'["{"A" * BYTES_MAX}"]', "it is larger than 1,000,000 bytes"),
        ("[" * 50_000, "it is not JSON"),
    ],
)
def test_a_watchlist_of_another_shape_is_refused_whole(
    folder: Path, text: str, reason: str
) -> None:
    older = of_watchlist(folder, text)
    assert older.tickers == ()
    assert [one.what for one in older.refused] == ["watchlist.json"]
    assert older.refused[0].reason.startswith(reason)


def test_a_file_of_no_encoding_is_no_json(folder: Path) -> None:
    (folder / "watchlist.json").write_bytes(b'["\xff"]')
    assert read(folder, extended=False).refused == (Refusal("watchlist.json", "it is not JSON"),)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(body=st.binary(max_size=200))
def test_whatever_a_file_holds_it_is_taken_or_refused_and_never_an_error(
    folder: Path, body: bytes
) -> None:
    for name in ("watchlist.json", "api_keys.json"):
        (folder / name).write_bytes(body)
    older = read(folder, extended=False)
    assert older.tickers or older.refused or body.strip() in (b"[]", b"{}")


@pytest.mark.parametrize("name", ["finnhub", "FINNHUB_API_KEY"])
@pytest.mark.parametrize("place", [".", ".."])
def test_the_key_is_in_the_folder_or_beside_it_under_either_name(
    folder: Path, place: str, name: str
) -> None:
    (folder / "watchlist.json").write_text("[]")
    (folder / place / "api_keys.json").write_text(f'{{"{name}": " {KEY} "}}')
    older = read(folder, extended=False)
    assert (older.key.reveal(), older.refused) == (KEY, ())


@pytest.mark.parametrize(
    ("text", "what", "reason"),
    [
        (f'["{KEY}"]', "api_keys.json", "it is not an object of keys by name"),
        (f'{{"other": "{KEY}"}}', "api_keys.json: 'other'", "no source of that name"),
        ('{"finnhub": "short"}', "api_keys.json: finnhub", "it is not one key of 8 to 200"),
        (f'{{"finnhub": ["{KEY}"]}}', "api_keys.json: finnhub", "it is not one key of 8 to 200"),
        (f'{{"finnhub": "{KEY} x"}}', "api_keys.json: finnhub", "it is not one key of 8 to 200"),
        (
            f'{{"finnhub": "{KEY}", "FINNHUB_API_KEY": "{KEY}2"}}',
            "api_keys.json: finnhub",
            "it is not one key of 8 to 200",
        ),
    ],
)
def test_what_is_no_key_is_refused_without_being_shown(
    folder: Path, text: str, what: str, reason: str
) -> None:
    (folder / "api_keys.json").write_text(text)
    older = read(folder, extended=False)
    assert (older.key.reveal(), [one.what for one in older.refused]) == ("", [what])
    assert older.refused[0].reason.startswith(reason)
    assert KEY not in repr(older)


def test_cached_prices_and_unknown_files_are_refused_by_name(folder: Path) -> None:
    (folder / "cache").mkdir()
    for name in ("cache/NVDA.json", "cache/notes.txt", "old.db"):
        (folder / name).write_text('{"price": 190.0}')
    assert read(folder, extended=False).refused == (
        Refusal("cache/NVDA.json", UNTOLD),
        Refusal("cache/notes.txt", "not known"),
        Refusal("old.db", "not known"),
    )


@pytest.mark.parametrize(("place", "told"), [(".", "holds no watchlist.json"), ("no", "no folder")])
def test_a_folder_without_anything_of_a_collector_is_refused_with_the_remedy(
    folder: Path, place: str, told: str
) -> None:
    with pytest.raises(Refused, match=told) as raised:
        read(folder / place, extended=False)
    assert raised.value.remedy
