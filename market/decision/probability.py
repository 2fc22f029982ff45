"""What a score may honestly claim: the chance of target before stop, beside what the trade needs.

Without a calibration that chance is the driftless one: a price that drifts nowhere reaches the
nearer of two levels more often, in inverse proportion to their distances (gambler's ruin). It
never beats the break-even after costs, and the verdict says so.
"""

from __future__ import annotations

from market.decision.sizing import Stakes
from market.messages.analyzer import Levels, Probability


def driftless(levels: Levels, at_stake: Stakes) -> Probability:
    """The chance by the printed levels alone, to 0.1 percent."""
    risk, reward = abs(levels.entry - levels.stop), abs(levels.target - levels.entry)
    percent = round(100 * risk / (risk + reward), 1)
    needed = round(min(100.0, 100 * at_stake.breakeven), 1)
    return Probability(
        kind="driftless",
        percent=percent,
        breakeven_percent=needed,
        base_rate_percent=None,
        verdict=f"{percent:g} in 100 reach the target first on any day;"
        f" this trade needs {needed:g} after costs: no edge shown",
    )
