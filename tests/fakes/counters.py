"""What the notes of calls say about who made them: how densely, for whom, and when told to rest.

Stamps are those of the imitation's clock, so a clock that stands makes one instant of all calls.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from tests.fakes.wire import CONNECT, Answer, Call, Provider

TRAVEL_SECONDS = 1.0
"""A call that was on its way when the limit was told is nobody's fault."""

UNTOLD_SECONDS: Mapping[Provider, float] = {"finnhub": 60.0, "yahoo": 300.0}
"""How long a caller should rest after a 429 that does not say."""


class Counters(msgspec.Struct, frozen=True, kw_only=True):
    """The calls to one provider, those included that were refused; connections are not counted."""

    calls: int
    per_minute_max: int  # of any sliding 60 s
    per_second_max: int  # of any sliding second
    by_symbol: dict[str, int]
    in_pauses: tuple[Call, ...]  # made though a 429 had told to rest


def counters(calls: Sequence[Call], provider: Provider) -> Counters:
    """Count the calls to a provider, given in order of arrival."""
    made = [call for call in calls if call.provider == provider and call.endpoint != CONNECT]
    stamps = [call.at_seconds for call in made]
    return Counters(
        calls=len(made),
        per_minute_max=busiest(stamps, 60.0),
        per_second_max=busiest(stamps, 1.0),
        by_symbol=dict(Counter(call.symbol for call in made if call.symbol)),
        in_pauses=tuple(in_pauses(made)),
    )


def busiest(stamps: Iterable[float], window_seconds: float) -> int:
    """The most stamps (oldest first) in any window of this length, its end excluded."""
    window: deque[float] = deque()
    most = 0
    for stamp in stamps:
        window.append(stamp)
        while window[0] <= stamp - window_seconds:
            window.popleft()
        most = max(most, len(window))
    return most


def in_pauses(calls: Sequence[Call], travel_seconds: float = TRAVEL_SECONDS) -> list[Call]:
    """The calls that came while a 429 before them still told to rest."""
    early, told_at, rests_until = [], 0.0, 0.0
    for call in calls:
        if told_at + travel_seconds < call.at_seconds < rests_until:
            early.append(call)
        if call.rests_until_seconds > rests_until:
            told_at, rests_until = call.at_seconds, call.rests_until_seconds
    return early


def rests_until_seconds(answer: Answer, provider: Provider, at_seconds: float) -> float:
    """Until when a caller rests after this answer: told, or as good manners have it; 0: not."""
    if answer.status != 429:
        return 0.0
    if "Retry-After" in answer.headers:
        return at_seconds + float(answer.headers["Retry-After"])
    if "X-Ratelimit-Reset" in answer.headers:
        return float(answer.headers["X-Ratelimit-Reset"])
    return at_seconds + UNTOLD_SECONDS[provider]
