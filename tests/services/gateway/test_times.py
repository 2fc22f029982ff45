"""Times at the doors."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.actor import Refused
from market.instants import iso, jsonable
from services.gateway.times import instant_us

LAST_US = 253_402_300_799_999_999  # the end of the year 9999


class Told(msgspec.Struct):
    at_us: int
    never_us: int
    start_us: tuple[int, ...]
    parts: dict[str, dict[str, int]]
    silent_seconds: float


def test_times_become_iso_8601_and_lose_their_unit_wherever_they_stand() -> None:
    told = Told(1_000_000, 0, (2_000_000, 3_500_000), {"quote": {"known_at_us": 60_000_000}}, 0.5)
    assert jsonable(told) == {
        "at": "1970-01-01T00:00:01Z",
        "never": None,
        "start": ["1970-01-01T00:00:02Z", "1970-01-01T00:00:03.500000Z"],
        "parts": {"quote": {"known_at": "1970-01-01T00:01:00Z"}},
        "silent_seconds": 0.5,
    }


@given(st.integers(min_value=0, max_value=LAST_US))
def test_an_instant_comes_back_from_its_text_to_the_microsecond(at_us: int) -> None:
    assert instant_us(iso(at_us)) == at_us


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-20", "2026-11-20T00:00:00Z"),
        ("2026-11-20T15:42", "2026-11-20T15:42:00Z"),
        ("2026-11-20T10:42:00-05:00", "2026-11-20T15:42:00Z"),
        (" 2026-11-20T15:42:00Z ", "2026-11-20T15:42:00Z"),
    ],
)
def test_an_instant_without_an_offset_is_utc(text: str, at: str) -> None:
    assert iso(instant_us(text)) == at


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "12:00", ""])
def test_what_is_no_instant_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Refused, match="write it like 2026-11-20T15:42:00Z") as refused:
        instant_us(text)
    assert refused.value.code == "bad_instant"
