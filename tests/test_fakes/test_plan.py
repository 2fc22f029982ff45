"""A plan decides call by call what goes wrong."""

from __future__ import annotations

import msgspec
import pytest

from tests.fakes.faults import AnyFault, Empty, Hang, Html, Normal, Reset, Status
from tests.fakes.plan import Plan, PlanChange, Rule
from tests.fakes.wire import Target

NVDA = Target("finnhub", "/quote", "NVDA")
SPY = Target("finnhub", "/quote", "SPY")
CHART = Target("yahoo", "/v8/finance/chart", "NVDA")


def drawn(plan: Plan, target: Target, times: int) -> list[AnyFault | None]:
    return [plan.draw(target, {}) for _ in range(times)]


def test_faults_come_in_their_order_and_then_service_is_normal() -> None:
    plan = Plan()
    plan.next("finnhub", Status(500), Normal(), Hang())
    assert drawn(plan, NVDA, 5) == [Status(500), None, Hang(), None, None]


def test_a_standing_fault_stands_until_the_plan_is_cleared() -> None:
    plan = Plan()
    plan.always("finnhub", Empty())
    assert drawn(plan, NVDA, 3) == [Empty()] * 3
    plan.clear()
    assert drawn(plan, NVDA, 1) == [None]


def test_a_rule_is_for_its_provider_endpoint_symbol_and_query_alone() -> None:
    plan = Plan()
    plan.always("finnhub", Reset(), endpoint="/quote", symbol="NVDA", query={"a": "1"})
    other_endpoint = Target("finnhub", "/search", "NVDA")
    assert plan.draw(NVDA, {"a": "1", "b": "2"}) == Reset()
    assert [plan.draw(NVDA, {}), plan.draw(NVDA, {"a": "2"})] == [None, None]
    assert [plan.draw(t, {"a": "1"}) for t in (SPY, CHART, other_endpoint)] == [None] * 3


def test_the_first_rule_that_fits_decides() -> None:
    plan = Plan()
    plan.next("finnhub", Html(), symbol="NVDA")
    plan.always("finnhub", Status(502))
    assert drawn(plan, NVDA, 2) == [Html(), Status(502)]
    assert drawn(plan, SPY, 1) == [Status(502)]


def test_a_plan_may_be_written_in_json() -> None:
    text = b"""{"clear": true, "rules": [
        {"provider": "finnhub", "endpoint": "/quote", "standing": true,
         "faults": [{"type": "status", "code": 429, "retry_after_seconds": 9}]}]}"""
    plan = Plan(Rule(provider="finnhub", faults=(Empty(),), standing=True))
    plan.change(msgspec.json.decode(text, type=PlanChange))
    assert drawn(plan, SPY, 2) == [Status(429, retry_after_seconds=9)] * 2


def test_a_rule_without_faults_is_refused() -> None:
    with pytest.raises(ValueError, match="without faults changes nothing"):
        Plan().next("yahoo")
