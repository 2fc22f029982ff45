"""On-balance volume: the volume of rising closes less that of falling ones, from 0."""

from __future__ import annotations

from market.indicators.operand import N, where

SEED = 0.0
FIRST_INDEX = 0


def signed(change: N, volume: N) -> N:
    """The volume with the sign of the close's change; an unchanged close counts nothing."""
    flow: N = where(change > 0.0, volume, where(change < 0.0, 0.0 - volume, 0.0))
    return flow


def step(balance: N, change: N, volume: N) -> tuple[N, N]:
    """The balance after a close that moved by ``change`` on ``volume``; 0 at the first bar."""
    balance = balance + signed(change, volume)
    return balance, balance
