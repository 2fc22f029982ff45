"""The collector as a terminal shows it: its sources, budgets, queues, histories; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from services.gateway.render import Answer, marks_of, pairs_of, table_of, text_of

_BAR = 20
_FEW = 8


def collector(answer: Answer) -> str:
    """The collector with its sources and budgets."""
    pairs = [
        ("collector", "running" if answer["running"] else "stopped"),
        *_markets(answer),
        ("last run", answer["last_run"]),
        ("next run", answer["next_run"]),
        ("fetching", " ".join(answer["fetching"])),
        ("watchlist", " ".join(answer["watchlist"])),
        ("cached", answer["cache_entries"]),
        *([("history", _history(answer))] if answer["backfills"] else []),
    ]
    return "\n\n".join(
        part
        for part in (
            "\n".join([*marks_of(answer), *pairs_of(pairs)]),
            table_of(("source", "for", "state", "why", "again at"), _sources(answer["sources"])),
            table_of(
                ("budget", "used", "of", "in", "kept for who asks"), map(_budget, answer["budgets"])
            ),
            table_of(("waits for", "lane", "tickers", "asked", "since", "next"), _queues(answer)),
            table_of(("not listed", "state", "why", "last trade"), _listings(answer)),
            table_of(("unsettled", "day", "asked for", "again at"), _settling(answer)),
            _missing(answer["cycle"]),
        )
        if part
    )


def _markets(answer: Answer) -> Iterable[tuple[str, str]]:
    """New York first; other markets where a tracked ticker is traded there."""
    for one in answer["venues"] or [{"venue": "us", **answer}]:
        name = "market" if one["venue"] == "us" else one["venue"]
        yield name, f"{one['market']}, next session {text_of(one['next_session'])}"
    if told := answer["market_told"]:
        word = "open" if told["is_open"] else f"closed {told['holiday']}".rstrip()
        rests = "; the calendar has a session, so cycles rest" if answer["halted"] else ""
        yield "told", f"{word}, says {told['source']} at {told['market_time']}{rests}"


def _sources(sources: Sequence[Answer]) -> Iterable[tuple[Any, ...]]:
    """One line for each capability of a source; for a source that cannot be used, why not."""
    for source in sources:
        name = source["source"]
        for one in source["capabilities"]:
            state = one["state"].replace("_", " ")
            live = source.get("streaming") if one["capability"] == "trades" else None
            why = one["reason"] or (f"{len(live)} live" if live else "")
            yield (name, one["capability"], state, why, one["retry_at"])
        if not source["capabilities"]:
            state = "ready" if source["usable"] else "not used"
            yield (name, "", state, source["reason"], source["retry_at"])


def _history(answer: Answer) -> str:
    """How far the first fetch of every ticker's history has come, as a bar and in numbers."""
    cancelled = [one for one in answer["backfills"] if one["cancelled"]]
    left = [one for one in answer["backfills"] if not one["cancelled"]]
    if not left:
        return f"cancelled: {_few(cancelled)}"
    of = left[0]["of"] * (len(answer["watchlist"]) - len(cancelled))
    done = of - sum(one["of"] - one["done"] for one in left)
    bar = "#" * (_BAR * done // of)
    rest = f", cancelled: {_few(cancelled)}" if cancelled else ""
    return f"[{bar.ljust(_BAR, '.')}] {done} of {of}, waiting: {_few(left)}{rest}"


def _few(jobs: Sequence[Answer]) -> str:
    names = " ".join(one["ticker"] for one in jobs[:_FEW])
    return f"{names} and {len(jobs) - _FEW} more" if len(jobs) > _FEW else names


def _listings(answer: Answer) -> Iterable[tuple[Any, ...]]:
    for one in answer["listings"]:
        yield (one["ticker"], one["state"], one["because"], one["last_trade"])


def _settling(answer: Answer) -> Iterable[tuple[Any, ...]]:
    for one in answer["settling"]:
        again = one["retry_at"] or "given up"
        yield (one["ticker"], one["day"], f"{one['times']} times", again)


def _budget(budget: Answer) -> tuple[Any, ...]:
    window = f"{budget['window_seconds']:g} s"
    return (budget["source"], budget["used"], budget["limit"], window, budget["reserve"])


def _queues(answer: Answer) -> Iterable[tuple[Any, ...]]:
    """One line for each lane that waits for a source, in the order in which tickers are served."""
    for one in answer["queues"]:
        first = " ".join(one["first"])
        yield one["source"], one["lane"], one["waiting"], one["asked"], one["oldest"], first


def _missing(cycle: Answer | None) -> str:
    if not cycle:
        return ""
    missing = ", ".join(f"{m['ticker']} ({m['reason']})" for m in cycle["missing"])
    brought = f"Last cycle: {cycle['brought']} of {cycle['asked']}"
    return f"{brought}; missing: {missing}" if missing else f"{brought}."
