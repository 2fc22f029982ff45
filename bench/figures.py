"""The arithmetic of a comparison: ratios within each round, their median, and the target."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from bench.cases import Sample


class Missing(msgspec.Struct, frozen=True):
    """Why a case gave no sample: its peer is absent, or it failed."""

    reason: str


Outcome = Sample | Missing
Outcomes = Mapping[str, Sequence[Outcome]]
"""By case, one outcome for each round."""


@dataclass(frozen=True)
class Reading:
    """Where a number is found: the value of a case, or one of its notes."""

    case: str
    note: str = ""

    def of(self, sample: Sample) -> float:
        """The number in a sample."""
        return sample.notes[self.note] if self.note else sample.value


@dataclass(frozen=True)
class Target:
    """What is to be reached: a bound of the ratio to a peer, or of the number itself."""

    bound: Literal["at least", "at most"]
    value: float

    def reached(self, measured: float) -> bool:
        """Whether a measured number keeps the bound."""
        return measured >= self.value if self.bound == "at least" else measured <= self.value


@dataclass(frozen=True)
class Figure:
    """One row of the table: what of ours is held against what of a peer, or alone.

    ``limit`` says what stands in the way where the target is not reached.
    """

    text: str
    unit: str
    ours: Reading
    peer: Reading | None = None
    target: Target | None = None
    limit: str = ""


class Row(msgspec.Struct, frozen=True):
    """A figure as it was measured; all numbers are medians of the rounds but ``low`` and ``high``.

    ``ratio`` is ours to the peer's, taken within each round. ``reached`` is None without a target.
    ``limit`` says what stands in the way of a target that is not, ``missing`` why there are no
    numbers.
    """

    text: str
    unit: str
    ours: float | None = None
    peer: float | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    target: str = ""
    reached: bool | None = None
    limit: str = ""
    missing: str = ""


def row_of(figure: Figure, outcomes: Outcomes) -> Row | None:
    """The figure's row; None where one of its cases was not asked for."""
    readings = [figure.ours] + ([figure.peer] if figure.peer else [])
    if any(reading.case not in outcomes for reading in readings):
        return None
    target = f"{figure.target.bound} {figure.target.value:g}" if figure.target else ""
    rounds = list(zip(*(outcomes[reading.case] for reading in readings), strict=True))
    pairs = [numbers for outcome in rounds if (numbers := _numbers(readings, outcome))]
    if not pairs:
        return Row(figure.text, figure.unit, target=target, missing=_reason(rounds))
    return _measured(figure, pairs, target)


def _numbers(readings: Sequence[Reading], outcomes: Sequence[Outcome]) -> tuple[float, ...]:
    """The numbers of one round; none where any of its cases gave no sample."""
    samples = [outcome for outcome in outcomes if isinstance(outcome, Sample)]
    if len(samples) < len(readings):
        return ()
    return tuple(reading.of(sample) for reading, sample in zip(readings, samples, strict=True))


def _reason(rounds: Sequence[Sequence[Outcome]]) -> str:
    reasons = [o.reason for outcomes in rounds for o in outcomes if isinstance(o, Missing)]
    return reasons[0] if reasons else "not measured"


def _measured(figure: Figure, pairs: Sequence[tuple[float, ...]], target: str) -> Row:
    ours = statistics.median(pair[0] for pair in pairs)
    spread = [pair[0] / pair[1] for pair in pairs] if figure.peer else [pair[0] for pair in pairs]
    middle = statistics.median(spread)
    reached = figure.target.reached(middle) if figure.target else None
    return Row(
        figure.text,
        figure.unit,
        ours=ours,
        peer=statistics.median(pair[1] for pair in pairs) if figure.peer else None,
        ratio=middle if figure.peer else None,
        low=min(spread),
        high=max(spread),
        target=target,
        reached=reached,
        limit=figure.limit if reached is False else "",
    )
