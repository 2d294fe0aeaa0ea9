"""Known: which records the ledger holds already.

`repeats` is asked before a batch is normalised, so that no work goes into what was sent again: a client that got no
answer sends everything once more, and a Collector may send all by two routes. Only the hash is compared there. That a
new span has the 64-bit hash of another one of its tenant, in the same seconds, is one chance in 10 million million
even with a million spans in those seconds.
"""

from typing import Final

import duckdb
import numpy as np
import pyarrow as pa

from spanledger.storage.schema import Completeness, Hashes, Mask, Times
from spanledger.storage.windows import DAY_US, between

_RECORDS: Final = """
    select hash, epoch_us(ended_at) as ended, output_tokens
    from (
        select span_hash, ended_at, output_tokens from call_facts where revision = 0 and started_at between {window}
        union all
        select span_hash, ended_at, output_tokens from observation_facts where started_at between {window}
    ) join asked on span_hash = hash
"""


def hashes_of_day(connection: duckdb.DuckDBPyConnection, day: int) -> Hashes:
    """All aliases of the calls that started on a day (days since 1970, UTC): what its filter is filled with."""
    within = f"started_at between {between(day * DAY_US, (day + 1) * DAY_US - 1)}"
    rows = connection.sql(
        " union all ".join(
            f"select {alias} as hash from {table} where {within} and {alias} is not null"
            for table in ("call_facts", "observation_facts")
            for alias in ("span_hash", "response_hash")
        )
    ).to_arrow_table()
    return np.asarray(rows.column("hash").to_numpy(), np.uint64)


def repeats(connection: duckdb.DuckDBPyConnection, hashes: Hashes, started_us: Times, complete: Completeness) -> Mask:
    """For each record whether one of the same hash is stored that is at least as complete.

    It is looked for among those of the batch's own times: a span that is sent again starts when it started.
    """
    found = np.zeros(len(hashes), bool)
    days = started_us // DAY_US
    for day in np.unique(days):
        rows = np.flatnonzero(days == day)
        window = between(int(started_us[rows].min()), int(started_us[rows].max()))
        found[rows] = _repeats(connection, hashes[rows], complete[rows], window)
    return found


def _repeats(connection: duckdb.DuckDBPyConnection, hashes: Hashes, complete: Completeness, window: str) -> Mask:
    connection.register("asked", pa.table({"hash": hashes}))
    try:
        stored = connection.sql(_RECORDS.format(window=window)).to_arrow_table()
    finally:
        connection.unregister("asked")
    if not stored.num_rows:
        return np.zeros(len(hashes), bool)
    ended, output = (stored.column(name).fill_null(-1).to_numpy() for name in ("ended", "output_tokens"))
    order = np.lexsort((ended, output, stored.column("hash").to_numpy()))  # the most complete of each hash comes last
    sorted_hashes = stored.column("hash").to_numpy()[order]
    at = np.searchsorted(sorted_hashes, hashes, side="right") - 1
    known = (at >= 0) & (sorted_hashes[at] == hashes)
    best_output, best_ended = output[order][at], ended[order][at]
    enough = (best_output > complete[:, 0]) | ((best_output == complete[:, 0]) & (best_ended >= complete[:, 1]))
    return np.asarray(known & enough)
