"""What is said of an answer or of a failure: quotes, bars, refusals."""

from __future__ import annotations

from itertools import pairwise

from msgspec.structs import replace

from market.messages.fetcher import (
    FetchRefused,
    Quote,
    Sessions,
    SourceCalled,
    SourceShared,
    SourceSlowed,
)
from market.sessions import DAY_US
from market.symbols import is_simulated
from services.fetcher.core import budget, chronicle, failover, gates, listing, streaming
from services.fetcher.core.answers import Answer, Failure, QuoteAnswer
from services.fetcher.core.bars import bars_said
from services.fetcher.core.declaration import Declaration, Options
from services.fetcher.core.doubt import judged_bars, quote_doubt
from services.fetcher.core.exchange import market_fault, status_of
from services.fetcher.core.fold import Draft
from services.fetcher.core.news import news_said
from services.fetcher.core.outlook import wanted_since_us
from services.fetcher.core.state import Collector, Lane, exchange_lane, kind_of
from services.fetcher.core.validate import bars_fault, price_or_none, quote_fault


def tell_answer(
    draft: Draft, options: Options, call: SourceCalled, asked_us: int, answer: Answer
) -> None:
    """Say what an answer brings, its quote where that is wanted from this source."""
    if call.capability == "market_status":
        _tell_status(draft, options, call, answer)
    elif call.ticker not in draft.state.series:
        return  # removed meanwhile, and forgotten
    if draft.state.of(call.ticker).lets_be(call.timeframe or "quote"):
        return  # its back-fill was cancelled meanwhile
    if call.capability == "news":
        _tell_news(draft, options, call, answer)
    if call.timeframe is not None:
        _tell_bars(draft, options, call, asked_us, answer)
    if answer.quote is not None and _wants_quote(draft, options, call):
        _tell_quote(draft, options, call, answer, answer.quote)
    elif call.capability == "quote" and answer.quote is None:
        text = "the answer has no price"
        _refuse(draft, options, call, Failure("invalid", text, None, answer.answer_hash))
    source = options.declared(call.source)
    if draft.events and not isinstance(draft.events[-1], FetchRefused):
        draft.say(*gates.after_answer(draft.state, source, call.capability))
    if answer.used_told is not None and source.per_minute:
        _share(draft, source, answer.used_told)


def tell_failure(draft: Draft, options: Options, call: SourceCalled, failure: Failure) -> None:
    """Say that a call brought nothing, unless it was given up already.

    What a source says of all calls holds however late it comes.
    """
    lane = lane_of(draft.state, call)
    waited_for = lane.flight is not None and lane.flight.source == call.source
    if waited_for or failure.reason in ("rate_limited", "unauthorized"):
        _refuse(draft, options, call, failure)


def tell_loss(draft: Draft, options: Options, call: SourceCalled, failure: Failure) -> None:
    """Say that the stream which this call had opened is gone."""
    _refuse(draft, options, call, failure)


def table_fault(table: Sessions) -> str:
    """Why a table of sessions is not believed; empty where it is."""
    if not table.date:
        return "the table of sessions is empty"
    if not len(table.date) == len(table.open_us) == len(table.close_us):
        return "the columns of the table of sessions differ in length"
    instants = [at for pair in zip(table.open_us, table.close_us, strict=True) for at in pair]
    ordered = all(a < b for a, b in pairwise(instants))
    return "" if ordered else "the sessions of the table do not follow one another"


def lane_of(state: Collector, call: SourceCalled) -> Lane:
    """The lane that a call is made for."""
    if call.capability == "trades":
        return streaming.lane_of(state.stream)
    kind = kind_of(call.capability, call.timeframe)
    return state.of(call.ticker).lane(kind) if kind else exchange_lane(state, call.capability)


def _tell_news(draft: Draft, options: Options, call: SourceCalled, answer: Answer) -> None:
    """Say the headlines that were not told before."""
    if answer.news is None:
        return _refuse(
            draft, options, call, Failure("invalid", "no headlines", None, answer.answer_hash)
        )
    heard = lane_of(draft.state, call).heard
    return draft.say(*news_said(answer, call.ticker, call.source, heard))


def _tell_status(draft: Draft, options: Options, call: SourceCalled, answer: Answer) -> None:
    """Say a source's word on the exchange, beside the calendar's."""
    found, told = answer.answer_hash, answer.market
    fault = market_fault(told, draft.now_us) if told else "no word on the exchange"
    if told is None or fault:
        return _refuse(draft, options, call, Failure("invalid", fault, None, found))
    return draft.say(status_of(told, call, draft.state.table, found))


def _tell_bars(
    draft: Draft, options: Options, call: SourceCalled, asked_us: int, answer: Answer
) -> None:
    """Say the bars that are believed, and refuse the rest with the reason."""
    state, now_us, found = draft.state, draft.now_us, answer.answer_hash
    if answer.bars is None or call.timeframe is None or call.source == "calendar":
        return _refuse(draft, options, call, Failure("invalid", "no bars", None, found))
    series, lane = state.of(call.ticker), lane_of(state, call)
    latest_us = series.lane("quote").latest_us
    if fault := bars_fault(answer, call.ticker, call.timeframe, asked_us, latest_us):
        return _refuse(draft, options, call, Failure("invalid", fault, None, found))
    believed = judged_bars(series, lane, call, answer.bars, now_us)
    if isinstance(believed, Failure):
        return _refuse(draft, options, call, replace(believed, answer_hash=found))
    kept = replace(answer, bars=answer.bars.take(believed.rows))
    bars = bars_said(
        kept,
        call.ticker,
        call.timeframe,
        call.source,
        asked_us=asked_us,
        table=state.hours(call.ticker, now_us),
        tail=lane.tail,
        slipped=believed.slipped,
    )
    draft.say(*chronicle.corrections(call, lane, bars), *bars)
    chronicle.tell(draft, call, asked_us, kept, bars, lane)
    if believed.held:
        text = f"{believed.held:g} is too far from the bars before it to be believed at once"
        _refuse(draft, options, call, Failure("doubtful", text, None, found, believed.held))
    elif not bars:
        text = "no bar of the answer lies in a session"
        _refuse(draft, options, call, Failure("no_data", text, None, found))
    return None


def _quote_doubt(state: Collector, call: SourceCalled, quote: QuoteAnswer, now_us: int) -> str:
    """What is simulated is never doubted: it has no other source, and nobody acts on it."""
    if is_simulated(call.ticker):
        return ""
    return quote_doubt(state.of(call.ticker), quote, call.source, now_us)


def _wants_quote(draft: Draft, options: Options, call: SourceCalled) -> bool:
    """A quote that came along with bars is said where this source is the one to ask for it."""
    if call.capability == "quote":
        return True
    state, now_us = draft.state, draft.now_us
    series = state.of(call.ticker)
    since_us = wanted_since_us(state, series, now_us)
    lane = series.lane("quote")
    if lane.answered_us >= since_us or lane.flight:
        return False
    choice = failover.choose(state, options, call.ticker, "quote", since_us, now_us)
    return choice.source is not None and choice.source.name == call.source


def _tell_quote(
    draft: Draft, options: Options, call: SourceCalled, answer: Answer, quote: QuoteAnswer
) -> None:
    state, now_us = draft.state, draft.now_us
    fault = quote_fault(quote, state.of(call.ticker).lane("quote").latest_us, now_us)
    if fault or call.source == "calendar":
        asked = SourceCalled(call.source, "quote", call.ticker)
        _refuse(draft, options, asked, Failure("invalid", fault, None, answer.answer_hash))
        return
    if doubt := _quote_doubt(state, call, quote, now_us):
        asked = SourceCalled(call.source, "quote", call.ticker)
        failure = Failure("doubtful", doubt, None, answer.answer_hash, quote.price)
        _refuse(draft, options, asked, failure)
        return
    draft.say(
        Quote(
            ticker=call.ticker,
            price=quote.price,
            source=call.source,
            market_time_us=quote.market_time_us,
            open=price_or_none(quote.open),
            high=price_or_none(quote.high),
            low=price_or_none(quote.low),
            previous_close=price_or_none(quote.previous_close),
            volume=quote.volume if quote.volume is not None and quote.volume >= 0 else None,
            answer_hash=answer.answer_hash,
        )
    )


def _refuse(draft: Draft, options: Options, call: SourceCalled, failure: Failure) -> None:
    """Say the refusal of a call with the time of the next try, and what follows for the source."""
    state, source, now_us = draft.state, options.declared(call.source), draft.now_us
    lane, health = lane_of(state, call), state.health_of(call.source)
    retry_at_us = failover.retry_at_us(lane, health, source, call, failure, now_us)
    if listing.is_left_alone(state.of(call.ticker), failure.reason):
        retry_at_us = max(retry_at_us, now_us + DAY_US)
    moves = gates.after_failure(state, source, call, failure, retry_at_us, now_us)
    refused = FetchRefused(
        ticker=call.ticker,
        capability=call.capability,
        source=call.source,
        reason=failure.reason,
        message=failure.message,
        timeframe=call.timeframe,
        retry_at_us=retry_at_us,
        answer_hash=failure.answer_hash,
        value=failure.value,
        named=failure.named,
    )
    draft.say(refused, *_slower(state, source, failure, retry_at_us, now_us), *moves)


def _slower(
    state: Collector, source: Declaration, failure: Failure, until_us: int, now_us: int
) -> list[SourceSlowed]:
    """A 429 halves the budget, once a pause."""
    health = state.health_of(source.name)
    if failure.reason != "rate_limited" or not source.adaptive or now_us < health.slowed_from_us:
        return []
    return [SourceSlowed(source.name, budget.slowed(health, source, now_us), until_us)]


def _share(draft: Draft, source: Declaration, used_told: int) -> None:
    """What the source has counted beyond our calls was made by others with the same key."""
    ours = budget.used(draft.state.health_of(source.name), draft.now_us)
    others = min(used_told, source.per_minute) - ours
    if others > 0:
        draft.say(SourceShared(source.name, others))
