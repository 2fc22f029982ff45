"""What the analyzer says, and what it may be asked: decisions with their levels, size, evidence and reasons."""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from bus.message import Durability, Event, Message, Query
from market.messages.fetcher import Ticker

Signal = Literal["BUY", "SELL", "HOLD"]
Component = Literal["technical_analysis", "market_context", "sentiment", "volume", "seasonality"]
DataSource = Literal["cache", "live_api", "simulated"]


class ComponentScores(msgspec.Struct, frozen=True):
    """0 to 100 each, 50 is neutral; null where the component has nothing to say."""

    technical_analysis: float | None = None
    market_context: float | None = None
    sentiment: float | None = None
    volume: float | None = None
    seasonality: float | None = None


class Rule(msgspec.Struct, frozen=True):
    """One vote: what was measured, the scale it is read on, and its vote in [-1, 1]."""

    component: Component
    name: str
    text: str
    value: float | None
    vote: float | None


class Levels(msgspec.Struct, frozen=True):
    """Prices as printed; ``r_r_ratio`` follows from them and from nothing else."""

    entry: float
    stop: float
    target: float
    r_r_ratio: float
    stop_source: str
    target_source: str


class PositionSizing(msgspec.Struct, frozen=True):
    """Shares by the printed levels; risk and profit to the cent; ``binding`` names the cap that set the number."""

    shares: int
    risk_dollars: float
    potential_profit: float
    position_value: float
    binding: str


class Probability(msgspec.Struct, frozen=True):
    """What the score can honestly claim: percentages in [0, 100] with the verdict in words."""

    kind: Literal["driftless", "base_rate", "calibrated"]
    percent: float
    breakeven_percent: float
    base_rate_percent: float | None
    verdict: str


class Evidence(msgspec.Struct, frozen=True):
    """The events a decision rests on, by seq: the ticker's indicators, the market's by key, the settings."""

    indicators: int
    market: dict[str, int]
    settings: int


class Decision(Event, frozen=True):
    """BUY, SELL or HOLD, with everything it follows from; made when its evidence changes, never because somebody asks."""

    stream: ClassVar[str] = "decision.made"
    keyed_by: ClassVar[tuple[str, ...]] = ("ticker",)
    durability: ClassVar[Durability] = "synced"

    ticker: Ticker
    signal: Signal
    reason: str
    composite_score: float | None
    component_scores: ComponentScores
    weights_used: dict[Component, float]
    missing: tuple[Component, ...]
    rules: tuple[Rule, ...]
    levels: Levels | None
    position_sizing: PositionSizing | None
    probability: Probability | None
    bar_start_us: int
    bars_used: int
    evidence: Evidence
    simulated: bool


class AnalysisSettings(msgspec.Struct, frozen=True):
    """Weights, thresholds and risk; they change what a number means, so they are on the tape."""

    weights: dict[Component, float]
    buy_above: float = 60.0
    sell_below: float = 40.0
    minimum_present_weight: float = 0.5
    minimum_r_r: float = 1.2
    equity: float = 100_000.0
    risk_percent: float = 1.0
    max_position_percent: float = 20.0
    slippage_basis_points: float = 5.0
    commission_per_share: float = 0.0


class AnalysisConfigured(Event, frozen=True):
    """From here on decisions follow these settings."""

    stream: ClassVar[str] = "settings.analysis"
    durability: ClassVar[Durability] = "synced"

    settings: AnalysisSettings


class Current(msgspec.Struct, frozen=True):
    """Where the price stands now against the decision; distances are price differences, null without levels."""

    price: float
    market_time_us: int
    known_at_us: int
    age_seconds: float
    to_entry: float | None
    to_stop: float | None
    to_target: float | None
    still_valid: bool | None


class Analysis(Message, frozen=True):
    """The latest decision as an answer: where it came from, how old it is, where the price stands now."""

    ticker: Ticker
    decision: Decision | None
    decision_seq: int
    decided_at_us: int
    data_source: DataSource
    simulated: bool
    stale: bool
    stale_because: str
    current: Current | None
    seq: int


class Analyze(Query[Analysis], frozen=True):
    """The decision for a ticker; fetched first where what is known is not fresh."""

    service: ClassVar[str] = "analyzer"
    reply: ClassVar[type[Analysis]] = Analysis

    ticker: str
