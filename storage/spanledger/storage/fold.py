"""Fold: several records of one call become one row, the same in any order of arrival.

Records are ordered by the rank of their emitter's dialect, then by completeness; each field is that of the first
record that says anything. Nothing is ever added up or taken for being larger.
"""

from collections.abc import Mapping
from typing import Final

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from spanledger.storage.schema import CALLS, COLUMNS, COSTS, LABEL

UNRANKED: Final = 9
"""Rank of a dialect that nobody ranked: after all that somebody did."""

_COMPUTED: Final = {
    # The same for the same set of records, whichever came first.
    "call_id": "coalesce(min(response_hash), min(span_hash))",
    "sources": "array_to_string(list_sort(list_distinct(list(dialect))), ',')",
    "revision": "(count(*) - 1)::integer",
    "ingested_at": "min(ingested_at)",
}


def _fold_sql() -> str:
    fields = [
        f"{_COMPUTED[name]} as {name}" if name in _COMPUTED else f"arg_min({name}, place) as {name}"
        for name in COLUMNS
        if name not in COSTS
    ]
    return f"""
        with ranked as (
            select records.*, row_number() over (
                partition by call_group
                order by coalesce(ranks.rank, {UNRANKED}), output_tokens desc nulls last,
                    input_tokens desc nulls last, span_hash
            ) as place
            from records left join ranks on ranks.dialect = records.dialect
        )
        select call_group, {", ".join(fields)} from ranked group by call_group order by min(started_at)
    """


def fold(
    connection: duckdb.DuckDBPyConnection, records: pa.Table, ranks: Mapping[str, int]
) -> tuple[pa.Table, npt.NDArray[np.int64]]:
    """Fold `records` (the columns of CALLS and `call_group`) to one row a group.

    Returns the rows in the columns of CALLS, unpriced, and the group of each.
    """
    table = pa.table({"dialect": list(ranks), "rank": pa.array(ranks.values(), pa.int32())})
    connection.register("records", records)
    connection.register("ranks", table)
    try:
        folded = connection.sql(_fold_sql()).to_arrow_table()
    finally:
        connection.unregister("records")
        connection.unregister("ranks")
    return as_batch(folded), folded.column("call_group").to_numpy()


def as_batch(rows: pa.Table) -> pa.Table:
    """Rows read back from the ledger, in the types that travel between the stages; absent columns are NULL."""
    columns = []
    for name, kind in COLUMNS.items():
        if name not in rows.column_names:
            columns.append(pa.chunked_array([pa.nulls(rows.num_rows, kind)]))
        elif kind is LABEL:
            columns.append(rows.column(name).cast(pa.string()).dictionary_encode())
        else:
            columns.append(rows.column(name).cast(kind))
    return pa.table(columns, schema=CALLS).combine_chunks()
