"""The composite: the weighted mean of the components that have something to say.

What is missing is left out and named, never filled with a neutral 50, which would pull the score
to the middle without a word.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple, get_args

from market.messages.analyzer import Component, ComponentScores

COMPONENTS: tuple[Component, ...] = get_args(Component)


class Composite(NamedTuple):
    """The score (0 to 100, None without any component) and what it was made of.

    ``weights_used`` sum to 1; ``present`` is the share of all weight that had something to say.
    """

    score: float | None
    weights_used: dict[Component, float]
    missing: tuple[Component, ...]
    present: float


def weigh(scores: ComponentScores, weights: Mapping[Component, float]) -> Composite:
    """Weigh the components that are present; one without a weight counts as 0."""
    known = {c: getattr(scores, c) for c in COMPONENTS}
    missing = tuple(c for c in COMPONENTS if known[c] is None)
    counted = {c: weights.get(c, 0.0) for c in COMPONENTS if c not in missing}
    counted = {c: weight for c, weight in counted.items() if weight > 0}
    total, whole = math.fsum(counted.values()), math.fsum(weights.values())
    if not counted:
        return Composite(None, {}, missing, 0.0)
    used = {c: weight / total for c, weight in counted.items()}
    from_middle = math.fsum(weight * (known[c] - 50) for c, weight in used.items())
    # Thresholds are read on what is printed; 0.35 + 0.15 of 1 must not fall short of 0.5 by a bit.
    return Composite(round(50 + round(from_middle, 2), 2), used, missing, round(total / whole, 9))
