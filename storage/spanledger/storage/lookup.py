"""Look-up: the stored records that share an alias with any of those that arrived, found near their own times.

What narrows a question to few row groups is time, so hashes are never looked for in the whole ledger. Records of one
call start within minutes of each other; names are looked for some hours around as well, and around their arrival, where
the twin of a record with a wrong clock is.
"""

from typing import Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spanledger.storage.fold import as_batch
from spanledger.storage.remembered import HOURS_US
from spanledger.storage.schema import CALLS, Batch, Hashes, Times
from spanledger.storage.windows import between, windows

NEAR_US: Final = 2_000_000
"""How far apart most records of one call start: what is found here needs no further look."""
SECONDS_US: Final = 30 * 1_000_000
MINUTES_US: Final = 15 * 60 * 1_000_000
"""How far apart nearly all of them start, retries and long streams included."""

FEW: Final = 16

_ALIASES: Final = ("record_hash", "context_hash", "response_hash", "request_hash", "fingerprint")

_MATCHES: Final = """
    select call_id, epoch_us(started_at) as started
    from (
        select call_id, started_at, {aliases} from call_facts where revision = 0 and {time} between {window}
        union all
        select call_id, started_at, {aliases} from observation_facts where {time} between {window}
    )
    where {matching}
"""
# The rows first, then their texts: through the view DuckDB joins the texts of every row of the window.
_RECORDS: Final = """
    with few as materialized (
        select facts.* from call_facts as facts join wanted using (call_id)
        where facts.revision = 0 and facts.started_at between {window}
        union all by name
        select facts.* from observation_facts as facts join wanted using (call_id)
        where facts.started_at between {window}
    )
    select * from few join origins using (origin_key) join models using (model_key) join owners using (owner_key)
"""
_MADE_OF: Final = """
    select call_id, revision + 1 as records from call_facts join wanted using (call_id)
    where started_at between {window}
"""
_EVER: Final = (0, 7_258_118_400_000_000)
"""1970 to 2200: records of calls whose emitters' clocks disagree."""


class Lookup:
    """The stored calls that were found so far, with all their records."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._calls: dict[int, int] = {}
        self.records: Batch = CALLS.empty_table()

    def near(self, hashes: Hashes, started: Times) -> None:
        """Look for hashes near the times given."""
        self._find(hashes, "started_at", started, NEAR_US)

    def ended_near(self, hashes: Hashes, ended: Times) -> None:
        """Look for hashes of records that ended near the times given, whenever they began."""
        self._find(hashes, "ended_at", ended, NEAR_US)

    def within_seconds(self, hashes: Hashes, started: Times) -> None:
        """Look for hashes up to half a minute from the times given."""
        self._find(hashes, "started_at", started, SECONDS_US)

    def within_minutes(self, hashes: Hashes, started: Times) -> None:
        """Look for hashes up to a quarter of an hour from the times given."""
        self._find(hashes, "started_at", started, MINUTES_US)

    def within_hours(self, hashes: Hashes, started: Times) -> None:
        """Look for names up to some hours from the times given."""
        self._find(hashes, "started_at", started, HOURS_US)

    def arrived_within_hours(self, hashes: Hashes, ingested: Times) -> None:
        """Look for names among what arrived up to some hours from the times given."""
        self._find(hashes, "ingested_at", ingested, HOURS_US)

    def _find(self, hashes: Hashes, time: str, around: Times, reach_us: int) -> None:
        if not len(hashes):
            return
        self._connection.register("asked", pa.table({"hash": hashes}))
        # A few constants are compared several times as fast as a table is joined; far away it is mostly one false hit.
        few = len(hashes) <= FEW
        sought = ", ".join(str(int(one)) for one in hashes) if few else "select hash from asked"
        matching = " or ".join(f"{alias} in ({sought})" for alias in _ALIASES)
        found: dict[int, int] = {}
        try:
            for first, last in windows(around, reach_us):
                window = between(first, last)
                rows = self._connection.sql(
                    _MATCHES.format(aliases=", ".join(_ALIASES), time=time, window=window, matching=matching)
                ).to_arrow_table()
                found |= zip(rows.column("call_id").to_pylist(), rows.column("started").to_pylist(), strict=True)
        finally:
            self._connection.unregister("asked")
        new = {call: started for call, started in found.items() if call not in self._calls}
        if new:
            self._calls |= new
            self._fetch(new)

    def _fetch(self, calls: dict[int, int]) -> None:
        """All records of some calls, given when one of each started; the others are nearly always near."""
        parts = [self.records]
        for reach_us in (0, SECONDS_US, HOURS_US, None):
            started = np.fromiter(calls.values(), np.int64, len(calls))
            near = windows(started, reach_us) if reach_us is not None else [_EVER]
            self._connection.register("wanted", pa.table({"call_id": np.fromiter(calls, np.uint64, len(calls))}))
            try:
                found = [self._records(between(*window)) for window in near]
            finally:
                self._connection.unregister("wanted")
            rows = pa.concat_tables([rows for rows, _ in found])
            expected = {call: count for _, counts in found for call, count in counts.items()}
            ids, counts = np.unique(rows.column("call_id").to_numpy(), return_counts=True)
            whole = {int(call) for call, count in zip(ids, counts, strict=True) if expected.get(int(call)) == count}
            complete = pc.is_in(rows.column("call_id"), pa.array(whole, pa.uint64()))
            parts.append(as_batch(rows.filter(complete)))
            calls = {call: time for call, time in calls.items() if call not in whole}
            if not calls:
                break
        self.records = pa.concat_tables(parts).unify_dictionaries().combine_chunks()

    def _records(self, window: str) -> tuple[pa.Table, dict[int, int]]:
        """The records of the wanted calls that started in a window, and of how many each of these calls is made."""
        rows = self._connection.sql(_RECORDS.format(window=window)).to_arrow_table()
        made_of = self._connection.sql(_MADE_OF.format(window=window)).to_arrow_table()
        counts = dict(zip(*(made_of.column(name).to_pylist() for name in ("call_id", "records")), strict=True))
        return rows, counts
