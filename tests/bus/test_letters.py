"""Dead letters are found again on the tape; what was buried is spoken on once it can be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.actor import Refused, Spoken
from bus.codec import Codec, Draft, Record
from bus.letters import SEARCHED_MAX, replay
from bus.message import Contract, DeadLetter, Done, Event, Fact, LetterReplayed, ReplayLetter
from bus.saving import SnapshotSaver
from bus.testing import FactTape
from tests.bus.rig import CODEC, Post, Rig, Station
from tests.bus.test_runtime import Without, fill, mute_counter, outcome
from tests.bus.words import (
    CONTRACT,
    Counted,
    Doubled,
    Noted,
    Tally,
    counter,
    fragile_counter,
)

SUBJECT = "count.made.A"


def buried(seq: int, subject: str = SUBJECT) -> DeadLetter:
    """The counter's letter for the fact of this seq."""
    return DeadLetter("counter", seq, subject, "ValueError('speechless')", 3)


def tape(*events: Event) -> FactTape:
    """A tape of these events, from seq 1 on."""
    return FactTape([Fact(seq, seq, event) for seq, event in enumerate(events, 1)], CODEC)


def replayed(on: FactTape, seq: int) -> Spoken:
    """What the counter says when the fact is replayed to it."""
    return replay(counter(), Tally(), seq, on, CODEC)


class TestFindingLetters:
    """The tape alone says what was buried and what was replayed since."""

    def test_a_buried_fact_is_reacted_to_and_said_to_be_replayed(self) -> None:
        on = tape(Counted("A", 13), Counted("A", 2), buried(1), Doubled("A", 4))

        assert replayed(on, 1).events == (Doubled("A", 26), LetterReplayed("counter", 1))

    def test_what_was_not_buried_by_this_actor_is_not_replayed(self) -> None:
        another = DeadLetter("supplier", 1, SUBJECT, "ValueError()", 3)
        on = tape(Counted("A", 13), another, Counted("A", 2), buried(3))

        for seq in (-1, 0, 1, 2, 4, 5, 1 << 70):
            with pytest.raises(Refused, match=f"buried no event of seq {seq}"):
                replayed(on, seq)

    def test_a_letter_that_was_replayed_says_nothing_more_until_it_is_buried_again(self) -> None:
        once = (Counted("A", 13), buried(1), LetterReplayed("counter", 1))

        assert replayed(tape(*once), 1) == Spoken((), ())
        assert replayed(tape(*once, buried(1)), 1).events

    def test_a_turn_that_the_tape_refused_is_no_fact_to_take_again(self) -> None:
        on = tape(Counted("A", 13), buried(1, subject="count.doubled"))

        with pytest.raises(Refused, match="which is no fact"):
            replayed(on, 1)

    def test_a_fact_that_was_archived_is_not_replayed(self) -> None:
        on = FactTape([Fact(2, 2, buried(1))], CODEC)

        with pytest.raises(Refused, match="seq 1 is not on the tape any more"):
            replayed(on, 1)

    def test_letters_are_searched_for_in_bounds(self) -> None:
        with pytest.raises(Refused, match=f"more than {SEARCHED_MAX} events"):
            replayed(Crowded([], CODEC), 1)

    @given(st.lists(st.tuples(st.sampled_from(("bury", "replay")), st.integers(1, 3)), max_size=12))
    def test_a_fact_is_spoken_on_exactly_where_its_last_word_is_that_it_was_buried(
        self, history: list[tuple[str, int]]
    ) -> None:
        facts: list[Event] = [Counted("A", number) for number in (1, 2, 3)]
        words = [buried(n) if w == "bury" else LetterReplayed("counter", n) for w, n in history]
        on = tape(*facts, *words)

        for seq in (1, 2, 3):
            told = [word for word, number in history if number == seq]
            if "bury" not in told:
                with pytest.raises(Refused):
                    replayed(on, seq)
            else:
                assert bool(replayed(on, seq).events) == (told[-1] == "bury")


class Crowded(FactTape):
    """A tape on which every seq is a letter."""

    def last(self, subject: str) -> int:
        return 10 * SEARCHED_MAX

    def get(self, seqs: Sequence[int]) -> list[Record]:
        [seq] = seqs
        letter = buried(seq + 1)
        body = CODEC.body(letter)
        return [Record(seq, letter.subject, seq, seq - 1, "counter", seq, 1, body)]


# -- at work ---------------------------------------------------------------------------------------

MENDED = Contract(
    [*CONTRACT.events.values(), *CONTRACT.commands.values(), *CONTRACT.queries.values()],
    upcasters={("count.made", 0): lambda body: {"name": body["name"], "number": body["n"]}},
)
"""The same contract, able to read what was written when a number was an ``n``."""


def bury_one(rig: Rig, **options: Any) -> Post[Tally]:
    """A counter at work that could not speak of seq 2."""
    post = rig.ready(mute_counter(at=13), **options)
    fill(rig, Counted("A", 1), Counted("A", 13))
    rig.until(lambda: len(rig.tape()) == 4 and post.runtime.heard == 4)
    return post


def ask_again(rig: Rig, asker: Station, seq: int = 2) -> str:
    """Have the letter replayed; gives how that ended: how much was said, or the refusal's code."""
    number = asker.ask(ReplayLetter("counter", seq), within_seconds=60.0)
    rig.until(lambda: asker.reply_to(number))
    reply = asker.reply_to(number)
    assert reply is not None
    if reply.code:
        return outcome(asker, number)
    return f"said {CODEC.decode(Done, reply.body).said}"


class TestReplaying:
    """A command that every runtime understands."""

    @pytest.mark.guarantee("dead-letters")
    def test_a_replayed_letter_is_spoken_on_once_with_the_present_state_and_folded_no_more(
        self, rig: Rig
    ) -> None:
        asker = rig.welcome("a")
        rig.kill(bury_one(rig))
        mended = rig.ready(counter())
        first, second = ask_again(rig, asker), ask_again(rig, asker)

        assert (first, second) == ("said 2", "said 0")
        assert rig.events()[2:] == [
            Doubled("A", 2),
            DeadLetter("counter", 2, SUBJECT, "ValueError('speechless')", 3),
            Doubled("A", 26),
            LetterReplayed("counter", 2),
        ]
        assert mended.runtime.state == Tally(
            counted=(("A", 1), ("A", 13)), doubled=(("A", 2), ("A", 26))
        )
        last = rig.tape()[-2:]
        assert last[0].heard == last[1].heard  # one turn

    def test_a_fact_that_still_fails_is_refused_with_the_error_and_nothing_is_said(
        self, rig: Rig
    ) -> None:
        asker, _post = rig.welcome("a"), bury_one(rig)
        before = rig.tape()

        assert ask_again(rig, asker) == "still_failing"
        assert "speechless" in asker.replies[-1].message
        assert rig.tape() == before

    def test_a_fact_that_still_cannot_be_folded_is_not_reacted_to_either(self, rig: Rig) -> None:
        asker, _post = rig.welcome("a"), rig.ready(fragile_counter())
        fill(rig, Counted("A", 13))
        rig.until(lambda: len(rig.tape()) == 2)

        assert ask_again(rig, asker, seq=1) == "still_failing"
        assert len(rig.tape()) == 2

    def test_what_cannot_be_said_in_one_turn_is_refused_and_the_letter_waits_on(
        self, rig: Rig
    ) -> None:
        asker = rig.welcome("a")
        rig.kill(bury_one(rig))
        shouting = counter()
        shouting.reactions.clear()
        shouting.react(Counted)(lambda tally, fact: [Noted("diary", "x" * (1 << 20))])
        loud = rig.ready(shouting)
        assert ask_again(rig, asker) == "message_too_large"
        rig.kill(loud)
        rig.ready(counter())

        assert ask_again(rig, asker) == "said 2"

    def test_a_fact_that_could_not_be_read_is_known_and_spoken_on_once_the_code_can_read_it(
        self, rig: Rig, tmp_path: Path
    ) -> None:
        def saver(code: str) -> SnapshotSaver[Tally]:
            return SnapshotSaver(tmp_path / "snapshot", Tally, Tally, code, rig.clock)

        asker, producer = rig.welcome("a"), rig.welcome("p")
        post = rig.ready(counter(), saver=saver("old"))
        body = msgspec.Raw(msgspec.msgpack.encode({"name": "A", "n": 13}))
        producer.client.append((Draft(SUBJECT, 0, body),), 0, "logged")
        rig.until(lambda: post.runtime.heard == 2)
        assert ask_again(rig, asker, seq=1) == "still_failing"
        rig.parties.remove(post)
        post.runtime.finish(1.0)
        mended = rig.ready(counter(), saver=saver("new"), codec=Codec(MENDED))

        assert ask_again(rig, asker, seq=1) == "said 2"
        assert mended.runtime.state == Tally(counted=(("A", 13),), doubled=(("A", 26),))

    def test_a_process_that_begins_from_a_snapshot_knows_what_waits_and_what_was_replayed(
        self, rig: Rig, tmp_path: Path
    ) -> None:
        def saver() -> SnapshotSaver[Tally]:
            return SnapshotSaver(tmp_path / "snapshot", Tally, Tally, "code", rig.clock)

        def end(post: Post[Tally]) -> None:
            rig.parties.remove(post)
            post.runtime.finish(1.0)

        asker = rig.welcome("a")
        end(bury_one(rig, saver=saver()))
        second = rig.ready(counter(), saver=saver())
        assert ask_again(rig, asker) == "said 2"
        end(second)
        rig.ready(counter(), saver=saver())

        assert ask_again(rig, asker) == "said 0"

    @pytest.mark.guarantee("dead-letters")
    @pytest.mark.parametrize(
        ("lost", "way", "then"), [("append", "up", "said 2"), ("appended", "down", "said 0")]
    )
    def test_a_process_that_dies_while_it_replays_leaves_all_of_it_or_nothing(
        self, rig: Rig, lost: str, way: str, then: str
    ) -> None:
        asker = rig.welcome("a")
        rig.kill(bury_one(rig))
        dying = rig.ready(counter())
        setattr(dying.link, way, Without(lost))
        asker.ask(ReplayLetter("counter", 2))
        rig.until(lambda: dying.client.in_flight)
        rig.beat()
        rig.kill(dying)
        rig.ready(counter())

        assert ask_again(rig, asker) == then
        assert rig.events()[4:] == [Doubled("A", 26), LetterReplayed("counter", 2)]

    def test_who_serves_no_such_letter_says_so(self, rig: Rig) -> None:
        asker = rig.welcome("a")
        assert ask_again(rig, asker) == "unavailable"
        bury_one(rig)

        assert ask_again(rig, asker, seq=1) == "not_found"
