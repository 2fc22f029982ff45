"""What indicators says: the readings after a closed bar, and the peek at a forming one."""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from bus.message import Durability, Event
from market.messages.fetcher import Ticker, Timeframe

TrendName = Literal["up", "down", "sideways"]


class Level(msgspec.Struct, frozen=True):
    """A price where the market turned before: support below, resistance above the last close."""

    price: float
    kind: Literal["support", "resistance"]
    touches: int
    strength: float
    last_touch_us: int


class Trend(msgspec.Struct, frozen=True):
    """The direction by the order and slope of the averages.

    ``slope_atr`` is the EMA20's move over 5 bars in ATRs.
    """

    name: TrendName
    slope_atr: float | None
    since_us: int


class Reading(msgspec.Struct, frozen=True):
    """One timeframe at one bar.

    Every value, null where it is not defined yet, with the bars it rests on.

    Windowed companions for scoring: ``roc20`` and ``sd20`` are the 20-bar rate of change and the
    standard deviation of 1-bar returns (fractions), ``volume_sma20`` and ``volume_sum20`` plain,
    ``obv_change20`` the OBV's move over 20 bars, ``cmf20`` Chaikin's money flow in [-1, 1].
    """

    bar_start_us: int
    bars_used: int
    first_start_us: int
    close: float
    previous_close: float | None
    volume: float
    rsi: float | None
    macd: float | None
    macd_signal: float | None
    macd_histogram: float | None
    obv: float | None
    ema20: float | None
    ema50: float | None
    ema200: float | None
    atr: float | None
    roc20: float | None
    sd20: float | None
    volume_sma20: float | None
    volume_sum20: float | None
    obv_change20: float | None
    cmf20: float | None
    trend: Trend | None
    levels: tuple[Level, ...]
    bars_seq: int


class Indicators(Event, frozen=True):
    """All timeframes of a ticker after a bar closed (or was corrected); evidence for decisions."""

    stream: ClassVar[str] = "indicators.computed"
    keyed_by: ClassVar[tuple[str, ...]] = ("ticker",)

    ticker: Ticker
    timeframes: dict[Timeframe, Reading]
    settings_seq: int


class FormingIndicators(Event, frozen=True):
    """The peek at bars that are still forming; shown, never decided on."""

    stream: ClassVar[str] = "indicators.forming"
    keyed_by: ClassVar[tuple[str, ...]] = ("ticker",)

    ticker: Ticker
    timeframes: dict[Timeframe, Reading]
    settings_seq: int


class IndicatorSettings(msgspec.Struct, frozen=True):
    """The periods, in bars; they change what a number means, so they are on the tape."""

    rsi: int = 14
    macd_fast: int = 12
    macd_slow: int = 26
    macd_signal: int = 9
    ema_short: int = 20
    ema_medium: int = 50
    ema_long: int = 200
    atr: int = 14


class IndicatorsConfigured(Event, frozen=True):
    """From here on the indicators use these periods."""

    stream: ClassVar[str] = "settings.indicators"
    durability: ClassVar[Durability] = "synced"

    settings: IndicatorSettings
