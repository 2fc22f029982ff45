"""What must be true of a deck's home after anything that befell the deck."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

from bus.actor import Actor
from bus.codec import Codec, Record
from config.settings import read_settings
from market.messages import CONTRACT
from market.messages.fetcher import Quote
from services.analyzer.actor import Options
from services.analyzer.actor import build as build_analyzer
from services.fetcher.actor import build as build_fetcher
from services.fetcher.options import options_of
from services.indicators.actor import indicators
from tests.system.deck import RunningDeck
from tests.system.folds import cache_folded, cache_rows, folded, snapshot

CODEC = Codec(CONTRACT)


def all_heard(deck: RunningDeck) -> bool:
    """Whether every service is ready and has taken all that is on the tape."""
    health = deck.ready()
    return health is not None and all(state["lag"] == 0 for state in health["services"])


def whole(deck: RunningDeck) -> list[Record]:
    """Everything on the tape."""
    tape, records = deck.tape(), list[Record]()
    while page := tape.read(len(records), 1_000):
        records += page
    return records


def wrongs(acknowledged: list[int], records: list[Record]) -> dict[str, int]:
    """How many of a publisher's quotes are lost, doubled or out of order; empty when none is."""
    said = [CODEC.decode(Quote, r.body).market_time_us for r in records if r.producer == "load"]
    moved = sum(after < before for before, after in pairwise(said))
    doubled = sum(times - 1 for times in Counter(said).values())
    counts = {
        "lost": len(set(acknowledged) - set(said)),
        "doubled": doubled,
        "out_of_order": moved,
    }
    return {name: count for name, count in counts.items() if count}


def astray(deck: RunningDeck, records: list[Record]) -> list[str]:
    """The services whose saved state is not the fold of the tape up to where it stands."""
    facts = [CODEC.fact(record) for record in records]
    settings = read_settings(
        {name: value for name, value in deck.environment.items() if name.startswith("TAPEDECK_")}
    )
    actors: list[Actor[Any]] = [
        build_analyzer(Options()),
        build_fetcher(options_of(settings)),
        indicators,
    ]
    state = deck.home / "state"
    wrong = []
    for actor in actors:
        saved, position = snapshot(state / f"{actor.name}.snapshot", actor)
        if saved != folded(actor, [fact for fact in facts if fact.seq <= position]):
            wrong.append(actor.name)
    if cache_rows(state / "cache.db") != cache_folded(facts, state / "fresh.db"):
        wrong.append("cache")
    return wrong
