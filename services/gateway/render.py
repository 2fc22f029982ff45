"""Answers as a terminal shows them: aligned text; simulated and stale data say so; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from market.symbols import is_simulated
from services.gateway.records import is_invented

Answer = Mapping[str, Any]

SIMULATED = "SIMULATED DATA: invented prices, no market."
STALE = "STALE: older than it should be."

_DASH = "–"


def anything(answer: Answer) -> str:
    """Any answer: its values by name, nested ones indented."""
    return "\n".join([*marks_of(answer), *_lines(answer, 0)])


def message(answer: Answer) -> str:
    """The sentence of a command's answer."""
    return "\n".join([str(answer["message"]), *marks_of(answer)])


def watchlist(answer: Answer) -> str:
    """One line for each tracked ticker."""
    heads = ("ticker", "price", "change", "rsi", "trend", "signal", "source", "age", "")
    rows = (
        (
            row["ticker"],
            _price(row["price"]),
            _percent(row["change_percent"]),
            _number(row["rsi"], 1),
            row["trend"],
            row["signal"],
            row["source"],
            _age(row["age_seconds"]),
            " ".join(_words(row)),
        )
        for row in answer["tickers"]
    )
    return "\n".join([*marks_of(answer), table_of(heads, rows)])


def analysis(answer: Answer) -> str:
    """The decision with its reason, levels, size and components; its probability never alone."""
    scores = answer["component_scores"] or {}
    levels, sizing = answer["levels"] or {}, answer["position_sizing"] or {}
    pairs = [
        *((name, _price(levels.get(name))) for name in ("entry", "stop", "target")),
        ("reward/risk", _number(levels.get("r_r_ratio"), 2)),
        ("shares", sizing.get("shares")),
        ("risk", _number(sizing.get("risk_dollars"), 2)),
        ("profit", _number(sizing.get("potential_profit"), 2)),
        ("chance", (answer["probability"] or {}).get("verdict")),
        ("price now", _now(answer["current"])),
        ("data source", answer["data_source"]),
        ("decided", answer["decided_at"]),
        *((name, _number(score, 1)) for name, score in scores.items()),
    ]
    head = f"{answer['ticker']}: {answer['reason'] or _DASH}"
    return "\n".join([head, *marks_of(answer), *pairs_of(pairs)])


def bars(answer: Answer) -> str:
    """One line for each bar."""
    heads = ("start", "open", "high", "low", "close", "volume")
    columns = [answer[name] for name in heads]
    rows = (
        (text_of(start), *map(_price, prices), _number(volume, 0))
        for start, *prices, volume in zip(*columns, strict=True)
    )
    return "\n".join([*marks_of(answer), table_of(heads, rows)])


def indicators(answer: Answer) -> str:
    """One column for each timeframe."""
    timeframes: Mapping[str, Answer] = answer["timeframes"]
    names = ("bar_start", "close", "rsi", "macd", "macd_signal", "macd_histogram", "obv")
    rest = ("ema20", "ema50", "ema200", "atr")
    rows = (
        (name, *(_value(reading.get(name)) for reading in timeframes.values()))
        for name in names + rest
    )
    head = str(answer["ticker"])
    return "\n".join([head, *marks_of(answer), table_of(("", *timeframes), rows)])


def levels(answer: Answer) -> str:
    """Resistance above, support below, the price between."""
    heads = ("kind", "price", "touches", "last touch")
    rows = [
        (level["kind"], _price(level["price"]), level["touches"], text_of(level["last_touch"]))
        for level in sorted(answer["levels"], key=lambda level: -float(level["price"]))
    ]
    trend = text_of((answer["trend"] or {}).get("name"))
    head = f"{answer['ticker']} {answer['timeframe']}: {_price(answer['price'])}, trend {trend}"
    return "\n".join([head, *marks_of(answer), table_of(heads, rows)])


def news(answer: Answer) -> str:
    """Two lines for each headline, newest first: what and when, then whose and where."""
    name, checked = answer["ticker"] or "any ticker", answer["checked"]
    if not answer["headlines"]:
        asked = f"last asked for at {checked}" if checked else "never asked for yet"
        made_up = " Simulated series have none." if is_simulated(name) else ""
        return f"No headlines are known of {name} ({asked}).{made_up}"
    return "\n".join(line for row in answer["headlines"] for line in _headline(row))


def cache(answer: Answer) -> str:
    """One line for each entry."""
    heads = ("ticker", "price", "source", "age", "1d bars", "1h bars", "")
    rows = (
        (
            entry["ticker"],
            _price(entry["price"]),
            entry["source"],
            _age(entry["age_seconds"]),
            entry["bars"].get("1d", 0),
            entry["bars"].get("1h", 0),
            " ".join(_words(entry)),
        )
        for entry in answer["entries"]
    )
    return "\n".join([*marks_of(answer), table_of(heads, rows)])


def decisions(answer: Answer) -> str:
    """One line for each decision."""
    heads = ("seq", "at", "ticker", "signal", "score", "", "reason")
    rows = (
        (
            event["seq"],
            event["at"],
            body["ticker"],
            body["signal"],
            _number(body.get("composite_score"), 1),
            _invented(event),
            body.get("reason"),
        )
        for event in answer["events"]
        if (body := event["event"])
    )
    return "\n".join([*marks_of(answer), table_of(heads, rows)])


def events(answer: Answer) -> str:
    """One line for each event."""
    return "\n".join([*marks_of(answer), *map(event_line, answer["events"])])


def event_line(event: Answer) -> str:
    """An event on one line: its seq, time and subject, whether it is simulated, its fields."""
    body = event["event"]
    fields = "(large)" if body is None else " ".join(f"{k}={_short(v)}" for k, v in body.items())
    parts = (f"{event['seq']:>8}", text_of(event["at"]), event["subject"], _invented(event), fields)
    return "  ".join(part for part in parts if part)


def raw(answer: Answer) -> str:
    """What came with a raw answer, then its body."""
    names = ("source", "ticker", "url", "status", "content_type", "received_at", "size", "hash")
    width = max(map(len, names)) + 2
    head = [f"{name:<{width}}{answer[name]}" for name in names]
    note = [] if answer["encoding"] == "utf-8" else [f"{'encoding':<{width}}{answer['encoding']}"]
    return "\n".join((*head, *note, "", answer["body"]))


def letters(answer: Answer) -> str:
    """One line for each dead letter."""
    heads = ("service", "seq", "subject", "buried", "replayed", "attempts", "error")
    rows = (
        (
            *(letter["service"], letter["seq"], letter["subject"], letter["buried_at"]),
            *(letter["replayed_at"], letter["attempts"], letter["error"]),
        )
        for letter in answer["letters"]
    )
    return table_of(heads, rows) or "No dead letters."


def text_of(value: Any) -> str:
    """A value in a cell; a dash where there is none."""
    return _DASH if value is None or value in ("", []) else str(value)


def marks_of(answer: Answer) -> list[str]:
    """What stands over an answer of simulated or stale data."""
    because = answer.get("stale_because")
    stale = f"STALE: {because}." if because else STALE
    return [text for word, text in (("simulated", SIMULATED), ("stale", stale)) if answer.get(word)]


def pairs_of(pairs: Sequence[tuple[str, Any]]) -> list[str]:
    """Names and their values, one pair a line."""
    width = max(len(name) for name, _ in pairs)
    return [f"{name.ljust(width)}  {text_of(value)}" for name, value in pairs]


def table_of(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Aligned columns under their heads; empty where there is no row."""
    lines = [tuple(heads), *(tuple(map(text_of, row)) for row in rows)]
    if len(lines) == 1:
        return ""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


# --- parts -------------------------------------------------------------------------------------


def _words(row: Answer) -> list[str]:
    return [word.upper() for word in ("simulated", "stale") if row.get(word)]


def _headline(row: Answer) -> Iterable[str]:
    yield f"{row['published']}  {row['ticker']}  {row['headline']}"
    yield f"    {text_of(row['publisher'])}, told by {row['source']}  {row['url']}".rstrip()


def _invented(event: Answer) -> str:
    return "SIMULATED" if is_invented(event["subject"], event["event"]) else ""


def _now(current: Answer | None) -> str:
    if current is None:
        return _DASH
    valid = {True: ", between stop and target", False: ", beyond stop or target", None: ""}
    words = valid[current["still_valid"]]
    return f"{_price(current['price'])}, {_age(current['age_seconds'])} old{words}"


def _lines(value: Any, depth: int) -> Iterable[str]:
    items = value.items() if isinstance(value, Mapping) else enumerate(value)
    for name, item in items:
        if isinstance(item, Mapping | list) and item:
            yield f"{'  ' * depth}{name}:"
            yield from _lines(item, depth + 1)
        else:
            yield f"{'  ' * depth}{name}: {text_of(item)}"


def _value(value: Any) -> str:
    return _number(value, 2) if isinstance(value, float) else text_of(value)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:39] + "…"


def _price(value: float | None) -> str:
    """Cents, and hundredths of them below 1, as printed everywhere."""
    if value is None:
        return _DASH
    return f"{value:,.2f}" if abs(value) >= 1 else f"{value:.4f}"


def _number(value: float | None, digits: int) -> str:
    return _DASH if value is None else f"{value:,.{digits}f}"


def _percent(value: float | None) -> str:
    return _DASH if value is None else f"{value:+.2f} %"


def size_of(count: int) -> str:
    """Bytes in the largest unit that they fill."""
    for unit, size in (("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"


def _age(seconds: float | None) -> str:
    if seconds is None:
        return _DASH
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
