"""A subject splits one way only."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.errors import BadSubject
from bus.subject import LENGTH_MAX, NO_KEY, Subject, compose, parse

WORDS = st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True)
NAMES = st.text(
    sorted(set(string.ascii_letters + string.digits + string.punctuation) - {"."}),
    min_size=1,
    max_size=20,
)


@given(WORDS, WORDS, NAMES, st.just("") | NAMES)
def test_the_parts_come_back_from_what_was_composed(
    first: str, second: str, key: str, part: str
) -> None:
    stream = f"{first}.{second}"

    assert parse(compose(stream, key, part)) == Subject(stream, key, part)


@given(st.text(max_size=40))
def test_a_text_is_a_subject_only_if_its_parts_compose_to_it(text: str) -> None:
    try:
        stream, key, part = parse(text)
    except BadSubject:
        return
    assert compose(stream, key, part) == text
    assert "." not in key + part


DOTTED = st.text("ab.", max_size=6)


@given(st.just("a.b") | DOTTED, DOTTED, DOTTED)
def test_what_would_be_parsed_otherwise_cannot_be_composed(
    stream: str, key: str, part: str
) -> None:
    try:
        subject = compose(stream, key, part)
    except BadSubject:
        return
    assert parse(subject) == (stream, key, part)


def test_a_subject_without_a_key_has_a_dash_for_it() -> None:
    assert compose("collector.started") == f"collector.started.{NO_KEY}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "market",
        "market.quote",
        "market.quote.",
        "market.quote.NVDA.",
        "market.quote.NVDA.1d.x",
        "Market.quote.NVDA",
        "1market.quote.NVDA",
        "market..NVDA",
        "market.quote.NV DA",
        "market.quote.NVDA\n",
        "market.quote.NV\0DA",
        "market.quote.ÄPFEL",
        "market.quote." + "A" * LENGTH_MAX,
    ],
)
def test_what_breaks_the_grammar_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BadSubject, match=r"like market\.bars\.NVDA\.1d"):
        parse(text)


def test_the_longest_subject_is_taken() -> None:
    text = "market.quote." + "A" * (LENGTH_MAX - len("market.quote."))

    assert parse(text).stream == "market.quote"
