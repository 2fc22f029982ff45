"""How the analyzer answers: fresh from what it holds, else fetched, else stale and saying why."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bus.actor import Need, Refused
from bus.message import Event, Fact
from bus.testing import Asked, Deck, given, microseconds
from market.messages.analyzer import (
    Analysis,
    AnalysisSettings,
    Analyze,
    ConfigureAnalysis,
    Current,
    Decision,
)
from market.messages.cache import CacheCleared
from market.messages.fetcher import FetchNow, FetchRefused
from services.analyzer.actor import Options, build
from services.analyzer.core.state import ATTEMPTS_MAX, State, called
from tests.services.analyzer.events import (
    CALENDAR,
    MONDAY,
    bars,
    call,
    indicators,
    quote,
    refusal,
)

analyzer = build(Options())


def deck_of(*moments: tuple[str, Event]) -> Deck[State]:
    """A deck that heard these, one by one, and what it said itself."""
    deck = given(analyzer)
    for moment in moments:
        deck.hear(moment)
    return deck


def asked(at: str) -> Analyze:
    return Analyze("NVDA", asked_at_us=microseconds(at))


def reply(of: Asked) -> Analysis:
    assert isinstance(of.reply, Analysis)
    return of.reply


def told(of: Asked) -> tuple[str, bool, str]:
    """Where the answer came from, whether it is stale, and why."""
    answer = reply(of)
    return answer.data_source, answer.stale, answer.stale_because


def test_a_stale_ticker_is_fetched_once_and_every_asker_gets_the_fresh_decision() -> None:
    deck = deck_of(("09:30", quote("NVDA", 100.0)), ("09:30", indicators("NVDA")))
    first, second = deck.ask("09:41", asked("09:41")), deck.ask("09:41", asked("09:41"))
    assert (deck.sent, first.reply, second.reply) == ([FetchNow("NVDA")], None, None)
    deck.hear(("09:41", quote("NVDA", 101.5, "09:41")), ("09:41", indicators("NVDA", rsi=30.0)))
    decision = deck.said[-1]
    assert isinstance(decision, Decision)
    assert (
        first.reply
        == second.reply
        == Analysis(
            ticker="NVDA",
            decision=decision,
            decision_seq=6,
            decided_at_us=microseconds("09:41"),
            data_source="live_api",
            simulated=False,
            stale=False,
            stale_because="",
            current=Current(
                price=101.5,
                market_time_us=microseconds("09:41"),
                known_at_us=microseconds("09:41"),
                age_seconds=0.0,
                to_entry=-1.5,
                to_stop=-5.5,
                to_target=4.5,
                still_valid=True,
            ),
            seq=6,
            as_of_us=microseconds("09:41"),
        )
    )


def test_what_is_held_is_answered_at_once_while_no_newer_bar_can_exist() -> None:
    deck = deck_of(
        ("2026-01-02T21:01", CALENDAR),
        ("2026-01-02T21:01", indicators("NVDA")),
        ("2026-01-02T21:01", quote("NVDA")),
    )
    night, session, close = (deck.ask(at, asked(at)) for at in ("03:00", "20:59", "21:10"))
    assert [told(one) for one in (night, session, close)] == [("cache", False, "")] * 3
    late = deck.ask("21:11", asked("21:11"))
    assert (late.reply, deck.sent) == (None, [FetchNow("NVDA")])


def test_a_quote_does_not_stand_in_for_the_bar_that_is_missing() -> None:
    deck = deck_of(("2026-01-02T21:01", CALENDAR), ("2026-01-02T21:01", indicators("NVDA")))
    waiting = deck.ask("22:00", asked("22:00"))
    deck.hear(("22:00", quote("NVDA")))
    assert waiting.reply is None
    deck.hear(("22:01", indicators("NVDA", MONDAY)))
    assert told(waiting) == ("live_api", False, "")


@pytest.mark.parametrize("ticker", ["NVDA", ""])
def test_after_the_cache_was_cleared_what_is_held_is_fetched_again(ticker: str) -> None:
    deck = deck_of(("09:30", indicators("NVDA")), ("09:31", CacheCleared(ticker)))
    waiting = deck.ask("09:32", asked("09:32"))
    assert (deck.sent, waiting.reply) == ([FetchNow("NVDA")], None)
    deck.hear(("09:33", quote("NVDA")))
    assert told(waiting) == ("live_api", False, "")


def test_a_decision_under_other_settings_is_no_news_of_the_ticker() -> None:
    deck = deck_of(("09:30", indicators("NVDA")))
    deck.tell("09:40", ConfigureAnalysis(AnalysisSettings(equity=1_000.0)))
    waiting = deck.ask("09:41", asked("09:41"))
    assert (deck.sent, waiting.reply) == ([FetchNow("NVDA")], None)


def test_another_ticker_that_was_cleared_makes_nothing_stale() -> None:
    deck = deck_of(("09:30", indicators("NVDA")), ("09:31", CacheCleared("AMD")))
    assert told(deck.ask("09:32", asked("09:32"))) == ("cache", False, "")


@pytest.mark.parametrize(
    ("question", "source"),
    [(asked("09:41"), "live_api"), (asked("09:42"), "cache"), (Analyze("NVDA"), "cache")],
)
def test_what_came_since_the_question_was_fetched_for_it(question: Analyze, source: str) -> None:
    deck = deck_of(("09:41:05", indicators("NVDA")))
    answer = analyzer.reply(deck.state, question, microseconds("09:42"))
    assert isinstance(answer, Analysis)
    assert answer.data_source == source


def test_a_question_after_the_fetch_is_answered_from_the_cache() -> None:
    deck = deck_of(("09:41", quote("NVDA")), ("09:41", indicators("NVDA")))
    assert told(deck.ask("09:42", asked("09:42"))) == ("cache", False, "")


def test_at_the_deadline_what_is_known_is_answered_as_stale() -> None:
    deck = deck_of(("09:30", indicators("NVDA")))
    waiting = deck.ask("09:41", asked("09:41"))
    deck.tick("09:41:12")
    assert told(waiting) == (
        "cache",
        True,
        "nothing came for 11 minutes and the trading calendar is not known;"
        " it was asked for and has not come",
    )
    assert reply(waiting).decision == deck.said[0]


def test_a_recent_refusal_is_told_and_nobody_is_asked_again() -> None:
    deck = deck_of(("09:30", indicators("NVDA")), ("09:41", refusal("NVDA", "rate_limited")))
    answers = [deck.ask(at, asked(at)) for at in ("09:42", "09:45")]
    reason = (
        "nothing came for {} minutes and the trading calendar is not known; yahoo: rate limited"
    )
    assert [told(one) for one in answers] == [
        ("cache", True, reason.format(12)),
        ("cache", True, reason.format(15)),
    ]
    assert deck.sent == []


def test_a_refusal_before_the_last_cycle_is_asked_again() -> None:
    deck = deck_of(("09:30", indicators("NVDA")), ("09:41", refusal("NVDA")))
    deck.ask("09:46", asked("09:46"))
    assert deck.sent == [FetchNow("NVDA")]


def test_a_refusal_is_over_when_data_has_come_since() -> None:
    deck = deck_of(
        ("09:30", indicators("NVDA")), ("09:30", refusal("NVDA")), ("09:31", bars("NVDA"))
    )
    deck.ask("09:41", asked("09:41"))
    assert deck.sent == [FetchNow("NVDA")]


def test_a_price_does_not_make_up_for_bars_that_were_refused() -> None:
    deck = deck_of(("2026-01-02T21:01", CALENDAR), ("2026-01-02T21:01", indicators("NVDA")))
    deck.hear(("22:00", refusal("NVDA")))
    deck.hear(("22:00", quote("NVDA")))
    assert told(deck.ask("22:01", asked("22:01")))[2].endswith("has not come; yahoo: unreachable")


def test_only_so_many_calls_are_remembered_the_last_ones() -> None:
    state = State()
    for number in range(ATTEMPTS_MAX + 5):
        ticker = f"T{number % (ATTEMPTS_MAX + 1)}"
        state = called(state, Fact(number + 1, number, call(ticker)))
    assert len(state.attempts) == ATTEMPTS_MAX
    assert list(state.attempts)[-4:] == ["T0", "T1", "T2", "T3"]


def test_while_another_source_is_being_asked_a_refusal_is_not_the_last_word() -> None:
    no_quote = FetchRefused("NVDA", "quote", "finnhub", "unauthorized", "the key is wrong")
    deck = deck_of(("09:30", indicators("NVDA")))
    waiting = deck.ask("09:41", asked("09:41"))
    deck.hear(("09:41:01", call("NVDA", until="09:41:11")))
    deck.hear(("09:41:02", no_quote))
    assert waiting.reply is None
    deck.hear(("09:41:03", refusal("NVDA")))
    assert told(waiting)[2].endswith("; yahoo: unreachable")


def test_a_refused_hour_says_nothing_about_the_day() -> None:
    hour = FetchRefused("NVDA", "bars", "yahoo", "no_data", "", "1h")
    deck = deck_of(("09:30", indicators("NVDA")), ("09:40", hour))
    deck.ask("09:41", asked("09:41"))
    assert deck.sent == [FetchNow("NVDA")]


def test_a_new_ticker_is_fetched_first() -> None:
    deck = given(analyzer)
    waiting = deck.ask("09:41", asked("09:41"))
    deck.hear(("09:41:01", quote("NVDA", at="09:41:01")), ("09:41:01", bars("NVDA")))
    assert (deck.sent, waiting.reply) == ([FetchNow("NVDA")], None)
    deck.hear(("09:41:02", indicators("NVDA")))
    assert told(waiting) == ("live_api", False, "")


def test_a_new_ticker_that_nothing_comes_of_is_refused_with_the_reason() -> None:
    deck = given(analyzer)
    waiting = deck.ask("09:41", asked("09:41"))
    deck.tick("09:41:12")
    assert isinstance(waiting.reply, Refused)
    assert (waiting.reply.code, waiting.reply.message) == (
        "no_data",
        "nothing is known of NVDA (it was asked for and has not come)",
    )


def refused_at(at: str, *moments: tuple[str, Event]) -> Refused | None:
    """The refusal of a question at this time, after these facts."""
    deck = deck_of(*moments)
    try:
        analyzer.reply(deck.state, Analyze("NVDA"), microseconds(at))
    except Refused as refused:
        return refused
    return None


def test_an_unknown_symbol_is_refused_with_the_source_and_the_remedy() -> None:
    refused = refused_at("09:41", ("09:41", refusal("NVDA", "unknown_symbol")))
    assert refused is not None
    assert (refused.code, refused.message, refused.remedy) == (
        "no_data",
        "nothing is known of NVDA (yahoo: unknown symbol)",
        "check the spelling; to have it collected, add it: tapedeck add NVDA",
    )


def test_other_refusals_of_a_new_ticker_wait_a_moment_for_whoever_is_asked_next() -> None:
    unreachable = ("09:41", refusal("NVDA", "unreachable"))
    assert refused_at("09:41:01", unreachable) is None
    assert refused_at("09:41:02", unreachable) is not None


def test_what_is_no_ticker_is_refused_with_the_remedy() -> None:
    with pytest.raises(Refused) as refused:
        given(analyzer).ask("09:41", Analyze("not a ticker"))
    assert refused.value.code == "bad_ticker"
    assert "1 to 5 letters or digits" in refused.value.remedy


@pytest.mark.parametrize("spelling", ["nvda", " NVDA ", "NVDA~sim"])
def test_every_spelling_of_a_ticker_is_answered(spelling: str) -> None:
    deck = deck_of(("09:30", indicators("NVDA")))
    assert reply(deck.ask("09:31", Analyze(spelling))).ticker == "NVDA"


def test_extended_symbols_are_answered_where_they_are_switched_on() -> None:
    deck = given(build(Options(extended_symbols=True)))
    deck.ask("09:31", Analyze("btc-usd"))
    assert deck.sent == [FetchNow("BTC-USD")]


def test_without_a_real_market_simulated_series_answer_and_say_so() -> None:
    deck = deck_of(
        ("09:30", indicators("SPY~sim")),
        ("09:30", indicators("NVDA~sim")),
        ("09:30", quote("NVDA~sim", 99.0)),
    )
    answer = reply(deck.ask("09:31", asked("09:31")))
    assert answer.decision is not None
    assert (answer.ticker, answer.decision.ticker) == ("NVDA", "NVDA~sim")
    assert (answer.simulated, answer.decision.simulated) == (True, True)
    assert answer.data_source == "simulated"
    assert answer.current is not None
    assert answer.current.price == 99.0


def test_a_refused_source_does_not_stand_in_the_way_of_its_simulation() -> None:
    deck = given(analyzer)
    waiting = deck.ask("09:41", asked("09:41"))
    deck.hear(("09:41:01", refusal("NVDA")), ("09:41:01", call("NVDA~sim")))
    assert waiting.reply is None
    deck.hear(("09:41:01", bars("NVDA~sim")), ("09:41:01", quote("NVDA~sim")))
    deck.hear(("09:41:02", indicators("NVDA~sim")))
    assert reply(waiting).data_source == "simulated"


def test_simulated_series_answer_no_more_once_spy_is_real() -> None:
    deck = deck_of(("09:30", indicators("NVDA~sim")), ("09:30", indicators("SPY")))
    waiting = deck.ask("09:31", asked("09:31"))
    assert (deck.sent, waiting.reply) == ([FetchNow("NVDA")], None)


def test_a_ticker_with_real_evidence_is_never_answered_from_its_simulation() -> None:
    deck = deck_of(("09:30", indicators("NVDA~sim")), ("09:30", indicators("NVDA")))
    assert told(deck.ask("09:31", asked("09:31"))) == ("cache", False, "")


def test_a_simulated_price_does_not_stand_beside_a_real_decision() -> None:
    deck = deck_of(("09:30", indicators("NVDA")), ("09:30", quote("NVDA~sim")))
    assert reply(deck.ask("09:31", asked("09:31"))).current is None


@pytest.mark.parametrize(("price", "valid"), [(96.0, False), (96.01, True), (106.0, False)])
def test_a_plan_holds_while_the_price_is_between_stop_and_target(price: float, valid: bool) -> None:
    deck = deck_of(("09:30", indicators("NVDA")), ("09:30", quote("NVDA", price, "09:00")))
    now = reply(deck.ask("09:31", asked("09:31"))).current
    assert now is not None
    assert (now.still_valid, now.to_stop, now.age_seconds) == (valid, round(96 - price, 4), 1860.0)


def test_a_price_of_a_clock_that_is_ahead_is_no_younger_than_now() -> None:
    deck = deck_of(("09:30", indicators("NVDA")), ("09:30", quote("NVDA", at="09:45")))
    now = reply(deck.ask("09:31", asked("09:31"))).current
    assert now is not None
    assert now.age_seconds == 0.0


def test_without_levels_a_price_has_nothing_to_be_valid_for() -> None:
    deck = deck_of(("09:30", indicators("NVDA", bars_used=20)), ("09:30", quote("NVDA")))
    now = reply(deck.ask("09:31", asked("09:31"))).current
    assert now is not None
    assert (now.price, now.to_entry, now.still_valid) == (101.0, None, None)


def reply_to(state: State, at: str) -> Any:
    return analyzer.reply(state, asked(at), microseconds(at))


def test_a_decision_that_was_just_made_is_waited_for_without_a_fetch() -> None:
    deck = deck_of(("09:30", indicators("NVDA")))
    state = analyzer.fold(deck.state, [fact_at(deck, "09:31", indicators("NVDA", rsi=30.0))])
    need = reply_to(state, "09:31")
    assert isinstance(need, Need)
    assert (need.command, need.within_seconds) == (None, 12.0)
    assert isinstance(need.otherwise, Analysis)
    assert need.otherwise.stale_because == "a newer decision is being recorded"


def test_a_first_decision_that_is_being_recorded_has_nothing_to_fall_back_on() -> None:
    deck = given(analyzer, ("09:30", indicators("NVDA")))
    need = reply_to(deck.state, "09:30")
    assert isinstance(need, Need)
    assert isinstance(need.otherwise, Refused)
    assert need.otherwise.message == "nothing is known of NVDA (it is being recorded)"


def test_a_decision_that_an_earlier_version_did_not_say_is_not_waited_for() -> None:
    deck = deck_of(("09:30", indicators("NVDA")))
    state = analyzer.fold(deck.state, [fact_at(deck, "09:31", indicators("NVDA", rsi=30.0))])
    answer = reply_to(state, "09:32")
    assert isinstance(answer, Analysis)
    assert (answer.decision, answer.stale) == (deck.said[0], False)


def fact_at(deck: Deck[State], at: str, event: Event) -> Any:
    """The next fact of the deck's tape, whose consequences are not on it yet."""
    last = deck.facts[-1]
    return msgspec.structs.replace(last, seq=last.seq + 1, at_us=microseconds(at), event=event)
