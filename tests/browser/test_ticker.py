"""The selected ticker: its chart, its decision, and the evidence that it opens."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from playwright.sync_api import Page, expect

from services.gateway.assets import chart_library
from tests.browser import evidence
from tests.browser.conftest import NOW_US, OpenPage
from tests.browser.deck import PageDeck
from tests.browser.reading import field, get

AVERAGES = """async (series) => {
    const { chartModel } = await import('/static/model/chart_model.js');
    const { averages } = chartModel(series, null, null);
    const last = series.forming ? -2 : -1;
    const ends = Object.entries(averages).map(([name, told]) => [name, told.at(last)]);
    return Object.fromEntries(ends);
}"""


@pytest.fixture
def nvda(address: str, open_page: OpenPage) -> Page:
    page = open_page(f"{address}/#NVDA")
    expect(page.locator("[data-card=decision]")).to_have_attribute("data-source", "cache")
    return page


def shown(page: Page, name: str, within: str = "#ticker") -> str | None:
    return field(page, name, within).get_attribute("data-value")


def test_the_address_names_the_ticker_and_the_length_of_a_bar(
    address: str, open_page: OpenPage
) -> None:
    page = open_page(f"{address}/#QQQ/1h")
    expect(page.locator("[data-view=ticker]")).to_have_attribute("data-ticker", "QQQ")
    expect(page.locator("[data-timeframe='1h']")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("[data-chart]")).to_have_attribute("data-bars", "700")

    page.locator("[data-timeframe='1d']").click()

    expect(page.locator("[data-chart]")).to_have_attribute("data-bars", "600")
    assert page.url.endswith("#QQQ")


def test_a_ticker_that_is_not_tracked_says_how_to_add_it(address: str, open_page: OpenPage) -> None:
    page = open_page(f"{address}/#IBM")

    expect(field(page, "reason")).to_have_text("IBM is not tracked. Add it: ./tapedeck add IBM")


def test_the_card_shows_the_numbers_of_the_api(nvda: Page, address: str) -> None:
    told = get(address, "/api/analyze/NVDA")
    levels, sizing = told["levels"], told["position_sizing"]
    expected = {
        "signal": told["signal"],
        "composite": told["composite_score"],
        "probability": told["probability"]["percent"],
        **{name: levels[name] for name in ("entry", "stop", "target", "r_r_ratio")},
        **{name: sizing[name] for name in ("shares", "risk_dollars", "potential_profit")},
    }
    assert {name: shown(nvda, name) for name in expected} == {
        name: f"{one:g}" if isinstance(one, float) and one.is_integer() else str(one)
        for name, one in expected.items()
    }
    expect(field(nvda, "reason")).to_have_text(told["reason"])


def test_a_probability_comes_with_its_sentence(nvda: Page, address: str) -> None:
    verdict = get(address, "/api/analyze/NVDA")["probability"]["verdict"]

    expect(field(nvda, "probability")).to_have_text(f"{verdict[0].upper()}{verdict[1:]}.")


def test_components_have_bars_and_the_missing_ones_their_names(nvda: Page, address: str) -> None:
    scores: dict[str, Any] = get(address, "/api/analyze/NVDA")["component_scores"]
    for name, score in scores.items():
        component = nvda.locator(f"[data-component={name}]")
        if score is None:
            expect(component).to_contain_text("missing")
        else:
            expect(component).to_have_attribute("data-value", f"{score:g}")


def test_the_points_of_all_rules_add_up_to_the_composite(nvda: Page, address: str) -> None:
    told = get(address, "/api/analyze/NVDA")
    rules = nvda.locator("tr[data-rule]")
    expect(rules).to_have_count(len(told["rules"]))
    points = [one.inner_text().replace("−", "-") for one in rules.locator("td:nth-child(4)").all()]
    total = 50 + sum(float(one) for one in points if one != "–")
    assert total == pytest.approx(told["composite_score"], abs=0.05 * len(points))


def test_rules_are_told_apart_by_what_they_speak_for(nvda: Page) -> None:
    signal = nvda.locator("[data-card=decision]").get_attribute("data-signal")
    assert signal == "SELL"
    why = nvda.locator("[data-group=why] tr[data-rule]").all()
    against = nvda.locator("[data-group=why-not] tr[data-rule]").all()
    assert all(float(one.get_attribute("data-vote") or 0) < 0 for one in why)
    assert all(float(one.get_attribute("data-vote") or 0) > 0 for one in against)
    assert why
    assert against


def test_a_new_decision_replaces_the_card(nvda: Page, deck: PageDeck) -> None:
    decision = evidence.decision("NVDA", NOW_US, seq=1, market_seq=1)
    seq = deck.say(msgspec.structs.replace(decision, signal="BUY", reason="BUY: for the test"))

    expect(field(nvda, "reason")).to_have_text("BUY: for the test")
    expect(nvda.locator("[data-card=decision]")).to_have_attribute("data-seq", str(seq))
    expect(nvda.locator("[data-card=decision]")).to_have_attribute("data-source", "cache")


def test_the_price_moves_on_the_way_from_stop_to_target(nvda: Page, deck: PageDeck) -> None:
    levels = deck.told.levels("NVDA")
    quote = evidence.quote("NVDA", NOW_US)
    deck.say(msgspec.structs.replace(quote, price=levels.target - 1))

    expect(field(nvda, "to-target")).to_have_text("+1.00")
    expect(field(nvda, "still-valid")).to_contain_text("No longer valid")


def test_a_stale_answer_says_why(address: str, deck: PageDeck, open_page: OpenPage) -> None:
    deck.stale_because = "the bar of 2026-11-19 closed 2 hours ago and has not come"
    page = open_page(f"{address}/#NVDA")

    expect(page.locator("[data-card=decision]")).to_have_attribute("data-stale", "true")
    expect(field(page, "stale-because")).to_have_text(f"STALE: {deck.stale_because}")


def test_evidence_opens_the_event_that_it_names(nvda: Page) -> None:
    link = nvda.locator(".evidence .seq-link").first
    seq = link.get_attribute("data-seq")
    link.click()

    expect(field(nvda, "event")).to_contain_text(f"Event {seq}")
    expect(field(nvda, "event")).to_contain_text('"signal": "SELL"')


def test_the_bar_that_forms_is_marked_and_grows_with_the_tape(nvda: Page, deck: PageDeck) -> None:
    expect(nvda.locator("[data-chart]")).to_have_attribute("data-forming", "true")
    expect(field(nvda, "chart-note")).to_contain_text("still forming")

    last = evidence.bars("NVDA", "1d", NOW_US)[-1]
    columns = {name: getattr(last, name)[-1:] for name in ("start_us", "open", "low", "volume")}
    high = msgspec.structs.replace(last, **columns, high=(400.0,), close=(399.0,))
    deck.say(high)

    expect(field(nvda, "readout")).to_contain_text("H 400.00  L")
    expect(field(nvda, "readout")).to_contain_text("forming")
    expect(nvda.locator("[data-chart]")).to_have_attribute("data-bars", "600")


@pytest.mark.parametrize("timeframe", ["1d", "1h"])
def test_the_averages_that_are_drawn_end_where_the_deck_says(
    nvda: Page, address: str, timeframe: str
) -> None:
    series = get(address, f"/api/tickers/NVDA/bars?timeframe={timeframe}&limit=5000")
    reading = get(address, "/api/tickers/NVDA/indicators")["timeframes"][timeframe]
    drawn = nvda.evaluate(AVERAGES, series)
    assert drawn == {name: pytest.approx(reading[name], rel=1e-9) for name in drawn}
    assert list(drawn) == ["ema20", "ema50", "ema200"]


@pytest.mark.skipif(chart_library() is None, reason="the chart library is not here: make web")
def test_the_chart_is_drawn_by_the_library_whose_author_is_named(nvda: Page) -> None:
    expect(nvda.locator("[data-chart]")).to_have_attribute("data-chart", "lightweight")
    expect(field(nvda, "attribution")).to_have_text("TradingView Lightweight Charts")
    assert nvda.locator(".frame canvas").count() > 0
