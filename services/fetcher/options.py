"""From the settings to the collector's options and ports."""

from __future__ import annotations

from config.settings import Settings, SettingsError
from market.symbols import BadTicker, canonical
from services.fetcher.core.declaration import Declaration, Options, Unusable
from services.fetcher.sources import calendar, declared


def options_of(settings: Settings) -> Options:
    """What the operator set, with what each source declares under it.

    Raises:
        SettingsError: if the first watchlist holds what is no ticker.
    """
    fetcher = settings.fetcher
    found = [declared(name).configured(settings) for name in fetcher.sources]
    return Options(
        sources=tuple(one for one in found if isinstance(one, Declaration)),
        calendar=calendar.DECLARED,
        unusable=tuple(one for one in found if isinstance(one, Unusable)),
        interval_seconds=fetcher.interval_seconds,
        news_seconds=fetcher.news_seconds,
        market_status_seconds=fetcher.market_status_seconds,
        auto_start=fetcher.auto_start,
        watchlist=_watchlist(fetcher.watchlist, extended=fetcher.extended_symbols),
        extended_symbols=fetcher.extended_symbols,
        seed=fetcher.simulated_seed,
    )


def _watchlist(texts: tuple[str, ...], *, extended: bool) -> tuple[str, ...]:
    try:
        return tuple(canonical(text, extended=extended) for text in texts)
    except BadTicker as error:
        raise SettingsError(f"fetcher.watchlist holds {error.text!r}: {error.remedy}.") from error
