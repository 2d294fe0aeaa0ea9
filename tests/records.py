"""Batches for tests of the ledger: a few words about each record become rows as the processors would hand them over."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from spanledger.processors.identify import context_hashes, identify, tenant_seeds
from spanledger.storage.schema import CALLS, COLUMNS, LABEL, Batch

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)


def record(span: int, response: str | None = None, *, after_s: float = 0.0, **columns: object) -> dict[str, object]:
    """What one emitter says of a call: span number, response id, seconds after noon, and any columns of `calls`."""
    started = NOON + timedelta(seconds=after_s)
    return {
        "tenant": "default", "trace_id": f"{span:032x}", "span_id": f"{span:016x}", "response_id": response,
        "started_at": started, "ended_at": started + timedelta(seconds=1), "ingested_at": NOON + timedelta(days=1),
        "revision": 0, "dialect": "first", "sources": columns.get("dialect", "first"), "operation": "chat",
        "input_tokens": 100, "output_tokens": 10,
    } | columns  # fmt: skip


def batch(records: Iterable[Mapping[str, object]]) -> Batch:
    """The batch of these records, identified."""
    rows = list(records)
    arrays = []
    for name, kind in COLUMNS.items():
        values = [row.get(name) for row in rows]
        if kind is LABEL:
            arrays.append(pa.array(values, pa.string()).dictionary_encode())
        else:
            arrays.append(pa.array(values, kind))
    table = pa.table(arrays, schema=CALLS)
    ids = [pa.array([bytes.fromhex(str(row[name])) for row in rows], pa.binary()) for name in ("trace_id", "span_id")]
    names = [str(row["tenant"]) for row in rows]
    hashes = context_hashes(*ids, tenant_seeds(names, np.arange(len(rows))))
    return identify(table.set_column(table.schema.get_field_index("record_hash"), "record_hash", pa.array(hashes)))


def many(count: int, first: int = 0) -> Batch:
    """`count` different calls, a millisecond apart."""
    return batch(record(first + n, f"chatcmpl-{first + n:08d}", after_s=(first + n) / 1000) for n in range(count))


def free(rows: Batch) -> Batch:
    """A price step for tests that are not about money: leaves every cost NULL."""
    return rows


def shuffled(rows: Batch, seed: int) -> Batch:
    """The same rows in another order."""
    return rows.take(pa.array(np.random.default_rng(seed).permutation(rows.num_rows)))
