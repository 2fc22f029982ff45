"""``./tapedeck tail``: the tape as it is written, from the live socket, with pyzmq and msgpack."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
import msgpack
import msgspec
import zmq

from bus.errors import Unavailable
from bus.transport import gate
from config.settings import Settings
from market.instants import jsonable
from services.gateway.arguments import TailWanted
from services.gateway.place import silence_remedy, sockets
from services.gateway.render import event_line

HEARTBEAT = b"bus.heartbeat.-\0"
SILENCE_SECONDS = 5.0
"""The bus says each second where the tape stands; five without a word mean that it is gone."""
SUBJECTS_MAX = 10_000


def run(settings: Settings, wanted: TailWanted, *, as_json: bool) -> int:
    """Print events until Ctrl-C, or until so many came."""
    where = sockets(settings)
    for shown, event in enumerate(events(where.tape, wanted.subject, where.token), 1):
        click.echo(msgspec.json.encode(event).decode() if as_json else event_line(event))
        if shown == wanted.count:
            break
    return 0


def events(
    where: str, subject: str, token: str = "", silence_seconds: float = SILENCE_SECONDS
) -> Iterator[dict[str, Any]]:
    """The live events whose subject begins with the text; raises `Unavailable` on silence."""
    seen: dict[str, int] = {}
    with zmq.Context() as context, context.socket(zmq.SUB) as tape:
        tape.setsockopt(zmq.LINGER, 0)
        tape.setsockopt(zmq.RCVTIMEO, int(silence_seconds * 1_000))
        for prefix in (subject.encode(), HEARTBEAT):
            tape.setsockopt(zmq.SUBSCRIBE, prefix)
        gate.connect(tape, where, token)
        while True:
            event = _event(_received(tape, where, token))
            if event is None:
                continue
            _tell_gap(event, seen)
            yield event


def _received(tape: zmq.Socket[bytes], where: str, token: str) -> bytes:
    try:
        return tape.recv()
    except zmq.Again as error:
        seconds = int(tape.getsockopt(zmq.RCVTIMEO)) / 1_000
        silence = f"nothing came from {where} for {seconds:g} s"
        raise Unavailable(silence, silence_remedy(token)) from error


def _event(frame: bytes) -> dict[str, Any] | None:
    """The event of a live frame, None for a heartbeat."""
    if frame.startswith(HEARTBEAT):
        return None
    subject, _, rest = frame.partition(b"\0")
    header, body = msgpack.unpackb(rest)
    event = {
        "seq": header["seq"],
        "at_us": header["at"],
        "subject": subject.decode(),
        "by": header["by"],
        "event": body,
        "prev": header["prev"],
    }
    return dict(jsonable(event))


def _tell_gap(event: dict[str, Any], seen: dict[str, int]) -> None:
    """The live socket may drop frames; each names its predecessor on the subject, so it shows."""
    subject, prev = event["subject"], event["prev"]
    if seen.get(subject, prev) != prev:
        click.echo(f"missed events of {subject} up to {prev}: see ./tapedeck events", err=True)
    if len(seen) >= SUBJECTS_MAX:
        seen.clear()
    seen[subject] = event["seq"]
