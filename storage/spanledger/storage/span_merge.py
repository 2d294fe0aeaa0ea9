"""Spans that are no calls: each once, by its identity; the more complete version of the same span wins, whole."""

from collections.abc import Callable
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa

from spanledger.storage.aliases import completeness
from spanledger.storage.groups import most_complete
from spanledger.storage.known import repeats, stored_of
from spanledger.storage.remembered import Remembered
from spanledger.storage.schema import SPAN_FACTS
from spanledger.storage.windows import windows
from spanledger.storage.writing import Added, Removed

_FACTS: Final = tuple(SPAN_FACTS)


def plan_spans(
    connection: duckdb.DuckDBPyConnection, spans: pa.Table, remembered: Remembered, settled: Callable[[], object]
) -> tuple[list[Added], list[Removed]]:
    """Decide which of `spans` (the columns of SPANS) are to be added, and which stored ones they replace."""
    if not spans.num_rows:
        return [], []
    record = spans.column("record_hash").to_numpy()
    started = spans.column("started_at").cast(pa.int64()).to_numpy()
    complete = completeness(spans)
    keep = most_complete(record, complete)
    perhaps = remembered.may_hold(record, started) & keep
    removed = []
    if perhaps.any():
        settled()
        at = np.flatnonzero(perhaps)
        keep[at[repeats(connection, record[at], started[at], complete[at])]] = False
        at = at[keep[at]]
        older = stored_of(connection, record[at], started[at])
        if len(older):
            removed = [Removed("span_facts", "record_hash", older, windows(started[at], 0))]
    remembered.remember_records(record[keep], started[keep])
    rows = spans.filter(pa.array(keep)) if not keep.all() else spans
    return ([Added.of("span_facts", rows, _FACTS)] if rows.num_rows else []), removed
