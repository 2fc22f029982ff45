"""Dead letters: the events that services could not take, and taking one again."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeAlias

from bus.codec import Codec, Record
from bus.message import DeadLetter, Done, Fact, LetterReplayed, ReplayLetter
from market.messages import CONTRACT
from market.messages.cache import FindEvents, SeqsFound
from services.gateway.answers import Letter, LettersAnswer, ReplayAnswer
from services.gateway.arguments import LettersWanted, OneLetter
from services.gateway.talk import ReadTape, Request, Talk

REPLAYS_MAX = 5_000
"""What the cache finds at once; a person replays letters one by one."""

Replays: TypeAlias = dict[tuple[str, int], Fact[LetterReplayed]]
"""The last replay of each letter, by its service and seq."""

_CODEC = Codec(CONTRACT)


def letters(arguments: LettersWanted) -> Talk:
    """The letters, oldest first."""
    found: SeqsFound = yield FindEvents(
        f"{DeadLetter.stream}.{arguments.service}",
        from_seq=max(arguments.from_seq, 1),
        limit=arguments.limit,
        newest=arguments.from_seq == 0,
    )
    records: list[Record] = yield ReadTape(found.seqs)
    buried = [fact for fact in map(_CODEC.fact, records) if _is_of(fact, arguments.service)]
    replays: Replays = (yield from _replays(buried[0].seq)) if buried else {}
    shown = tuple(_shown(fact, replays) for fact in buried)
    return LettersAnswer(shown, found.next_seq, found.seq)


def replay(arguments: OneLetter) -> Talk:
    """Have the service take the event again."""
    done: Done = yield ReplayLetter(arguments.service, arguments.seq)
    said = max(0, done.said - 1)  # one of them says that the letter was replayed
    who, event = arguments.service, f"event {arguments.seq}"
    took = f"{who} took {event} again and said {said} event{'' if said == 1 else 's'}."
    message = took if done.said else f"{who} had taken {event} again already."
    return ReplayAnswer(success=True, message=message, said=said, seq=done.seq)


def _is_of(fact: Fact[Any], service: str) -> bool:
    return isinstance(fact.event, DeadLetter) and service in ("", fact.event.service)


def _replays(from_seq: int) -> Generator[Request, Any, Replays]:
    found: SeqsFound = yield FindEvents(
        f"{LetterReplayed.stream}.", from_seq=from_seq, limit=REPLAYS_MAX
    )
    records: list[Record] = yield ReadTape(found.seqs)
    facts = [fact for fact in map(_CODEC.fact, records) if isinstance(fact.event, LetterReplayed)]
    return {(fact.event.service, fact.event.seq): fact for fact in facts}


def _shown(fact: Fact[DeadLetter], replays: Replays) -> Letter:
    event = fact.event
    again = replays.get((event.service, event.seq))
    return Letter(
        service=event.service,
        seq=event.seq,
        subject=event.subject_of_letter,
        error=event.error,
        attempts=event.attempts,
        buried_at_us=fact.at_us,
        replayed_at_us=again.at_us if again and again.seq > fact.seq else 0,
    )
