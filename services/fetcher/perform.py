"""How the collector's effects are carried out: ask, parse, validate, and tell the collector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from msgspec.structs import replace

from bus.actor import Effect
from bus.message import Command
from market.messages.fetcher import SourceCalled
from services.fetcher.core.answers import Answer, Failure
from services.fetcher.effects import (
    Fetch,
    Fetched,
    FetchFailed,
    ReadSessions,
    Save,
    SessionsRead,
    Simulate,
)
from services.fetcher.ports import Ports
from services.fetcher.sources import calendar, read, real, simulated
from services.fetcher.stream import perform as stream

log = structlog.get_logger()


def fetch(effect: Fetch, ports: Ports) -> Command:
    """One call to a real source."""
    source = real(effect.call.source)
    raw = source.ask(effect, ports)
    if isinstance(raw, Failure):
        return _failed(effect.call, raw)
    answer = read(source, raw, effect)
    # Before anything is said: evidence names no bytes that may yet be lost.
    not_kept = ports.keeper.keep(raw, effect.call) if answer.answer_hash else ""
    for fault in answer.faults if isinstance(answer, Answer) else ():
        log.warning("row.refused", source=effect.call.source, ticker=effect.call.ticker, row=fault)
    told = _without_key(answer, ports.finnhub_key.reveal())
    return _outcome(effect.call, effect.at_us, told, not_kept)


def simulate(effect: Simulate, ports: Ports) -> Command:
    """One look at the simulated market; it needs nobody."""
    return _outcome(effect.call, effect.at_us, simulated.look(effect))


def read_sessions(effect: ReadSessions, ports: Ports) -> Command:
    """One look into the calendar."""
    table = calendar.fetch_sessions(
        effect.call.ticker, effect.at_us, ports.child, past_known=effect.past_known
    )
    if isinstance(table, Failure):
        return _failed(effect.call, table)
    return SessionsRead(effect.call, table)


def save(effect: Save, ports: Ports) -> None:
    """Write one of the small files; they follow the tape, so a failure costs nothing but them."""
    try:
        ports.files.save(effect.name, effect.body, effect.at_us)
    except OSError as error:
        log.warning("file.not_written", name=effect.name, reason=str(error))


PERFORMERS: dict[type[Effect], Callable[[Any, Ports], Command | None]] = {
    Fetch: fetch,
    Simulate: simulate,
    ReadSessions: read_sessions,
    Save: save,
    **stream.PERFORMERS,
}
"""Every effect of the collector, with what carries it out."""


def _outcome(
    call: SourceCalled, asked_us: int, answer: Answer | Failure, not_kept: str = ""
) -> Command:
    if isinstance(answer, Failure):
        return _failed(call, answer, not_kept)
    return Fetched(call, asked_us, answer, not_kept)


def _without_key(answer: Answer | Failure, key: str) -> Answer | Failure:
    """A source's own words may repeat the key, and go onto the tape."""
    if isinstance(answer, Failure) and key and key in answer.message:
        return replace(answer, message=answer.message.replace(key, "***"))
    return answer


def _failed(call: SourceCalled, failure: Failure, not_kept: str = "") -> Command:
    """A bad key needs a person; everything else is tried again, or passed over."""
    say = log.error if failure.reason == "unauthorized" else log.info
    say("source.refused", source=call.source, ticker=call.ticker, **_words(failure))
    return FetchFailed(call, failure, not_kept)


def _words(failure: Failure) -> dict[str, str]:
    return {"reason": failure.reason, "message": failure.message}
