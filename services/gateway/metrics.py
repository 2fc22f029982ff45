"""What the gateway measures, and the deck's own figures, in the text format of Prometheus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bus.message import BusState, BusStatus
from market.messages.cache import CacheState, CacheStatus
from market.messages.fetcher import CollectorState, CollectorStatus
from services.gateway.collected import collected
from services.gateway.talk import Briefly, Talk
from services.gateway.talks.parts import unless_absent

_COUNTERS = {
    "dead_letters": "Events the service's process could not take and went on without",
    "gaps": "Gaps in the live stream that the service's process healed from the tape",
    "resends": "Turns the service's process sent again",
    "bad_frames": "Frames that were none, met by the service's process",
}
"""The fields of `bus.message.Counters`."""


class Figures(msgspec.Struct, frozen=True):
    """What a scrape asks the deck; None where nobody answered."""

    bus: BusState | None
    cache: CacheState | None
    collector: CollectorState | None


def figures() -> Talk:
    """The talk of a scrape."""
    bus: BusState | None = yield from unless_absent(BusStatus())
    cache: CacheState | None = yield from unless_absent(Briefly(CacheStatus()))
    collector: CollectorState | None = yield from unless_absent(Briefly(CollectorStatus()))
    return Figures(bus, cache, collector)


class Meters:
    """The gateway's own counts, on a registry of their own; safe from any thread."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "tapedeck_requests",
            "Requests answered, by door, verb and error code (empty: none)",
            ("door", "verb", "code"),
            registry=self._registry,
        )
        self.pages = Gauge(
            "tapedeck_live_pages", "Pages on the live stream", registry=self._registry
        )
        self.frames = Counter(
            "tapedeck_live_frames", "Frames sent to pages", registry=self._registry
        )
        self.catch_ups = Counter(
            "tapedeck_live_catch_ups",
            "Times a page that lagged was served from the tape",
            registry=self._registry,
        )

    def text(self, told: Figures) -> bytes:
        """Everything, ready to be scraped."""
        deck = CollectorRegistry()
        deck.register(_Deck(told))
        return generate_latest(self._registry) + generate_latest(deck)


class _Deck(Collector):
    """The deck's figures of one scrape."""

    def __init__(self, told: Figures) -> None:
        self._told = told

    def collect(self) -> Iterator[Metric]:
        bus, cache = self._told.bus, self._told.cache
        yield _gauge("bus_up", "Whether the bus answers", float(bus is not None))
        if bus:
            yield from _bus(bus)
            yield from _services(bus)
        if cache:
            yield _quote_ages(cache)
        if self._told.collector:
            yield from collected(self._told.collector)


def _bus(bus: BusState) -> Iterable[Metric]:
    yield _gauge("tape_head", "The tape's last seq", bus.head)
    yield _gauge("tape_bytes", "The size of the tape's file with its log", bus.tape_bytes)
    yield _gauge("bus_degraded", "Whether the disk refuses the bus", float(bool(bus.degraded)))
    yield _counter(
        "bus_events_appended", "Events appended since the bus started", bus.events_appended
    )
    yield _counter("bus_commits", "Transactions since the bus started", bus.commits)
    yield _counter("bus_resends", "Turns that came again and were kept once", bus.resends)
    yield _counter("bus_refused", "Turns refused", bus.refused)
    yield _counter("bus_bad_frames", "Frames that were none, from anybody", bus.bad_frames)
    yield _gauge("bus_batch_events", "Events in a transaction, median", bus.batch_p50)
    commit = GaugeMetricFamily(
        "tapedeck_bus_commit_milliseconds", "Duration of a transaction", labels=("quantile",)
    )
    commit.add_metric(("0.5",), bus.commit_ms_p50)
    commit.add_metric(("0.99",), bus.commit_ms_p99)
    yield commit


def _services(bus: BusState) -> Iterable[Metric]:
    ready = _per_service("service_ready", "Whether the service takes requests")
    lag = _per_service("service_lag_events", "Events the service has not folded yet")
    starts = _per_service("service_starts", "Processes that ever spoke under this name")
    for service in bus.services:
        label = (service.name,)
        ready.add_metric(label, float(service.ready))
        lag.add_metric(label, service.lag)
        starts.add_metric(label, service.starts)
    yield from (ready, lag, starts)
    for name, text in _COUNTERS.items():
        counter = CounterMetricFamily(f"tapedeck_service_{name}", text, labels=("service",))
        for service in bus.services:
            counter.add_metric((service.name,), getattr(service.counters, name))
        yield counter


def _quote_ages(cache: CacheState) -> Metric:
    ages = GaugeMetricFamily(
        "tapedeck_quote_age_seconds",
        "Age of what is known of a ticker",
        labels=("ticker", "source", "simulated"),
    )
    for entry in cache.entries:
        if entry.age_seconds is not None:
            simulated = str(entry.simulated).lower()
            ages.add_metric((entry.ticker, entry.source or "", simulated), entry.age_seconds)
    return ages


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"tapedeck_{name}", text, value=value)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(f"tapedeck_{name}", text, value=value)


def _per_service(name: str, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"tapedeck_{name}", text, labels=("service",))
