"""A plan decides call by call what goes wrong."""

from __future__ import annotations

import msgspec
import pytest

from tests.fakes.faults import (
    AnyFault,
    Drip,
    Empty,
    Hang,
    Html,
    Normal,
    Refused,
    Reset,
    SlowHandshake,
    Status,
)
from tests.fakes.plan import Plan, PlanChange, Rule
from tests.fakes.wire import CONNECT, Target

NVDA = Target("finnhub", "/quote", "NVDA")
SPY = Target("finnhub", "/quote", "SPY")
CONNECTION = Target("finnhub", CONNECT)
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


def test_every_third_call_and_no_other_is_struck() -> None:
    plan = Plan()
    plan.always("finnhub", Reset(), every=3)
    assert drawn(plan, NVDA, 6) == [None, None, Reset()] * 2


def test_a_call_that_a_rule_lets_pass_is_left_to_the_rules_after_it() -> None:
    plan = Plan()
    plan.next("finnhub", Hang(), every=2)
    plan.always("finnhub", Html())
    assert drawn(plan, NVDA, 3) == [Html(), Hang(), Html()]


def test_a_rule_is_for_its_stretch_of_time_alone() -> None:
    plan = Plan()
    plan.always("finnhub", Reset(), since_seconds=10, until_seconds=20)
    struck = [plan.draw(NVDA, {}, at) for at in (9.9, 10, 19.9, 20)]
    assert struck == [None, Reset(), Reset(), None]


def test_a_chance_strikes_its_share_of_the_calls_with_each_of_its_faults() -> None:
    plan = Plan(seed=3)
    plan.sometimes("finnhub", 0.25, Reset(), Html())
    struck = drawn(plan, NVDA, 4_000)
    share = {fault: struck.count(fault) / 4_000 for fault in (None, Reset(), Html())}
    assert share == {
        None: pytest.approx(0.75, abs=0.03),
        Reset(): pytest.approx(0.125, abs=0.02),
        Html(): pytest.approx(0.125, abs=0.02),
    }


def test_the_same_seed_strikes_the_same_calls_whatever_else_is_asked_and_another_does_not() -> None:
    def struck(seed: int, *, disturbed: bool) -> list[AnyFault | None]:
        plan = Plan(seed=seed)
        plan.sometimes("finnhub", 0.5, Reset(), Html(), symbol="NVDA")
        plan.sometimes("finnhub", 0.5, Drip(), symbol="SPY")
        found = []
        for _ in range(50):
            if disturbed:
                plan.draw(SPY, {})
            found.append(plan.draw(NVDA, {}))
        return found

    assert struck(1, disturbed=False) == struck(1, disturbed=True)
    assert struck(1, disturbed=False) != struck(2, disturbed=False)


def test_a_fault_of_the_connection_strikes_a_connection_and_others_strike_calls() -> None:
    plan = Plan()
    plan.next("finnhub", Refused(), Status(500), SlowHandshake())
    assert [plan.draw(one, {}) for one in (NVDA, CONNECTION, CONNECTION, NVDA, CONNECTION)] == [
        None,
        Refused(),
        None,
        Status(500),
        SlowHandshake(),
    ]


def test_a_plan_may_be_given_another_seed_while_it_runs() -> None:
    text = b"""{"seed": 2, "clear": true, "rules": [{"provider": "finnhub", "standing": true,
        "chance": 0.5, "faults": [{"type": "reset"}]}]}"""
    plan, other = Plan(seed=1), Plan(seed=2)
    for one in (plan, other):
        one.change(msgspec.json.decode(text, type=PlanChange))
    assert drawn(plan, SPY, 30) == drawn(other, SPY, 30)


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (Rule(provider="yahoo", faults=(Reset(),), every=0), "every is 1 or more"),
        (Rule(provider="yahoo", faults=(Reset(),), chance=0), "chance above 0"),
        (Rule(provider="yahoo", faults=(Refused(),), symbol="SPY"), "has no endpoint, symbol"),
    ],
)
def test_a_rule_that_could_never_strike_is_refused(rule: Rule, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Plan(rule)
