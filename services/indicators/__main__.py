"""Runs the indicators."""

from __future__ import annotations

from bus.host import serve
from bus.process import start
from config.settings import IndicatorsSettings
from market.messages import CONTRACT
from market.messages.indicators import IndicatorSettings
from services.indicators.actor import Configure, indicators


def main() -> None:
    """Put the configured periods on the tape where they differ, and serve."""
    settings = start("indicators")
    opening = [Configure(periods(settings.indicators))]
    serve(indicators, CONTRACT, settings, opening=opening)


def periods(given: IndicatorsSettings) -> IndicatorSettings:
    """The contract's settings from the operator's."""
    return IndicatorSettings(
        rsi=given.rsi_period,
        macd_fast=given.macd_fast,
        macd_slow=given.macd_slow,
        macd_signal=given.macd_signal,
        atr=given.atr_period,
    )


if __name__ == "__main__":
    main()
