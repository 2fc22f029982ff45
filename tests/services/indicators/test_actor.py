"""The indicators as an actor: given bars, when more arrive, then these readings."""

from __future__ import annotations

from typing import ClassVar

import msgspec
import numpy as np
import pytest
from hypothesis import strategies as st

from bus.actor import Actor, Refused
from bus.laws import ActorLaws
from bus.message import Command, Event, Fact
from bus.testing import Deck, given
from market.bars import BadBars, Columns
from market.indicators.passes import CYCLE_MIN
from market.levels import levels
from market.messages.fetcher import BARS_MAX, Bars, Timeframe
from market.messages.indicators import (
    FormingIndicators,
    Indicators,
    IndicatorsConfigured,
    IndicatorSettings,
    Reading,
)
from services.indicators.actor import Configure, State, indicators
from tests.market.indicators.series import HOUSE, SHORT, history, walked

HOUR = 3_600_000_000


def told(
    bars: Columns, ticker: str = "NVDA", timeframe: Timeframe = "1d", *, forming: bool = False
) -> Bars:
    """The bars as an event of the fetcher."""
    start_us, opening, high, low, close, volume = (tuple(column.tolist()) for column in bars)
    return Bars(ticker, timeframe, "yahoo", forming, start_us, opening, high, low, close, volume)


def in_chunks(bars: Columns, ticker: str = "NVDA", timeframe: Timeframe = "1d") -> list[Bars]:
    """A first history as the fetcher tells it: several events, one after the other."""
    starts = range(0, len(bars.close), BARS_MAX)
    parts = [told(bars.part(i, i + BARS_MAX), ticker, timeframe) for i in starts]
    return [*(msgspec.structs.replace(part, more=True) for part in parts[:-1]), parts[-1]]


def knowing(*events: Event) -> Deck[State]:
    return given(indicators, *(("09:00", event) for event in events))


def known_by(reading: Reading, seq: int) -> Reading:
    """The same reading from evidence at another place of the tape."""
    return msgspec.structs.replace(reading, bars_seq=seq)


def computed(deck: Deck[State], *events: Event) -> Reading:
    """The daily reading that the deck says after the events, and it says nothing else."""
    (said,) = deck.hear(*(("09:31", event) for event in events))
    assert isinstance(said, Indicators)
    return said.timeframes["1d"]


def test_a_closed_bar_is_told_with_all_its_readings() -> None:
    bars = walked(260)
    deck = knowing(*in_chunks(bars.part(0, 259)))

    reading = computed(deck, told(bars.part(259)))

    _, values = history(bars)
    value = values[-1]
    assert reading.bar_start_us == bars.start_us[-1]
    assert (reading.bars_used, reading.first_start_us, reading.bars_seq) == (260, 0, 2)
    assert (reading.close, reading.previous_close) == (bars.close[-1], bars.close[-2])
    assert (reading.rsi, reading.obv, reading.atr) == (value.rsi, value.obv, value.atr)
    assert (reading.macd, reading.macd_signal, reading.macd_histogram) == value.macd
    assert (reading.ema20, reading.ema50, reading.ema200) == (value.short, value.medium, value.long)
    assert reading.levels == levels(bars, value.atr)
    assert reading.trend
    assert reading.trend.slope_atr == value.trend.slope_atr


def test_what_is_not_defined_yet_is_null() -> None:
    reading = computed(knowing(), told(walked(1)))

    assert (reading.bars_used, reading.obv, reading.levels, reading.trend) == (1, 0.0, (), None)
    nulls = [name for name, value in msgspec.structs.asdict(reading).items() if value is None]
    assert nulls == [
        "previous_close",
        "rsi",
        "macd",
        "macd_signal",
        "macd_histogram",
        "ema20",
        "ema50",
        "ema200",
        "atr",
        "roc20",
        "sd20",
        "volume_sma20",
        "volume_sum20",
        "obv_change20",
        "cmf20",
        "trend",
    ]


def test_a_first_history_is_told_once_when_its_last_part_has_come() -> None:
    deck, bars = knowing(), walked(1_250)

    said = deck.hear(*(("09:31", event) for event in in_chunks(bars)))

    (only,) = said
    assert isinstance(only, Indicators)
    assert (only.timeframes["1d"].bars_used, only.timeframes["1d"].bars_seq) == (1_250, 3)


def test_history_bar_by_bar_gives_the_readings_of_history_at_once() -> None:
    bars = walked(320, seed=4)
    live = knowing()
    for bar in range(320):
        live.hear(("09:31", told(bars.part(bar, bar + 1))))

    for said in live.said[250:]:
        assert isinstance(said, Indicators)
        reading = said.timeframes["1d"]
        at_once = computed(knowing(), told(bars.part(0, reading.bars_used)))
        assert reading == known_by(at_once, reading.bars_seq)


def test_a_moving_bar_is_peeked_at_and_forgotten() -> None:
    bars = walked(300)
    quiet, watched = knowing(told(bars.part(0, 299))), knowing(told(bars.part(0, 299)))
    moving = bars.part(299)

    (peek,) = watched.hear(("10:00", told(moving, forming=True)))
    higher = moving._replace(high=2 * moving.high, close=2 * moving.close)
    watched.hear(("10:05", told(higher, forming=True)))

    assert isinstance(peek, FormingIndicators)
    closing = computed(quiet, told(moving))
    peeked = msgspec.structs.replace(
        peek.timeframes["1d"], trend=closing.trend, levels=closing.levels
    )
    assert peeked == closing
    closed, cleared = watched.hear(("16:00", told(moving)))
    assert isinstance(closed, Indicators)
    assert closed.timeframes["1d"] == known_by(closing, 6)
    assert cleared == FormingIndicators("NVDA", {}, 0)


def test_a_peek_has_the_trend_and_the_levels_of_the_last_close() -> None:
    bars = walked(301, seed=1)
    deck = knowing()
    closed = computed(deck, told(bars.part(0, 300)))

    (peek,) = deck.hear(("10:00", told(bars.part(300), forming=True)))

    assert isinstance(peek, FormingIndicators)
    assert closed.levels
    assert (peek.timeframes["1d"].levels, peek.timeframes["1d"].trend) == (
        closed.levels,
        closed.trend,
    )


def test_a_chunk_that_closes_a_bar_and_opens_the_next_is_told_as_both() -> None:
    bars = walked(50)
    deck = knowing(told(bars.part(0, 49), forming=True))

    closed, peek = deck.hear(("10:00", told(bars.part(48), forming=True)))

    assert isinstance(closed, Indicators)
    assert isinstance(peek, FormingIndicators)
    assert closed.timeframes["1d"].bar_start_us == bars.start_us[48]
    assert peek.timeframes["1d"].bar_start_us == bars.start_us[49]


def test_a_repeated_last_word_says_nothing() -> None:
    bars = told(walked(30), forming=True)

    assert knowing(bars).hear(("10:00", bars), ("10:05", bars)) == ()


def test_one_event_tells_all_timeframes_as_they_were_known() -> None:
    bars = walked(60)
    hours = bars._replace(start_us=bars.start_us // 24)
    deck = knowing(told(bars.part(0, 59)), told(hours.part(0, 59), timeframe="1h"))

    day, hour = deck.hear(
        ("10:00", told(bars.part(59))), ("10:00", told(hours.part(59), timeframe="1h"))
    )

    assert isinstance(day, Indicators)
    assert isinstance(hour, Indicators)
    used = [{name: r.bars_used for name, r in e.timeframes.items()} for e in (day, hour)]
    assert used == [{"1d": 60, "1h": 59}, {"1d": 60, "1h": 60}]


def test_a_correction_of_an_old_bar_is_as_if_it_had_always_been_so() -> None:
    bars = walked(300)
    corrected = bars._replace(close=bars.close.copy(), volume=bars.volume.copy())
    corrected.close[100], corrected.volume[100] = bars.high[100], 1.0
    deck = knowing(told(bars))

    reading = computed(deck, told(corrected.part(98, 103)))

    always = computed(knowing(), told(corrected))
    assert reading == known_by(always, 2)
    assert reading != known_by(computed(knowing(), told(bars)), 2)


def test_history_that_arrives_late_is_as_if_it_had_been_first() -> None:
    bars = walked(300)

    reading = computed(knowing(told(bars.part(100))), told(bars.part(0, 100)))

    assert reading == known_by(computed(knowing(), told(bars)), 2)


def split(bars: Columns, place: int, ratio: float, *, forming: bool = False) -> Bars:
    """The same market told in the shares of its time, with a split at a bar."""
    prices = [np.concatenate((c[:place] * ratio, c[place:])) for c in bars[1:5]]
    volume = np.concatenate((bars.volume[:place] / ratio, bars.volume[place:]))
    event = told(Columns._make((bars.start_us, *prices, volume)), forming=forming)
    ratios = (*(1.0,) * place, ratio, *(1.0,) * (len(bars.close) - place - 1))
    return msgspec.structs.replace(event, splits=ratios)


def test_a_split_is_no_crash() -> None:
    bars = walked(300)

    assert computed(knowing(), split(bars, 250, 4.0)) == computed(knowing(), told(bars))


def test_a_split_on_the_forming_bar_brings_the_closed_ones_into_its_shares() -> None:
    bars = walked(300)
    before = split(bars, 299, 4.0)
    closed_before = [getattr(before, name)[:299] for name in Columns._fields]
    deck = knowing(Bars("NVDA", "1d", "yahoo", False, *closed_before))

    closed, peek = deck.hear(("10:00", split(bars, 299, 4.0, forming=True)))

    unsplit = knowing(told(bars.part(0, 299)))
    (peek_unsplit,) = unsplit.hear(("10:00", told(bars.part(299), forming=True)))
    assert isinstance(closed, Indicators)
    assert closed.timeframes["1d"].close == bars.close[298]
    assert peek == peek_unsplit


def test_simulated_series_are_kept_apart_by_their_key() -> None:
    real, made = walked(60, seed=1), walked(60, seed=2)

    deck = knowing(told(real.part(0, 59)), told(made.part(0, 59), "NVDA~sim"))
    (said,) = deck.hear(("10:00", told(real.part(59))))

    assert isinstance(said, Indicators)
    assert said.ticker == "NVDA"
    assert said.timeframes["1d"] == msgspec.structs.replace(
        computed(knowing(), told(real)), bars_seq=3
    )


def test_bars_that_break_a_rule_are_refused_loudly() -> None:
    broken = msgspec.structs.replace(told(walked(3)), volume=(1.0, 2.0, -3.0))

    with pytest.raises(BadBars, match="its volume is negative"):
        knowing().hear(("10:00", broken))


def test_an_update_shares_what_it_does_not_change() -> None:
    deck = knowing(told(walked(60), "AAPL"), told(walked(60)), told(walked(60), timeframe="1h"))
    before = deck.state.tickers

    deck.hear(("10:00", told(walked(61).part(60))))

    after = deck.state.tickers
    assert after["AAPL"] is before["AAPL"]
    assert after["NVDA"]["1h"] is before["NVDA"]["1h"]
    assert after["NVDA"]["1d"] is not before["NVDA"]["1d"]


def test_a_cycle_of_many_tickers_is_told_as_ticker_by_ticker() -> None:
    walks = {f"T{seed}": walked(60 + seed % 9, seed) for seed in range(CYCLE_MIN + 12)}
    past = knowing(*(told(bars.part(0, -1), ticker) for ticker, bars in walks.items()))
    cycle = [
        Fact(past.seq + i, past.now_us, told(bars.last(1), ticker, forming=i % 3 == 0))
        for i, (ticker, bars) in enumerate(walks.items(), 1)
    ]

    together, said = indicators.hear(past.state, cycle)

    alone, said_alone = past.state, list[Event]()
    for fact in cycle:
        alone, more = indicators.hear(alone, [fact])
        said_alone.extend(more)
    assert list(said) == said_alone
    assert together == alone
    assert len(said) == len(walks)


def test_settings_are_said_once_and_every_reading_again() -> None:
    bars = walked(60)
    deck = knowing(told(bars.part(0, 59)), told(bars.part(59), "AAPL", forming=True))

    said = deck.tell("10:00", Configure(SHORT))

    configured, peeked, again = said
    assert configured == IndicatorsConfigured(SHORT)
    assert isinstance(again, Indicators)
    assert isinstance(peeked, FormingIndicators)
    assert (again.ticker, again.settings_seq, peeked.ticker) == ("NVDA", 3, "AAPL")
    assert again.timeframes["1d"].bars_seq == 1
    assert again.timeframes["1d"].rsi == history(bars.part(0, 59), SHORT)[1][-1].rsi
    assert deck.tell("10:01", Configure(SHORT)) == ()


def test_the_defaults_are_said_too_when_the_tape_has_none() -> None:
    deck = knowing()

    assert deck.tell("10:00", Configure(HOUSE)) == (IndicatorsConfigured(HOUSE),)
    assert deck.tell("10:01", Configure(HOUSE)) == ()


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (IndicatorSettings(rsi=1), "rsi is 1, not between 2 and 1000 bars"),
        (IndicatorSettings(ema_long=5_000), "ema_long is 5000"),
        (IndicatorSettings(macd_fast=26), "macd_fast is not shorter than macd_slow"),
        (IndicatorSettings(ema_short=50), "ema_short, ema_medium and ema_long do not grow"),
    ],
)
def test_periods_that_mean_nothing_are_refused(settings: IndicatorSettings, why: str) -> None:
    with pytest.raises(Refused, match=why) as refused:
        knowing().tell("10:00", Configure(settings))

    assert refused.value.code == "invalid_settings"
    assert refused.value.remedy


_columns = st.sets(st.integers(0, 40), min_size=1, max_size=30).flatmap(
    lambda days: st.builds(
        lambda walk, shift: Columns._make(
            column[sorted(days)] + (shift if i else 0) for i, column in enumerate(walk)
        ),
        st.integers(0, 3).map(lambda seed: walked(41, seed)),
        st.sampled_from((0.0, 0.0, 5.0)),
    )
)


@st.composite
def _bars(draw: st.DrawFn) -> Bars:
    """A chunk for one of few series: new, repeated, corrected, forming, a part, with a split."""
    ticker = draw(st.sampled_from(("NVDA", "AAPL", "NVDA~sim")))
    timeframe: Timeframe = draw(st.sampled_from(("1d", "1h")))
    event = told(draw(_columns), ticker, timeframe, forming=draw(st.booleans()))
    event = msgspec.structs.replace(event, more=draw(st.sampled_from((False, False, True))))
    if not draw(st.booleans()):
        return event
    ratio = draw(st.sampled_from((1.0, 2.0, 1.5)))
    return msgspec.structs.replace(event, splits=(*(1.0,) * (len(event.close) - 1), ratio))


_settings = st.sampled_from((SHORT, msgspec.structs.replace(SHORT, rsi=5)))


class TestIndicators(ActorLaws):
    actor: ClassVar[Actor[State]] = indicators
    events: ClassVar[st.SearchStrategy[Event]] = st.one_of(
        _bars(), _bars(), _bars(), _settings.map(IndicatorsConfigured)
    )
    commands: ClassVar[st.SearchStrategy[Command]] = _settings.map(Configure)
