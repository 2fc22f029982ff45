"""Runs the cache."""

from __future__ import annotations

from functools import cache, partial

from bus.clock import SystemClock
from bus.codec import Codec
from bus.host import code_version, serve
from bus.process import start
from bus.reading import TapeReader
from market.messages import CONTRACT
from services.cache.actor import build
from services.cache.saver import ShelfSaver
from services.cache.shelf import Shelf
from services.cache.store.sqlite import Tables


def main() -> None:
    """Open the shelf and serve."""
    settings = start("cache")
    shelf = Shelf(
        tables=Tables(settings.state_dir / "cache.db", code_version()),
        open_tape=cache(partial(TapeReader, settings.tape_path)),
        codec=Codec(CONTRACT),
        ttl_seconds=settings.cache.ttl_seconds,
    )
    actor = build(lambda: shelf, extended=settings.fetcher.extended_symbols)
    serve(
        actor,
        CONTRACT,
        settings,
        saver=ShelfSaver(shelf, settings.home / "cache", SystemClock()),
    )


if __name__ == "__main__":
    main()
