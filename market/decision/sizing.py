"""How many shares: what one trade may lose and hold, from the printed levels, after costs.

Both fills slip by the settings' basis points against the trade; commissions are paid both ways.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from market.messages.analyzer import AnalysisSettings, Levels, PositionSizing

NO_POSITION = PositionSizing(
    shares=0, risk_dollars=0.0, potential_profit=0.0, position_value=0.0, binding="signal"
)


class Stakes(NamedTuple):
    """What one share loses at the stop and wins at the target, in dollars after costs."""

    risk: float
    reward: float

    @property
    def r_r(self) -> float:
        """Reward over risk after costs."""
        return self.reward / self.risk

    @property
    def breakeven(self) -> float:
        """The chance of the target at which the trade pays nothing; above 1 it never pays."""
        return self.risk / (self.risk + self.reward)


def stakes(levels: Levels, settings: AnalysisSettings) -> Stakes:
    """The stakes of one share; a stop above the entry is a SELL, whose first fill is the sale."""
    slip, fees = settings.slippage_basis_points / 10_000, 2 * settings.commission_per_share
    sign = 1 if levels.stop < levels.entry else -1
    paid = levels.entry * (1 + sign * slip)
    lost = sign * (paid - levels.stop * (1 - sign * slip)) + fees
    won = sign * (levels.target * (1 - sign * slip) - paid) - fees
    return Stakes(risk=lost, reward=won)


def size(levels: Levels, at_stake: Stakes, settings: AnalysisSettings) -> PositionSizing:
    """The whole shares that no cap forbids, and the cap that bound."""
    percent = settings.equity / 100
    caps = {
        "risk_percent": percent * settings.risk_percent / at_stake.risk,
        "max_position_percent": percent * settings.max_position_percent / levels.entry,
    }
    binding = min(caps, key=lambda name: caps[name])
    shares = math.floor(caps[binding])
    return PositionSizing(
        shares=shares,
        risk_dollars=round(shares * at_stake.risk, 2),
        potential_profit=round(shares * at_stake.reward, 2),
        position_value=round(shares * levels.entry, 2),
        binding=binding,
    )
