"""Asks a service of a tortured deck one question, from the test's own process."""

from __future__ import annotations

from typing import TypeVar

from bus.client import Expired
from bus.codec import Codec, Reply
from bus.message import Query
from tests.torture.place import Place
from tests.torture.words import CODEC

R = TypeVar("R")

WITHIN_SECONDS = 10.0


def asked(place: Place, query: Query[R], codec: Codec = CODEC) -> R:
    """The answer; a refusal, or none in time, is an `AssertionError`."""
    client = place.client("inspector")
    try:
        number = client.request(
            query.service, type(query).__name__, codec.body(query), WITHIN_SECONDS
        )
        while True:
            for each in client.poll(WITHIN_SECONDS):
                if isinstance(each, Expired | Reply) and each.id == number:
                    assert isinstance(each, Reply), f"no answer to {query}"
                    assert not each.code, each.message
                    answer: R = codec.decode(query.reply, each.body)
                    return answer
    finally:
        client.close()
