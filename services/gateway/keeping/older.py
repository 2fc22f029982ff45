"""What the data folder of an older collector holds: its tickers, its key, and what is not believed.

Its files are known by name alone: ``watchlist.json`` is a list of tickers, perhaps under
``tickers`` or ``watchlist``; ``api_keys.json``, in the folder or beside it, has Finnhub's key under
``finnhub`` or ``FINNHUB_API_KEY``; ``cache/*.json`` are prices. Whatever else there is, is refused
by its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from bus.actor import Refused
from config.settings import Secret
from market.symbols import BadTicker, canonical

BYTES_MAX = 1_000_000
"""A watchlist or a file of keys is a few hundred bytes."""

NAMES_MAX = 1_000
"""So many files, or tickers, are looked at; a folder with more is not a collector's."""

UNTOLD = (
    "its prices tell neither their source nor whether they are adjusted;"
    " the collector fetches them afresh"
)
KEY_NAMES = ("finnhub", "FINNHUB_API_KEY")

_KEY = re.compile(r"[!-~]{8,200}")


class Refusal(msgspec.Struct, frozen=True):
    """A thing that was not taken: a file, or one entry of a file, and why."""

    what: str
    reason: str


class Older(msgspec.Struct, frozen=True):
    """What can be taken from a folder, tickers in their canonical spelling, each once."""

    tickers: tuple[str, ...]
    key: Secret
    refused: tuple[Refusal, ...]


def read(folder: Path, *, extended: bool) -> Older:
    """Look through a folder; raises `Refused` where nothing of an older collector is."""
    if not folder.is_dir():
        raise Refused("bad_argument", f"{folder} is no folder", "name the older collector's folder")
    watchlist, cache = folder / "watchlist.json", folder / "cache"
    keys = next((one for one in _places_of_keys(folder) if one.is_file()), None)
    if not (watchlist.is_file() or cache.is_dir() or keys):
        raise Refused(
            "nothing_to_import",
            f"{folder} holds no watchlist.json, no cache/ and no api_keys.json",
            "name the folder in which the older collector kept its data",
        )
    refused: list[Refusal] = []
    tickers = _tickers(watchlist, refused, extended=extended) if watchlist.is_file() else ()
    key = _key(keys, refused) if keys else ""
    return Older(tickers, Secret(key), (*refused, *_left(folder)))


def _places_of_keys(folder: Path) -> tuple[Path, ...]:
    return folder / "api_keys.json", folder.absolute().parent / "api_keys.json"


def _tickers(path: Path, refused: list[Refusal], *, extended: bool) -> tuple[str, ...]:
    found = _json(path, refused)
    if isinstance(found, dict) and len(named := found.keys() & {"tickers", "watchlist"}) == 1:
        found = found[named.pop()]
    if not isinstance(found, list) or len(found) > NAMES_MAX:
        if found is not None:
            shape = f"a list of up to {NAMES_MAX} tickers, perhaps under `tickers` or `watchlist`"
            refused.append(Refusal(path.name, f"it is not {shape}"))
        return ()
    return tuple(dict.fromkeys(_believable(found, path.name, refused, extended=extended)))


def _believable(
    entries: Sequence[Any], file: str, refused: list[Refusal], *, extended: bool
) -> Iterator[str]:
    for entry in entries:
        try:
            yield canonical(entry if isinstance(entry, str) else "", extended=extended)
        except BadTicker as error:
            refused.append(Refusal(f"{file}: {_shown(entry)}", f"no ticker: {error.remedy}"))


def _key(path: Path, refused: list[Refusal]) -> str:
    """Finnhub's key; no value of the file is ever shown."""
    found = _json(path, refused)
    if found is None:
        return ""
    if not isinstance(found, dict):
        refused.append(Refusal(path.name, "it is not an object of keys by name"))
        return ""
    strange = sorted(name for name in found if name not in KEY_NAMES)
    refused += [
        Refusal(f"{path.name}: {_shown(name)}", "no source of that name") for name in strange
    ]
    given = [found[name] for name in KEY_NAMES if found.get(name)]
    keys = {key.strip() for key in given if isinstance(key, str)}
    if len(given) == len(keys) == 1 and _KEY.fullmatch(key := keys.pop()):
        return key
    if given:
        refused.append(Refusal(f"{path.name}: finnhub", "it is not one key of 8 to 200 characters"))
    return ""


def _left(folder: Path) -> Iterator[Refusal]:
    """The files of prices, and whatever does not belong to an older collector."""
    known = {"watchlist.json", "api_keys.json", "cache"}
    for path in islice(sorted((folder / "cache").glob("*")), NAMES_MAX):
        prices = path.suffix == ".json" and path.is_file()
        yield Refusal(f"cache/{path.name}", UNTOLD if prices else "not known")
    for path in islice(sorted(folder.iterdir()), NAMES_MAX):
        if path.name not in known:
            yield Refusal(path.name, "not known")


def _json(path: Path, refused: list[Refusal]) -> Any:
    """The file's value; None, and a refusal, where it has none."""
    try:
        with path.open("rb") as file:
            body = file.read(BYTES_MAX + 1)
        if len(body) > BYTES_MAX:
            reason = f"it is larger than {BYTES_MAX:,} bytes"
        elif (value := msgspec.json.decode(body)) is not None:
            return value
        else:
            reason = "it is empty"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        reason = "it is not JSON"
    except OSError as error:
        reason = f"it cannot be read: {error.strerror}"
    refused.append(Refusal(path.name, reason))
    return None


def _shown(entry: Any) -> str:
    return repr(entry)[:60]
