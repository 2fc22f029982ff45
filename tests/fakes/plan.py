"""The fault plan: which calls go wrong, in which order, and how.

    plan.next("finnhub", Status(500), Hang(), endpoint="/quote", symbol="NVDA")
    plan.always("yahoo", Status(429))
    plan.clear()

A rule names a provider, and may narrow that to an endpoint ("/quote", "/v8/finance/chart",
"/v1/test/getcrumb", "fc.yahoo.com"; see finnhub.target and yahoo.target), a symbol as the provider
spells it, and query values ({"interval": "1h"}). Rules are asked in the order in which they were
added; the first that fits a call decides it. Rules of `next` give one fault a call and are gone
after the last; rules of `always` stand until `clear`.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

import msgspec

from tests.fakes.faults import AnyFault, Normal
from tests.fakes.wire import Provider, Target


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Faults for the calls that fit; standing rules repeat their first fault."""

    provider: Provider
    faults: tuple[AnyFault, ...]
    endpoint: str | None = None
    symbol: str | None = None
    query: dict[str, str] = {}
    standing: bool = False

    def fits(self, target: Target, query: Mapping[str, str]) -> bool:
        return (
            self.provider == target.provider
            and self.endpoint in (None, target.endpoint)
            and self.symbol in (None, target.symbol)
            and self.query.items() <= query.items()
        )


class PlanChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the control endpoint takes: forget the old rules if `clear`, then add these."""

    rules: tuple[Rule, ...] = ()
    clear: bool = False


class Plan:
    """The rules in force; may be changed while calls are being served."""

    def __init__(self, *rules: Rule) -> None:
        self._lock = threading.Lock()
        self._rules = list(rules)

    def next(
        self,
        provider: Provider,
        *faults: AnyFault,
        endpoint: str | None = None,
        symbol: str | None = None,
        query: Mapping[str, str] | None = None,
    ) -> None:
        """One fault for each of the next fitting calls, then normal service."""
        self.add(
            Rule(
                provider=provider,
                faults=faults,
                endpoint=endpoint,
                symbol=symbol,
                query=dict(query or {}),
            )
        )

    def always(
        self,
        provider: Provider,
        fault: AnyFault,
        *,
        endpoint: str | None = None,
        symbol: str | None = None,
        query: Mapping[str, str] | None = None,
    ) -> None:
        """The same fault for every fitting call until `clear`."""
        self.add(
            Rule(
                provider=provider,
                faults=(fault,),
                endpoint=endpoint,
                symbol=symbol,
                query=dict(query or {}),
                standing=True,
            )
        )

    def add(self, rule: Rule) -> None:
        if not rule.faults:
            raise ValueError(f"a rule without faults changes nothing: {rule}")
        with self._lock:
            self._rules.append(rule)

    def clear(self) -> None:
        """Back to normal service for every call."""
        with self._lock:
            self._rules.clear()

    def change(self, change: PlanChange) -> None:
        if change.clear:
            self.clear()
        for rule in change.rules:
            self.add(rule)

    def draw(self, target: Target, query: Mapping[str, str]) -> AnyFault | None:
        """The fault of one call, taken from the plan; None for normal service."""
        with self._lock:
            for index, rule in enumerate(self._rules):
                if rule.fits(target, query):
                    return self._take(index, rule)
        return None

    def _take(self, index: int, rule: Rule) -> AnyFault | None:
        fault, *later = rule.faults
        if not rule.standing:
            remaining = msgspec.structs.replace(rule, faults=tuple(later))
            self._rules[index : index + 1] = [remaining] if later else []
        return None if isinstance(fault, Normal) else fault
