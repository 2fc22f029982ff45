"""What the analyzer says, and may be told and asked: decisions with all that they follow from."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from bus.message import Command, Durability, Event, Message, Query
from market.messages.fetcher import Ticker

Signal = Literal["BUY", "SELL", "HOLD"]
Component = Literal["technical_analysis", "market_context", "sentiment", "volume", "seasonality"]
DataSource = Literal[
    "cache",  # held already when the question was asked
    "live_api",  # fetched for this question
    "simulated",  # made up, as there is no real evidence of the market
]
Score = Annotated[float, Meta(ge=0, le=100)]
Weight = Annotated[float, Meta(ge=0)]
Percent = Annotated[float, Meta(gt=0, le=100)]


class ComponentScores(msgspec.Struct, frozen=True):
    """0 to 100 each, 50 is neutral; null where the component has nothing to say."""

    technical_analysis: Score | None = None
    market_context: Score | None = None
    sentiment: Score | None = None
    volume: Score | None = None
    seasonality: Score | None = None


class Rule(msgspec.Struct, frozen=True):
    """One vote: what was measured, in words and as a number, and its vote in [-1, 1], 1 to buy.

    ``value`` and ``vote`` are null where there was nothing to measure; the text says so.
    """

    component: Component
    name: str
    text: str
    value: float | None
    vote: float | None


class Levels(msgspec.Struct, frozen=True):
    """Prices as printed; ``r_r_ratio`` follows from them and from nothing else, to 2 decimals.

    A stop below the entry is the plan of a BUY, above it of a SELL. HOLD carries the plan of the
    side it leans to, and no shares.
    """

    entry: float
    stop: float
    target: float
    r_r_ratio: float
    stop_source: str
    target_source: str


class PositionSizing(msgspec.Struct, frozen=True):
    """Shares by the printed levels; risk and profit, after costs, to the cent.

    ``binding`` names what set the number: ``risk_percent``, ``max_position_percent``, or
    ``signal`` where HOLD means none.
    """

    shares: int
    risk_dollars: float
    potential_profit: float
    position_value: float
    binding: str


class Probability(msgspec.Struct, frozen=True):
    """What the score can honestly claim: percentages in [0, 100], and the verdict in words.

    ``percent`` is the chance that the target is reached before the stop, ``breakeven_percent`` the
    chance this trade needs to pay after costs, ``base_rate_percent`` what any day gave (null:
    not measured).
    """

    kind: Literal["driftless", "base_rate", "calibrated"]
    percent: float
    breakeven_percent: float
    base_rate_percent: float | None
    verdict: str


class Evidence(msgspec.Struct, frozen=True):
    """The events a decision rests on, by seq: the ticker's indicators, the market's by key.

    ``settings`` is the seq of the settings, 0 while nobody has set any and the defaults hold.
    """

    indicators: int
    market: dict[str, int]
    settings: int


class Decision(Event, frozen=True):
    """BUY, SELL or HOLD, with everything it follows from.

    Made when its evidence changes, never because somebody asks. ``bar_start_us`` names the daily
    bar it was decided on. Levels, size and probability are null where the evidence does not
    suffice.
    """

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


WEIGHTS: dict[Component, float] = {
    "technical_analysis": 0.35,
    "market_context": 0.20,
    "sentiment": 0.15,
    "volume": 0.15,
    "seasonality": 0.15,
}
"""How much each component counts until somebody says otherwise."""


class AnalysisSettings(msgspec.Struct, frozen=True):
    """Weights, thresholds and risk; they change what a number means, so they are on the tape.

    A composite of at least ``buy_above`` is a BUY, of at most ``sell_below`` a SELL.
    ``minimum_r_r`` is reward over risk after costs; money is in US dollars.
    """

    weights: dict[Component, Weight] = msgspec.field(default_factory=lambda: dict(WEIGHTS))
    buy_above: Annotated[float, Meta(ge=50, le=100)] = 60.0
    sell_below: Annotated[float, Meta(ge=0, le=50)] = 40.0
    minimum_present_weight: Annotated[float, Meta(ge=0, le=1)] = 0.5
    minimum_r_r: Annotated[float, Meta(ge=0, le=100)] = 1.2
    equity: Annotated[float, Meta(gt=0, le=1e12)] = 100_000.0
    risk_percent: Percent = 1.0
    max_position_percent: Percent = 20.0
    slippage_basis_points: Annotated[float, Meta(ge=0, le=1000)] = 5.0
    commission_per_share: Annotated[float, Meta(ge=0, le=100)] = 0.0


class AnalysisConfigured(Event, frozen=True):
    """From here on decisions follow these settings."""

    stream: ClassVar[str] = "settings.analysis"
    durability: ClassVar[Durability] = "synced"

    settings: AnalysisSettings


class ConfigureAnalysis(Command, frozen=True):
    """Follow these settings from now on; says nothing where they hold already."""

    service: ClassVar[str] = "analyzer"

    settings: AnalysisSettings


class Current(msgspec.Struct, frozen=True):
    """Where the price stands now against the decision.

    ``age_seconds`` counts from the provider's own time of the price. Distances are level minus
    price, null without levels; ``still_valid`` says whether the price is between stop and target.
    """

    price: float
    market_time_us: int
    known_at_us: int
    age_seconds: float
    to_entry: float | None
    to_stop: float | None
    to_target: float | None
    still_valid: bool | None


class Analysis(Message, frozen=True):
    """The latest decision as an answer: where it came from, how old it is, where the price stands.

    ``decision`` is null where nothing could be decided before the deadline. ``seq`` is how far the
    analyzer had heard, ``as_of_us`` when it answered (0: not told).
    """

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
    as_of_us: int = 0


class Analyze(Query[Analysis], frozen=True):
    """The decision for a ticker; fetched first where what is known is not fresh.

    ``asked_at_us`` is when the question was put (0: now): what came since was fetched for it.
    """

    service: ClassVar[str] = "analyzer"
    reply: ClassVar[type[Analysis]] = Analysis

    ticker: str
    asked_at_us: int = 0
