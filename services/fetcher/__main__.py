"""Runs the fetcher."""

from __future__ import annotations

from bus.host import serve
from bus.process import start
from market.messages import CONTRACT
from services.fetcher.actor import build
from services.fetcher.effects import Open
from services.fetcher.options import options_of
from services.fetcher.ports import real_ports


def main() -> None:
    """Open the collector where the tape ends, and serve."""
    settings = start("fetcher")
    serve(
        build(options_of(settings)),
        CONTRACT,
        settings,
        ports=real_ports(settings),
        opening=[Open()],
    )


if __name__ == "__main__":
    main()
