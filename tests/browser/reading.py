"""How tests read the page: by its hooks."""

from __future__ import annotations

from typing import Any

import requests
from playwright.sync_api import Locator, Page, expect

expect.set_options(timeout=15_000)


def row(page: Page, ticker: str) -> Locator:
    """A row of the watchlist."""
    return page.locator(f"tr[data-ticker='{ticker}']")


def cell(page: Page, ticker: str, name: str) -> Locator:
    """A cell of that row."""
    return row(page, ticker).locator(f"[data-field={name}]")


def field(page: Page, name: str, within: str = "body") -> Locator:
    """The first field of this name."""
    return page.locator(f"{within} [data-field={name}]").first


def value(page: Page, ticker: str, name: str) -> str | None:
    """The value of a cell as the API told it."""
    return cell(page, ticker, name).get_attribute("data-value")


def tickers(page: Page) -> list[str]:
    """The rows in the order in which they are shown."""
    rows = page.locator("tr[data-ticker]").all()
    return [row.get_attribute("data-ticker") or "" for row in rows]


def get(address: str, path: str) -> dict[str, Any]:
    """What the API answers."""
    answer = requests.get(address + path, timeout=10)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told
