"""Asks for an analysis over HTTP: ``python examples/ask_analysis_http.py NVDA``."""

import os
import sys

import requests

port = os.environ.get("TAPEDECK_GATEWAY__PORT", "8321")
token = os.environ.get("TAPEDECK_GATEWAY__TOKEN", "")
ticker = sys.argv[1] if len(sys.argv) > 1 else "SPY"

answer = requests.get(
    f"http://127.0.0.1:{port}/api/analyze/{ticker}",
    headers={"Authorization": f"Bearer {token}"} if token else {},
    timeout=45,
)
analysis = answer.json()
if not answer.ok:
    sys.exit(f"{analysis['error']['message']}: {analysis['error']['remedy']}")
print(f"{analysis['ticker']} {analysis['signal']} from {analysis['data_source']}")
print(analysis["reason"])
print(analysis["levels"])
