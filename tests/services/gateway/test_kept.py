"""A raw answer is found by the hash that evidence names, while the collector goes on writing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.actor import Refused
from bus.testing import microseconds
from market.instants import jsonable
from market.messages.fetcher import SourceCalled
from services.fetcher.raw import RawAnswer
from services.fetcher.shelf import DayShelf
from services.gateway import render
from services.gateway.arguments import OneAnswer
from services.gateway.kept import Kept, KeptAnswers
from services.gateway.talks.raw import raw
from tests.services.gateway.fakes import FakeDeck, held

AT_US = microseconds("2026-01-05T15:00:00")
CALL = SourceCalled("yahoo", "bars", "SPY", "1d")
JSON = RawAnswer(200, {"content-type": "application/json"}, b'{"chart":1}', "https://x.example/SPY")
BYTES = RawAnswer(502, {}, b"\xff\xfe", "https://x.example/SPY")
DAY_US = 86_400_000_000


class Days:
    """A shelf whose day is set by hand."""

    def __init__(self, folder: Path) -> None:
        self.now_us = AT_US
        self.shelf = DayShelf(folder, 7, 10_000_000, lambda: self.now_us)


@pytest.fixture
def days(tmp_path: Path) -> Iterator[Days]:
    found = Days(tmp_path)
    yield found
    found.shelf.close()


def test_what_the_collector_has_just_kept_is_found(days: Days, tmp_path: Path) -> None:
    days.shelf.keep(JSON, CALL)
    kept = Kept(
        hash=JSON.digest,
        source="yahoo",
        ticker="SPY",
        url=JSON.url,
        status=200,
        content_type="application/json",
        received_us=AT_US,
        body=JSON.body,
    )
    answers = KeptAnswers(tmp_path)
    assert answers.find(JSON.digest) == (kept,)
    assert answers.find(JSON.digest[:8]) == (kept,)
    assert answers.find(BYTES.digest) == ()


def test_of_several_days_the_last_one_counts(days: Days, tmp_path: Path) -> None:
    days.shelf.keep(JSON, CALL)
    days.now_us += DAY_US
    days.shelf.keep(JSON, CALL)
    (kept,) = KeptAnswers(tmp_path).find(JSON.digest)
    assert kept.received_us == AT_US + DAY_US


def test_a_day_that_is_damaged_or_gone_hides_no_other(days: Days, tmp_path: Path) -> None:
    days.shelf.keep(JSON, CALL)
    (tmp_path / "2026-01-04.db").write_bytes(b"no database at all" * 99)
    (tmp_path / "2026-01-06.db").write_bytes(b"")
    assert len(KeptAnswers(tmp_path).find(JSON.digest)) == 1
    assert KeptAnswers(tmp_path / "nowhere").find(JSON.digest) == ()


def deck_with(*answers: RawAnswer) -> FakeDeck:
    deck = FakeDeck()
    deck.answers = [
        Kept(one.digest, "yahoo", "SPY", one.url, one.status, one.content_type, AT_US, one.body)
        for one in answers
    ]
    return deck


def asked(deck: FakeDeck, text: str) -> dict[str, object]:
    return dict(jsonable(held(raw(OneAnswer(text)), deck)))


def test_the_answer_is_told_with_what_came_with_it() -> None:
    told = asked(deck_with(JSON, BYTES), JSON.digest.upper()[:8])
    assert told == {
        "hash": JSON.digest,
        "source": "yahoo",
        "ticker": "SPY",
        "url": "https://x.example/SPY",
        "status": 200,
        "content_type": "application/json",
        "received_at": "2026-01-05T15:00:00Z",
        "size": 11,
        "encoding": "utf-8",
        "body": '{"chart":1}',
    }
    assert render.raw(told).endswith('\n\n{"chart":1}')


def test_a_body_that_is_no_text_is_told_in_base64() -> None:
    told = asked(deck_with(BYTES), BYTES.digest)
    assert (told["encoding"], told["body"]) == ("base64", "//4=")
    assert "base64" in render.raw(told)


def test_what_is_not_kept_says_why_it_may_be_missing() -> None:
    with pytest.raises(Refused) as refused:
        asked(deck_with(JSON), "0" * 64)
    assert refused.value.code == "not_found"
    assert "fetcher.raw_days" in refused.value.remedy


def test_a_beginning_of_several_is_refused() -> None:
    deck = deck_with(JSON)
    deck.answers.append(Kept(JSON.digest[:8] + "0" * 56, "yahoo", "SPY", "", 200, "", AT_US, b""))
    with pytest.raises(Refused, match="several raw answers begin with"):
        asked(deck, JSON.digest[:8])
