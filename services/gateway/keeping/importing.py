"""``./tapedeck import``: an older collector's watchlist and key, taken once, with what was not."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Literal

import msgspec

from bus.actor import Refused
from bus.codec import Append, AppendRefused, Codec
from bus.tape import TapeWriter
from config.settings import PROJECT_ROOT, Secret, Settings
from market.messages import CONTRACT
from market.messages.fetcher import WATCHLIST_MAX, WatchlistAdded, WatchlistRemoved
from services.gateway.keeping.older import Refusal, read
from services.gateway.keeping.shell import answer, forget, stopped
from services.gateway.keeping.wanted import ImportWanted
from services.gateway.verb import OK

PRODUCER = "import"
KEYS = PROJECT_ROOT / "config" / "api_keys.json"

SHOWN_MAX = 20


class Imported(msgspec.Struct, frozen=True):
    """What came of an import; of the key only whether it was taken."""

    folder: str
    tickers: tuple[str, ...]
    tracked_already: tuple[str, ...]
    key: Literal["taken", "there already", "none"]
    refused: tuple[Refusal, ...]


def run(settings: Settings, wanted: ImportWanted, *, as_json: bool, keys: Path = KEYS) -> int:
    """Take what can be taken and tell all of it; the deck must be stopped. Raises `Refused`."""
    older = read(Path(wanted.folder), extended=settings.fetcher.extended_symbols)
    with stopped(settings, "import"):
        forget(settings)
        with closing(TapeWriter(settings.tape_path)) as tape:
            already = tuple(one for one in older.tickers if one in _tracked(tape.heads))
            added, too_many = _added(tape, older.tickers)
        kept = _keep(older.key, keys)
    refused = (*older.refused, *too_many, *_key_refused(kept))
    key = "none" if kept == "other" else kept
    told = Imported(wanted.folder, added, already, key, refused)
    answer(told, in_words(told), as_json=as_json)
    return OK


def in_words(told: Imported) -> str:
    """The report, for people."""
    lines = [
        f"{told.folder}: {_counted(len(told.tickers), 'ticker')} taken,"
        f" {len(told.tracked_already)} tracked already; Finnhub's key: {told.key}"
    ]
    if told.tickers:
        lines.append(f"  {' '.join(told.tickers)}")
    lines += [f"  refused {one.what}: {one.reason}" for one in told.refused[:SHOWN_MAX]]
    if len(told.refused) > SHOWN_MAX:
        lines.append(f"  and {len(told.refused) - SHOWN_MAX} more, which --json names")
    return "\n".join(lines)


def _tracked(heads: Mapping[str, int]) -> set[str]:
    """The tickers whose last word is that they are tracked, by the last seq of each subject."""
    added, removed = f"{WatchlistAdded.stream}.", f"{WatchlistRemoved.stream}."
    named = {one.removeprefix(added): seq for one, seq in heads.items() if one.startswith(added)}
    return {one for one, seq in named.items() if seq > heads.get(removed + one, 0)}


def _added(tape: TapeWriter, tickers: Sequence[str]) -> tuple[tuple[str, ...], tuple[Refusal, ...]]:
    """Say of each ticker that it is tracked from here on, in one turn; and what is too many."""
    tracked = _tracked(tape.heads)
    new = [one for one in tickers if one not in tracked]
    room = max(WATCHLIST_MAX - len(tracked), 0)
    if new[:room]:
        _say(tape, new[:room])
    reason = f"{WATCHLIST_MAX} tickers are tracked, and no more can be"
    return tuple(new[:room]), tuple(Refusal(f"watchlist.json: {one}", reason) for one in new[room:])


def _say(tape: TapeWriter, tickers: Sequence[str]) -> None:
    codec = Codec(CONTRACT)
    known = tape.enlist(PRODUCER, 0)
    drafts = tuple(codec.draft(WatchlistAdded(ticker)) for ticker in tickers)
    mark = max(known.mark + 1, tape.head)
    turn = Append(PRODUCER, known.epoch, known.mark, mark, "synced", drafts)
    [outcome] = tape.append([turn], round(time.time() * 1e6)).answers
    if isinstance(outcome, AppendRefused):
        raise Refused(outcome.code, outcome.message, outcome.remedy)


def _keep(key: Secret, place: Path) -> Literal["taken", "there already", "other", "none"]:
    """Write the key where no file of keys is, for its owner's eyes alone, whole or not at all."""
    if not key:
        return "none"
    try:
        with tempfile.NamedTemporaryFile(dir=place.parent) as new:  # of mode 0600
            new.write(msgspec.json.encode({"finnhub": key.reveal()}) + b"\n")
            new.flush()
            os.link(new.name, place)
    except FileExistsError:
        return "there already" if _holds(place, key) else "other"
    except OSError as error:
        text = f"{place} cannot be written ({error.strerror}); the tickers are taken"
        raise Refused("not_written", text, "make the folder writable, then import again") from error
    return "taken"


def _holds(place: Path, key: Secret) -> bool:
    try:
        found = msgspec.json.decode(place.read_bytes(), type=dict[str, str])
    except msgspec.DecodeError:
        return False
    return found.get("finnhub", "").strip() == key.reveal()


def _key_refused(kept: str) -> tuple[Refusal, ...]:
    if kept != "other":
        return ()
    reason = "config/api_keys.json is there already, with other keys: change it by hand"
    return (Refusal("api_keys.json: finnhub", reason),)


def _counted(count: int, name: str) -> str:
    return f"{count} {name}{'' if count == 1 else 's'}"
