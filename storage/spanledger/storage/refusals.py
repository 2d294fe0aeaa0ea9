"""What was refused, and why, kept beside the calls."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Refusal:
    """Spans of a tenant that were refused for a reason."""

    tenant: str
    reason: str
    spans: int


def add_refusals(connection: duckdb.DuckDBPyConnection, refusals: Sequence[Refusal]) -> None:
    """One row for each tenant and reason, however many requests a sender of garbage sends."""
    spans = Counter[tuple[str, str]]()
    for one in refusals:
        spans[one.tenant, one.reason] += one.spans
    rows = {
        "tenant": [tenant for tenant, _ in spans],
        "reason": [reason for _, reason in spans],
        "spans": pa.array(spans.values(), pa.uint64()),
    }
    connection.register("refused", pa.table(rows))
    connection.execute("insert into rejections select now(), tenant, reason, spans from refused")
    connection.unregister("refused")
