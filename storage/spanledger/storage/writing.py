"""Writing: rows go into the ledger's tables and out of them, inside a transaction. Hardly needs the interpreter."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import duckdb
import pyarrow as pa

from spanledger.storage.dimensions import split
from spanledger.storage.schema import DIMENSION_KEYS, DIMENSIONS, FACTS, Hashes
from spanledger.storage.windows import between

Change: TypeAlias = Callable[[duckdb.DuckDBPyConnection, Mapping[str, set[int]]], Mapping[str, set[int]]]
"""What is done in a transaction: given the dimension keys that are there, by dimension, returns those that it added."""


@dataclass(frozen=True)
class Added:
    """Rows to add to a table: narrow, and the dimension rows that they refer to, by dimension and key."""

    table: str
    facts: pa.Table
    dimensions: Mapping[str, Mapping[int, tuple[str | None, ...]]]

    @classmethod
    def of(cls, table: str, batch: pa.Table, facts: Sequence[str] = FACTS) -> "Added":
        """The narrow rows of a batch; `facts` are the columns that stand in the row itself."""
        return cls(table, *split(batch, facts))


@dataclass(frozen=True)
class Removed:
    """Rows to remove from a table: those whose `key` is among `keys`, in some windows of `started_at`."""

    table: str
    key: str
    keys: Hashes
    windows: Sequence[tuple[int, int]]


def write(
    connection: duckdb.DuckDBPyConnection,
    removed: Sequence[Removed],
    added: Sequence[Added],
    known: Mapping[str, set[int]],
) -> Mapping[str, set[int]]:
    """Remove, then add; returns the dimension keys that were added, for `known` after the commit."""
    for rows in removed:
        connection.register("removed", pa.table({rows.key: rows.keys}))
        for window in rows.windows:
            connection.execute(
                f"delete from {rows.table} where {rows.key} in (select {rows.key} from removed)"
                f" and started_at between {between(*window)}"
            )
        connection.unregister("removed")
    new: dict[str, set[int]] = {name: set() for name in DIMENSIONS}
    for rows_added in added:
        add_dimensions(connection, rows_added, known, new)
        connection.register("incoming", rows_added.facts)
        connection.execute(f"insert into {rows_added.table} by name from incoming")
        connection.unregister("incoming")
    return new


def add_dimensions(
    connection: duckdb.DuckDBPyConnection,
    rows: Added,
    known: Mapping[str, set[int]],
    new: Mapping[str, set[int]],
) -> None:
    """Add the dimension rows that some rows refer to and that are not there; their keys go into `new`."""
    for dimension, values in rows.dimensions.items():
        missing = values.keys() - known[dimension] - new[dimension]
        if missing:
            _add_dimension_rows(connection, dimension, {key: values[key] for key in missing})
            new[dimension].update(missing)


def _add_dimension_rows(
    connection: duckdb.DuckDBPyConnection, dimension: str, rows: Mapping[int, tuple[str | None, ...]]
) -> None:
    columns: dict[str, Any] = {DIMENSION_KEYS[dimension]: pa.array(list(rows), pa.uint64())}
    for place, name in enumerate(DIMENSIONS[dimension]):
        columns[name] = pa.array([values[place] for values in rows.values()], pa.string())
    connection.register("incoming", pa.table(columns))
    connection.execute(f"insert into {dimension} by name from incoming")
    connection.unregister("incoming")
