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


def event(number: int, *, of_span: int | None = None, after_s: float = 0.0, **columns: object) -> dict[str, object]:
    """What an event says of a call: its number, the span whose call it tells of, and the same besides."""
    told = record(number, after_s=after_s, **columns) | {"trace_id": None, "span_id": None, "event": number}
    if of_span is not None:
        told |= {"trace_id": f"{of_span:032x}", "span_id": f"{of_span:016x}", "tells_of_its_span": True}
    return told


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
    seeds = tenant_seeds([str(row["tenant"]) for row in rows], np.arange(len(rows)))
    of_span = context_hashes(_ids(rows, "trace_id", 16), _ids(rows, "span_id", 8), seeds)
    own = context_hashes(_ids(rows, "event", 16), _ids(rows, "event", 8), seeds)
    is_event, tells = (np.array([bool(row.get(name)) for row in rows], bool) for name in ("event", "tells_of_its_span"))
    hashes = {"record_hash": pa.array(np.where(is_event, own, of_span)), "context_hash": pa.array(of_span, mask=~tells)}
    for name, column in hashes.items():
        table = table.set_column(table.schema.get_field_index(name), name, column)
    return identify(table)


def _ids(rows: list[Mapping[str, object]], name: str, length: int) -> pa.BinaryArray:
    texts = [row.get(name) or 0 for row in rows]
    whole = [text if isinstance(text, int) else int(str(text), 16) for text in texts]
    return pa.array([number.to_bytes(length, "big") for number in whole], pa.binary())


def many(count: int, first: int = 0) -> Batch:
    """`count` different calls, a millisecond apart."""
    return batch(record(first + n, f"chatcmpl-{first + n:08d}", after_s=(first + n) / 1000) for n in range(count))


def free(rows: Batch) -> Batch:
    """A price step for tests that are not about money: leaves every cost NULL."""
    return rows


def shuffled(rows: Batch, seed: int) -> Batch:
    """The same rows in another order."""
    return rows.take(pa.array(np.random.default_rng(seed).permutation(rows.num_rows)))
