"""The verbs as an OpenAPI document, generated from the table and from the contract's classes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from market.instants import UNIT
from services.gateway.failures import STATUS, Failure
from services.gateway.parameters import Parameter, parameters
from services.gateway.verb import Verb

_REF = "#/components/schemas/{name}"
_INSTANT = {
    "type": ["string", "null"],
    "format": "date-time",
    "description": "ISO-8601 in UTC, null for never",
}
_JSON = "application/json"


class ErrorShape(msgspec.Struct, frozen=True):
    """How every error looks."""

    error: Failure


def openapi(verbs: Iterable[Verb], version: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document of all verbs that have a route."""
    served = [verb for verb in verbs if verb.routes]
    answers = {verb.answer for verb in served if verb.answer}
    _, schemas = msgspec.json.schema_components([*_sorted(answers), ErrorShape], ref_template=_REF)
    paths: dict[str, Any] = {}
    for verb in served:
        for route in verb.routes:
            paths.setdefault(route, {})[verb.method.lower()] = _operation(verb, route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tapedeck", "version": version},
        "paths": paths,
        "components": {
            "schemas": _with_instants(schemas),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def in_path(route: str) -> frozenset[str]:
    """The arguments that a route takes in its path."""
    return frozenset(re.findall(r"{(\w+)}", route))


def _sorted(answers: Iterable[type[msgspec.Struct]]) -> list[type[msgspec.Struct]]:
    return sorted(answers, key=lambda answer: answer.__name__)


def _operation(verb: Verb, route: str) -> dict[str, Any]:
    names = in_path(route)
    shown = [p for p in parameters(verb.arguments) if p.name in names or _applies(p, verb, route)]
    in_body = [p for p in shown if verb.method == "POST" and p.name not in names]
    return {
        "operationId": f"{verb.name}-{verb.routes.index(route) + 1}",
        "summary": verb.help,
        "parameters": [_parameter(p, p.name in names) for p in shown if p not in in_body],
        **({"requestBody": _body(in_body)} if in_body else {}),
        "responses": _responses(verb),
    }


def _applies(parameter: Parameter, verb: Verb, route: str) -> bool:
    """An argument that another route of the verb takes in its path is not offered twice."""
    return not any(parameter.name in in_path(other) for other in verb.routes if other != route)


def _parameter(parameter: Parameter, is_in_path: bool) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": "path" if is_in_path else "query",
        "required": is_in_path or parameter.required,
        "description": parameter.help,
        "schema": _type(parameter),
    }


def _body(fields: list[Parameter]) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {p.name: {**_type(p), "description": p.help} for p in fields},
        "required": [p.name for p in fields if p.required],
        "additionalProperties": False,
    }
    return {"required": any(p.required for p in fields), "content": {_JSON: {"schema": schema}}}


def _type(parameter: Parameter) -> dict[str, Any]:
    name = {int: "integer", bool: "boolean"}.get(parameter.kind, "string")
    choices = {"enum": list(parameter.choices)} if parameter.choices else {}
    default = {} if parameter.default is None else {"default": parameter.default}
    return {"type": name, **choices, **default}


def _responses(verb: Verb) -> dict[str, Any]:
    answer = verb.answer.__name__ if verb.answer else "ErrorShape"
    error = {"description": "The error, with its remedy", "content": _content("ErrorShape")}
    statuses = sorted({409, *STATUS.values()})
    return {
        "200": {"description": "The answer", "content": _content(answer)},
        **{str(status): error for status in statuses},
    }


def _content(name: str) -> dict[str, Any]:
    return {_JSON: {"schema": {"$ref": _REF.format(name=name)}}}


def _with_instants(schema: Any) -> Any:
    """The schema of what `times.jsonable` gives; defaults go, as every field is always there."""
    if isinstance(schema, list):
        return [_with_instants(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    walked = {name: _with_instants(item) for name, item in schema.items() if name != "default"}
    if isinstance(properties := walked.get("properties"), dict):
        walked["properties"] = dict(_property(n, p) for n, p in properties.items())
        walked["required"] = [n.removesuffix(UNIT) for n in walked.get("required", [])]
    return walked


def _property(name: str, schema: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    if not name.endswith(UNIT):
        return name, schema
    if schema.get("type") == "array":
        return name.removesuffix(UNIT), {"type": "array", "items": _INSTANT}
    return name.removesuffix(UNIT), _INSTANT
