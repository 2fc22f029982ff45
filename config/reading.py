"""How settings are read: named values become frozen sections, or one sentence that says why not."""

from __future__ import annotations

import difflib
import hmac
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from dotenv import dotenv_values
from msgspec import inspect, structs

PREFIX = "TAPEDECK_"


class SettingsError(Exception):
    """The start is refused; the text is one sentence that names the value and the remedy."""


class Secret:
    """A key or a token: only `reveal` tells it, so that no log, traceback or encoder does."""

    __slots__ = ("_value",)

    def __init__(self, value: str = "") -> None:
        self._value = value

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(
            self._value.encode(), other._value.encode()
        )

    def __hash__(self) -> int:
        return hash(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)

    def reveal(self) -> str:
        """Return the secret itself, for the one place that must send or compare it."""
        return self._value


class Name(NamedTuple):
    """A setting's name: `fetcher.interval_seconds` in TOML, and its twin among the variables."""

    section: str
    setting: str

    @property
    def dotted(self) -> str:
        """The name as TOML and messages write it."""
        return f"{self.section}.{self.setting}"

    @property
    def variable(self) -> str:
        """The name as an environment variable: TAPEDECK_<SECTION>__<NAME>."""
        return f"{PREFIX}{self.section}__{self.setting}".upper()


class Given(NamedTuple):
    """A value somebody set; `said` names it and its place, `is_text` tells a variable from TOML."""

    value: object
    said: str
    is_text: bool


Values = dict[Name, Given]


def known_names(sections: Mapping[str, type[msgspec.Struct]]) -> list[Name]:
    """Tell every setting's name; the sections' fields are the only list there is."""
    return [
        Name(section, field.name)
        for section, struct in sections.items()
        for field in structs.fields(struct)
    ]


def toml_values(path: Path, known: Iterable[Name]) -> Values:
    """Read `[section]` tables from a TOML file.

    Raises:
        SettingsError: if the file cannot be read, is not TOML, or holds a name that is no setting.
    """
    names = set(known)
    values = {}
    for section, table in _toml(path).items():
        if not isinstance(table, dict):
            raise SettingsError(
                f"{section} in {path} stands outside of a section:"
                " put it under its [section], as config/tapedeck.toml does."
            )
        for setting, value in table.items():
            name = Name(section, setting)
            if name not in names:
                raise _unknown(name.dotted, str(path), [known.dotted for known in names])
            values[name] = Given(value, f"{name.dotted} in {path}", is_text=False)
    return values


def variable_values(
    variables: Mapping[str, str], place: str, known: Iterable[Name], plain: Iterable[str]
) -> Values:
    """Read TAPEDECK_<SECTION>__<NAME> variables; an empty one counts as not set.

    A name with `__` must be known. A plain one that resembles a known name is a slip of the pen
    (TAPEDECK_GATEWAY_PORT); one that resembles none belongs to somebody else.

    Raises:
        SettingsError: if a name is no setting.
    """
    by_variable = {name.variable: name for name in known}
    every_name = [*by_variable, *plain]
    values = {}
    for variable, text in variables.items():
        if variable in by_variable:
            if text:
                values[by_variable[variable]] = Given(text, f"{variable} in {place}", is_text=True)
        elif variable not in every_name and _is_meant_for_us(variable, every_name):
            raise _unknown(variable, place, every_name)
    return values


def dotenv_variables(path: Path) -> dict[str, str]:
    """Read a `.env` file without touching the environment; a missing file holds nothing."""
    try:
        found = dotenv_values(path, interpolate=False) if path.exists() else {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read ({error}): mend or remove it.") from error
    return {variable: text for variable, text in found.items() if text is not None}


def api_keys(path: Path, providers: Iterable[str]) -> dict[str, Secret]:
    """Read `{"provider": "key"}` from a JSON file; a missing file holds no key.

    Raises:
        SettingsError: if the file is no such object, or names an unknown provider; no key is told.
    """
    if not path.exists():
        return {}
    try:
        keys = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError) as error:
        raise SettingsError(
            f'{path} cannot be read as {{"provider": "key"}} ({error}):'
            " write it as config/api_keys.example.json shows."
        ) from error
    for provider in keys:
        if provider not in providers:
            raise _unknown(provider, str(path), list(providers))
    return {provider: Secret(key.strip()) for provider, key in keys.items()}


def build_sections(sections: Mapping[str, type[msgspec.Struct]], values: Values) -> dict[str, Any]:
    """Make every section from the given values; what nobody set keeps its default.

    Raises:
        SettingsError: if a value has the wrong type or lies out of bounds.
    """
    return {
        section: struct(
            **{
                field.name: _converted(field, values[Name(section, field.name)])
                for field in structs.fields(struct)
                if Name(section, field.name) in values
            }
        )
        for section, struct in sections.items()
    }


def _converted(field: structs.FieldInfo, given: Given) -> Any:
    kind = inspect.type_info(field.type)
    value = _spelled(kind, given.value) if isinstance(given.value, str) else given.value
    try:
        return msgspec.convert(value, field.type, strict=not given.is_text, dec_hook=_secret)
    except msgspec.ValidationError as error:
        told = "a secret" if field.type is Secret else repr(given.value)
        raise SettingsError(
            f"{given.said} is {told}, but must be {_expected(kind)}:"
            f" correct it, or remove it for the default, {field.default!r}."
        ) from error


def _spelled(kind: inspect.Type, text: str) -> object:
    """Read lists as comma-separated and words in any case: `finnhub,Yahoo` and `info` are meant."""
    if isinstance(kind, inspect.VarTupleType):
        words = [word.strip() for word in text.split(",")]
        return [_spelled(kind.item_type, word) for word in words if word]
    if isinstance(kind, inspect.LiteralType):
        return next((v for v in kind.values if str(v).lower() == text.lower()), text)
    return text


def _secret(kind: type, value: object) -> Secret:
    if kind is not Secret or not isinstance(value, str):
        raise TypeError(f"no setting is made of {kind.__name__}")
    return Secret(value.strip())


def _expected(kind: inspect.Type) -> str:
    match kind:
        case inspect.IntType(ge=low, le=high):
            return f"a whole number from {low} to {high}"
        case inspect.FloatType(ge=low, le=high):
            return f"a number from {low:g} to {high:g}"
        case inspect.BoolType():
            return "true or false"
        case inspect.LiteralType(values=values):
            return f"one of {', '.join(map(str, values))}"
        case inspect.VarTupleType(item_type=item, max_length=most):
            return f"a list of at most {most}, each {_expected(item)}"
        case _:
            return "text"


def _is_meant_for_us(variable: str, names: list[str]) -> bool:
    if variable.startswith(PREFIX) and "__" in variable:
        return True
    ours = variable.startswith((PREFIX, "FINNHUB"))
    return ours and bool(_closest(variable, names))


def _closest(name: str, names: Iterable[str]) -> str:
    return next(iter(difflib.get_close_matches(name, list(names), n=1, cutoff=0.8)), "")


def _unknown(name: str, place: str, names: Iterable[str]) -> SettingsError:
    closest = _closest(name, names)
    remedy = f"did you mean {closest}?" if closest else "config/tapedeck.toml shows every name."
    return SettingsError(f"{name} in {place} is no setting: {remedy}")


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read ({error}): mend or remove it.") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not TOML ({error}): mend that line.") from error
