"""What was ever written into a tape is read: every event's bodies, version by version."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
import pytest

from bus.codec import Codec
from bus.errors import BadMessage
from bus.message import Contract, Event
from market.messages import CONTRACT
from tests.golden.bodies import (
    Body,
    breaks,
    event_of,
    extended,
    lacks,
    meaning,
    recorded,
    sample,
    shape,
)

CORPUS = recorded()
BODIES = [(stream, body) for stream, kind in CORPUS.items() for body in kind.bodies]
IDS = [f"{stream}-{n}" for stream, kind in CORPUS.items() for n in range(len(kind.bodies))]
CODEC = Codec(CONTRACT)
AGAIN = "run `python -m tests.golden.bodies` and look at its diff"


@pytest.mark.guarantee("upcasting")
@pytest.mark.parametrize(("stream", "body"), BODIES, ids=IDS)
def test_every_body_that_was_ever_written_is_read_and_means_the_same(
    stream: str, body: Body
) -> None:
    assert list(lacks(body.means, meaning(event_of(CODEC, stream, body)))) == [], AGAIN


@pytest.mark.guarantee("upcasting")
@pytest.mark.parametrize("stream", CONTRACT.events)
def test_no_event_changes_its_shape_without_a_new_version(stream: str) -> None:
    kind = CONTRACT.events[stream]
    then = CORPUS[stream].shapes.get(str(kind.version)) if stream in CORPUS else None

    assert then is not None, f"{stream} {kind.version} is not recorded: {AGAIN}"
    assert list(breaks(then, shape(kind))) == [], "say a new version, with an upcaster from this"


@pytest.mark.guarantee("upcasting")
@pytest.mark.parametrize("stream", CONTRACT.events)
def test_every_field_of_every_event_is_in_a_body_that_was_recorded(stream: str) -> None:
    kind = CONTRACT.events[stream]
    bodies = CORPUS[stream].bodies if stream in CORPUS else []
    found = {name for body in bodies if body.version == kind.version for name in body.means}

    assert {field.name for field in msgspec.structs.fields(kind)} - found == set(), AGAIN


@pytest.mark.guarantee("upcasting")
def test_every_version_that_was_written_has_its_upcasters() -> None:
    missing = [
        (stream, version)
        for stream, kind in CORPUS.items()
        if stream in CONTRACT.events
        for version in range(min(map(int, kind.shapes)), CONTRACT.events[stream].version)
        if (stream, version) not in CONTRACT.upcasters
    ]

    assert missing == []
    assert {*CORPUS} - {*CONTRACT.events} == set(), (
        "a stream on people's tapes is not known any more"
    )


# -- what counts as a change -----------------------------------------------------------------------


class Told(Event, frozen=True):
    stream: ClassVar[str] = "test.told"

    name: str
    size: int


class Roomier(Told, frozen=True):
    mood: str = "calm"


class Narrower(Told, frozen=True):
    mood: str


class Titled(Told, frozen=True):
    title: str = ""


class Renamed(Event, frozen=True):
    stream: ClassVar[str] = "test.told"
    version: ClassVar[int] = 2

    label: str
    size: int


class Retyped(Event, frozen=True):
    stream: ClassVar[str] = "test.told"

    name: str
    size: str


def renamed(body: dict[str, Any]) -> dict[str, Any]:
    return {"label": body["name"], "size": body["size"]}


@pytest.mark.parametrize(
    ("kind", "broken"),
    [
        (Told, []),
        (Roomier, []),
        (Narrower, [".mood must be there now"]),
        (Retyped, [".size type: integer became string"]),
        (Titled, []),
        (Renamed, [".name is gone", ".label must be there now"]),
    ],
)
def test_a_shape_may_only_get_more_room(kind: type[Event], broken: list[str]) -> None:
    assert list(breaks(shape(Told), shape(kind))) == broken


def test_a_field_of_any_name_belongs_to_the_shape() -> None:
    assert list(breaks(shape(Titled), shape(Told))) == [".title is gone"]


def test_a_changed_version_is_not_recorded_and_a_new_one_beside_the_old() -> None:
    corpus = extended({}, Contract([Told]))
    with pytest.raises(ValueError, match="say a new version"):
        extended(corpus, Contract([Retyped]))
    with pytest.raises(BadMessage, match="from version 1 to 2"):
        extended(corpus, Contract([Renamed]))
    both = extended(corpus, Contract([Renamed], {("test.told", 1): renamed}))

    assert list(both["test.told"].shapes) == ["1", "2"]
    assert [body.version for body in both["test.told"].bodies] == [1, 2]
    assert [body.means for body in both["test.told"].bodies] == [{"label": "w1", "size": 2}] * 2
    assert both["test.told"].bodies[0].body == corpus["test.told"].bodies[0].body


def test_a_sample_has_a_value_in_every_field() -> None:
    assert sample(Roomier) == Roomier("w1", 2, "w3")
    assert extended({}, Contract([Roomier])) == extended(
        extended({}, Contract([Roomier])), Contract([Roomier])
    )
