"""Prices in the shares of the newest bar: the splits known by then, applied to the bars before."""

from __future__ import annotations

from collections.abc import Sequence

from services.cache.core.rows import BarRow


def adjusted(rows: Sequence[BarRow]) -> list[BarRow]:
    """The bars, oldest first, with prices divided and volumes multiplied by all later splits."""
    ratio = 1.0
    bars: list[BarRow] = []
    for row in reversed(rows):
        bars.append(row if ratio == 1.0 else _in_new_shares(row, ratio))
        ratio *= row.split
    return bars[::-1]


def _in_new_shares(row: BarRow, ratio: float) -> BarRow:
    return row._replace(
        open=row.open / ratio,
        high=row.high / ratio,
        low=row.low / ratio,
        close=row.close / ratio,
        volume=row.volume * ratio,
    )
