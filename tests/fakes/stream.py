"""The imitation of Finnhub's stream of trades: one connection a key, 50 symbols, and its faults.

Frames and texts follow recorded ones. Assumed, for want of a record: the statuses of a refused
handshake, that a second connection with the same key is refused with 429, and that a ping comes
where there is no trade. Coins (COINBASE:BTC-USD) are traded at any time.
"""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

import msgspec
from websockets.datastructures import Headers
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from tests.fakes.faults import AnyFault, Cut, Frames, Hang, Mute, Pongless, Redirect, Reset, Status
from tests.fakes.market import Market, quote
from tests.fakes.plan import Plan
from tests.fakes.wire import Target

STREAM_HOST = "ws.finnhub.io"
SYMBOLS_MAX = 50
FEED_SECONDS = 0.2
"""How often what is traded is told; a step of the loop that serves a connection."""

_SILENT = logging.getLogger("websockets.imitation")
_SILENT.disabled = True  # a test reads the product's log, and this would tell the key there

PING = '{"type":"ping"}'
TOO_MANY = '{"msg":"Subscribing to too many symbols","type":"error"}'


class Handshake(msgspec.Struct, frozen=True):
    """The note of one: when, how it was answered (0: not), and how many connections stood then."""

    at_seconds: float
    status: int
    beside: int


class Streams:
    """Every connection to the stream, what was asked of it, and what it is told besides."""

    def __init__(
        self, plan: Plan, market: Market, keys: frozenset[str], clock: Callable[[], float]
    ) -> None:
        self.plan = plan
        self._market = market
        self._keys = keys
        self.clock = clock
        self._noted = threading.Condition()
        self._handshakes: list[Handshake] = []
        self._connections: list[_Connection] = []
        self._most = 0

    @property
    def handshakes(self) -> list[Handshake]:
        """All handshakes so far."""
        with self._noted:
            return list(self._handshakes)

    @property
    def subscribed(self) -> list[list[str]]:
        """The symbols of each connection that stands."""
        with self._noted:
            return [list(one.symbols) for one in self._connections]

    @property
    def most(self) -> int:
        """The most connections that ever stood at once."""
        with self._noted:
            return self._most

    def tell(self, *frames: str) -> None:
        """Say these frames to everybody, before what is traded."""
        with self._noted:
            for one in self._connections:
                one.waiting.extend(frames)

    def cut(self) -> None:
        """End every connection without a word."""
        with self._noted:
            for one in self._connections:
                one.ended.set()

    def wait_until(self, condition: Callable[[], bool], seconds: float = 10.0) -> None:
        """Return once the condition holds; it is looked at whenever something is noted."""
        with self._noted:
            if not self._noted.wait_for(condition, seconds):
                raise TimeoutError(f"not so after {seconds} s; {self._handshakes}")

    def serve(self, sock: socket.socket, stopping: threading.Event) -> None:
        """Serve one connection until its end."""
        connection = _Connection(self, sock, stopping)
        try:
            if connection.shake_hands():
                connection.talk()
        finally:
            with self._noted:
                if connection in self._connections:
                    self._connections.remove(connection)
                self._noted.notify_all()

    def admit(self, connection: _Connection, request: Request) -> tuple[int, AnyFault | None]:
        """The status of a handshake (0: no answer), and the fault of the connection after it."""
        fault = self.plan.draw(Target("finnhub", "/ws"), {}, self.clock())
        key = parse_qs(urlsplit(request.path).query).get("token", [""])[0]
        with self._noted:
            beside = len(self._connections)
            status = 101 if key in self._keys else 401
            status = 429 if status == 101 and beside else status
            status = fault.code if isinstance(fault, Status) else status
            status = 302 if isinstance(fault, Redirect) else status
            status = 0 if isinstance(fault, Hang) else status
            self._handshakes.append(Handshake(self.clock(), status, beside))
            if status == 101:
                self._connections.append(connection)
                self._most = max(self._most, len(self._connections))
            self._noted.notify_all()
        return status, fault

    def subscribe(self, connection: _Connection, frame: bytes) -> None:
        """Take a subscription, or say that it is one too many."""
        wish = json.loads(frame)
        with self._noted:
            symbols = connection.symbols
            if wish["type"] == "unsubscribe":
                symbols.pop(wish["symbol"], None)
            elif len(symbols) < SYMBOLS_MAX:
                symbols[wish["symbol"]] = None
            else:
                connection.waiting.append(TOO_MANY)
            self._noted.notify_all()

    def traded(self, symbols: Iterable[str]) -> str:
        """The last trades of these symbols as one frame; a ping where there is none."""
        now = self.clock()
        trades = [one for symbol in symbols if (one := self._last_trade(symbol, now))]
        return trade_frame(*trades) if trades else PING

    def _last_trade(self, symbol: str, now: float) -> tuple[str, float, int] | None:
        if symbol.startswith("COINBASE:"):
            return symbol, coin_price(int(now)), int(now) * 1_000
        for listing in self._market.listings.values():
            if listing.finnhub_symbol == symbol:
                history = self._market.history(listing.symbol, now)
                if history is None or not history.is_open:
                    return None
                told = quote(history)
                return symbol, told.price, told.at_seconds * 1_000
        return None


class _Connection:
    """One connection, served by its own thread."""

    def __init__(self, streams: Streams, sock: socket.socket, stopping: threading.Event) -> None:
        self.symbols: dict[str, None] = {}
        self.waiting: deque[str] = deque()
        self.ended = threading.Event()
        self._streams = streams
        self._sock = sock
        self._stopping = stopping
        self._protocol = ServerProtocol(logger=_SILENT)
        self._fault: AnyFault | None = None

    def shake_hands(self) -> bool:
        """Whether the connection stands."""
        request = next(self._received(FEED_SECONDS * 50), None)
        if not isinstance(request, Request):
            return False
        status, self._fault = self._streams.admit(self, request)
        if status == 0:
            self._stopping.wait(60.0)
            return False
        answer = self._protocol.accept(request) if status == 101 else _refusal(status, self._fault)
        self._protocol.send_response(answer)
        self._send()
        return status == 101

    def talk(self) -> None:
        """Tell what is traded, until somebody ends it."""
        if isinstance(self._fault, Frames):
            self.waiting.extend(self._fault.bodies)
        told = 0
        while self._protocol.state is State.OPEN and not self._stopping.is_set():
            for frame in self._received(FEED_SECONDS):
                if isinstance(frame, Frame) and frame.opcode is Opcode.TEXT:
                    self._streams.subscribe(self, bytes(frame.data))
            self._send()
            if self.ended.is_set() or (isinstance(self._fault, Cut | Reset) and told):
                return
            if not isinstance(self._fault, Mute):
                self._tell()
                told += 1

    def _tell(self) -> None:
        while self.waiting:
            self._protocol.send_text(self.waiting.popleft().encode())
        if self._protocol.state is State.OPEN:
            self._protocol.send_text(self._streams.traded(tuple(self.symbols)).encode())
        self._send()

    def _received(self, seconds: float) -> Iterator[object]:
        """What comes in this time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._sock.settimeout(left)
            try:
                data = self._sock.recv(65_536)
            except TimeoutError:
                return
            self._protocol.receive_data(data) if data else self._protocol.receive_eof()
            if isinstance(self._fault, Pongless):
                self._protocol.data_to_send()  # the pong, which nobody gets
            yield from self._protocol.events_received()
            if not data:
                return

    def _send(self) -> None:
        self._sock.settimeout(5.0)
        for data in self._protocol.data_to_send():
            if data:
                self._sock.sendall(data)


def trade_frame(*trades: tuple[str, float, int], conditions: tuple[str, ...] = ("1",)) -> str:
    """Trades (symbol, price, milliseconds) as one frame."""
    rows = [
        {"c": list(conditions), "p": price, "s": symbol, "t": at_ms, "v": 100}
        for symbol, price, at_ms in trades
    ]
    return json.dumps({"data": rows, "type": "trade"}, separators=(",", ":"))


def coin_price(at_seconds: int) -> float:
    """What the imitated coin costs at a second: it is another price each second."""
    return 60_000.0 + at_seconds % 600


def _refusal(status: int, fault: AnyFault | None) -> Response:
    headers = Headers({"Content-Type": "application/json", "Connection": "close"})
    if isinstance(fault, Status) and fault.retry_after_seconds is not None:
        headers["Retry-After"] = str(fault.retry_after_seconds)
    if isinstance(fault, Redirect):
        headers["Location"] = fault.location.replace("https:", "wss:")
    body = json.dumps({"error": f"refused with {status}"}).encode()
    headers["Content-Length"] = str(len(body))
    known = {one.value: one.phrase for one in HTTPStatus}
    return Response(status, known.get(status, "Error"), headers, body)
