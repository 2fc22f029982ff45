"""The real connection over the imitated wire: what it promises, and what each fault makes of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from services.fetcher.core.hearing import Trade
from services.fetcher.stream.finnhub import FRAME_BYTES_MAX
from services.fetcher.stream.port import Told
from tests.conformance.trades import LISTENS, TICKERS, TradesConformance, TradesWorld
from tests.fakes.faults import AnyFault, Cut, Frames, Mute, Pongless, Redirect, Status
from tests.fakes.providers import GOOD_KEY
from tests.fakes.stream import SYMBOLS_MAX, trade_frame
from tests.services.fetcher.stream.fake import FakeTrades
from tests.services.fetcher.stream.wire import OPEN_US, Wire, wire

OPEN_MS = OPEN_US // 1_000


class FakeWorld:
    """The fake port, and the other end of it."""

    now_us = OPEN_US

    def __init__(self) -> None:
        self.port = FakeTrades()

    def tell(self, trade: Trade) -> None:
        self.port.tell(trade)

    def cut(self) -> None:
        self.port.cut()

    def refuse(self) -> None:
        self.port.refuse_next()

    def subscribed(self, tickers: tuple[str, ...]) -> bool:
        return self.port.subscribed == list(tickers)

    def alone(self) -> bool:
        return self.port.connections == []

    def most(self) -> int:
        return 1


class TestFake(TradesConformance):
    @pytest.fixture
    def world(self) -> TradesWorld:
        return FakeWorld()


class TestFinnhub(TradesConformance):
    @pytest.fixture
    def world(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[TradesWorld]:
        with wire(monkeypatch) as found:
            yield found


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    with wire(monkeypatch) as found:
        yield found


def spoilt(line: Wire, fault: AnyFault) -> None:
    line.providers.plan.next("finnhub", fault, endpoint="/ws")


def heard(line: Wire) -> list[Told]:
    """What is heard until the connection is gone, or all tickers have been."""
    told: list[Told] = []
    for _ in range(LISTENS):
        told.append(line.port.listen(1, TICKERS))
        if told[-1].failure or tickers_of(told) == set(TICKERS):
            break
    return told


def tickers_of(told: list[Told]) -> set[str]:
    return {tick.ticker for one in told for tick in one.ticks}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Status(401), "unauthorized"),
        (Status(403), "forbidden"),
        (Status(429, retry_after_seconds=9), "rate_limited"),
        (Status(500), "provider_error"),
        (Status(503), "provider_error"),
        (Redirect(), "provider_error"),
    ],
)
def test_a_refused_handshake_is_classified_like_every_refused_call(
    line: Wire, fault: AnyFault, reason: str
) -> None:
    spoilt(line, fault)
    failure = line.port.connect(1, TICKERS)
    assert failure is not None
    assert failure.reason == reason
    assert failure.retry_after_seconds == (9.0 if reason == "rate_limited" else None)
    assert line.providers.foreign == []


def test_a_wrong_key_is_refused_and_stands_in_no_word(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with wire(monkeypatch, key="wrong-secret") as line, caplog.at_level(logging.DEBUG):
        failure = line.port.connect(1, TICKERS)
        assert failure is not None
        assert failure.reason == "unauthorized"
        assert "wrong-secret" not in repr(failure)
        assert "wrong-secret" not in caplog.text


def test_the_key_is_in_no_log_while_trades_are_told(
    line: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        assert line.port.connect(1, TICKERS) is None
        assert line.port.listen(1, TICKERS).failure is None
    assert GOOD_KEY not in caplog.text


def test_without_anybody_at_the_other_end_it_is_unreachable(
    line: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    failure = line.port.connect(1, TICKERS)
    assert failure is not None
    assert (failure.reason, failure.message) == (
        "unreachable",
        "ConnectionRefusedError at wss://ws.finnhub.io",
    )


def test_a_server_whose_certificate_nobody_vouches_for_is_not_spoken_to(
    line: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name)
    failure = line.port.connect(1, TICKERS)
    assert failure is not None
    assert failure.message == "SSLCertVerificationError at wss://ws.finnhub.io"
    assert line.trades.handshakes == []


def test_a_mute_connection_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with wire(monkeypatch, mute_seconds=0.5) as line:
        spoilt(line, Mute())
        assert line.port.connect(1, TICKERS) is None
        failure = heard(line)[-1].failure
        assert failure is not None
        assert failure.message.startswith("no frame for")
        assert line.alone()


def test_pings_of_a_stream_without_trades_keep_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with wire(monkeypatch, mute_seconds=2.0) as line:
        line.port.connect(1, ("ZZZZ",))
        told = [line.port.listen(1, ("ZZZZ",)) for _ in range(25)]
        assert told == [Told()] * 25


def test_a_stream_that_answers_no_ping_but_tells_trades_is_kept(line: Wire) -> None:
    spoilt(line, Pongless())
    line.port.connect(1, TICKERS)
    told = heard(line)
    assert (told[-1].failure, tickers_of(told)) == (None, set(TICKERS))


def test_a_cut_ends_it(line: Wire) -> None:
    spoilt(line, Cut())
    line.port.connect(1, TICKERS)
    failures = (line.port.listen(1, TICKERS).failure for _ in range(LISTENS))
    assert next(one.reason for one in failures if one) == "unreachable"


def test_a_frame_that_is_too_large_ends_it_and_is_the_sources_fault(line: Wire) -> None:
    spoilt(line, Frames(("x" * (FRAME_BYTES_MAX + 1),)))
    line.port.connect(1, TICKERS)
    failure = heard(line)[-1].failure
    assert failure is not None
    assert (failure.reason, str(FRAME_BYTES_MAX) in failure.message) == ("invalid", True)


@pytest.mark.parametrize(
    ("frame", "fault"),
    [
        ("{not json", "unreadable"),
        ("[1, 2]", "unreadable"),
        ('{"type":"hello"}', "unknown_kind"),
        ('{"type":"error","msg":"slow down"}', "error"),
        (trade_frame(("ZZZZ", 1.0, OPEN_MS)), "wrong_symbol"),
        (trade_frame(("SPY", -1.0, OPEN_MS)), "no_price"),
        (trade_frame(("SPY", 600.0, OPEN_MS - 3_600_000)), "stamp"),
        (trade_frame(("SPY", 600.0, OPEN_MS), ("SPY", 600.0, OPEN_MS - 9)), "disorder"),
        (trade_frame(("SPY", 600.0, OPEN_MS), conditions=("3",)), "condition"),
    ],
)
def test_what_is_not_believed_is_counted_and_ends_nothing(
    line: Wire, frame: str, fault: str
) -> None:
    spoilt(line, Frames((frame,)))
    line.port.connect(1, TICKERS)
    told = heard(line)
    assert [one.fault for said in told for one in said.refused] == [fault]
    assert (told[-1].failure, tickers_of(told)) == (None, set(TICKERS))


def test_more_symbols_than_the_stream_allows_are_told_and_the_first_are_heard(line: Wire) -> None:
    tickers = tuple(f"Z{number:03d}" for number in range(SYMBOLS_MAX + 2))
    line.port.connect(1, tickers)
    said = (line.port.listen(1, tickers).refused for _ in range(LISTENS))
    (refused,) = next(one for one in said if one)
    assert (refused.fault, refused.example) == ("error", "Subscribing to too many symbols")
    assert line.subscribed(tickers[:SYMBOLS_MAX])
