"""The one connection to Finnhub's trades: opened, listened to for a second at a time, closed."""

from __future__ import annotations

import logging
import ssl
import threading
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import msgspec
import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH, select_proxy
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, reconnect

from bus.ports import Clock
from config.settings import Secret
from services.fetcher.core.answers import Failure
from services.fetcher.core.hearing import Conflation, Refusal, Tally, Tick
from services.fetcher.raw import RawAnswer
from services.fetcher.sources import finnhub
from services.fetcher.stream import frames
from services.fetcher.stream.port import Told

HOST = "ws.finnhub.io"

OPEN_SECONDS = 10.0
LISTEN_SECONDS = 1.0
MUTE_SECONDS = 60.0
"""A stream tells a trade or a ping more often than that, whether the market is open or not."""

PING_SECONDS = 20.0
"""Keeps the way open through proxies; a server that answers no ping, but tells trades, is kept."""

CLOSE_SECONDS = 1.0
FRAME_BYTES_MAX = 262_144
"""A frame of a busy second has a few kilobytes; a larger one than this ends the connection."""

FRAMES_WAITING_MAX = 16

_SILENT = logging.getLogger("websockets.trades")
_SILENT.disabled = True  # the library's debug log holds the key, which is in the address
_TOO_BIG = 1009

GONE = Told(failure=Failure("unreachable", "the connection is gone"))


class FinnhubTrades:
    """Finnhub's trades over a WebSocket; proxies and CA files hold as they do for `requests`."""

    def __init__(
        self,
        key: Secret,
        clock: Clock,
        listen_seconds: float = LISTEN_SECONDS,
        mute_seconds: float = MUTE_SECONDS,
    ) -> None:
        self._key = key
        self._clock = clock
        self._listen_seconds = listen_seconds
        self._mute_seconds = mute_seconds
        self._lock = threading.Lock()
        self._attempt = 0
        self._line: _Line | None = None
        self._tally = Tally()

    def connect(self, attempt: int, tickers: tuple[str, ...]) -> Failure | None:
        """See `Trades`; the statuses of a refused handshake mean what they mean for all calls."""
        with self._lock:
            self._close()
            try:
                self._line = _Line(self._key, self._clock)
                self._attempt = attempt
                self._line.subscribe(tickers)
            except InvalidStatus as error:
                answer = error.response
                headers = {name.lower(): value for name, value in answer.headers.raw_items()}
                raw = RawAnswer(answer.status_code, headers, bytes(answer.body or b""))
                return finnhub.failure_of(raw, self._clock.now_us())
            except (OSError, WebSocketException, ImportError) as error:
                self._close()
                return Failure("unreachable", f"{type(error).__name__} at wss://{HOST}")
            return None

    def listen(self, attempt: int, tickers: tuple[str, ...]) -> Told:
        """See `Trades`."""
        with self._lock:
            if self._line is None or self._attempt != attempt:
                return GONE
            failure = self._listened(self._line, tickers)
            ticks = self._line.ticks()
            if failure:
                self._close()
            return Told(ticks, self._tally.take(self._clock.elapsed_seconds()), failure)

    def hang_up(self, attempt: int) -> None:
        """See `Trades`."""
        with self._lock:
            if self._attempt == attempt:
                self._close()

    def close(self) -> None:
        """End whatever stands."""
        with self._lock:
            self._close()

    def _listened(self, line: _Line, tickers: tuple[str, ...]) -> Failure | None:
        try:
            line.subscribe(tickers)
            for refusal in line.hear(self._listen_seconds):
                self._tally.add(refusal)
        except (ConnectionClosed, OSError) as error:
            return _ended(error)
        silent_seconds = line.silent_seconds
        if silent_seconds < self._mute_seconds:
            return None
        return Failure("unreachable", f"no frame for {silent_seconds:.0f} s")

    def _close(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.close()


class _Direct(reconnect):
    """A connection that follows no redirect."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """A redirect is an error like any other."""
        return exc


class _Line:
    """A connection that stands, with what is subscribed on it."""

    def __init__(self, key: Secret, clock: Clock) -> None:
        self._clock = clock
        self._conflation = Conflation()
        self._tickers: dict[str, str] = {}
        self._ending = ExitStack()
        self._connection: ClientConnection = self._ending.enter_context(_opening(key))
        self._heard_seconds = clock.elapsed_seconds()

    @property
    def silent_seconds(self) -> float:
        """For how long no frame has come."""
        return self._clock.elapsed_seconds() - self._heard_seconds

    def subscribe(self, tickers: tuple[str, ...]) -> None:
        """Have the trades of these tickers told, and of no others."""
        wanted = {frames.symbol_of(ticker): ticker for ticker in tickers}
        for symbol in [one for one in self._tickers if one not in wanted]:
            self._say("unsubscribe", symbol)
            self._conflation.forget([self._tickers.pop(symbol)])
        for symbol in [one for one in wanted if one not in self._tickers]:
            self._say("subscribe", symbol)
            self._tickers[symbol] = wanted[symbol]

    def hear(self, seconds: float) -> list[Refusal]:
        """Take in what comes in this time; what is not believed."""
        refused = []
        end = self._clock.elapsed_seconds() + seconds
        while (left := end - self._clock.elapsed_seconds()) > 0:
            try:
                frame = self._connection.recv(left, decode=False)
            except TimeoutError:
                break
            self._heard_seconds = self._clock.elapsed_seconds()
            for told in frames.read(frame, self._tickers, self._clock.now_us()):
                refusal = told if isinstance(told, Refusal) else self._conflation.hear(told)
                refused += [refusal] if refusal else []
        return refused

    def ticks(self) -> tuple[Tick, ...]:
        """What the trades since the last call come to."""
        return self._conflation.take()

    def close(self) -> None:
        """End the connection, within a second or so."""
        self._ending.close()

    def _say(self, what: str, symbol: str) -> None:
        self._connection.send(msgspec.json.encode({"type": what, "symbol": symbol}).decode())


def _opening(key: Secret) -> _Direct:
    """Where and how to connect; the key is in the address, which is why nothing may log that."""
    with requests.Session() as session:
        url = f"https://{HOST}"
        here = session.merge_environment_settings(url, {}, None, None, None)
    return _Direct(
        f"wss://{HOST}/?token={quote(key.reveal(), safe='')}",
        ssl=_trusting(here["verify"]),
        proxy=select_proxy(url, here["proxies"]),
        compression=None,
        open_timeout=OPEN_SECONDS,
        ping_interval=PING_SECONDS,
        ping_timeout=None,
        close_timeout=CLOSE_SECONDS,
        max_size=FRAME_BYTES_MAX,
        max_queue=FRAMES_WAITING_MAX,
        logger=_SILENT,
    )


def _trusting(verify: bool | str | None) -> ssl.SSLContext:
    """The CAs that `requests` trusts: those of the environment, else those it brings along."""
    named = verify if isinstance(verify, str) else DEFAULT_CA_BUNDLE_PATH
    if Path(named).is_dir():
        return ssl.create_default_context(capath=named)
    context = ssl.create_default_context(cafile=named)
    if not isinstance(verify, str):
        context.load_default_certs()  # SSL_CERT_FILE
    return context


def _ended(error: Exception) -> Failure:
    """Why a connection is over; who sends what nobody can take is at fault."""
    if isinstance(error, ConnectionClosed):
        if error.sent is not None and error.sent.code == _TOO_BIG:
            return Failure("invalid", f"a frame was larger than {FRAME_BYTES_MAX} bytes")
        if error.rcvd is not None:
            return Failure("unreachable", f"the connection was closed ({error.rcvd.code})")
    return Failure("unreachable", "the connection was cut")
