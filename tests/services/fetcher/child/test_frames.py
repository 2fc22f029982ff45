"""Frames carry every question and answer, and no more than they may."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.child.frames import (
    FRAME_BYTES_MAX,
    LENGTH_BYTES,
    AskPage,
    AskSessions,
    AskTable,
    Failed,
    Load,
    Loaded,
    Page,
    SessionTable,
    Text,
    decode_answer,
    decode_request,
    framed,
    length_of,
)

WORDS = st.dictionaries(st.text(), st.text(), max_size=3)
WHOLE = st.lists(st.integers(-(2**60), 2**60), max_size=5)
REQUESTS = st.one_of(
    st.builds(Load, st.sampled_from(["browser", "calendar", "tables"])),
    st.builds(AskPage, st.text(), WORDS, st.floats(0, 60)),
    st.builds(AskTable, st.binary(), st.integers(0, 9)),
    st.builds(AskSessions, st.text(), st.text(), st.text()),
)
ANSWERS = st.one_of(
    st.just(Loaded()),
    st.builds(SessionTable, st.lists(st.text()), WHOLE, WHOLE),
    st.builds(Failed, kinds=st.lists(st.text()), message=st.text()),
    st.builds(Text, st.binary()),
    st.builds(Page, st.integers(0, 599), WORDS, st.binary(), st.text()),
)


@given(REQUESTS)
def test_a_request_survives_its_frame(request_: object) -> None:
    assert isinstance(request_, Load | AskPage | AskTable | AskSessions)
    frame = framed(request_)
    assert length_of(frame[:LENGTH_BYTES]) == len(frame) - LENGTH_BYTES
    assert decode_request(frame[LENGTH_BYTES:]) == request_


@given(ANSWERS)
def test_an_answer_survives_its_frame(answer: object) -> None:
    assert isinstance(answer, Loaded | Page | Text | SessionTable | Failed)
    assert decode_answer(framed(answer)[LENGTH_BYTES:]) == answer


def test_a_number_that_is_none_stays_none() -> None:
    table = Failed(kinds=[], message="")
    assert decode_answer(framed(table)[LENGTH_BYTES:]) == table
    body = framed(AskPage("https://x.example", {}, math.inf))[LENGTH_BYTES:]
    assert decode_request(body).seconds == math.inf


def test_a_frame_beyond_the_bound_is_refused() -> None:
    assert length_of(FRAME_BYTES_MAX.to_bytes(LENGTH_BYTES, "big")) == FRAME_BYTES_MAX
    with pytest.raises(ValueError, match="larger than"):
        length_of((FRAME_BYTES_MAX + 1).to_bytes(LENGTH_BYTES, "big"))
