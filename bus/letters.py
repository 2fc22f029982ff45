"""Dead letters of one actor, found on the tape by the link from each to the one before; replays.

The tape is their only keeper: whether a fact was buried, and whether it was replayed since, is read
there when it is asked, so that neither a snapshot nor a restart can know it otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from bus.actor import Actor, Refused, Spoken
from bus.codec import Codec, Record
from bus.message import DeadLetter, Event, Fact, LetterReplayed
from bus.ports import TapeReading
from bus.subject import compose

S = TypeVar("S")

SEARCHED_MAX = 5_000
"""Reading one back costs some 30 us, and the actor does nothing else meanwhile."""


def replay(actor: Actor[S], state: S, seq: int, tape: TapeReading, codec: Codec) -> Spoken:
    """What the buried fact of this seq makes the actor say now, and the word that it was replayed.

    Nothing where it was replayed before. See `bus.message.ReplayLetter`; raises `Refused` for a
    fact that was not buried, is no longer on the tape, or still fails.
    """
    letter = _letter(actor.name, seq, tape, codec)
    if _replayed_since(letter.seq, actor.name, seq, tape, codec):
        return Spoken((), ())
    record = _fact_of(letter.event, tape)
    try:
        said = _said_on(actor, state, codec.fact(record))
    except Exception as error:
        raise Refused(
            "still_failing",
            f"{actor.name} still fails at {record.subject} (seq {seq}): {error!r}",
            "mend what the error names, restart the deck, then replay the letter",
        ) from error
    return Spoken((*said, LetterReplayed(actor.name, seq)), ())


def _said_on(actor: Actor[S], state: S, fact: Fact[Any]) -> tuple[Event, ...]:
    """Folding is tried and its result dropped: a fact that cannot be folded is not known either."""
    actor.fold(state, [fact])
    return actor.speak_on(state, [fact])


def _letter(name: str, seq: int, tape: TapeReading, codec: Codec) -> Fact[DeadLetter]:
    for record in _newest_first(tape, compose(DeadLetter.stream, name), beyond=seq):
        letter: Fact[DeadLetter] = codec.fact(record)
        if letter.event.seq == seq:
            return letter
    raise Refused("not_found", f"{name} has buried no event of seq {seq}", "see ./tapedeck letters")


def _replayed_since(buried: int, name: str, seq: int, tape: TapeReading, codec: Codec) -> bool:
    replays = _newest_first(tape, compose(LetterReplayed.stream, name), beyond=buried)
    return any(codec.fact(record).event.seq == seq for record in replays)


def _fact_of(letter: DeadLetter, tape: TapeReading) -> Record:
    record = next(iter(tape.get([letter.seq])), None)
    if record is None:
        raise Refused("not_found", f"seq {letter.seq} is not on the tape any more", "")
    if record.subject != letter.subject_of_letter:
        raise Refused(
            "not_replayable",
            f"the tape refused what {letter.service} said by seq {letter.seq}, which is no fact",
            "its log names the reason: ./tapedeck log",
        )
    return record


def _newest_first(tape: TapeReading, subject: str, beyond: int) -> Iterator[Record]:
    """The records of a subject that follow ``beyond``; raises `Truncated` for archived ones."""
    seq = tape.last(subject)
    for _ in range(SEARCHED_MAX):
        found = tape.get([seq]) if seq > beyond else []
        if not found:
            return
        yield found[0]
        seq = found[0].prev
    raise Refused(
        "too_old", f"more than {SEARCHED_MAX} events of {subject} came since", "replay newer ones"
    )
