"""Rows of `spans`, and a ledger in memory that answers questions about them: opening one for each example is slow."""

from collections.abc import Mapping, Sequence

import duckdb
import pyarrow as pa

from spanledger.storage.migrations import statements
from spanledger.storage.schema import COLUMNS, SPANS
from tests.ledger_rows import NOON, calls


def spans(rows: Sequence[Mapping[str, object]]) -> pa.Table:
    """A batch of spans, each with an identity of its own; what a test does not say has a plain value, or none."""
    filled = [_plain(number) | dict(row) for number, row in enumerate(rows, 1)]
    columns = [pa.array([row.get(field.name) for row in filled], field.type) for field in SPANS]
    return pa.table(columns, schema=SPANS)


class InMemory:
    """Calls and spans in memory, asked as a ledger's reader is."""

    def __init__(
        self, called: Sequence[Mapping[str, object]] = (), spanned: Sequence[Mapping[str, object]] = ()
    ) -> None:
        self._connection = duckdb.connect()
        self._connection.execute("set TimeZone = 'UTC'")
        table = calls(called).select(list(COLUMNS))
        for name, rows in (("calls", table), ("call_records", table), ("span_records", spans(spanned))):
            self._connection.register(name, rows)
        self._connection.execute(statements("0005_quotas"))

    def query(self, sql: str, parameters: Mapping[str, object] | Sequence[object] = ()) -> pa.Table:
        """As a ledger's reader does."""
        return self._connection.sql(sql, params=parameters or None).to_arrow_table()


def _plain(number: int) -> dict[str, object]:
    identity = {"record_hash": number + 2**32, "trace_id": f"{number:032x}", "span_id": f"{number + 2**32:016x}"}
    known = {"tenant": "default", "sources": "test", "dialect": "test", "status": "unset"}
    return identity | known | {"started_at": NOON, "ended_at": NOON, "ingested_at": NOON, "operation": "execute_tool"}
