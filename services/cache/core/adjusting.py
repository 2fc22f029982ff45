"""Prices in the shares of the newest bar: the splits known by then, applied to the bars before.

The same arithmetic in the same order as `market.bars.adjust` (a test compares every bit), on rows:
importing numpy would cost this process 20 MB.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.cache.core.rows import BarRow


def adjusted(rows: Sequence[BarRow]) -> list[BarRow]:
    """The bars, oldest first, with prices divided and volumes multiplied by all later splits."""
    shares = [1.0] * len(rows)
    for index, row in enumerate(rows):
        for earlier in range(index if row.split != 1.0 else 0):
            shares[earlier] *= row.split
    return [_in_new_shares(row, ratio) for row, ratio in zip(rows, shares, strict=True)]


def _in_new_shares(row: BarRow, ratio: float) -> BarRow:
    if ratio == 1.0:
        return row
    return row._replace(
        open=row.open / ratio,
        high=row.high / ratio,
        low=row.low / ratio,
        close=row.close / ratio,
        volume=row.volume * ratio,
    )
