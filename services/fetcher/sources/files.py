"""Files: daily and hourly bars from a folder of the operator's own, CSV or Parquet.

``SPY.1d.csv``, ``SPY.1h.parquet`` or just ``SPY.csv`` (days), in any case. A file is read at every
question: what is told is what follows the last known bar, or all of it when the file was changed.
"""

from __future__ import annotations

from msgspec.structs import replace

from config.settings import Settings
from market.messages.fetcher import Timeframe
from services.fetcher.child import asking
from services.fetcher.core.answers import Answer, Columns, Failure
from services.fetcher.core.bars import TAIL_ROWS
from services.fetcher.core.declaration import Declaration, Unusable
from services.fetcher.core.validate import REFUSED_SHARE_MAX
from services.fetcher.effects import Fetch
from services.fetcher.folder import CHANGED, NAME, PARQUET, ZONE, NoFolder
from services.fetcher.ports import Ports
from services.fetcher.raw import RawAnswer
from services.fetcher.sources import table
from services.fetcher.sources.table import ROWS_MAX, Bar, Table, Unreadable

DECLARED = Declaration(
    name="files",
    capabilities=("bars",),
    worker="files",
    together=2,
    lost_after_seconds=30.0,
    answer_bytes_max=16_000_000,  # twenty years of hours are 3 MB
)

SECONDS = 10.0
SUFFIXES = ("parquet", "csv")


def configured(settings: Settings) -> Declaration | Unusable:
    """It needs a folder."""
    if settings.files_folder is None:
        return Unusable(DECLARED.name, "no folder: set fetcher.files_folder, or go on without")
    return DECLARED


def ask(effect: Fetch, ports: Ports) -> RawAnswer | Failure:
    """Read the ticker's file, the more exactly named one first."""
    timeframe = effect.call.timeframe or "1d"
    names = names_of(effect.call.ticker, timeframe)
    try:
        found = ports.folder.read(names, DECLARED.answer_bytes_max)
    except NoFolder as error:
        return Failure("unreachable", str(error))
    except OSError as error:
        return Failure("provider_error", f"{type(error).__name__}: {error.strerror}")
    if found is None:
        return Failure("no_data", f"there is no file {names[-1]} in fetcher.files_folder")
    return _as_text(found, ports) if found.content_type == PARQUET else found


def _as_text(raw: RawAnswer, ports: Ports) -> RawAnswer | Failure:
    """A Parquet file as CSV: the child opens it, since a damaged one ends the whole process."""
    if len(raw.body) > DECLARED.answer_bytes_max:
        return raw
    body = asking.table(ports.child, raw.body, ROWS_MAX + 1, SECONDS)
    if isinstance(body, Failure):
        return replace(body, message=f"{raw.url} is {body.message}")
    return replace(raw, body=body)


def names_of(ticker: str, timeframe: Timeframe) -> list[str]:
    """What the file may be called; a share class also with its dot."""
    spellings = dict.fromkeys((ticker, ticker.replace("-", ".")))
    exact = [f"{one}.{timeframe}.{suffix}" for one in spellings for suffix in SUFFIXES]
    plain = [f"{one}.{suffix}" for one in spellings for suffix in SUFFIXES]
    return exact + plain if timeframe == "1d" else exact


def parse(raw: RawAnswer, effect: Fetch) -> Answer | Failure:
    """The bars of a file that are not known yet."""
    name, zone = raw.headers.get(NAME, ""), raw.headers.get(ZONE, "")
    try:
        found = table.read_csv(raw.body, name, effect.call.timeframe or "1d", zone)
    except Unreadable as error:
        return Failure("invalid", str(error)[:300])
    return answer_of(found, name, 0 if CHANGED in raw.headers else effect.latest_us)


def answer_of(found: Table, name: str, latest_us: int) -> Answer | Failure:
    """The bars of a table from a little before the last known one; most rows must be good.

    Without a newer one it has no answer, so that the next source may bring what came since.
    """
    size = len(found.bars) + found.refused
    if found.refused > max(1, REFUSED_SHARE_MAX * size) or (size and not found.bars):
        text = f"{found.refused} of {size} rows are not believable; {found.faults[0]}"
        return Failure("invalid", text[:300])
    if not found.bars:
        return Failure("no_data", f"{name} has no rows")
    known = sum(bar.start_us <= latest_us for bar in found.bars)
    if known == len(found.bars):
        return Failure("no_data", f"{name} has nothing newer: its end is known")
    bars = found.bars[max(0, known - TAIL_ROWS // 2) :] if latest_us else found.bars
    return Answer(bars=_columns(bars), refused_rows=found.refused, faults=found.faults)


def _columns(bars: list[Bar]) -> Columns:
    _, start_us, opening, high, low, close, volume, splits, dividends = zip(*bars, strict=True)
    return Columns(
        start_us=start_us,
        open=opening,
        high=high,
        low=low,
        close=close,
        volume=volume,
        splits=splits,
        dividends=dividends,
    )
