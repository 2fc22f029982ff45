"""The child's use of polars: a Parquet file as the text of its table.

A damaged file can abort the whole process (tried with polars 2.1.0: SIGABRT after a few files with
some bytes changed), so nobody but the child opens one.
"""

from __future__ import annotations

import io

import polars as pl

from services.fetcher.child.frames import Answered, AskTable, Load, Loaded, Text


def answer(request: AskTable | Load) -> Answered:
    """The table; or nothing but that the library is loaded."""
    return read(request) if isinstance(request, AskTable) else Loaded()


def read(asked: AskTable) -> Text:
    """The first rows as CSV, times with their zone where they have one, nested columns left out."""
    frame = pl.scan_parquet(io.BytesIO(asked.body)).head(asked.rows_max).collect()
    told = []
    for name, kind in frame.schema.items():
        if isinstance(kind, pl.Datetime):
            zoned = "%z" if kind.time_zone else ""
            told.append(pl.col(name).dt.strftime(f"%Y-%m-%dT%H:%M:%S{zoned}"))
        elif not kind.is_nested():
            told.append(pl.col(name))
    return Text(frame.select(told).write_csv().encode())
