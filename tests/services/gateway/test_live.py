"""The live stream."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from starlette.websockets import WebSocketDisconnect

from bus.codec import Record
from market.messages.cache import CacheStatus
from market.messages.fetcher import CollectorStatus, WatchlistAdded
from services.gateway import live
from services.gateway.guard import COOKIE, pass_for
from services.gateway.news import News
from services.gateway.records import BRIEF_BYTES_MAX, brief, shown
from tests.services.gateway import samples
from tests.services.gateway.conftest import Browse
from tests.services.gateway.fakes import FakeDeck, Replies

LIVE = "ws://127.0.0.1:8321/api/live"
STATE: Replies = {CollectorStatus: samples.collector(), CacheStatus: samples.cache()}


def quotes(count: int, first: int = 1, ticker: str = "NVDA") -> list[Record]:
    return samples.records(*[samples.quote(ticker)] * count, first=first)


def seqs(frame: dict[str, Any]) -> list[int]:
    return [event["seq"] for event in frame["events"]]


def test_a_page_gets_a_snapshot_and_then_what_happens(browse: Browse, news: News) -> None:
    deck = FakeDeck(STATE, quotes(7))
    with browse(deck).websocket_connect(LIVE) as page:
        page.send_json({})
        first = page.receive_json()
        assert (first["type"], first["cache"]["entries"][0]["ticker"]) == ("snapshot", "NVDA")
        assert first["collector"]["next_run"] == "2026-11-21T12:05:00Z"
        said = samples.records(WatchlistAdded("AMD"), first=8)
        deck.grow(said)
        news.hear(said)
        frames = [page.receive_json()]
        while frames[-1]["seq"] < 8:
            frames.append(page.receive_json())
        assert frames[-1]["events"][-1] == {
            "seq": 8,
            "at": "2026-11-21T12:00:00.000008Z",
            "subject": "watchlist.added.AMD",
            "by": "fetcher",
            "event": {"ticker": "AMD"},
        }


def test_a_snapshot_comes_without_the_services_too(browse: Browse) -> None:
    with browse(FakeDeck()).websocket_connect(LIVE) as page:
        page.send_json({})
        assert page.receive_json() == {
            "type": "snapshot",
            "tape": "tape",
            "seq": 0,
            "collector": None,
            "cache": None,
        }


def test_a_page_resumes_from_the_tape_without_a_snapshot(browse: Browse) -> None:
    deck = FakeDeck(STATE, quotes(7))
    with browse(deck).websocket_connect(LIVE) as page:
        page.send_json({"from_seq": 5})
        frame = page.receive_json()
    assert (frame["type"], frame["seq"], seqs(frame)) == ("events", 7, [5, 6, 7])
    assert deck.asked == []


@pytest.mark.parametrize(("tape", "first"), [("tape", "events"), ("another", "snapshot")])
@pytest.mark.guarantee("regress")
def test_a_page_that_has_its_seqs_of_another_tape_begins_anew(
    browse: Browse, tape: str, first: str
) -> None:
    with browse(FakeDeck(STATE, quotes(7))).websocket_connect(LIVE) as page:
        page.send_json({"from_seq": 5, "tape": tape})
        assert page.receive_json()["type"] == first


@pytest.mark.guarantee("archive")
def test_a_page_that_wants_what_was_archived_begins_anew_behind_it(browse: Browse) -> None:
    deck = FakeDeck(STATE, quotes(3, first=101))
    with browse(deck).websocket_connect(LIVE) as page:
        page.send_json({"from_seq": 100})
        snapshot = page.receive_json()
        assert (snapshot["type"], snapshot["seq"]) == ("snapshot", 100)
        assert seqs(page.receive_json()) == [101, 102, 103]


def test_a_page_that_keeps_up_is_served_from_memory(browse: Browse, news: News) -> None:
    deck = FakeDeck(STATE, quotes(7))
    news.hear(deck.paper.records)
    with browse(deck).websocket_connect(LIVE) as page:
        page.send_json({"from_seq": 5})
        assert seqs(page.receive_json()) == [5, 6, 7]
    assert deck.paper.reads == []


def test_a_page_sees_the_subjects_that_it_picked(browse: Browse) -> None:
    records = samples.records(samples.quote("AMD"), WatchlistAdded("AMD"), samples.quote("NVDA"))
    with browse(FakeDeck(STATE, records)).websocket_connect(LIVE) as page:
        page.send_json({"from_seq": 1, "subjects": ["watchlist.", "market.quote.NVDA"]})
        assert seqs(page.receive_json()) == [2, 3]


def test_a_page_that_lags_gets_the_last_word_only_and_misses_no_decision(browse: Browse) -> None:
    records = [
        *quotes(300),
        *samples.records(WatchlistAdded("AMD"), WatchlistAdded("AMD"), first=301),
        *quotes(400, first=303),
    ]
    deck = FakeDeck(STATE, records)
    with browse(deck).websocket_connect(LIVE) as page:
        page.send_json({"from_seq": 1})
        frame = page.receive_json()
    assert (frame["seq"], seqs(frame)) == (702, [301, 302, 702])


def test_a_page_that_lags_too_far_begins_anew(browse: Browse) -> None:
    deck = FakeDeck(STATE, quotes(live.LAG_RECORDS_MAX + 2))
    with browse(deck).websocket_connect(LIVE) as page:
        page.send_json({"from_seq": 1})
        assert page.receive_json()["type"] == "snapshot"


def test_a_seq_beyond_the_tape_begins_anew(browse: Browse) -> None:
    with browse(FakeDeck(STATE, quotes(3))).websocket_connect(LIVE) as page:
        page.send_json({"from_seq": 99})
        assert page.receive_json()["type"] == "snapshot"


@pytest.mark.parametrize(
    "hello",
    [
        "{",
        "[]",
        '{"from_seq": 0}',
        f'{{"from_seq": {2**63}}}',
        '{"from_seq": "1"}',
        '{"more": 1}',
        '{"subjects": "market"}',
    ],
)
def test_a_wrong_greeting_is_told_so_and_closed(browse: Browse, hello: str) -> None:
    with browse(FakeDeck(STATE)).websocket_connect(LIVE) as page:
        page.send_text(hello)
        told = page.receive_json()
        assert (told["type"], told["error"]["code"]) == ("error", "bad_message")
        with pytest.raises(WebSocketDisconnect) as closed:
            page.receive_json()
        assert closed.value.code == 1008


def test_a_page_greets_once(browse: Browse) -> None:
    with browse(FakeDeck(STATE)).websocket_connect(LIVE) as page:
        page.send_json({})
        assert page.receive_json()["type"] == "snapshot"
        page.send_json({})
        assert page.receive_json()["error"]["message"] == "a page greets once"


def test_a_page_that_greets_late_is_heard_and_then_not_again(browse: Browse) -> None:
    client = browse(FakeDeck(STATE, quotes(7)), hello_seconds=0.0)
    with client.websocket_connect(LIVE) as page:
        assert page.receive_json()["type"] == "snapshot"
        page.send_json({"from_seq": 5})
        while (frame := page.receive_json())["type"] != "events" or seqs(frame)[0] != 5:
            continue  # what a page gets that did not greet
        assert seqs(frame) == [5, 6, 7]
        page.send_json({"from_seq": 5})
        assert page.receive_json()["error"]["message"] == "a page greets once"


def test_a_wrong_greeting_is_told_so_even_late(browse: Browse) -> None:
    with browse(FakeDeck(STATE), hello_seconds=0.0).websocket_connect(LIVE) as page:
        assert page.receive_json()["type"] == "snapshot"
        page.send_text("{")
        assert page.receive_json()["error"]["code"] == "bad_message"


def test_more_pages_than_there_is_room_for_are_told_so(
    browse: Browse,
) -> None:
    client = browse(FakeDeck(STATE), pages_max=1)
    with client.websocket_connect(LIVE) as first:
        first.send_json({})
        assert first.receive_json()["type"] == "snapshot"
        with client.websocket_connect(LIVE) as second:
            assert second.receive_json()["error"]["code"] == "overloaded"


def test_a_page_that_left_is_forgotten(browse: Browse) -> None:
    client = browse(FakeDeck(STATE))
    with client.websocket_connect(LIVE) as page:
        page.send_json({})
        page.receive_json()
        assert "tapedeck_live_pages 1.0" in client.get("/metrics").text
    assert "tapedeck_live_pages 0.0" in client.get("/metrics").text


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"origin": "http://evil.example", "authorization": "Bearer t"}, "may not command"),
        ({"host": "evil.example", "authorization": "Bearer t"}, "is not a name of this deck"),
        ({}, "asks for its token"),
        ({"authorization": "Bearer other"}, "asks for its token"),
    ],
)
def test_a_stranger_is_turned_away_before_the_socket_opens(
    browse: Browse, headers: dict[str, str], why: str
) -> None:
    client = browse(FakeDeck(STATE), token="t")
    with (
        pytest.raises(WebSocketDisconnect) as denied,
        client.websocket_connect(LIVE, headers=headers),
    ):
        pytest.fail("the socket opened")
    assert (denied.value.code, why in denied.value.reason) == (1008, True)


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer t"},
        {"cookie": f"{COOKIE}={pass_for('t')}", "origin": "http://127.0.0.1:8321"},
    ],
)
def test_whoever_has_the_token_comes_in(browse: Browse, headers: dict[str, str]) -> None:
    client = browse(FakeDeck(STATE), token="t")
    with client.websocket_connect(LIVE, headers=headers) as page:
        page.send_json({})
        assert page.receive_json()["type"] == "snapshot"


def test_a_frame_holds_a_bounded_number_of_bytes_and_at_least_one_record() -> None:
    large = quotes(1)[0]._replace(body=b"x" * live.FRAME_BYTES_MAX)
    small = quotes(2, first=2)
    assert live.fitting([large, *small]) == [large]
    assert live.fitting([*small, large]) == small
    assert live.fitting([]) == []


def test_a_large_body_is_left_out_of_the_stream_and_kept_elsewhere() -> None:
    (small,) = quotes(1)
    large = small._replace(body=msgspec.msgpack.encode({"ticker": "x" * BRIEF_BYTES_MAX}))
    assert brief(small) == shown(small)
    assert brief(small).event is not None
    assert brief(large).event is None
    assert shown(large).event == {"ticker": "x" * BRIEF_BYTES_MAX}


def test_what_another_deck_wrote_is_shown_as_it_lies_there() -> None:
    (record,) = quotes(1)
    foreign = record._replace(subject="other.stream.-", body=msgspec.msgpack.encode({"a": 1}))
    assert shown(foreign).event == {"a": 1}
    assert shown(foreign._replace(body=b"\xc1")).event is None


def test_catching_up_ends_at_a_bounded_number_of_records() -> None:
    deck = FakeDeck(records=quotes(live.LAG_RECORDS_MAX + 600))
    kept, cursor = live.caught_up(deck, 0)
    assert (cursor, [r.seq for r in kept]) == (live.LAG_RECORDS_MAX, [live.LAG_RECORDS_MAX])
