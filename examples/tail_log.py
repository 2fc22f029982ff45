"""Follows the structured log of a service: ``python examples/tail_log.py fetcher``.

Each line is a JSON object: timestamp, level, service, event, and the event's own values.
"""

import json
import os
import sys
import time
from pathlib import Path

home = Path(os.environ.get("TAPEDECK_HOME", "data"))
service = sys.argv[1] if len(sys.argv) > 1 else "fetcher"

with (home / "logs" / f"{service}.jsonl").open(encoding="utf-8") as log:
    while True:
        line = log.readline()
        if not line:
            time.sleep(0.2)  # wait for more
            continue
        entry = json.loads(line)
        print(entry["timestamp"], entry["level"], entry["event"], flush=True)
