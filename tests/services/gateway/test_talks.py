"""What each verb asks the deck and answers, held by hand."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bus.actor import Refused
from bus.errors import Unavailable
from bus.message import BusStatus, DeadLetter, Done, LetterReplayed, ReplayLetter
from market.instants import jsonable
from market.messages.analyzer import Analyze
from market.messages.cache import (
    CacheEntry,
    CacheStatus,
    ClearCache,
    FindEvents,
    ReadBars,
    SeqsFound,
    Snapshot,
)
from market.messages.fetcher import AddTicker, CollectorStatus, FetchNow, RemoveTicker, Start
from market.symbols import BadTicker
from services.gateway.answers import WatchlistRow
from services.gateway.verbs import verb_named
from tests.services.gateway import samples
from tests.services.gateway.fakes import FakeDeck, Replies, held

BASE_KEYS = (
    "success",
    "message",
    "running",
    "last_run",
    "next_run",
    "tickers_tracked",
    "cache_entries",
    "watchlist",
)


def answer(deck: FakeDeck, name: str, now_us: int = 0, **given: Any) -> dict[str, Any]:
    verb = verb_named(name)
    assert verb is not None
    talk = verb.begin(verb.arguments(**given))
    return dict(jsonable(held(talk, deck, now_us)))


def collecting(**more: Any) -> FakeDeck:
    replies = {CollectorStatus: samples.collector(), CacheStatus: samples.cache()}
    return FakeDeck(replies | more.get("replies", {}))


def test_the_status_begins_with_the_agreed_keys_and_goes_on_with_more() -> None:
    told = answer(collecting(), "status")
    assert tuple(told)[:8] == BASE_KEYS
    assert {key: told[key] for key in BASE_KEYS} == {
        "success": True,
        "message": "The collector is running and tracks 3 tickers.",
        "running": True,
        "last_run": "2026-11-21T12:00:00Z",
        "next_run": "2026-11-21T12:05:00Z",
        "tickers_tracked": 3,
        "cache_entries": 1,
        "watchlist": ["SPY", "QQQ", "NVDA"],
    }
    assert told["budgets"] == [
        {
            "source": "finnhub",
            "used": 7,
            "limit": 60,
            "window_seconds": 60,
            "reserve": 0,
            "declared": 0,
        }
    ]


def test_the_status_comes_without_the_cache_too() -> None:
    deck = FakeDeck({CollectorStatus: samples.collector()})
    assert answer(deck, "status")["cache_entries"] is None


def test_a_command_is_carried_out_before_the_state_is_asked() -> None:
    deck = collecting(replies={AddTicker: Done(seq=9, said=1)})
    told = answer(deck, "add", ticker="brk.b")
    assert deck.asked == [AddTicker("BRK-B"), CollectorStatus(), CacheStatus()]
    assert (told["message"], told["seq"]) == ("BRK-B is tracked; it is fetched at once.", 9)


@pytest.mark.parametrize(
    ("name", "given", "command", "message"),
    [
        ("start", {}, Start(), "The collector ran already."),
        ("add", {"ticker": "NVDA"}, AddTicker("NVDA"), "NVDA was tracked already."),
        ("remove", {"ticker": "NVDA"}, RemoveTicker("NVDA"), "NVDA was not tracked."),
        ("fetch", {}, FetchNow(""), "Every tracked ticker is being fetched."),
    ],
)
def test_a_command_that_changed_nothing_says_so(
    name: str, given: dict[str, Any], command: Any, message: str
) -> None:
    deck = collecting(replies={type(command): Done(seq=9, said=0)})
    assert answer(deck, name, **given)["message"] == message
    assert deck.asked[0] == command


def test_a_refusal_goes_to_the_asker() -> None:
    refusal = Refused("protected", "SPY is protected", "it is always tracked")
    with pytest.raises(Refused, match="protected"):
        answer(collecting(replies={RemoveTicker: refusal}), "remove", ticker="SPY")


def test_a_simulated_series_cannot_be_tracked() -> None:
    with pytest.raises(BadTicker):
        answer(collecting(), "add", ticker="SPY~sim")


def test_the_watchlist_shows_each_ticker_at_a_glance_and_nulls_for_what_is_not_known_yet() -> None:
    state = samples.collector(watchlist=("SPY", "NVDA"))
    deck = FakeDeck({CollectorStatus: state, Snapshot: samples.snapshot("NVDA", simulated=True)})
    told = answer(deck, "watchlist")
    assert deck.asked == [CollectorStatus(), Snapshot("SPY"), Snapshot("NVDA")]
    assert told["simulated"] is True
    assert told["tickers"][1] == jsonable(
        WatchlistRow(
            ticker="NVDA",
            protected=False,
            simulated=True,
            stale=False,
            price=190.0,
            change_percent=-5.0,
            source="yahoo",
            age_seconds=12.0,
            rsi=28.0,
            trend="down",
            signal="BUY",
            decision_seq=7,
            seq=7,
        )
    )
    deck = FakeDeck({CollectorStatus: state, Snapshot: Refused("not_found", "unheard of")})
    row = answer(deck, "watchlist")["tickers"][0]
    assert (row["ticker"], row["protected"], row["price"], row["stale"]) == (
        "SPY",
        True,
        None,
        True,
    )


def test_an_analysis_is_asked_with_the_time_of_the_question() -> None:
    deck = FakeDeck({Analyze: samples.analysis()})
    told = answer(deck, "analyze", now_us=samples.NOON_US, ticker="nvda")
    assert deck.asked == [Analyze("NVDA", asked_at_us=samples.NOON_US)]
    assert (told["signal"], told["levels"]["entry"], told["data_source"]) == ("BUY", 190.0, "cache")


def test_an_analysis_as_of_an_instant_is_the_decision_known_then() -> None:
    deck = FakeDeck({Snapshot: samples.snapshot()})
    told = answer(deck, "analyze", ticker="nvda", as_of="2026-11-21T12:00:00Z")
    assert deck.asked == [Snapshot("NVDA", samples.NOON_US)]
    assert (told["signal"], told["decision_seq"]) == ("BUY", 7)
    assert told["as_of"] == "2026-11-21T12:00:00Z"


def test_the_levels_are_those_of_the_timeframe() -> None:
    deck = FakeDeck({Snapshot: samples.snapshot()})
    assert answer(deck, "levels", ticker="NVDA")["levels"][0]["price"] == 180.0
    assert answer(deck, "levels", ticker="NVDA", timeframe="1h")["levels"] == []


@pytest.mark.parametrize("name", ["snapshot", "indicators", "levels", "analyze"])
def test_a_ticker_of_which_nothing_is_known_is_not_found(name: str) -> None:
    deck = FakeDeck({Snapshot: samples.nothing_known("ZZZZ")})
    with pytest.raises(Refused) as refused:
        answer(deck, name, ticker="ZZZZ", as_of="2026-11-21")
    assert (refused.value.code, refused.value.remedy) == (
        "not_found",
        "if it is not tracked, add it: ./tapedeck add ZZZZ",
    )


def test_bars_are_asked_as_wanted() -> None:
    deck = FakeDeck({ReadBars: samples.bars()})
    told = answer(deck, "bars", ticker="nvda", timeframe="1d", limit=2, as_of="2026-11-21T12:00Z")
    assert deck.asked == [ReadBars("NVDA", "1d", 2, samples.NOON_US)]
    assert told["start"] == ["2026-11-19T12:00:00Z", "2026-11-20T12:00:00Z"]


def test_a_cache_entry_is_found_by_its_ticker_simulated_or_not() -> None:
    entry = CacheEntry("SPY~sim", True, False, 1.0, 5.0, "simulated", {})
    deck = FakeDeck({CacheStatus: samples.cache(entry)})
    assert answer(deck, "cache-entry", ticker="SPY")["ticker"] == "SPY~sim"
    with pytest.raises(Refused, match="the cache holds nothing of NVDA"):
        answer(deck, "cache-entry", ticker="NVDA")


def test_the_cache_is_simulated_as_soon_as_one_entry_is() -> None:
    real = CacheEntry("NVDA", False, False, 1.0, 5.0, "yahoo", {})
    invented = CacheEntry("SPY~sim", True, False, 1.0, 5.0, "simulated", {})
    for entries, simulated in (((real,), False), ((real, invented), True)):
        deck = FakeDeck({CacheStatus: samples.cache(*entries)})
        assert answer(deck, "cache")["simulated"] is simulated


@pytest.mark.parametrize("name", ["decisions", "events"])
@pytest.mark.parametrize(
    ("decision", "simulated"),
    [
        (samples.decision(), False),
        (samples.decision("NVDA~sim"), True),
        (msgspec.structs.replace(samples.decision(), simulated=True), True),
    ],
)
def test_a_list_of_events_is_simulated_as_soon_as_one_event_is(
    name: str, decision: Any, simulated: bool
) -> None:
    records = samples.records(samples.decision("SPY"), decision)
    deck = FakeDeck({FindEvents: SeqsFound((1, 2), 2, 0)}, records)
    assert answer(deck, name)["simulated"] is simulated


def test_clearing_says_what_was_cleared_and_what_is_left() -> None:
    deck = FakeDeck({ClearCache: Done(9, 1), CacheStatus: samples.cache()})
    told = answer(deck, "clear", ticker="nvda")
    assert deck.asked == [ClearCache("NVDA"), CacheStatus()]
    assert (told["message"], told["seq"]) == ("What was known of NVDA counts as stale.", 9)


def test_the_decisions_of_a_ticker_are_its_own_and_the_last_ones() -> None:
    said = [samples.decision(t) for t in ("A", "AAPL", "A", "A~sim")]
    deck = FakeDeck({FindEvents: SeqsFound((1, 2, 3, 4), 4, 0)}, samples.records(*said))
    told = answer(deck, "decisions", ticker="a", limit=3)
    assert [event["seq"] for event in told["events"]] == [1, 3, 4]
    told = answer(deck, "decisions", ticker="a", limit=2)
    assert [event["seq"] for event in told["events"]] == [3, 4]
    assert told["events"][0]["event"]["signal"] == "BUY"


def test_events_are_read_from_the_tape_and_go_on_from_the_next_seq() -> None:
    found = SeqsFound((1, 2), 7, 3)
    deck = FakeDeck({FindEvents: found}, samples.records(samples.quote(), samples.quote("SPY")))
    told = answer(deck, "events", subject="market.quote", from_seq=1, limit=2)
    assert deck.asked == [FindEvents("market.quote", from_seq=1, limit=2)]
    assert told["next_seq"] == 3
    assert [event["subject"] for event in told["events"]] == [
        "market.quote.NVDA",
        "market.quote.SPY",
    ]
    assert told["events"][0]["event"]["market_time"] == "2026-11-21T12:00:00Z"


def test_without_a_seq_the_last_events_are_asked_for() -> None:
    deck = FakeDeck({FindEvents: SeqsFound((), 7, 0)})
    answer(deck, "events")
    assert deck.asked == [FindEvents("", from_seq=1, limit=100, newest=True)]


def test_the_deck_is_ready_when_every_service_is() -> None:
    told = answer(FakeDeck({BusStatus: samples.bus()}), "health")
    assert (told["ready"], told["missing"], "error" in told) == (True, [], False)


def test_the_health_tells_how_the_bus_fares_and_what_each_service_met_with() -> None:
    told = answer(FakeDeck({BusStatus: samples.bus("cache")}), "health")
    assert (told["head"], told["bus"]) == (
        7,
        {
            "tape_bytes": 4_096,
            "events_appended": 7,
            "commits": 3,
            "commit_ms_p50": 0.4,
            "commit_ms_p99": 2.5,
            "batch_p50": 2.0,
            "resends": 1,
            "refused": 0,
            "bad_frames": 4,
        },
    )
    [cache] = told["services"]
    assert (cache["name"], cache["lag"], cache["counters"]) == (
        "cache",
        0,
        {"dead_letters": 1, "gaps": 2, "resends": 3, "bad_frames": 5},
    )


def test_the_health_tells_how_fresh_the_data_is_and_how_the_sources_fare_as_other_matters() -> None:
    old = CacheEntry("QQQ", False, True, 900.0, 400.0, "yahoo", {})
    fresh = CacheEntry("NVDA", False, False, 12.0, 190.0, "yahoo", {})
    replies: Replies = {
        BusStatus: samples.bus(),
        CacheStatus: samples.cache(fresh, old),
        CollectorStatus: samples.collector(sources=(samples.YAHOO,)),
    }
    told = answer(FakeDeck(replies), "health")
    assert told["ready"]
    assert told["data"] == {"fresh": False, "tickers": 2, "stale": ["QQQ"]}
    assert told["sources"] == [
        {
            "source": "yahoo",
            "calls": 9,
            "outcomes": {"answered": 7, "invalid": 2},
            "refusals": {"invalid": 2},
            "gates": {"bars": "half_open"},
            "used": 0,
            "limit": 0,
            "raw_lost": 1,
            "raw_lost_because": "the disk is full",
        }
    ]


def test_a_cache_and_a_collector_that_do_not_answer_keep_nobody_from_telling_who_is_ready() -> None:
    told = answer(FakeDeck({BusStatus: samples.bus()}), "health")
    assert (told["ready"], "data" in told, "sources" in told) == (True, False, False)


@pytest.mark.parametrize(
    ("reply", "missing", "message"),
    [
        (
            samples.bus("fetcher", "cache"),
            ["indicators", "analyzer"],
            "not ready: indicators, analyzer",
        ),
        (samples.bus(degraded="the disk is full"), [], "the disk is full"),
        (
            Unavailable("no bus"),
            ["bus", "fetcher", "indicators", "cache", "analyzer"],
            "no bus",
        ),
    ],
)
def test_an_unready_deck_says_who_is_missing_and_why(
    reply: Any, missing: list[str], message: str
) -> None:
    told = answer(FakeDeck({BusStatus: reply}), "health")
    assert (told["ready"], told["missing"]) == (False, missing)
    assert (told["error"]["code"], told["error"]["message"]) == ("not_ready", message)


# --- dead letters ------------------------------------------------------------------------------


def letter(service: str, seq: int) -> DeadLetter:
    return DeadLetter(service, seq, "market.quote.NVDA", "ValueError('why')", 3)


class LettersDeck(FakeDeck):
    """A deck whose cache finds events by the beginnings of their subjects."""

    def ask(self, message: Any, within_seconds: float = 10.0) -> Any:
        if isinstance(message, FindEvents):
            found = [r for r in self.paper.records if r.subject.startswith(message.subject)]
            found = [r for r in found if r.seq >= message.from_seq]
            kept = found[-message.limit :] if message.newest else found[: message.limit]
            seqs = tuple(record.seq for record in kept)
            more = len(kept) < len(found) and not message.newest
            self.replies[FindEvents] = SeqsFound(seqs, self.head, seqs[-1] + 1 if more else 0)
        return super().ask(message, within_seconds)


def test_letters_are_listed_oldest_first_and_say_whether_they_were_replayed() -> None:
    deck = LettersDeck(
        records=samples.records(
            letter("cache", 90),
            LetterReplayed("cache", 90),
            letter("analyzer", 91),
            letter("cache", 90),
        )
    )
    told = answer(deck, "letters")
    assert told["letters"][1] == {
        "service": "analyzer",
        "seq": 91,
        "subject": "market.quote.NVDA",
        "error": "ValueError('why')",
        "attempts": 3,
        "buried_at": "2026-11-21T12:00:00.000003Z",
        "replayed_at": None,
    }
    assert [(one["service"], one["replayed_at"]) for one in told["letters"]] == [
        ("cache", "2026-11-21T12:00:00.000002Z"),
        ("analyzer", None),
        ("cache", None),
    ]
    assert (told["seq"], told["next_seq"]) == (4, 0)


def test_letters_of_one_service_are_its_own_alone_and_go_on_from_a_seq() -> None:
    said = [letter("cache", 1), letter("cache2", 2), letter("cache", 3), letter("cache", 4)]
    deck = LettersDeck(records=samples.records(*said))
    assert [one["seq"] for one in answer(deck, "letters", service="cache")["letters"]] == [1, 3, 4]

    first = answer(deck, "letters", from_seq=1, limit=2)
    rest = answer(deck, "letters", from_seq=first["next_seq"], limit=2)
    assert [one["seq"] for page in (first, rest) for one in page["letters"]] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("said", "message", "told"),
    [
        (0, "cache had taken event 90 again already.", 0),
        (1, "cache took event 90 again and said 0 events.", 0),
        (2, "cache took event 90 again and said 1 event.", 1),
    ],
)
def test_a_replay_tells_what_came_of_it(said: int, message: str, told: int) -> None:
    deck = FakeDeck({ReplayLetter: Done(12, said)})
    given = answer(deck, "replay-letter", service="cache", seq=90)
    assert deck.asked == [ReplayLetter("cache", 90)]
    assert given == {"success": True, "message": message, "said": told, "seq": 12}


def test_a_replay_that_fails_again_is_refused_with_the_error() -> None:
    refusal = Refused("still_failing", "cache still fails: ValueError('why')", "mend it")
    with pytest.raises(Refused, match="why"):
        answer(FakeDeck({ReplayLetter: refusal}), "replay-letter", service="cache", seq=90)
