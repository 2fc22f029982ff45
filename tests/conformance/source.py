"""What the module of every source promises of its reading: inherit, and give recorded samples.

    class TestAcme(SourceConformance):
        source = acme
        samples = (Sample("a quote", ASKED, RawAnswer(200, JSON, BODY), "answer"), ...)

The samples are fed as they are, and spoiled in every way that a wire or a provider can spoil them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import ClassVar, Literal, NamedTuple, get_args

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from market.messages.fetcher import Reason
from market.messages.news import HEADLINE_CHARACTERS_MAX, Headline
from services.fetcher.core.answers import Answer, Failure
from services.fetcher.core.headlines import OLDEST_US, is_web_address, plain_text
from services.fetcher.core.validate import FUTURE_US, believable
from services.fetcher.effects import Fetch
from services.fetcher.raw import RawAnswer
from services.fetcher.sources import Source, read

Meaning = Literal["answer"] | Reason

HTML = {"content-type": "text/html; charset=utf-8"}
PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"

STATUSES: dict[int, Reason] = {
    302: "provider_error",
    401: "unauthorized",
    403: "forbidden",
    404: "unknown_symbol",
    422: "no_data",
    429: "rate_limited",
    500: "provider_error",
    502: "provider_error",
    503: "provider_error",
}
"""How the statuses are classified by a source that does not say otherwise."""

ODD: st.SearchStrategy[object] = st.sampled_from(
    [None, True, "", "12.5", "NaN", -1, 0, 1, 1e308, -1e308, 2**62, 2**70, [], {}, [None], "x" * 99]
) | st.floats(allow_nan=False)

spoiling = settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow],
)


class Sample(NamedTuple):
    """A recorded answer, the question it answers, and what it means."""

    name: str
    asked: Fetch
    raw: RawAnswer
    meaning: Meaning


class SourceConformance:
    """Inherit, and set what the source is and was recorded to say.

    ``statuses`` is empty for a source without a wire; ``of_another`` answers about another symbol
    than it was asked for, None where an answer does not tell its symbol.
    """

    source: Source
    samples: ClassVar[tuple[Sample, ...]]
    statuses: ClassVar[Mapping[int, Reason]] = STATUSES
    of_another: ClassVar[Sample | None] = None

    def test_every_sample_means_what_it_meant(self) -> None:
        meant = {sample.name: meaning(self.read(sample)) for sample in self.samples}
        assert meant == {sample.name: sample.meaning for sample in self.samples}

    def test_the_samples_show_an_answer_and_a_refusal(self) -> None:
        meanings = {sample.meaning for sample in self.samples}
        assert "answer" in meanings
        assert meanings - {"answer"}

    def test_the_hash_is_that_of_the_bytes(self) -> None:
        for sample in self.samples:
            assert self.read(sample).answer_hash == sample.raw.digest

    def test_the_same_answer_reads_the_same_twice(self) -> None:
        for sample in self.samples:
            assert self.read(sample) == self.read(sample)

    def test_every_error_status_has_its_class(self) -> None:
        bodies = (b"", b"null", PAGE, b'{"error":"no"}', b"\xff\xfe")
        for sample in self.good:
            found = {
                status: {
                    meaning(self.read(spoilt(sample, body=body, status=status, headers=HTML)))
                    for body in bodies
                }
                for status in self.statuses
            }
            assert found == {status: {reason} for status, reason in self.statuses.items()}

    def test_the_time_to_come_back_is_heard(self) -> None:
        for sample in self.good if 429 in self.statuses else ():
            told = spoilt(sample, status=429, headers={"retry-after": "7"})
            answer = self.read(told)
            assert isinstance(answer, Failure)
            assert answer.retry_after_seconds == 7.0

    def test_a_page_instead_of_an_answer_is_the_providers_failure(self) -> None:
        for sample in self.good if self.statuses else ():
            answer = self.read(spoilt(sample, body=PAGE, headers=HTML))
            assert meaning(answer) == "provider_error"

    def test_an_empty_answer_brings_nothing(self) -> None:
        for sample in self.good:
            assert isinstance(self.read(spoilt(sample, body=b"")), Failure)

    def test_an_answer_about_another_symbol_is_invalid(self) -> None:
        if self.of_another is not None:
            assert meaning(self.read(self.of_another)) == "invalid"
        assert self.samples

    def test_an_answer_beyond_its_bound_is_not_read(self) -> None:
        for sample in self.good:
            bound = self.source.DECLARED.answer_bytes_max
            larger = sample.raw.body + b" " * (bound + 1 - len(sample.raw.body))
            answer = self.read(spoilt(sample, body=larger))
            assert isinstance(answer, Failure)
            assert answer.reason == "invalid"
            assert answer.answer_hash == ""

    def test_a_mebibyte_of_nothing_is_refused(self) -> None:
        bound = min(1 << 20, self.source.DECLARED.answer_bytes_max)
        for sample in self.good:
            for filling in (b"[", b'{"a":', b" ", b"\x00", b"1,", b"\n", b'"', b"\xc3\x28"):
                body = (filling * (1 << 20))[:bound]
                assert isinstance(self.read(spoilt(sample, body=body)), Failure)

    def test_depth_and_foreign_letters_are_refused_or_passed_over(self) -> None:
        for sample in self.good:
            deep = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
            for body in (deep, b'{"error":"\xff\xfe"}', b'{"\xff":1}', b'"\xed\xa0\x80"'):
                assert isinstance(self.read(spoilt(sample, body=body)), Failure)

    @given(data=st.data())
    @spoiling
    def test_bytes_that_were_cut_or_changed_never_become_a_wrong_answer(
        self, data: st.DataObject
    ) -> None:
        sample = data.draw(st.sampled_from(self.good))
        body = sample.raw.body
        first = data.draw(st.integers(0, len(body)))
        last = data.draw(st.integers(first, min(len(body), first + 64)) | st.just(len(body)))
        put = data.draw(st.binary(max_size=16) | st.just(body[max(0, first - 200) : first]))
        self.expect_sound(spoilt(sample, body=body[:first] + put + body[last:]))

    @given(data=st.data())
    @spoiling
    def test_values_that_are_none_never_become_a_wrong_answer(self, data: st.DataObject) -> None:
        sample = data.draw(st.sampled_from(self.good))
        try:
            document = msgspec.json.decode(sample.raw.body)
        except msgspec.MsgspecError:
            return  # not JSON: its bytes are spoiled above
        places = list(leaves(document))
        for _ in range(data.draw(st.integers(1, 4))):
            *way, last = data.draw(st.sampled_from(places))
            odd = data.draw(ODD)
            change(document, way, last, odd)
        self.expect_sound(spoilt(sample, body=msgspec.json.encode(document)))

    def test_no_text_holds_more_than_it_must(self) -> None:
        for sample in self.samples:
            answer = self.read(spoilt(sample, status=500, body=b"x" * 5_000))
            text = answer.message if isinstance(answer, Failure) else ""
            assert len(text) <= 300

    @property
    def good(self) -> list[Sample]:
        """The samples that are answers."""
        return [sample for sample in self.samples if sample.meaning == "answer"]

    def read(self, sample: Sample) -> Answer | Failure:
        """What the source makes of a sample."""
        return read(self.source, sample.raw, sample.asked)

    def expect_sound(self, sample: Sample) -> None:
        """Whatever was spoiled: bars and headlines that can be believed, or a failure's words."""
        answer = self.read(sample)
        if isinstance(answer, Failure):
            assert answer.message
            assert answer.reason in get_args(Reason)
        else:
            self.expect_believable(answer, sample.asked)
        if len(sample.raw.body) <= self.source.DECLARED.answer_bytes_max:
            assert answer.answer_hash == sample.raw.digest

    def expect_believable(self, answer: Answer, asked: Fetch) -> None:
        """Bars in their order, and headlines that a page may show."""
        if answer.bars is not None:
            assert all(believable(answer.bars, row) for row in range(len(answer.bars)))
            assert all(a < b for a, b in pairwise(answer.bars.start_us))
        for headline in answer.news or ():
            assert msgspec.convert(msgspec.to_builtins(headline), Headline) == headline
            assert headline.headline == plain_text(headline.headline, HEADLINE_CHARACTERS_MAX)
            assert not headline.url or is_web_address(headline.url)
            assert OLDEST_US <= headline.published_us <= asked.at_us + FUTURE_US


def meaning(answer: Answer | Failure) -> Meaning:
    """What an answer says, in a word."""
    return answer.reason if isinstance(answer, Failure) else "answer"


def spoilt(
    sample: Sample,
    *,
    body: bytes | None = None,
    status: int | None = None,
    headers: dict[str, str] | None = None,
) -> Sample:
    """The sample, changed."""
    raw = sample.raw
    return sample._replace(
        raw=replace(
            raw,
            body=raw.body if body is None else body,
            status=raw.status if status is None else status,
            headers=raw.headers if headers is None else headers,
        )
    )


def leaves(document: object, way: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The ways to everything in a document, its lists and objects too."""
    if way:
        yield way
    items = document.items() if isinstance(document, dict) else ()
    rows = enumerate(document[:40]) if isinstance(document, list) else ()
    for key, value in (*items, *rows):
        yield from leaves(value, (*way, key))


def change(document: object, way: list[str | int], last: str | int, odd: object) -> None:
    """Put something odd at the end of a way, if the way is still there."""
    try:
        for key in way:
            document = document[key]  # type: ignore[index]
        document[last] = odd  # type: ignore[index]
    except (KeyError, IndexError, TypeError):
        return
