"""The fault plan: which calls go wrong, in which order, how often, and how.

    plan.next("finnhub", Status(500), Hang(), endpoint="/quote", symbol="NVDA")
    plan.always("yahoo", Status(429), until_seconds=noon)
    plan.sometimes("yahoo", 0.1, Reset(), Html(), Prices("spike"))
    plan.clear()

A rule names a provider, and may narrow that to an endpoint ("/quote", "/v8/finance/chart",
"/v1/test/getcrumb", "fc.yahoo.com"; see finnhub.target and yahoo.target), a symbol as the provider
spells it, query values ({"interval": "1h"}), and a stretch of time. Of the calls that fit it takes
every n-th (`every`), and of these as many as its `chance` has it; the others are left to the rules
after it. Rules are asked in the order in which they were added; the first that takes a call decides
it. Rules of `next` give one fault a call and are gone after the last; rules of `always` and
`sometimes` stand until `clear`, and throw their dice among their faults.

The dice follow from the plan's seed, the rule's number and the call's, so that a plan strikes the
same calls again, whatever else is asked meanwhile. Faults of the connection are drawn when a client
connects, by rules that name neither endpoint nor symbol nor query.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from typing import TypedDict, Unpack

import msgspec

from tests.fakes.faults import AnyFault, ConnectionFault, Normal
from tests.fakes.wire import CONNECT, Provider, Target


class Narrowing(TypedDict, total=False):
    """What a rule may be narrowed to; see `Rule`."""

    endpoint: str
    symbol: str
    query: Mapping[str, str]
    every: int
    since_seconds: float
    until_seconds: float


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Faults for the calls that fit; the stretch of time is in epoch seconds, its end excluded."""

    provider: Provider
    faults: tuple[AnyFault, ...]
    endpoint: str | None = None
    symbol: str | None = None
    query: Mapping[str, str] = {}
    every: int = 1
    chance: float = 1.0
    since_seconds: float = float("-inf")
    until_seconds: float = float("inf")
    standing: bool = False

    def fits(self, target: Target, query: Mapping[str, str], at_seconds: float) -> bool:
        return (
            self.provider == target.provider
            and self.endpoint in (None, target.endpoint)
            and self.symbol in (None, target.symbol)
            and self.query.items() <= query.items()
            and self.since_seconds <= at_seconds < self.until_seconds
        )


class PlanChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the control endpoint takes: a new seed, forgetting the old rules, then new ones."""

    rules: tuple[Rule, ...] = ()
    clear: bool = False
    seed: int | None = None


class Plan:
    """The rules in force; may be changed while calls are being served."""

    def __init__(self, *rules: Rule, seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._seed = seed
        self._added = 0
        self._running: list[_Running] = []
        for rule in rules:
            self.add(rule)

    def next(self, provider: Provider, *faults: AnyFault, **narrowing: Unpack[Narrowing]) -> None:
        """One fault for each of the next fitting calls, then normal service."""
        self.add(Rule(provider=provider, faults=faults, **narrowing))

    def always(self, provider: Provider, fault: AnyFault, **narrowing: Unpack[Narrowing]) -> None:
        """The same fault for every fitting call until `clear`."""
        self.add(Rule(provider=provider, faults=(fault,), standing=True, **narrowing))

    def sometimes(
        self,
        provider: Provider,
        chance: float,
        *faults: AnyFault,
        **narrowing: Unpack[Narrowing],
    ) -> None:
        """One of the faults for this share of the fitting calls, until `clear`."""
        self.add(Rule(provider=provider, faults=faults, chance=chance, standing=True, **narrowing))

    def add(self, rule: Rule) -> None:
        """Raises ValueError for a rule that could never strike."""
        if not rule.faults:
            raise ValueError(f"a rule without faults changes nothing: {rule}")
        if rule.every < 1 or not 0 < rule.chance <= 1:
            raise ValueError(f"every is 1 or more, chance above 0 and at most 1: {rule}")
        narrowed = rule.endpoint or rule.symbol or rule.query
        if narrowed and any(isinstance(fault, ConnectionFault) for fault in rule.faults):
            raise ValueError(f"a connection has no endpoint, symbol or query yet: {rule}")
        with self._lock:
            self._running.append(_Running(rule, self._added))
            self._added += 1

    def clear(self) -> None:
        """Back to normal service for every call."""
        with self._lock:
            self._running.clear()

    def change(self, change: PlanChange) -> None:
        if change.clear:
            self.clear()
        if change.seed is not None:
            self._seed = change.seed
        for rule in change.rules:
            self.add(rule)

    def draw(
        self, target: Target, query: Mapping[str, str], at_seconds: float = 0.0
    ) -> AnyFault | None:
        """The fault of one call or connection, taken from the plan; None for normal service."""
        connecting = target.endpoint == CONNECT
        with self._lock:
            for running in self._running:
                if running.strikes(connecting) and running.rule.fits(target, query, at_seconds):
                    fault = running.take(self._seed)
                    if fault is not None:
                        self._running = [one for one in self._running if not one.over]
                        return None if isinstance(fault, Normal) else fault
        return None


class _Running:
    """A rule, and how far it has come."""

    def __init__(self, rule: Rule, number: int) -> None:
        self.rule = rule
        self._number = number
        self._fitted = 0
        self._given = 0

    @property
    def over(self) -> bool:
        return not self.rule.standing and self._given == len(self.rule.faults)

    def strikes(self, connecting: bool) -> bool:
        """Whether its next fault is one of connections, or one of calls."""
        faults = self.rule.faults
        coming = faults[0] if self.rule.standing else faults[self._given]
        return isinstance(coming, ConnectionFault) == connecting

    def take(self, seed: int) -> AnyFault | None:
        """The fault of a fitting call; None where this one is left to the rules after it."""
        rule = self.rule
        self._fitted += 1
        dice = random.Random(f"{seed}/{self._number}/{self._fitted}")
        if self._fitted % rule.every or dice.random() >= rule.chance:
            return None
        self._given += 1
        return dice.choice(rule.faults) if rule.standing else rule.faults[self._given - 1]
