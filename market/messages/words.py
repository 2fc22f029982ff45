"""The words that the contract's messages share: a source, a ticker, a timeframe, a price."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

Source = Annotated[str, Meta(min_length=1, max_length=24, pattern="^[a-z][a-z0-9_]*$")]
"""A source of data by its name; the collector knows which there are."""

Timeframe = Literal["1d", "1h"]
Price = Annotated[float, Meta(gt=0)]
Ticker = Annotated[str, Meta(min_length=1, max_length=24)]
