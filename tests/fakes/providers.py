"""An imitation of Finnhub and Yahoo that the unchanged product talks to through HTTPS_PROXY.

In a test:

    with Providers() as providers:
        providers.plan.next("finnhub", Status(429, retry_after_seconds=7), endpoint="/quote")
        environment = os.environ | providers.environment | {"FINNHUB_API_KEY": GOOD_KEY}
        subprocess.run(command, env=environment)
        providers.wait_until(lambda: len(providers.calls) == 3)
        assert [call.symbol for call in providers.calls] == ["SPY", "QQQ", "NVDA"]
        assert price_of("NVDA") == providers.truth("NVDA").quote.price
        assert providers.foreign == []

`environment` is all that a child process needs: proxy and CA file. Inside the test's own process
use `providers.proxies` and `providers.ca_file` with a `requests.Session` whose trust_env is off.
`clock` gives the epoch seconds of the imitated market; the default is the real time, a fixed one
serves a market that stands still, open or closed as the instant has it.

As a program, for trying things by hand:

    python -m tests.fakes.providers --port 18888 --ca ca.pem --at 2026-09-25T15:00:00Z

prints the lines to export, and serves until it is stopped. Its plan and notes are reached on the
same port by plain HTTP:

    curl -d '{"rules": [{"provider": "yahoo", "standing": true,
              "faults": [{"type": "status", "code": 429}]}]}' http://127.0.0.1:18888/_plan
    curl http://127.0.0.1:18888/_calls
    curl http://127.0.0.1:18888/_counters
    curl http://127.0.0.1:18888/_truth/NVDA

See faults for what can go wrong, plan for how rules are written, counters for what is counted,
market for what is served, and networks for places without any provider.
"""

from __future__ import annotations

import argparse
import signal
import socket
import sys
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self, get_args

import msgspec

from tests.fakes import finnhub, yahoo
from tests.fakes.counters import Counters, counters, rests_until_seconds
from tests.fakes.faults import AnyFault, Hang, Reset, Stale
from tests.fakes.finnhub import GOOD_KEY, Finnhub
from tests.fakes.market import Market, Truth
from tests.fakes.networks import black_hole, proxy_environment, refused
from tests.fakes.plan import Plan, PlanChange
from tests.fakes.proxy import Proxy
from tests.fakes.spoil import spoil
from tests.fakes.stream import STREAM_HOST, Streams
from tests.fakes.wire import CONNECT, Answer, Call, Provider, Request, Target, json_answer
from tests.fakes.yahoo import Yahoo

__all__ = ["GOOD_KEY", "Providers", "black_hole", "refused"]

NOTES_MAX = 100_000


class Providers:
    """Both providers behind one proxy; a context manager, and safe to ask while it serves."""

    hosts = frozenset((*finnhub.HOSTS, STREAM_HOST, *yahoo.HOSTS))

    def __init__(
        self,
        plan: Plan | None = None,
        *,
        clock: Callable[[], float] = time.time,
        keys: frozenset[str] = frozenset({GOOD_KEY}),
        market: Market | None = None,
        port: int = 0,
        ca_file: Path | None = None,
    ) -> None:
        self.plan = plan or Plan()
        self._clock = clock
        self._market = market or Market()
        self._finnhub = Finnhub(self._market, keys)
        self._yahoo = Yahoo(self._market)
        self.trades = Streams(self.plan, self._market, keys, clock)
        self._noted = threading.Condition()
        self._calls: deque[Call] = deque(maxlen=NOTES_MAX)
        self._foreign: deque[str] = deque(maxlen=NOTES_MAX)
        self._distrusted: deque[str] = deque(maxlen=NOTES_MAX)
        self._ca_file = ca_file
        self._port = port

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="imitation-")
        self._proxy = Proxy(self, self._port)
        self._proxy.authority.cert_pem.write_to_path(self.ca_file)
        self._proxy.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._proxy.close()
        self._folder.cleanup()

    @property
    def url(self) -> str:
        """The proxy, and the address of its own pages."""
        return self._proxy.url

    @property
    def ca_file(self) -> str:
        """The certificate that clients must trust, as PEM."""
        return str((self._ca_file or Path(self._folder.name) / "ca.pem").resolve())

    @property
    def proxies(self) -> dict[str, str]:
        """For `requests.Session.proxies`."""
        return {"https": self.url}

    @property
    def environment(self) -> dict[str, str]:
        """What a child process needs to meet the imitation; FINNHUB_API_KEY is the test's."""
        names = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
        return proxy_environment(self.url) | dict.fromkeys(names, self.ca_file)

    @property
    def calls(self) -> list[Call]:
        """All calls to the providers so far, in order of arrival; hanging ones included."""
        with self._noted:
            return list(self._calls)

    @property
    def foreign(self) -> list[str]:
        """Hosts (with port) that were asked for and are not imitated: a product's leak."""
        with self._noted:
            return list(self._foreign)

    @property
    def distrusted(self) -> list[str]:
        """Imitated hosts whose certificate a client did not accept."""
        with self._noted:
            return list(self._distrusted)

    @property
    def served(self) -> Counter[tuple[Provider, str, str | None, str]]:
        """How often what was served: (provider, endpoint, symbol, fault's name or status)."""
        return Counter(
            (call.provider, call.endpoint, call.symbol, call.fault or str(call.status))
            for call in self.calls
        )

    def counters(self, provider: Provider) -> Counters:
        """How densely and for whom a provider was asked so far."""
        return counters(self.calls, provider)

    def truth(self, symbol: str) -> Truth:
        """The exact numbers that are served for a symbol (Yahoo's spelling) just now."""
        return self._market.truth(symbol, self._clock())

    def wait_until(self, condition: Callable[[], bool], seconds: float = 10.0) -> None:
        """Return once `condition` holds; it is looked at after each new call or refusal."""
        with self._noted:
            if not self._noted.wait_for(condition, seconds):
                raise TimeoutError(f"not so after {seconds} s; served: {dict(self.served)}")

    def connect(self, host: str) -> AnyFault | None:
        """The fault of a connection, as the plan has it; noted as a call if there is one."""
        target = Target(_provider_of(host), CONNECT)
        fault = self.plan.draw(target, {}, self._clock())
        if fault is not None:
            self._note(Request(host, CONNECT, ""), target, self._clock(), 0, fault)
        return fault

    def respond(self, request: Request) -> tuple[Answer, AnyFault | None]:
        """Answer a request to an imitated host, as the plan has it, and note the call."""
        now = self._clock()
        provider = self._finnhub if request.host in finnhub.HOSTS else self._yahoo
        target = (finnhub if request.host in finnhub.HOSTS else yahoo).target(request)
        fault = self.plan.draw(target, request.query, now)
        stale_seconds = fault.seconds if isinstance(fault, Stale) else 0.0
        with self._noted:
            answer = provider.answer(request, now, stale_seconds)
            answer = spoil(fault, target.provider, answer, now)
            status = 0 if isinstance(fault, Hang | Reset) else answer.status
            rests = rests_until_seconds(answer, target.provider, now) if status else 0.0
            self._note(request, target, now, status, fault, rests)
        return answer, fault

    def streams(self, host: str) -> bool:
        """Whether what is said inside a connection to this host is a stream."""
        return host == STREAM_HOST

    def stream(self, connection: socket.socket, stopping: threading.Event) -> None:
        """Serve a stream of trades; see `trades` for what is noted of it."""
        self.trades.serve(connection, stopping)

    def control(self, request: Request) -> Answer:
        """The pages of the proxy itself: POST /_plan, GET /_calls, /_counters, /_truth/SYMBOL."""
        match request.method, request.path.split("/")[1:]:
            case "POST", ["_plan"]:
                return self._change_plan(request.body)
            case "GET", ["_calls"]:
                return Answer(200, msgspec.json.encode(self._notes()))
            case "GET", ["_counters"]:
                counted = {name: self.counters(name) for name in get_args(Provider)}
                return Answer(200, msgspec.json.encode(counted))
            case "GET", ["_truth", symbol] if symbol in self._market.listings:
                return Answer(200, msgspec.json.encode(self.truth(symbol)))
        pages = "POST /_plan, GET /_calls, GET /_counters or GET /_truth/SYMBOL"
        return json_answer({"error": pages}, 404)

    def note_foreign(self, host: str) -> None:
        with self._noted:
            self._foreign.append(host)
            self._noted.notify_all()

    def note_distrust(self, host: str) -> None:
        with self._noted:
            self._distrusted.append(host)
            self._noted.notify_all()

    def _note(
        self,
        request: Request,
        target: Target,
        at_seconds: float,
        status: int,
        fault: AnyFault | None,
        rests_until_seconds: float = 0.0,
    ) -> None:
        call = Call(
            provider=target.provider,
            host=request.host,
            method=request.method,
            path=request.path,
            endpoint=target.endpoint,
            symbol=target.symbol,
            query={k: v for k, v in request.query.items() if k != "token"},
            at_seconds=at_seconds,
            token_in_header="x-finnhub-token" in request.headers,
            token_in_url="token" in request.query,
            status=status,
            fault=fault.name if fault else None,
            rests_until_seconds=rests_until_seconds,
        )
        with self._noted:
            self._calls.append(call)
            self._noted.notify_all()

    def _change_plan(self, body: bytes) -> Answer:
        try:
            self.plan.change(msgspec.json.decode(body, type=PlanChange))
        except (msgspec.DecodeError, ValueError) as error:
            return json_answer({"error": str(error)}, 400)
        return json_answer({"ok": True})

    def _notes(self) -> dict[str, object]:
        served = [(*what, times) for what, times in self.served.items()]
        return {"calls": self.calls, "foreign": self.foreign, "served": served}


def _provider_of(host: str) -> Provider:
    return "finnhub" if host in (*finnhub.HOSTS, STREAM_HOST) else "yahoo"


def clock_from(start: datetime) -> Callable[[], float]:
    """A clock that shows `start` now and runs on from there."""
    ahead_seconds = start.timestamp() - time.time()
    return lambda: time.time() + ahead_seconds


def main() -> None:
    """Serve until TERM or Ctrl-C; the lines to export come first."""
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.providers", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    parser.add_argument("--ca", type=Path, help="where to write the CA certificate")
    parser.add_argument("--at", type=datetime.fromisoformat, help="what time it is, ISO with zone")
    parser.add_argument("--key", action="append", help=f"a good Finnhub key (default {GOOD_KEY})")
    chosen = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with Providers(
        clock=clock_from(chosen.at) if chosen.at else time.time,
        keys=frozenset(chosen.key or [GOOD_KEY]),
        port=chosen.port,
        ca_file=chosen.ca,
    ) as providers:
        for name, value in providers.environment.items():
            sys.stdout.write(f"export {name}={value}\n")
        sys.stdout.flush()
        stop.wait()


if __name__ == "__main__":
    main()
