"""Asks for an analysis over REQ/REP: ``python examples/ask_analysis.py NVDA``."""

import sys

import msgpack
import zmq
from connecting import connect

ticker = sys.argv[1] if len(sys.argv) > 1 else "SPY"

with zmq.Context() as context, context.socket(zmq.REQ) as control:
    control.setsockopt(zmq.LINGER, 0)
    control.setsockopt(zmq.RCVTIMEO, 45_000)
    connect(control, "control")
    control.send(msgpack.packb({"verb": "analyze", "args": {"ticker": ticker}}))
    reply = msgpack.unpackb(control.recv())

if not reply["ok"]:
    sys.exit(f"{reply['error']['message']}: {reply['error']['remedy']}")
analysis = reply["result"]
print(f"{analysis['ticker']} {analysis['signal']} from {analysis['data_source']}")
print(analysis["reason"])
print(analysis["levels"])
