"""The contract: every event, command and query of the deck, one module per speaker."""

from __future__ import annotations

from bus.message import Contract
from market.messages import analyzer, cache, exchange, fetcher, history, indicators, news, stream

CONTRACT = Contract.of(fetcher, history, stream, exchange, news, indicators, cache, analyzer)
