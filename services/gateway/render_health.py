"""The health as a terminal shows it: who is ready, how fresh the data is, what calls came to."""

from __future__ import annotations

from collections.abc import Mapping

from services.gateway.render import Answer, pairs_of, size_of, table_of

_FEW = 8


def health(answer: Answer) -> str:
    """Who is ready and who is missing, how the bus fares, and what each service met with."""
    met = ("dead_letters", "gaps", "resends", "bad_frames")
    heads = ("service", "ready", "lag", "starts", "pid", *(name.replace("_", " ") for name in met))
    rows = (
        (
            *(s["name"], "yes" if s["ready"] else "no", s["lag"], s["starts"], s["pid"]),
            *(s["counters"][name] for name in met),
        )
        for s in answer["services"]
    )
    why = (answer.get("error") or {}).get("message", "")
    head = "ready" if answer["ready"] else f"not ready: {why or ', '.join(answer['missing'])}"
    parts = [
        head,
        *_disk(answer),
        *_bus(answer),
        *_data(answer),
        table_of(heads, rows),
        *_collected(answer),
    ]
    return "\n".join(parts)


def _disk(answer: Answer) -> list[str]:
    """What the disk refuses the tape; nothing while it takes."""
    return pairs_of([("disk", refusal)]) if (refusal := answer.get("degraded")) else []


def _bus(answer: Answer) -> list[str]:
    bus = answer.get("bus")
    if not bus:
        return []
    commits = f"{bus['commits']}, half within {bus['commit_ms_p50']:.1f} ms"
    turns = f"came twice {bus['resends']}, refused {bus['refused']}"
    pairs = [
        ("tape", f"{answer['head']} events, {size_of(bus['tape_bytes'])}"),
        ("commits", f"{commits}, 99 % within {bus['commit_ms_p99']:.1f} ms"),
        ("batch", f"{bus['batch_p50']:g} events, median"),
        ("kept out", f"{turns}, bad frames {bus['bad_frames']}"),
    ]
    return pairs_of(pairs)


def _data(answer: Answer) -> list[str]:
    """How fresh the data is: another matter than whether the deck is alive."""
    if not (data := answer.get("data")):
        return []
    if data["fresh"]:
        return pairs_of([("data", f"fresh, {data['tickers']} tickers")])
    named = " ".join(data["stale"][:_FEW])
    return pairs_of([("data", f"{len(data['stale'])} of {data['tickers']} old: {named}")])


def _collected(answer: Answer) -> list[str]:
    """What came of the calls to each source; what could not be kept is said by itself."""
    sources = answer.get("sources") or ()
    rows = (
        (s["source"], s["calls"], s["outcomes"].get("answered", 0), _counts(s["refusals"]))
        for s in sources
    )
    lost = [
        f"{s['source']}: {s['raw_lost']} answers could not be kept ({s['raw_lost_because']})"
        for s in sources
        if s["raw_lost"]
    ]
    heads = ("source", "calls", "answered", "refused")
    return ["", table_of(heads, rows), *lost] if sources else []


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
