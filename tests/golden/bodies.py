"""Bodies of every event as they were written once: ``python -m tests.golden.bodies`` adds new ones.

What is on people's tapes is never written again. So no body that was recorded here is changed or
removed; where an event gets a new version, the diff of the file shows what the old bodies mean now.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

from bus.codec import Codec, Record
from bus.message import Contract, Event

PATH = Path(__file__).with_name("bodies.json")
FREE = {"title", "description", "default"}
"""What a schema says of a field, and no body depends on."""


class Body(msgspec.Struct, frozen=True):
    """A body that was written, and what it means: the event as plain values."""

    version: int
    body: str
    means: dict[str, Any]


class Kind(msgspec.Struct, frozen=True):
    """An event: the shape of each version that was ever written (a JSON schema), and bodies."""

    shapes: dict[str, Any]
    bodies: list[Body]


Corpus = dict[str, Kind]
"""By stream."""


def recorded() -> Corpus:
    """What was recorded."""
    return msgspec.json.decode(PATH.read_bytes(), type=Corpus)


def event_of(codec: Codec, stream: str, body: Body) -> Event:
    """The event as this version of the code reads it; raises `BadMessage`."""
    subject = f"{stream}.-"
    data = base64.b64decode(body.body)
    event: Event = codec.fact(Record(1, subject, 0, 0, "", 0, body.version, data)).event
    return event


def meaning(event: Event) -> dict[str, Any]:
    """The event as plain values, as JSON has them."""
    values: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(event))
    return values


def lacks(means: Any, read: Any, where: str = "") -> Iterator[str]:
    """What is not as it was meant; what was added since is no matter."""
    if isinstance(means, dict) and isinstance(read, dict):
        for name, value in means.items():
            yield from lacks(value, read.get(name), f"{where}.{name}")
    elif isinstance(means, list) and isinstance(read, list) and len(means) == len(read):
        for number, value in enumerate(means):
            yield from lacks(value, read[number], f"{where}[{number}]")
    elif means != read:
        yield f"{where} is {read}, and was {means}"


def shape(kind: type[Event]) -> Any:
    """The JSON schema of an event, each part in its place."""
    (top,), parts = msgspec.json.schema_components([kind])
    return _in_place(top, parts)


def breaks(then: Any, now: Any, where: str = "") -> Iterator[str]:
    """Why a body of one shape may not be one of another: nothing, where it has only more room."""
    if isinstance(then, dict) and isinstance(now, dict):
        for name, fields in then.get("properties", {}).items():
            if name not in now.get("properties", {}):
                yield f"{where}.{name} is gone"
            else:
                yield from breaks(fields, now["properties"][name], f"{where}.{name}")
        for name in sorted({*now.get("required", ())} - {*then.get("required", ())}):
            yield f"{where}.{name} must be there now"
        for key in sorted({*then, *now} - {"properties", "required"}):
            yield from breaks(then.get(key), now.get(key), f"{where} {key}")
    elif isinstance(then, list) and isinstance(now, list):
        yield from (
            f"{where}: {one} is gone" for one in then if not any(_fits(one, n) for n in now)
        )
    elif then != now:
        yield f"{where}: {then} became {now}"


def _fits(then: Any, now: Any) -> bool:
    return not list(breaks(then, now))


def _in_place(schema: Any, parts: Mapping[str, Any]) -> Any:
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _in_place(parts[schema["$ref"].rpartition("/")[2]], parts)
        fields = schema.get("properties", {})
        shaped = {key: _in_place(value, parts) for key, value in schema.items() if key not in FREE}
        named = {name: _in_place(field, parts) for name, field in fields.items()}
        return {**shaped, "properties": named} if named else shaped
    return [_in_place(each, parts) for each in schema] if isinstance(schema, list) else schema


# -- a sample of each ------------------------------------------------------------------------------


def sample(kind: type[Event]) -> Event:
    """An event with a value in every field, and different numbers in different fields."""
    return msgspec.convert(_value(inspect.type_info(kind), count(1)), kind)


def _value(info: inspect.Type, numbers: count[int]) -> Any:
    match info:
        case inspect.StructType(fields=fields):
            return {field.encode_name: _value(field.type, numbers) for field in fields}
        case inspect.UnionType(types=types):
            kinds = [each for each in types if not isinstance(each, inspect.NoneType)]
            return _value(kinds[0], numbers)
        case inspect.VarTupleType(item_type=each):
            return [_value(each, numbers), _value(each, numbers)]
        case inspect.DictType(key_type=key, value_type=value):
            return {_value(key, numbers): _value(value, numbers)}
    return _plain(info, numbers)


def _plain(info: inspect.Type, numbers: count[int]) -> Any:
    match info:
        case inspect.LiteralType(values=values):
            return values[-1]
        case inspect.BoolType():
            return True
        case inspect.StrType():
            return f"w{next(numbers)}"
        case inspect.IntType():
            return _within(next(numbers), info)
        case inspect.FloatType():
            return _within(next(numbers), info) + (0.0 if info.le == 1 else 0.25)
    raise TypeError(f"there is no sample of {info}: say here how one looks")


def _within(number: int, info: inspect.IntType | inspect.FloatType) -> int:
    low = max(info.ge or 0, 0 if info.gt is None else info.gt + 1)
    high = min(info.le or 1 << 40, 1 << 40 if info.lt is None else info.lt - 1)
    return int(low + number % (high - low)) if high > low else int(low)


# -- recording -------------------------------------------------------------------------------------


def extended(corpus: Corpus, contract: Contract) -> Corpus:
    """The corpus with what is missing in it; raises `ValueError` where a version was changed."""
    codec = Codec(contract)
    kinds = {stream: corpus.get(stream, Kind({}, [])) for stream in {*corpus, *contract.events}}
    for stream, kind in contract.events.items():
        known, now = kinds[stream], shape(kind)
        then = known.shapes.get(str(kind.version))
        if then is not None and (broken := list(breaks(then, now))):
            raise ValueError(f"{stream} {kind.version} changed ({broken}): say a new version")
        bodies = [_read_now(codec, stream, body) for body in known.bodies]
        event = sample(kind)
        if not any(
            body.version == kind.version and body.means == meaning(event) for body in bodies
        ):
            written = base64.b64encode(codec.body(event)).decode()
            bodies.append(Body(kind.version, written, meaning(event)))
        kinds[stream] = Kind({**known.shapes, str(kind.version): now}, bodies)
    return dict(sorted(kinds.items()))


def _read_now(codec: Codec, stream: str, body: Body) -> Body:
    return msgspec.structs.replace(body, means=meaning(event_of(codec, stream, body)))


if __name__ == "__main__":
    from market.messages import CONTRACT

    before = recorded() if PATH.exists() else {}
    after = extended(before, CONTRACT)
    PATH.write_bytes(msgspec.json.format(msgspec.json.encode(after), indent=1) + b"\n")
