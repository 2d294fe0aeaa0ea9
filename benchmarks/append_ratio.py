"""Intake against DuckDB's own append: the same rows, in groups of the same size, each with its commit."""

import time
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from benchmarks import intake
from benchmarks.figure import Figure, Session

RATIO: Final = 0.4
APPENDED_ROWS: Final = 1_000_000  # the rate does not change after the first few groups
CHECKPOINT: Final = "set checkpoint_threshold = '256MB'"  # as the product has it


def groups(ledger: Path, group_rows: int, rows: int) -> list[pa.Table]:
    """The first `rows` calls of a closed ledger as Arrow tables of `group_rows` rows."""
    connection = duckdb.connect(str(ledger), read_only=True)
    try:
        whole: pa.Table = connection.execute("from calls limit ?", [rows]).to_arrow_table()
    finally:
        connection.close()
    return [whole.slice(start, group_rows) for start in range(0, whole.num_rows, group_rows)]


def group_rows(ledger: Path) -> int:
    """The size of the group that the average call was committed in: one group has one time of ingestion."""
    connection = duckdb.connect(str(ledger), read_only=True)
    try:
        (size,) = connection.execute(
            """with sizes as (select count(*) as size from calls group by ingested_at)
               select cast(sum(size * size) / sum(size) as bigint) from sizes"""
        ).fetchall()[0]
    finally:
        connection.close()
    return int(size)


def appended_rows_per_s(tables: list[pa.Table], path: Path, threads: int | None) -> float:
    """Append every table to a fresh file, one transaction each."""
    connection = duckdb.connect(str(path), config={} if threads is None else {"threads": threads})
    try:
        connection.execute(CHECKPOINT)
        connection.register("incoming", tables[0])
        connection.execute("create table calls as from incoming limit 0")
        connection.unregister("incoming")
        began = time.perf_counter()
        for table in tables:
            connection.register("incoming", table)
            connection.execute("begin")
            connection.execute("insert into calls from incoming")
            connection.execute("commit")
            connection.unregister("incoming")
        rows: int = sum(table.num_rows for table in tables)
        return rows / (time.perf_counter() - began)
    finally:
        connection.close()
        for name in (path, path.with_name(path.name + ".wal")):
            name.unlink(missing_ok=True)


def measure(session: Session) -> list[Figure]:
    """Needs the ledger of the intake measurement; fills one if this run has none yet."""
    if "intake" not in session.ledgers:
        intake.measure(session)
    ledger = session.ledgers["intake"] / "ledger.duckdb"
    size = group_rows(ledger)
    tables = groups(ledger, size, session.scaled(APPENDED_ROWS))
    rates = {
        name: appended_rows_per_s(tables, session.folder / "append.duckdb", threads)
        for name, threads in {"1 thread": 1, "all threads": None}.items()
    }
    best = max(rates, key=rates.__getitem__)
    ratio = session.rates["intake"] / rates[best]
    return [
        Figure(
            "ratio of intake to DuckDB's own Arrow append of the same rows with commit, same run",
            f"≥ {RATIO}",
            f"{ratio:.2f}",
            ratio >= RATIO,
            f"append alone {rates[best]:,.0f} rows/s with {best} (the better), all "
            f"{len(tables[0].column_names)} columns of the view, {size:,} rows a commit as the intake had",
        )
    ]
