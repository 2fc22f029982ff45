"""One GET, whatever the other end does: an answer of any status, or a failure in time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.fetcher.core.answers import Failure
from services.fetcher.http import get, within
from services.fetcher.raw import RawAnswer
from tests.fakes.faults import AnyFault, Cut, Drip, Empty, Hang, Redirect, Reset, Status
from tests.fakes.networks import black_hole, refused
from tests.fakes.providers import GOOD_KEY, Providers

URL = "https://finnhub.io/api/v1/quote"
KEY = {"X-Finnhub-Token": GOOD_KEY}


@pytest.fixture
def providers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Providers]:
    with Providers() as found:
        for name, value in found.environment.items():
            monkeypatch.setenv(name, value)
        yield found


def ask(seconds: float = 20.0) -> RawAnswer | Failure:
    return get(URL, {"symbol": "SPY"}, KEY, seconds)


def test_an_answer_comes_through_the_proxy_and_under_the_ca_of_the_environment(
    providers: Providers,
) -> None:
    answer = ask()
    assert isinstance(answer, RawAnswer)
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert answer.headers["x-ratelimit-limit"] == "60"
    assert b'"c":' in answer.body
    (call,) = providers.calls
    assert (call.token_in_header, call.token_in_url) == (True, False)


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 502])
def test_an_error_status_is_an_answer(providers: Providers, status: int) -> None:
    providers.plan.always("finnhub", Status(status))
    answer = ask()
    assert isinstance(answer, RawAnswer)
    assert answer.status == status


def test_a_redirect_is_an_answer_and_is_not_followed(providers: Providers) -> None:
    providers.plan.always("finnhub", Redirect())
    answer = ask()
    assert isinstance(answer, RawAnswer)
    assert answer.status == 302
    assert providers.foreign == []


def test_an_empty_answer_is_an_answer(providers: Providers) -> None:
    providers.plan.always("finnhub", Empty())
    answer = ask()
    assert isinstance(answer, RawAnswer)
    assert answer.body == b""


@pytest.mark.parametrize("fault", [Cut(), Reset()])
def test_a_broken_connection_is_a_failure_without_the_key(
    providers: Providers, fault: AnyFault
) -> None:
    providers.plan.always("finnhub", fault)
    answer = ask()
    assert isinstance(answer, Failure)
    assert answer.reason == "unreachable"
    assert GOOD_KEY not in answer.message


@pytest.mark.parametrize("fault", [Hang(), Drip(bytes_per_second=8.0)])
def test_an_answer_that_does_not_come_whole_in_time_is_a_failure(
    providers: Providers, fault: AnyFault
) -> None:
    providers.plan.always("finnhub", fault)
    answer = ask(seconds=0.5)
    assert isinstance(answer, Failure)
    assert answer.reason == "unreachable"


def test_a_distrusted_certificate_is_a_failure(
    providers: Providers, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name)
    answer = ask()
    assert isinstance(answer, Failure)
    assert answer.reason == "unreachable"


def test_an_answer_beyond_the_bound_is_refused(providers: Providers) -> None:
    answer = get(URL, {"symbol": "SPY"}, KEY, 20.0, bytes_max=20)
    assert answer == Failure("invalid", "the answer is larger than 20 bytes")


def test_a_network_that_refuses_or_swallows_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    for network in (refused(), black_hole()):
        with network as environment:
            for name, value in environment.items():
                monkeypatch.setenv(name, value)
            answer = ask(seconds=0.5)
            assert isinstance(answer, Failure)
            assert answer.reason == "unreachable"


def test_an_error_of_the_work_itself_reaches_whoever_waits() -> None:
    def work() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        within(20.0, work, 0)
