"""What the cache knows, now and as it was known, and that it can be built again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given as forall
from hypothesis import settings
from hypothesis import strategies as st

from bus.actor import Refused
from bus.codec import Codec, Record
from bus.errors import Truncated
from bus.message import Fact
from bus.testing import Deck, FactTape, Moment, given, microseconds
from market.bars import Series
from market.messages import CONTRACT
from market.messages.cache import (
    BarSeries,
    CacheCleared,
    CacheState,
    CacheStatus,
    ClearCache,
    FindEvents,
    ReadBars,
    SeqsFound,
    Snapshot,
    TickerSnapshot,
)
from market.messages.fetcher import Bars, Quote, Sessions
from services.cache.actor import build
from services.cache.core.adjusting import adjusted
from services.cache.core.rows import bar_rows
from services.cache.saver import ShelfSaver
from services.cache.shelf import Shelf
from services.cache.store.sqlite import Tables

DAY_US = 86_400_000_000


class Clock:
    """A clock that stands."""

    def now_us(self) -> int:
        return microseconds("12:00")

    def elapsed_seconds(self) -> float:
        return 0.0


def deck_of(folder: Path, *moments: Moment) -> Deck[Shelf]:
    facts: list[Fact[Any]] = []
    codec = Codec(CONTRACT)
    folder.mkdir(parents=True, exist_ok=True)
    tables = Tables(folder / "cache.db", "this code")
    shelf = Shelf(tables, lambda: FactTape(facts, codec), codec, ttl_seconds=300.0)
    deck = given(build(lambda: shelf), saver=ShelfSaver(shelf, folder / "cache", Clock()))
    deck.facts = facts
    deck.know(*moments)
    return deck


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home"


def quote(ticker: str, price: float) -> Quote:
    return Quote(ticker, price, "yahoo", market_time_us=microseconds("09:30"))


def bars(ticker: str, *closes: float, first_day: int = 0, forming: bool = False) -> Bars:
    starts = tuple((first_day + day) * DAY_US for day in range(len(closes)))
    return Bars(
        ticker, "1d", "yahoo", forming, starts, closes, closes, closes, closes, (1.0,) * len(closes)
    )


def ask(deck: Deck[Shelf], query: Any, at: str = "10:00") -> Any:
    reply = deck.ask(at, query).reply
    assert reply is not None
    return reply


def test_a_snapshot_holds_the_last_word_on_each_subject(folder: Path) -> None:
    deck = deck_of(
        folder,
        ("09:30", bars("SPY", 600.0)),
        ("09:31", quote("NVDA", 190.0)),
        ("09:40", quote("NVDA", 192.5)),
    )
    snapshot: TickerSnapshot = ask(deck, Snapshot("nvda"), "09:41")
    assert (snapshot.ticker, snapshot.seq, snapshot.quote) == ("NVDA", 3, quote("NVDA", 192.5))
    assert (snapshot.age_seconds, snapshot.stale, snapshot.simulated) == (60.0, False, False)


def test_a_snapshot_older_than_its_time_to_live_is_stale(folder: Path) -> None:
    deck = deck_of(folder, ("09:30", bars("SPY", 600.0)), ("09:31", quote("NVDA", 190.0)))
    assert not ask(deck, Snapshot("NVDA"), "09:36").stale
    assert ask(deck, Snapshot("NVDA"), "09:36:01").stale


def test_while_its_market_is_closed_a_price_of_the_close_grows_no_older(folder: Path) -> None:
    day = (microseconds("14:30"), microseconds("21:00"))
    tomorrow = tuple(at + DAY_US for at in day)
    table = Sessions(
        "XNYS", ("2026-01-05", "2026-01-06"), (day[0], tomorrow[0]), (day[1], tomorrow[1])
    )
    deck = deck_of(
        folder,
        ("14:00", table),
        ("20:57", quote("NVDA", 190.0)),
        ("20:57", quote("BTC-USD", 90_000.0)),
    )
    assert not ask(deck, Snapshot("NVDA"), "23:00").stale
    assert not ask(deck, Snapshot("NVDA"), "2026-01-06T14:31").stale
    assert ask(deck, Snapshot("NVDA"), "2026-01-06T14:36").stale
    told = {one.ticker: one.stale for one in ask(deck, CacheStatus(), "23:00").entries}
    assert told == {"NVDA": False, "BTC-USD": True}


def test_clearing_makes_stale_until_the_next_quote_and_forgets_nothing(folder: Path) -> None:
    deck = deck_of(folder, ("09:30", bars("SPY", 600.0)), ("09:31", quote("NVDA", 190.0)))
    assert deck.tell("09:32", ClearCache("NVDA")) == (CacheCleared("NVDA"),)
    cleared = ask(deck, Snapshot("NVDA"), "09:33")
    assert (cleared.stale, cleared.quote) == (True, quote("NVDA", 190.0))
    deck.hear(("09:34", quote("NVDA", 191.0)))
    assert not ask(deck, Snapshot("NVDA"), "09:34").stale


def test_clearing_all_makes_every_ticker_stale(folder: Path) -> None:
    deck = deck_of(
        folder,
        ("09:30", bars("SPY", 600.0)),
        ("09:31", quote("NVDA", 1.0)),
        ("09:31", quote("A", 2.0)),
    )
    deck.tell("09:32", ClearCache())
    assert [ask(deck, Snapshot(t), "09:32").stale for t in ("NVDA", "A")] == [True, True]


def test_a_bar_corrected_later_is_shown_as_it_was_known_then(folder: Path) -> None:
    deck = deck_of(folder, ("09:30", bars("SPY", 600.0, 601.0)))
    deck.hear(("11:00", bars("SPY", 602.5, first_day=1)))
    then: BarSeries = ask(deck, ReadBars("SPY", as_of_us=microseconds("10:00")), "12:00")
    now: BarSeries = ask(deck, ReadBars("SPY"), "12:00")
    assert (then.close, then.known_by, then.seq) == ((600.0, 601.0), (1, 1), 1)
    assert (now.close, now.known_by, now.seq) == ((600.0, 602.5), (1, 2), 2)


def test_bars_before_a_split_are_shown_in_new_shares_or_as_they_were_traded(folder: Path) -> None:
    split = msgspec.structs.replace(bars("SPY", 100.0, 10.0, 11.0), splits=(1.0, 10.0, 1.0))
    deck = deck_of(folder, ("09:30", split))
    shown: BarSeries = ask(deck, ReadBars("SPY"))
    traded: BarSeries = ask(deck, ReadBars("SPY", adjusted=False))
    assert (shown.close, shown.volume) == ((10.0, 10.0, 11.0), (10.0, 1.0, 1.0))
    assert (traded.close, traded.volume) == ((100.0, 10.0, 11.0), (1.0, 1.0, 1.0))


def test_a_split_that_came_later_adjusts_nothing_of_what_was_known_before_it(folder: Path) -> None:
    deck = deck_of(folder, ("09:30", bars("SPY", 100.0, 102.0)))
    split = msgspec.structs.replace(bars("SPY", 10.5, first_day=2), splits=(10.0,))
    deck.hear(("11:00", split))
    then: BarSeries = ask(deck, ReadBars("SPY", as_of_us=microseconds("10:00")), "12:00")
    after: BarSeries = ask(deck, ReadBars("SPY", as_of_us=microseconds("11:00")), "12:00")
    now: BarSeries = ask(deck, ReadBars("SPY"), "12:00")
    assert (then.close, then.volume) == ((100.0, 102.0), (1.0, 1.0))
    assert (now.close, now.volume) == ((10.0, 10.2, 10.5), (10.0, 10.0, 1.0))
    assert (after.close, after.known_by) == (now.close, now.known_by)


def test_as_of_an_instant_nothing_later_is_known(folder: Path) -> None:
    deck = deck_of(
        folder,
        ("09:30", bars("SPY", 600.0)),
        ("09:31", quote("NVDA", 190.0)),
        ("11:00", quote("NVDA", 200.0)),
    )
    then: TickerSnapshot = ask(deck, Snapshot("NVDA", as_of_us=microseconds("10:00")), "12:00")
    assert (then.seq, then.quote) == (2, quote("NVDA", 190.0))


def test_everything_is_the_same_after_deleting_the_projection(folder: Path, tmp_path: Path) -> None:
    past: list[Moment] = [
        ("09:30", bars("SPY", 600.0, 601.0)),
        ("09:31", quote("NVDA", 190.0)),
        ("11:00", bars("SPY", 602.5, first_day=1)),
        ("11:01", quote("NVDA", 200.0)),
    ]
    lived = deck_of(folder)
    for moment in past:
        lived.hear(moment)
    rebuilt = deck_of(tmp_path / "again", *past)
    queries = [
        Snapshot("NVDA"),
        Snapshot("NVDA", as_of_us=microseconds("10:00")),
        ReadBars("SPY"),
        ReadBars("SPY", as_of_us=microseconds("10:00")),
        FindEvents("market."),
        CacheStatus(),
    ]
    assert [ask(lived, q, "12:00") for q in queries] == [ask(rebuilt, q, "12:00") for q in queries]


def test_a_repeated_bar_of_the_same_values_keeps_the_event_that_told_it_first(folder: Path) -> None:
    deck = deck_of(folder, ("09:30", bars("SPY", 600.0, 601.0)))
    deck.hear(("09:35", bars("SPY", 601.0, 602.0, first_day=1)))
    assert ask(deck, ReadBars("SPY")).known_by == (1, 1, 2)


def test_a_question_for_a_later_seq_waits_until_it_is_folded(folder: Path) -> None:
    deck = deck_of(folder, ("09:30", bars("SPY", 600.0)))
    asked = deck.ask("09:31", Snapshot("SPY", at_least_seq=2))
    assert deck.waiting == [asked]
    deck.hear(("09:32", quote("SPY", 601.0)))
    assert isinstance(asked.reply, TickerSnapshot)
    assert asked.reply.quote == quote("SPY", 601.0)


def test_until_spy_is_real_every_ticker_is_shown_simulated(folder: Path) -> None:
    deck = deck_of(folder, ("09:30", quote("NVDA~sim", 150.0)), ("09:30", bars("SPY~sim", 400.0)))
    assert ask(deck, Snapshot("NVDA")).ticker == "NVDA~sim"
    assert ask(deck, Snapshot("NVDA")).simulated
    deck.hear(("09:40", bars("SPY", 600.0)))
    real = ask(deck, Snapshot("NVDA"))
    assert (real.ticker, real.quote, real.simulated) == ("NVDA", None, False)


def test_the_status_lists_every_shown_series_with_its_bars_and_age(folder: Path) -> None:
    deck = deck_of(
        folder,
        ("09:30", bars("SPY", 600.0, 601.0)),
        ("09:31", quote("SPY", 601.5)),
        ("09:31", quote("SPY~sim", 400.0)),
    )
    state: CacheState = ask(deck, CacheStatus(), "09:32")
    assert [(e.ticker, e.price, e.age_seconds, e.bars) for e in state.entries] == [
        ("SPY", 601.5, 60.0, {"1d": 2})
    ]


def test_events_are_found_by_the_beginning_of_their_subject_and_in_pages(folder: Path) -> None:
    deck = deck_of(folder, *[("09:30", quote(t, 1.0)) for t in ("A", "B", "A", "C", "A")])
    page: SeqsFound = ask(deck, FindEvents("market.quote.A", limit=2))
    assert (page.seqs, page.next_seq) == ((1, 3), 4)
    assert ask(deck, FindEvents("market.quote.A", from_seq=4, limit=2)).seqs == (5,)
    assert ask(deck, FindEvents("market.", newest=True, limit=2)).seqs == (4, 5)


def test_every_changed_ticker_is_exported_as_json(folder: Path) -> None:
    deck = deck_of(folder, ("09:30", bars("SPY", 600.0)))
    deck.hear(("09:31", quote("NVDA", 190.0)))
    exported = json.loads((folder / "cache" / "NVDA.json").read_text())
    assert (exported["ticker"], exported["quote"]["price"]) == ("NVDA", 190.0)
    assert exported["quote"]["market_time"] == "2026-01-05T09:30:00Z"


class Truncating(FactTape):
    """A tape whose events before seq 4 were archived, but for the last words from then."""

    def first(self) -> int:
        return 4

    def get(self, seqs: Sequence[int]) -> list[Record]:
        if 1 in seqs:
            raise Truncated(4)
        return super().get(seqs)


@pytest.fixture
def truncated(folder: Path) -> Deck[Shelf]:
    deck = deck_of(
        folder,
        ("09:30", quote("NVDA", 190.0)),
        ("09:31", bars("SPY", 600.0)),
        ("09:32", quote("NVDA", 191.0)),
        ("10:00", quote("AMD", 100.0)),
        ("11:00", quote("AMD", 101.0)),
    )
    tape = Truncating(deck.facts, deck.state.codec)
    deck.state = replace(deck.state, open_tape=lambda: tape)
    return deck


@pytest.mark.parametrize(
    "query",
    [
        Snapshot("NVDA", as_of_us=microseconds("09:31")),
        ReadBars("SPY", as_of_us=microseconds("09:31")),
        FindEvents("market.", as_of_us=microseconds("09:31"), newest=True),
    ],
    ids=lambda query: type(query).__name__,
)
@pytest.mark.guarantee("archive")
def test_as_of_an_instant_that_was_archived_it_is_told_that_it_was(
    truncated: Deck[Shelf], query: Any
) -> None:
    with pytest.raises(Truncated, match="archive --attach"):
        truncated.ask("12:00", query)


@pytest.mark.guarantee("archive")
def test_from_the_cut_on_everything_is_known_as_if_nothing_were_gone(
    truncated: Deck[Shelf],
) -> None:
    at_the_cut = Snapshot("NVDA", as_of_us=microseconds("09:32"))
    assert ask(truncated, at_the_cut, "12:00").quote == quote("NVDA", 191.0)
    assert ask(truncated, Snapshot("NVDA"), "12:00").quote == quote("NVDA", 191.0)
    assert ask(truncated, ReadBars("SPY"), "12:00").close == (600.0,)


def test_the_newest_events_are_those_that_can_be_read(truncated: Deck[Shelf]) -> None:
    def newest(**wanted: Any) -> tuple[int, ...]:
        found: SeqsFound = ask(truncated, FindEvents("market.quote.", newest=True, **wanted))
        return found.seqs

    assert newest(limit=10) == (3, 4, 5)
    assert (newest(limit=2), newest(from_seq=4)) == ((4, 5), (4, 5))
    assert ask(truncated, FindEvents("market.quote."), "12:00").seqs == (1, 3, 4, 5)


def test_what_was_heard_to_no_effect_counts_as_heard(folder: Path) -> None:
    deck = deck_of(folder, ("09:30", quote("NVDA", 190.0)))
    saver = ShelfSaver(deck.state, folder / "cache", Clock())
    saver.finish(deck.state, 7)

    assert Tables(folder / "cache.db", "this code").begin("tape") == 7


def test_a_malformed_ticker_is_refused_with_a_remedy(folder: Path) -> None:
    deck = deck_of(folder)
    with pytest.raises(Refused) as refusal:
        deck.ask("09:30", Snapshot("no ticker!"))
    assert refusal.value.code == "bad_ticker"
    assert "NVDA" in refusal.value.remedy


def test_tables_of_another_tape_are_thrown_away(folder: Path) -> None:
    deck = deck_of(folder, ("09:30", quote("SPY", 600.0)))
    assert deck.state.tables.begin("tape") == 1
    assert deck.state.tables.begin("another tape") == 0


@pytest.mark.guarantee("projections")
def test_tables_of_other_code_are_thrown_away_since_it_may_decode_what_they_left_out(
    folder: Path,
) -> None:
    deck = deck_of(folder, ("09:30", quote("SPY", 600.0)))
    path = deck.state.tables.path
    deck.state.tables.close()
    assert Tables(path, "this code").begin("tape") == 1
    assert Tables(path, "mended code").begin("tape") == 0


def test_a_damaged_file_is_rebuilt(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    path.write_bytes(b"this is no database" * 100)
    assert Tables(path, "this code").begin("tape") == 0


@settings(max_examples=60, deadline=None)
@forall(
    closes=st.lists(st.floats(1, 1000), min_size=2, max_size=12),
    splits=st.lists(st.sampled_from((1.0, 1.0, 3.0, 0.7, 1.1)), min_size=12, max_size=12),
)
def test_bars_are_shown_in_the_very_bits_that_indicators_are_computed_on(
    closes: list[float], splits: list[float]
) -> None:
    told = bars("SPY", *closes)
    event = msgspec.structs.replace(told, splits=tuple(splits[: len(closes)]))
    shown = adjusted(list(bar_rows([Fact(1, 0, event)])))
    assert tuple(row.close for row in shown) == tuple(Series.of(event).adjusted().close.tolist())
    assert tuple(row.volume for row in shown) == tuple(Series.of(event).adjusted().volume.tolist())


chunks = st.lists(
    st.tuples(st.integers(0, 6), st.lists(st.floats(1, 1000), min_size=1, max_size=4)),
    min_size=1,
    max_size=8,
)


@settings(max_examples=30, deadline=None)
@forall(chunks=chunks)
def test_bars_at_every_instant_are_the_fold_of_the_chunks_until_then(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[tuple[int, list[float]]]
) -> None:
    deck = deck_of(tmp_path_factory.mktemp("cache"))
    known: dict[int, float] = {}
    expected: list[list[float]] = []
    for minute, (day, closes) in enumerate(chunks):
        deck.hear((f"09:{minute:02}", bars("SPY", *closes, first_day=day)))
        known |= {day + index: close for index, close in enumerate(closes)}
        expected.append([known[start] for start in sorted(known)])
    shown = [
        list(ask(deck, ReadBars("SPY", as_of_us=microseconds(f"09:{minute:02}")), "12:00").close)
        for minute in range(len(chunks))
    ]
    assert shown == expected
