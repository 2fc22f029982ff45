"""A CONNECT proxy that ends TLS for the imitated hosts and refuses every other.

A product that honours HTTPS_PROXY and a CA file meets the imitation under the providers' real names
and paths. One thread a connection; closing ends them all, hanging ones too.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import ssl
import struct
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any, Protocol, cast
from urllib.parse import parse_qsl, unquote, urlsplit

import trustme
from typing_extensions import override

from tests.fakes.faults import AnyFault, Closed, Cut, Drip, Hang, Refused, Reset, SlowHandshake
from tests.fakes.wire import Answer, Request, html_answer

BODY_BYTES_MAX = 1 << 20
IDLE_SECONDS = 60.0
CLOSE_SECONDS = 10.0
DRIP_STEP_SECONDS = 0.1


class Site(Protocol):
    """What stands behind the proxy."""

    hosts: frozenset[str]

    def connect(self, host: str) -> AnyFault | None:
        """The fault of a connection to an imitated host."""

    def respond(self, request: Request) -> tuple[Answer, AnyFault | None]:
        """The answer of an imitated host, and the fault of its delivery."""

    def streams(self, host: str) -> bool:
        """Whether what is said inside a connection to this host is a stream."""

    def stream(self, connection: socket.socket, stopping: threading.Event) -> None:
        """Serve a stream until its client or the proxy ends it."""

    def control(self, request: Request) -> Answer:
        """The answer of the proxy's own pages (plain HTTP)."""

    def note_foreign(self, host: str) -> None:
        """A request for a host that is not imitated was turned away."""

    def note_distrust(self, host: str) -> None:
        """A client broke the TLS handshake off: it does not trust the CA."""


class Proxy(socketserver.ThreadingTCPServer):
    """Listens on 127.0.0.1 from construction on; serves between `start` and `close`."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, site: Site, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Door)
        self.site = site
        self.authority = trustme.CA(organization_name="Imitated providers")
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.set_alpn_protocols(["http/1.1"])
        self.authority.issue_cert(*sorted(site.hosts)).configure_cert(self.tls)
        self.stopping = threading.Event()
        self._idle = threading.Condition()
        self._connections: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop listening, end every connection, and wait for their threads."""
        self.stopping.set()
        self.shutdown()
        self._thread.join(CLOSE_SECONDS)
        self.server_close()
        with self._idle:
            for connection in self._connections:
                _shut(connection)
            if not self._idle.wait_for(lambda: not self._connections, CLOSE_SECONDS):
                raise TimeoutError(f"{len(self._connections)} connections of the imitation hang")

    @contextlib.contextmanager
    def tracking(self, connection: socket.socket) -> Iterator[None]:
        """Know a connection while it is served, so that `close` can end it."""
        with self._idle:
            self._connections.add(connection)
            if self.stopping.is_set():
                _shut(connection)
        try:
            yield
        finally:
            with self._idle:
                self._connections.discard(connection)
                self._idle.notify_all()

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is its own affair; anything else is a fault of the imitation."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Quiet(BaseHTTPRequestHandler):
    """A handler that reads requests into values and logs nothing: calls are noted by the site."""

    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True  # head and body are two writes: 40 ms less an answer
    protocol_version = "HTTP/1.1"

    @property
    def proxy(self) -> Proxy:
        return cast(Proxy, self.server)

    @override
    def log_message(self, format: str, *args: Any) -> None:
        return

    def read_request(self, host: str) -> Request | None:
        """The request with its body; None (and a 413) when the body is too large."""
        length = int(self.headers.get("Content-Length") or 0)
        if length > BODY_BYTES_MAX:
            self.send_whole(html_answer(413, "Content Too Large"))
            self.close_connection = True
            return None
        parts = urlsplit(self.path)
        return Request(
            host=host,
            method=self.command,
            path=unquote(parts.path),
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(length),
        )

    def send_head(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        self.send_header("Date", self.date_time_string())
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()

    def send_whole(self, answer: Answer) -> None:
        self.send_head(answer)
        self.wfile.write(answer.body)


class _Door(_Quiet):
    """The proxy's plain side: CONNECT, and its own pages."""

    @override
    def handle(self) -> None:
        with self.proxy.tracking(self.connection):
            super().handle()

    def do_CONNECT(self) -> None:
        host, _, port = self.path.rpartition(":")
        self.close_connection = True
        if host not in self.proxy.site.hosts or port != "443":
            self.proxy.site.note_foreign(self.path)
            self.send_whole(html_answer(403, "Forbidden"))
            return
        fault = self.proxy.site.connect(host)
        if isinstance(fault, Refused):
            self.send_whole(html_answer(502, "Bad Gateway"))
            return
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        if isinstance(fault, SlowHandshake):
            self.proxy.stopping.wait(fault.seconds)
        self._tunnel(host)

    def _tunnel(self, host: str) -> None:
        connection = self.proxy.tls.wrap_socket(
            self.connection, server_side=True, do_handshake_on_connect=False
        )
        with connection, self.proxy.tracking(connection):
            try:
                connection.do_handshake()
            except OSError:
                if not self.proxy.stopping.is_set():
                    self.proxy.site.note_distrust(host)
                return
            if self.proxy.site.streams(host):
                self.proxy.site.stream(connection, self.proxy.stopping)
                return
            _Host(connection, self.client_address, self.proxy, host)

    def do_GET(self) -> None:
        if not self.path.startswith("/"):
            self.proxy.site.note_foreign(urlsplit(self.path).netloc)
            self.send_whole(html_answer(403, "Forbidden"))
            return
        request = self.read_request("")
        if request is not None:
            self.send_whole(self.proxy.site.control(request))

    def do_POST(self) -> None:
        self.do_GET()


class _Host(_Quiet):
    """The inside of a tunnel: one imitated host."""

    def __init__(self, connection: ssl.SSLSocket, client: Any, proxy: Proxy, host: str) -> None:
        self.host = host
        super().__init__(connection, client, proxy)

    def do_GET(self) -> None:
        request = self.read_request(self.host)
        if request is None:
            return
        answer, fault = self.proxy.site.respond(request)
        match fault:
            case Hang(seconds):
                self.close_connection = True
                self.proxy.stopping.wait(seconds)
            case Reset():
                self.close_connection = True
                _reset_on_close(self.connection)
            case Cut():
                self.close_connection = True
                self.send_head(answer)
                self.wfile.write(answer.body[: len(answer.body) // 2])
            case Drip(bytes_per_second):
                self.send_head(answer)
                self._drip(answer.body, bytes_per_second)
            case Closed():
                self.close_connection = True
                self.send_whole(answer)
            case _:
                self.send_whole(answer)

    def do_POST(self) -> None:
        self.do_GET()

    def _drip(self, body: bytes, bytes_per_second: float) -> None:
        step = max(int(bytes_per_second * DRIP_STEP_SECONDS), 1)
        for start in range(0, len(body), step):
            self.wfile.write(body[start : start + step])
            if self.proxy.stopping.wait(step / bytes_per_second):
                self.close_connection = True
                return


def _shut(connection: socket.socket) -> None:
    # The plain socket's method: SSLSocket's own would take the TLS state from under its thread.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


def _reset_on_close(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
