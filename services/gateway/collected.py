"""The collector's figures in the text format of Prometheus: calls, refusals, breakers, budgets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from market.messages.fetcher import CollectorState, GateState, SourceState


def collected(state: CollectorState) -> Iterator[Metric]:
    """All figures of the collector; counts are since the tape began."""
    yield from _calls(state.sources)
    yield _gates(state.sources)
    yield from _budgets(state)
    yield from _queues(state)
    lost = _counter("raw_answers_lost", "Answers whose bytes could not be kept", "source")
    for one in state.sources:
        lost.add_metric((one.source,), one.raw_lost)
    yield lost


def _calls(sources: Iterable[SourceState]) -> Iterator[Metric]:
    calls = _counter("source_calls", "Calls to the source", "source")
    outcomes = _counter(
        "source_outcomes", "Calls that ended: answered, or why not", "source", "outcome"
    )
    refusals = _counter("source_refusals", "Refusals by their reason", "source", "reason")
    for one in sources:
        calls.add_metric((one.source,), one.calls)
        for outcome, count in one.outcomes.items():
            outcomes.add_metric((one.source, outcome), count)
        for reason, count in one.refusals.items():
            refusals.add_metric((one.source, reason), count)
    yield from (calls, outcomes, refusals)


def _gates(sources: Iterable[SourceState]) -> Metric:
    """One of the states is 1 for each capability, the others are 0."""
    gates = _gauge("source_gate", "The breaker's state", "source", "capability", "state")
    for one in sources:
        for each in one.capabilities:
            for state in get_args(GateState):
                labels = (one.source, each.capability, state)
                gates.add_metric(labels, float(each.state == state))
    return gates


def _budgets(state: CollectorState) -> Iterator[Metric]:
    used = _gauge("source_budget_used", "Calls of the budget's window", "source")
    limit = _gauge("source_budget_limit", "Calls that the window may hold now", "source")
    for one in state.budgets:
        used.add_metric((one.source,), one.used)
        limit.add_metric((one.source,), one.limit)
    yield from (used, limit)


def _queues(state: CollectorState) -> Iterator[Metric]:
    waiting = _gauge("queue_waiting", "Tickers that wait for a call", "source", "lane")
    oldest = _gauge("queue_oldest_timestamp_seconds", "The oldest wish", "source", "lane")
    for one in state.queues:
        waiting.add_metric((one.source, one.lane), one.waiting)
        oldest.add_metric((one.source, one.lane), one.oldest_us / 1_000_000)
    yield from (waiting, oldest)


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"tapedeck_{name}", text, labels=labels)


def _counter(name: str, text: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(f"tapedeck_{name}", text, labels=labels)
