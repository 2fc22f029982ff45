"""Runs the analyzer."""

from __future__ import annotations

from bus.host import serve
from bus.process import start
from config.settings import AnalyzerSettings
from market.messages import CONTRACT
from market.messages.analyzer import AnalysisSettings, ConfigureAnalysis
from services.analyzer.actor import Options, build


def main() -> None:
    """Put the configured settings on the tape where they differ, and serve."""
    settings = start("analyzer")
    options = Options(
        ttl_seconds=settings.cache.ttl_seconds,
        cycle_seconds=settings.fetcher.interval_seconds,
        extended_symbols=settings.fetcher.extended_symbols,
    )
    opening = [ConfigureAnalysis(weighing(settings.analyzer))]
    serve(build(options), CONTRACT, settings, opening=opening)


def weighing(given: AnalyzerSettings) -> AnalysisSettings:
    """The contract's settings from the operator's."""
    return AnalysisSettings(
        weights={
            "technical_analysis": given.technical_weight,
            "market_context": given.market_weight,
            "sentiment": given.sentiment_weight,
            "volume": given.volume_weight,
            "seasonality": given.seasonality_weight,
        },
        buy_above=given.buy_above,
        sell_below=given.sell_below,
        minimum_present_weight=given.minimum_present_weight,
        minimum_r_r=given.minimum_r_r,
        equity=given.equity,
        risk_percent=given.risk_percent,
        max_position_percent=given.max_position_percent,
        slippage_basis_points=given.slippage_basis_points,
        commission_per_share=given.commission_per_share,
    )


if __name__ == "__main__":
    main()
