"""Prints quotes as they are recorded: pyzmq and msgpack, nothing of Tapedeck's.

One frame is ``subject NUL [header, body]``. ``prev`` is the last seq on the same subject, so a
dropped frame shows; what was missed is on the tape (``./tapedeck events market.quote``).
"""

import msgpack
import zmq
from connecting import connect

last: dict[str, int] = {}

with zmq.Context() as context, context.socket(zmq.SUB) as tape:
    connect(tape, "tape")
    tape.subscribe(b"market.quote.")
    while True:
        subject, _, rest = tape.recv().partition(b"\0")
        header, quote = msgpack.unpackb(rest)
        if last.get(quote["ticker"], header["prev"]) != header["prev"]:
            print(f"missed some of {quote['ticker']}")
        last[quote["ticker"]] = header["seq"]
        print(f"{header['seq']} {quote['ticker']} {quote['price']} {quote['source']}", flush=True)
