"""The live stream: each page is one integer, the last seq sent; what it lacks is on the tape.

A page that keeps up is served from the newest records in memory, one that lags from the tape, one
that lags too far gets a new snapshot; so a slow page costs itself time and nobody memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from bus.actor import Refused
from bus.codec import Record
from bus.errors import BusError
from market.instants import jsonable
from services.gateway.arguments import SEQ_MAX, Arguments
from services.gateway.deck import Deck
from services.gateway.failures import Failure, failure_of
from services.gateway.holding import hold
from services.gateway.metrics import Meters
from services.gateway.news import News
from services.gateway.records import brief
from services.gateway.verbs import verb_named

FRAME_SECONDS = 0.05
"""At most 20 frames a second."""
FRAME_RECORDS_MAX = 500
FRAME_BYTES_MAX = 1 << 20
LAG_RECORDS_MAX = 5_000
"""A page further behind gets a new snapshot instead of everything it missed."""
OVERLAP_RECORDS = 64
"""A service may be that far behind us; a repeated event, a full last word, does no harm."""
HEARTBEAT_SECONDS = 5.0
HELLO_SECONDS = 5.0
"""A page that says nothing for so long gets everything; it may still greet, once."""
SEND_SECONDS = 20.0
"""A page that takes nothing for so long is let go."""
SNAPSHOT_SECONDS = 5.0
PAGES_MAX = 64

LAST_WORD_ONLY = (
    "market.quote.",
    "indicators.",
    "source.called.",
    "market.refused.",
    "collector.cycled.",
)
"""A page that lags gets only the newest event on each of these subjects."""

_TRY_AGAIN_LATER, _POLICY_VIOLATION = 1013, 1008


class Hello(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The page's only message: the first seq it wants (none: a snapshot first), and which subjects.

    ``tape`` is the tape that the page had its seqs of: on another one they mean something else.
    ``subjects`` are beginnings of subjects, none means all.
    """

    from_seq: Annotated[int, Meta(ge=1, le=SEQ_MAX)] | None = None
    tape: Annotated[str, Meta(max_length=64)] = ""
    subjects: Annotated[tuple[str, ...], Meta(max_length=100)] = ()

    def wants(self, record: Record) -> bool:
        """Whether the page asked for the record's subject."""
        return not self.subjects or record.subject.startswith(self.subjects)


class Live:
    """All pages of the stream, over one deck and its news."""

    def __init__(
        self,
        deck: Deck,
        news: News,
        meters: Meters,
        pages_max: int = PAGES_MAX,
        hello_seconds: float = HELLO_SECONDS,
    ) -> None:
        self.news = news
        self._deck = deck
        self._meters = meters
        self._pages_max = pages_max
        self._hello_seconds = hello_seconds
        self._pages = 0

    async def page(self, socket: WebSocket) -> None:
        """Serve one page until it leaves."""
        await socket.accept()
        if self._pages >= self._pages_max:
            many = f"{self._pages_max} pages look on already"
            full = Failure("overloaded", many, "close one of them")
            await _say_and_close(socket, full, _TRY_AGAIN_LATER)
            return
        self._pages += 1
        self._meters.pages.set(self._pages)
        try:
            await self._serve(socket)
        except (WebSocketDisconnect, TimeoutError):
            return  # the page is gone, or takes nothing any more: it comes back with its last seq
        finally:
            self._pages -= 1
            self._meters.pages.set(self._pages)

    async def _serve(self, socket: WebSocket) -> None:
        try:
            hello = await self._greeting(socket)
            await self._stream(socket, hello)
            raise Refused("bad_message", "a page greets once", "open a new connection instead")
        except Refused as refused:
            await _say_and_close(socket, failure_of(refused), _POLICY_VIOLATION)

    async def _greeting(self, socket: WebSocket) -> Hello:
        """What the page wants; while it does not say so it is sent everything."""
        try:
            async with asyncio.timeout(self._hello_seconds):
                message = await _said(socket)
        except TimeoutError:
            message = await self._stream(socket, Hello())
        return _hello(message)

    async def _stream(self, socket: WebSocket, hello: Hello) -> Message:
        """Send what the page wants until it says something, which is returned."""
        sending = asyncio.create_task(self._send_all(socket, hello))
        hearing = asyncio.create_task(_said(socket))
        try:
            await asyncio.wait((sending, hearing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _ended(sending)
            message: Message = await _ended(hearing)
        return message

    async def _send_all(self, socket: WebSocket, hello: Hello) -> None:
        cursor = (hello.from_seq or 0) - 1
        if not await self._goes_on(cursor, hello.tape):
            cursor = await self._send_snapshot(socket)
        while True:
            newest = self.news.last
            if self._deck.head - cursor > LAG_RECORDS_MAX:
                cursor = await self._send_snapshot(socket)
            records, cursor = await self._next(cursor)
            if chosen := [record for record in records if hello.wants(record)]:
                await self._send(socket, _events(chosen, cursor))
                await asyncio.sleep(FRAME_SECONDS)
            elif not records and not await self.news.beyond(newest, HEARTBEAT_SECONDS):
                await self._send(socket, {"type": "heartbeat", "seq": self._deck.head})

    async def _goes_on(self, cursor: int, tape: str) -> bool:
        """Whether what follows the cursor can be read here, and is what follows it there."""
        first = await asyncio.to_thread(_first, self._deck)
        return tape in ("", self._deck.tape_id) and first - 1 <= cursor <= self._deck.head

    async def _send_snapshot(self, socket: WebSocket) -> int:
        """Send the collector and the cache as they are; the seq from which events go on."""
        head, first = self._deck.head, await asyncio.to_thread(_first, self._deck)
        collector, cache = await self._ask("status"), await self._ask("cache")
        reached = min(head - OVERLAP_RECORDS, cache["seq"] if cache else head)
        seq = max(first - 1, reached, head - LAG_RECORDS_MAX)
        told = {"tape": self._deck.tape_id, "seq": seq, "collector": collector, "cache": cache}
        await self._send(socket, {"type": "snapshot", **told})
        return seq

    async def _ask(self, name: str) -> Any:
        """A verb's answer, or None where its service is absent: the page shows what there is."""
        verb = verb_named(name)
        assert verb is not None  # noqa: S101 - a row of the table
        try:
            return jsonable(await hold(self._deck, verb.begin(Arguments()), SNAPSHOT_SECONDS))
        except (Refused, BusError):
            return None

    async def _next(self, cursor: int) -> tuple[Sequence[Record], int]:
        """The records of the next frame and the seq they reach."""
        if self._deck.head - cursor > FRAME_RECORDS_MAX:
            self._meters.catch_ups.inc()
            return await asyncio.to_thread(caught_up, self._deck, cursor)
        records = self.news.after(cursor, FRAME_RECORDS_MAX)
        if not records and cursor < self._deck.head:
            records = await asyncio.to_thread(_page, self._deck, cursor)
        fit = fitting(records)
        return fit, fit[-1].seq if fit else cursor

    async def _send(self, socket: WebSocket, message: dict[str, Any]) -> None:
        async with asyncio.timeout(SEND_SECONDS):
            await socket.send_text(msgspec.json.encode(message).decode())
        self._meters.frames.inc()


def caught_up(deck: Deck, cursor: int) -> tuple[list[Record], int]:
    """What a page that lags must know of the next records, and the seq it then has; blocks."""
    kept: dict[object, Record] = {}
    size = 0
    end = cursor + LAG_RECORDS_MAX
    while cursor < end and size < FRAME_BYTES_MAX:
        page = _page(deck, cursor)
        if not page:
            break
        for record in page:
            kept[record.subject if record.subject.startswith(LAST_WORD_ONLY) else record.seq] = (
                record
            )
        size = sum(len(record.body) for record in kept.values())
        cursor = page[-1].seq
    return sorted(kept.values()), cursor


def _first(deck: Deck) -> int:
    return deck.tape().first()


def _page(deck: Deck, cursor: int) -> list[Record]:
    return deck.tape().read(cursor, FRAME_RECORDS_MAX)


def fitting(records: Sequence[Record]) -> Sequence[Record]:
    """The first records whose bodies fit a frame; always at least one."""
    size = 0
    for index, record in enumerate(records):
        size += len(record.body)
        if size > FRAME_BYTES_MAX:
            return records[: max(index, 1)]
    return records


def _events(records: Sequence[Record], cursor: int) -> dict[str, Any]:
    return {"type": "events", "seq": cursor, "events": [jsonable(brief(r)) for r in records]}


async def _said(socket: WebSocket) -> Message:
    """The page's next message; raises `WebSocketDisconnect` when it leaves instead."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    return message


def _hello(message: Message) -> Hello:
    """The greeting in a message; raises `Refused`."""
    try:
        return msgspec.json.decode(message.get("text") or message.get("bytes") or b"", type=Hello)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(
            "bad_message",
            f"the first message is no greeting ({error})",
            'send {}, or {"from_seq": 1, "subjects": ["market.quote."]}',
        ) from error


async def _ended(task: asyncio.Task[Any]) -> Any:
    """The task's result, None if it had to be cancelled; raises what it raised."""
    task.cancel()
    try:
        return await task
    except asyncio.CancelledError:
        return None


async def _say_and_close(socket: WebSocket, failure: Failure, code: int) -> None:
    await socket.send_text(msgspec.json.encode({"type": "error", **failure.body()}).decode())
    await socket.close(code)
