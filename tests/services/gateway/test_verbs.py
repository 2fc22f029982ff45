"""The table of verbs, and what is made from it."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from bus.actor import Refused
from config.settings import PROJECT_ROOT
from market.instants import jsonable
from services.gateway.arguments import Arguments
from services.gateway.docs import pages
from services.gateway.parameters import parameters
from services.gateway.schema import in_path, openapi
from services.gateway.verb import DEGRADED, OK, Verb, exit_code
from services.gateway.verbs import VERBS, verb_named
from tests.services.gateway import samples
from tests.services.gateway.fakes import FakeDeck, held
from tests.services.gateway.test_cli import RECORDS, STATE

ASKED = [verb for verb in VERBS if verb.talk]


def answered(verb: Verb) -> Any:
    given = {"ticker": "NVDA"} if "ticker" in verb.arguments.__struct_fields__ else {}
    return held(verb.begin(verb.arguments(**given)), FakeDeck(STATE, RECORDS))


def test_names_and_routes_are_each_the_only_ones() -> None:
    names = [verb.name for verb in VERBS]
    routes = [(verb.method, route) for verb in VERBS for route in verb.routes]
    assert len(set(names)) == len(names)
    assert len(set(routes)) == len(routes)


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_a_row_is_whole(verb: Verb) -> None:
    assert verb.help.endswith(".")
    assert bool(verb.talk) == bool(verb.routes) == bool(verb.answer) == (not verb.program)
    assert all(parameter.help for parameter in parameters(verb.arguments))
    known = {parameter.name for parameter in parameters(verb.arguments)}
    assert all(in_path(route) <= known for route in verb.routes)


def test_a_verb_of_the_terminal_is_refused_elsewhere() -> None:
    doctor = verb_named("doctor")
    assert doctor is not None
    with pytest.raises(Refused, match=r"type \./tapedeck doctor"):
        doctor.begin(Arguments())


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({}, OK),
        ({"simulated": False, "stale": False, "ready": True}, OK),
        ({"simulated": True}, DEGRADED),
        ({"stale": True}, DEGRADED),
        ({"ready": False}, DEGRADED),
    ],
)
def test_a_question_answered_with_worse_data_is_degraded(answer: dict[str, Any], code: int) -> None:
    status, start = verb_named("status"), verb_named("start")
    assert status is not None
    assert start is not None
    assert exit_code(status, answer) == code
    assert exit_code(start, answer) == OK


# --- /openapi.json -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "verb", [v for v in ASKED if v.name in {"status", "bars", "snapshot", "events", "analyze"}]
)
def test_the_schema_names_exactly_the_fields_of_an_answer(verb: Verb) -> None:
    assert verb.answer is not None
    schema = openapi(VERBS, "1.2.3")["components"]["schemas"]
    told = jsonable(answered(verb))
    assert set(schema[verb.answer.__name__]["properties"]) == set(told)


def test_the_schema_tells_of_instants_where_the_contract_has_microseconds() -> None:
    schema = openapi(VERBS, "1.2.3")["components"]["schemas"]
    names = {name for part in schema.values() for name in part.get("properties", ())}
    assert not {name for name in names if name.endswith("_us")}
    assert schema["BarSeries"]["properties"]["start"]["items"]["format"] == "date-time"
    assert "last_run" in schema["CollectorAnswer"]["required"]


def test_every_reference_of_the_schema_leads_somewhere() -> None:
    document = openapi(VERBS, "1.2.3")
    text = msgspec.json.encode(document).decode()
    wanted = set(re.findall(r'"#/components/schemas/(\w+)"', text))
    assert wanted <= set(document["components"]["schemas"])


def test_arguments_are_in_the_path_the_query_or_the_body() -> None:
    paths = openapi(VERBS, "1.2.3")["paths"]
    bars = paths["/api/tickers/{ticker}/bars"]["get"]["parameters"]
    assert [(p["name"], p["in"], p["required"]) for p in bars] == [
        ("ticker", "path", True),
        ("as_of", "query", False),
        ("timeframe", "query", False),
        ("limit", "query", False),
        ("adjusted", "query", False),
    ]
    body = paths["/api/collector/ticker/add"]["post"]["requestBody"]
    assert body["content"]["application/json"]["schema"]["required"] == ["ticker"]
    assert paths["/api/cache"]["delete"]["parameters"] == []
    assert paths["/api/cache/{ticker}"]["delete"]["parameters"][0]["in"] == "path"


# --- docs/ -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", pages(), ids=str)
def test_the_generated_pages_in_the_tree_are_current(path: Any) -> None:
    assert (PROJECT_ROOT / path).read_text() == pages()[path], "write them again: make docs"


def test_the_page_of_verbs_tells_every_verb_argument_and_route() -> None:
    text = next(text for path, text in pages().items() if path.name == "api.md")
    for verb in VERBS:
        assert f"\n## {verb.name}\n" in text
        assert all(f"`{verb.method} {route}`" in text for route in verb.routes)
        assert all(f"| `{p.name}` |" in text for p in parameters(verb.arguments))


def test_the_page_of_messages_tells_every_field_of_every_message() -> None:
    text = next(text for path, text in pages().items() if path.name == "messages.md")
    links = set(re.findall(r"\]\(#(\w+)\)", text))
    heads = {line[3:].lower() for line in text.splitlines() if line.startswith("## ")}
    assert links <= heads
    assert "`market.bars.<ticker>.<timeframe>`" in text
    assert samples.quote().subject.startswith("market.quote.")
