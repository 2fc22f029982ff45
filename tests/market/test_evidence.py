"""What a decision may know: the market as of its own bar, and never another reality."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from market.evidence import (
    MARKET_BARS_KEPT,
    MARKET_LAG_US_MAX,
    Book,
    TickerEvidence,
    gather,
    learn,
    touched_by,
)
from market.messages.analyzer import Evidence
from market.messages.indicators import Indicators
from market.sessions import DAY_US
from market.symbols import is_simulated
from tests.market.readings import FRIDAY, MONDAY, reading

TUESDAY = MONDAY + DAY_US
KEYS = ("SPY", "QQQ", "NVDA", "SPY~sim", "QQQ~sim", "NVDA~sim")


def told(key: str, bar_start_us: int, close: float = 100.0) -> Indicators:
    daily = reading(bar_start_us=bar_start_us, close=close)
    return Indicators(key, {"1d": daily}, settings_seq=0)


def book_of(*events: Indicators) -> Book:
    """What is known after the events, whose seqs count from 1."""
    book = Book()
    for seq, event in enumerate(events, 1):
        book = learn(book, seq, seq * 1_000_000, event)
    return book


def named(book: Book, key: str) -> Evidence | None:
    found = gather(book, key, settings_seq=0)
    return found.named if found else None


def test_evidence_names_the_ticker_the_market_and_the_settings_by_seq() -> None:
    book = book_of(told("SPY", MONDAY), told("QQQ", MONDAY), told("NVDA", MONDAY))
    found = gather(book, "NVDA", settings_seq=8)
    assert found is not None
    assert found.named == Evidence(indicators=3, market={"SPY": 1, "QQQ": 2}, settings=8)


def test_what_is_unknown_has_no_evidence() -> None:
    hourly = Indicators("NVDA", {"1h": reading()}, settings_seq=0)
    assert gather(book_of(hourly), "NVDA", 0) is None


def test_the_market_is_read_as_of_the_tickers_bar_never_newer() -> None:
    book = book_of(told("SPY", FRIDAY), told("SPY", MONDAY), told("NVDA", FRIDAY))
    assert named(book, "NVDA") == Evidence(3, {"SPY": 1}, 0)


def test_a_market_bar_before_the_tickers_stands_in_until_its_own_comes() -> None:
    before = book_of(told("SPY", FRIDAY), told("NVDA", MONDAY))
    assert named(before, "NVDA") == Evidence(2, {"SPY": 1}, 0)
    after = learn(before, 3, 3, told("SPY", MONDAY))
    assert named(after, "NVDA") == Evidence(2, {"SPY": 3}, 0)


def test_a_market_that_was_last_heard_of_more_than_a_week_before_is_no_context() -> None:
    at_the_limit = told("NVDA", FRIDAY + MARKET_LAG_US_MAX)
    beyond = told("NVDA", FRIDAY + MARKET_LAG_US_MAX + DAY_US)
    assert named(book_of(told("SPY", FRIDAY), at_the_limit), "NVDA") == Evidence(2, {"SPY": 1}, 0)
    assert named(book_of(told("SPY", FRIDAY), beyond), "NVDA") == Evidence(2, {}, 0)


def test_a_corrected_market_bar_replaces_the_old_one() -> None:
    book = book_of(told("SPY", MONDAY), told("NVDA", MONDAY), told("SPY", MONDAY, close=99.0))
    assert named(book, "NVDA") == Evidence(2, {"SPY": 3}, 0)
    assert [known.seq for known in book.market["SPY"]] == [3]


def test_a_market_bar_that_was_taken_back_counts_no_more() -> None:
    book = book_of(told("SPY", MONDAY), told("SPY", FRIDAY), told("NVDA", MONDAY))
    assert named(book, "NVDA") == Evidence(3, {"SPY": 2}, 0)


def test_the_market_keeps_a_bounded_past() -> None:
    book = book_of(*(told("SPY", MONDAY + day * DAY_US) for day in range(2 * MARKET_BARS_KEPT)))
    assert len(book.market["SPY"]) == MARKET_BARS_KEPT


def test_a_market_reading_touches_every_ticker_of_its_reality() -> None:
    book = book_of(*(told(key, MONDAY) for key in KEYS))
    assert touched_by(book, "SPY") == ("NVDA", "QQQ", "SPY")
    assert touched_by(book, "QQQ~sim") == ("NVDA~sim", "QQQ~sim", "SPY~sim")
    assert touched_by(book, "NVDA") == ("NVDA",)


histories = st.lists(
    st.builds(told, st.sampled_from(KEYS), st.sampled_from([FRIDAY, MONDAY, TUESDAY])), max_size=30
)


def all_gathered(book: Book) -> Iterable[TickerEvidence]:
    found = (gather(book, key, 0) for key in KEYS)
    return [evidence for evidence in found if evidence is not None]


@given(histories)
def test_no_evidence_mixes_the_real_with_the_simulated(history: list[Indicators]) -> None:
    reality = {seq: is_simulated(event.ticker) for seq, event in enumerate(history, 1)}
    for evidence in all_gathered(book_of(*history)):
        simulated = is_simulated(evidence.key)
        assert {is_simulated(key) for key in evidence.market} <= {simulated}
        seqs = (evidence.named.indicators, *evidence.named.market.values())
        assert {reality[seq] for seq in seqs} == {simulated}


@given(histories)
def test_no_evidence_holds_a_market_bar_newer_than_its_own(history: list[Indicators]) -> None:
    for evidence in all_gathered(book_of(*history)):
        own = evidence.own.reading.bar_start_us
        assert all(known.reading.bar_start_us <= own for known in evidence.market.values())


@given(histories, st.sampled_from(["NVDA", "NVDA~sim"]))
def test_later_bars_of_others_change_no_earlier_evidence(
    history: list[Indicators], key: str
) -> None:
    book = book_of(*history, told(key, MONDAY))
    later = book
    for seq, other in enumerate((k for k in KEYS if k != key), len(history) + 2):
        later = learn(later, seq, seq, told(other, TUESDAY))
    assert gather(later, key, 0) == gather(book, key, 0)
