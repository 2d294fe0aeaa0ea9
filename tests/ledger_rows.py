"""Rows of `calls` for tests that read: what a test does not say has a plain value, or none."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from spanledger.storage.ledger import Ledger
from spanledger.storage.schema import CALLS, Batch, Ranks

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


def calls(rows: Sequence[Mapping[str, object]]) -> Batch:
    """A batch of calls, each of a span of its own."""
    filled = [_plain(number) | dict(row) for number, row in enumerate(rows, 1)]
    columns = [pa.array([row.get(field.name) for row in filled], field.type) for field in CALLS]
    return pa.table(columns, schema=CALLS)


def fill(folder: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    """A ledger in `folder` that holds the rows, closed again; returns the folder."""
    ledger = Ledger.open(folder)
    try:
        ledger.merge(calls(rows), price=lambda batch: batch, ranks=Ranks({"test": 0}))
    finally:
        ledger.close()
    return folder


def _plain(number: int) -> dict[str, object]:
    identity = {"call_id": number, "trace_id": f"{number:032x}", "span_id": f"{number:016x}", "record_hash": number}
    known = {"tenant": "default", "sources": "test", "dialect": "test", "revision": 0, "status": "unset"}
    return identity | known | {"started_at": NOON, "ended_at": NOON, "ingested_at": NOON, "operation": "chat"}
