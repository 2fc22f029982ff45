"""Runs the fetcher."""

from __future__ import annotations

from bus.host import serve, start
from market.messages import CONTRACT
from services.fetcher.actor import build
from services.fetcher.effects import Open
from services.fetcher.options import options_of, ports_of


def main() -> None:
    """Open the collector where the tape ends, and serve."""
    settings = start("fetcher")
    serve(
        build(options_of(settings)),
        CONTRACT,
        settings,
        ports=ports_of(settings),
        opening=[Open()],
    )


if __name__ == "__main__":
    main()
