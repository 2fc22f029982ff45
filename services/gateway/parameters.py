"""The arguments of a verb as a list: to print, to offer as options, to describe to programs."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import inspect

from services.gateway.arguments import POSITIONAL, Arguments


class Parameter(msgspec.Struct, frozen=True):
    """One argument: its name, what it means, its kind, and its default where it may be left out."""

    name: str
    help: str
    kind: type
    required: bool
    default: Any
    choices: tuple[str, ...]
    positional: bool

    @property
    def flag(self) -> str:
        """The name as an option of the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def words(self) -> str:
        """What it means, its choices and its default, in one phrase."""
        choices = f" ({' or '.join(self.choices)})" if self.choices else ""
        told = self.required or self.default in (None, "", False)
        return f"{self.help}{choices}" + ("" if told else f"; {self.default} by default")


def parameters(kind: type[Arguments]) -> tuple[Parameter, ...]:
    """The arguments in order."""
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)  # noqa: S101 - Arguments is a Struct
    return tuple(map(_parameter, info.fields))


def _parameter(field: inspect.Field) -> Parameter:
    meta = field.type if isinstance(field.type, inspect.Metadata) else None
    inner = _optional(meta.type if meta else field.type)
    extra = (meta.extra if meta else None) or {}
    schema = (meta.extra_json_schema if meta else None) or {}
    return Parameter(
        name=field.encode_name,
        help=schema.get("description", ""),
        kind=_KINDS.get(type(inner), str),
        required=field.required,
        default=None if field.required else field.default,
        choices=tuple(map(str, inner.values)) if isinstance(inner, inspect.LiteralType) else (),
        positional=field.required or bool(extra.get(POSITIONAL)),
    )


def _optional(kind: inspect.Type) -> inspect.Type:
    if isinstance(kind, inspect.UnionType):
        return next(k for k in kind.types if not isinstance(k, inspect.NoneType))
    return kind


_KINDS: dict[type, type] = {inspect.IntType: int, inspect.BoolType: bool, inspect.StrType: str}
