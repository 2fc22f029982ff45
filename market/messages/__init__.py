"""The contract: every event, command and query of the deck, one module per speaker."""

from __future__ import annotations

from bus.message import Contract
from market.messages import analyzer, cache, exchange, fetcher, history, indicators, news

CONTRACT = Contract.of(fetcher, history, exchange, news, indicators, cache, analyzer)
