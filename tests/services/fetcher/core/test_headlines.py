"""A headline is a stranger's text: what may be said of it, and what is taken out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bus.testing import microseconds
from market.messages.news import Headline
from services.fetcher.core.answers import Answer, Failure
from services.fetcher.core.headlines import Told, is_web_address, plain_text, valid_headlines

NOW_US = microseconds("15:00")
MINUTE_US = 60_000_000


def told(headline: str = "Shares rise", **other: object) -> Told:
    return replace(Told(headline=headline, published_us=NOW_US - MINUTE_US), **other)


def judged(*rows: Told | None) -> Answer | Failure:
    return valid_headlines(rows, "NVDA", NOW_US)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Shares  rise\n\tagain", "Shares rise again"),
        ("<b>Shares</b> rise", "Shares rise"),
        ("<script>alert(1)</script>Shares rise", "Shares rise"),
        ("<SCRIPT src=x>alert(1)</SCRIPT >Shares rise<style>p{}", "Shares rise"),
        ("Shares &lt;b&gt;rise&lt;/b&gt; &amp; fall", "Shares rise & fall"),
        ("Shares <img src=x onerror=alert(1) rise", "Shares"),
        ("Profit < 5 %, loss > 3 %", "Profit < 5 %, loss > 3 %"),
        ("Shares\x00\x1b[31m rise", "Shares [31m rise"),
        ("Shares \u202eesir\u202c", "Shares esir"),
        ("Shares\u2028rise\ud800", "Shares rise"),
        ("A" * 40, "A" * 19 + "…"),
        ("<p></p> \n ", ""),
    ],
)
def test_a_text_becomes_one_plain_line(text: str, line: str) -> None:
    assert plain_text(text, 300 if len(text) != 40 else 20) == line


@pytest.mark.parametrize("letter", "\u115f\u1160\u2800\u3164\uffa0")
def test_letters_that_show_nothing_are_no_words(letter: str) -> None:
    assert plain_text(f"{letter}{letter}", 80) == ""
    assert plain_text(f"Shares{letter}rise", 80) == "Shares rise"


@given(st.text(max_size=400))
def test_a_plain_line_stays_within_its_bound_and_can_be_shown(text: str) -> None:
    line = plain_text(text, 50)
    assert len(line) <= 50
    assert line.isprintable() or not line.isascii()
    assert line == line.strip()


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        ("https://example.com/a?b=c", True),
        ("http://example.com", True),
        ("HTTPS://EXAMPLE.COM/A", True),
        ("javascript:alert(1)", False),
        ("data:text/html,<script>", False),
        ("ftp://example.com/a", False),
        ("//example.com/a", False),
        ("https://", False),
        ("https://a@b.example.com/", False),
        ("https://[::1", False),
        ("https://example.com/a b", False),
        ("https://example.com/\u202ea", False),
        ("https://example.com/" + "a" * 1_000, False),
    ],
)
def test_only_an_address_of_the_web_is_one(url: str, *, is_one: bool) -> None:
    assert is_web_address(url) is is_one


def test_headlines_come_newest_first_as_plain_text() -> None:
    older = told("Older", published_us=NOW_US - 2 * MINUTE_US, id="1")
    newer = told("<b>Newer</b>", publisher="A <i>paper</i>", url="https://example.com/n", id="2")
    answer = judged(older, newer)
    assert isinstance(answer, Answer)
    assert answer.news == (
        Headline("Newer", "A paper", "https://example.com/n", NOW_US - MINUTE_US, "2"),
        Headline("Older", "", "", NOW_US - 2 * MINUTE_US, "1"),
    )
    assert (answer.refused_rows, answer.refused_because) == (0, "")


def test_what_cannot_be_believed_is_left_out_and_counted_by_its_reason() -> None:
    answer = judged(
        told(),
        None,
        told("<b></b>"),
        told(published_us=NOW_US + 10 * MINUTE_US),
        told(published_us=-5),
        told(published_us=0),
        told(url="javascript:alert(1)"),
        told(symbols=("AAPL", "MSFT")),
        told("About both", symbols=("AAPL", "NVDA")),
    )
    assert isinstance(answer, Answer)
    assert [one.headline for one in answer.news or ()] == ["Shares rise", "About both"]
    assert answer.refused_rows == 7
    assert answer.refused_because == (
        "2 without a time; 1 unreadable; 1 without words; 1 from the future; "
        "1 with an address that is none; 1 about another symbol"
    )


def test_an_answer_whose_clock_is_wrong_is_not_believed_at_all() -> None:
    ahead = [told(f"No {n}", published_us=NOW_US + n * 60 * MINUTE_US) for n in (1, 2)]
    failure = judged(*ahead, *(told(f"Old {n}") for n in range(9)))
    assert failure == Failure("invalid", "no headline is believable: 2 from the future")


def test_an_answer_without_any_believable_headline_is_invalid() -> None:
    failure = judged(told(symbols=("AAPL",)), told(symbols=("AAPL",)))
    text = "no headline is believable: 2 about another symbol"
    assert failure == Failure("invalid", text)


def test_an_answer_without_headlines_is_an_answer_of_nothing() -> None:
    assert judged() == Failure("no_data", "the answer has no headlines")
