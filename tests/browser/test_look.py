"""How the page looks: themes, a phone, a chart without the library, and files that are all used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from services.gateway.http import STATIC
from tests.browser.conftest import PHONE, OpenPage
from tests.browser.reading import field, row

WIDER_THAN_THE_WINDOW = "document.documentElement.scrollWidth > innerWidth"
CUT_OFF = """() => {
    const list = document.getElementById('watchlist');
    return list.scrollWidth > list.clientWidth;
}"""
GROUND = "getComputedStyle(document.documentElement).backgroundColor"


def test_the_theme_follows_the_system_until_one_is_chosen_and_is_kept(
    address: str, open_page: OpenPage
) -> None:
    page = open_page(address, color_scheme="dark")
    dark = page.evaluate(GROUND)

    page.locator("[data-action=theme]").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    light = page.evaluate(GROUND)
    page.reload()

    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    assert (page.evaluate(GROUND), light != dark) == (light, True)


@pytest.mark.parametrize("width", [1440, 1180, 1000, 390])
def test_no_column_of_the_watchlist_is_cut_off(
    simulated: str, open_page: OpenPage, width: int
) -> None:
    page = open_page(simulated, viewport={"width": width, "height": 800})
    assert page.evaluate(CUT_OFF) is False


def test_a_phone_shows_the_list_then_the_ticker_and_goes_back(
    address: str, open_page: OpenPage
) -> None:
    page = open_page(address, viewport=PHONE, has_touch=True)
    expect(page.locator("#ticker")).to_be_hidden()
    assert page.evaluate(WIDER_THAN_THE_WINDOW) is False

    row(page, "NVDA").tap()
    expect(page.locator("[data-view=ticker]")).to_have_attribute("data-ticker", "NVDA")
    expect(page.locator("[data-chart]")).to_have_attribute("data-bars", "600")
    expect(row(page, "NVDA")).to_be_hidden()
    assert page.evaluate(WIDER_THAN_THE_WINDOW) is False

    page.get_by_role("link", name="← Watchlist").tap()
    expect(row(page, "NVDA")).to_be_visible()


def test_without_the_library_the_page_draws_its_own_chart_and_says_so(
    address: str,
    open_page: OpenPage,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    page = open_page(f"{address}/#NVDA")

    expect(page.locator("[data-chart]")).to_have_attribute("data-chart", "drawn")
    expect(page.locator("svg.drawn .candle")).to_have_count(110)
    expect(page.locator("svg.drawn .candle.forming")).to_have_count(1)
    expect(page.locator("svg.drawn .average")).to_have_count(3)
    expect(page.locator("svg.drawn .label")).to_have_text(
        [re.compile("target"), re.compile("entry"), re.compile("stop")]
    )
    expect(page.locator("[data-chart]")).to_contain_text("make web fetches")
    expect(field(page, "attribution")).to_be_visible()


def test_every_control_has_a_name_and_shows_its_focus(page: Page) -> None:
    nameless = page.locator("button, a, input").evaluate_all(
        """(all) => all.filter((one) => !one.closest('[popover]') && !one.textContent.trim()
            && !one.getAttribute('aria-label') && !one.title).map((one) => one.outerHTML)"""
    )
    page.keyboard.press("Tab")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert (nameless, outline) == ([], "solid")


def test_every_module_is_named_ahead_and_is_used(page: Page) -> None:
    modules = {f"/static/{one.relative_to(STATIC).as_posix()}" for one in STATIC.rglob("*.js")}
    ahead = set(re.findall(r'(?:href|src)="(/static/[^"]+\.js)"', page.content()))
    imports = {
        (one.parent / name).resolve()
        for one in STATIC.rglob("*.js")
        for name in re.findall(r'from "(\.[^"]+)"', one.read_text(encoding="utf-8"))
    }
    used = {f"/static/{one.relative_to(STATIC).as_posix()}" for one in imports}
    roots = {"/static/main.js", "/static/theme_early.js"}
    assert modules - ahead == set()
    assert modules == used | roots
