"""Look-up: the stored records that share an alias with any of those that arrived, found near their own times.

What narrows a question to few row groups is time, so hashes are never looked for in the whole ledger. Records of one
call start within minutes of each other; names are looked for some hours around as well, and around their arrival, where
the twin of a record with a wrong clock is.
"""

from collections.abc import Callable, Sequence
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spanledger.storage.aliases import Aliases
from spanledger.storage.fold import as_batch
from spanledger.storage.likeness import SLACK_US
from spanledger.storage.remembered import HOURS_US
from spanledger.storage.schema import CALLS, Batch, Hashes, Times
from spanledger.storage.windows import WINDOWS_MAX, between, windows

NEAR_US: Final = 2_000_000
"""How far apart most records of one call start: what is found here needs no further look."""
SECONDS_US: Final = 30 * 1_000_000
MINUTES_US: Final = 15 * 60 * 1_000_000
"""How far apart nearly all of them start, retries and long streams included."""

FEW: Final = 16

WINDOWS_MIN: Final = 4
CALLS_OF_WINDOW: Final = 250_000
"""A question costs as much as reading that many calls: a small ledger is asked about few and long stretches of time."""

_NAMES: Final = ("record_hash", "context_hash", "response_hash", "request_hash")
_FINGERPRINT: Final = ("fingerprint",)

_MATCHES: Final = """
    select call_id, epoch_us(started_at) as started
    from (
        select call_id, started_at, {aliases} from call_facts
        where revision = 0 and {time} between {window} and {spoken}
        union all
        select call_id, started_at, {aliases} from observation_facts where {time} between {window} and {spoken}
    )
    where {matching}
"""
_OTHERS: Final = "origin_key not in (select origin_key from origins where dialect = '{dialect}')"
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


_NOTHING: Final[Batch] = CALLS.empty_table()


class Lookup:
    """The stored calls that were found so far, with all their records."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, settled: Callable[[], object], calls: int) -> None:
        """`settled` is called before the ledger is asked: it waits until all that was planned before is committed.

        `calls` is how many the ledger holds, roughly.
        """
        self.windows_max = min(max(WINDOWS_MIN, calls // CALLS_OF_WINDOW), WINDOWS_MAX)
        self._connection = connection
        self._settled = settled
        self._calls: Hashes = np.zeros(0, np.uint64)
        self.records = _NOTHING

    def take(self, records: Batch) -> None:
        """Put records that were found otherwise to what was found: all of each call."""
        calls = np.asarray(records.column("call_id").to_numpy())
        new = ~np.isin(calls, self._calls)
        if new.any():
            self._calls = np.union1d(self._calls, calls)
            self.records = _together([self.records, records.filter(pa.array(new))])

    def near(self, names: Hashes, started: Times) -> None:
        """Look for names near the times given."""
        self._find(names, "started_at", started, NEAR_US)

    def alike(self, records: Aliases) -> None:
        """Look for records with the fingerprints of some, that began or ended when these did.

        Records of one dialect are never put together by likeness: where all speak in one, only others are found. Else
        a flood of equal calls would be taken out again and again.
        """
        prints, dialect = np.unique(records.fingerprint), records.dialects.only()
        self._find(prints, "started_at", records.started, SLACK_US, _FINGERPRINT, dialect)
        self._find(prints, "ended_at", records.ended, SLACK_US, _FINGERPRINT, dialect)

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

    def _find(
        self,
        hashes: Hashes,
        time: str,
        around: Times,
        reach_us: int,
        aliases: Sequence[str] = _NAMES,
        not_in: str | None = None,
    ) -> None:
        if not len(hashes):
            return
        self._settled()
        self._connection.register("asked", pa.table({"hash": hashes}))
        # A few constants are compared several times as fast as a table is joined; far away it is mostly one false hit.
        few = len(hashes) <= FEW
        sought = ", ".join(str(int(one)) for one in hashes) if few else "select hash from asked"
        matching = " or ".join(f"{alias} in ({sought})" for alias in aliases)
        spoken = "true" if not_in is None else _OTHERS.format(dialect=not_in.replace("'", "''"))
        found = []
        try:
            for first, last in windows(around, reach_us, self.windows_max):
                window = between(first, last)
                question = _MATCHES.format(
                    aliases=", ".join(aliases), time=time, window=window, matching=matching, spoken=spoken
                )
                found.append(self._connection.sql(question).to_arrow_table())
        finally:
            self._connection.unregister("asked")
        rows = pa.concat_tables(found)
        calls, at = np.unique(rows.column("call_id").to_numpy(), return_index=True)
        new = ~np.isin(calls, self._calls)
        if new.any():
            self._calls = np.union1d(self._calls, calls)
            self._fetch(calls[new], rows.column("started").to_numpy()[at[new]])

    def _fetch(self, calls: Hashes, started: Times) -> None:
        """All records of some calls, given when one of each started; the others are nearly always near."""
        parts = [self.records]
        for reach_us in (0, SECONDS_US, HOURS_US, None):
            near = windows(started, reach_us, self.windows_max) if reach_us is not None else [_EVER]
            self._connection.register("wanted", pa.table({"call_id": calls}))
            try:
                found = [self._records(between(*window)) for window in near]
            finally:
                self._connection.unregister("wanted")
            rows, made_of = (pa.concat_tables(tables) for tables in zip(*found, strict=True))
            whole = _whole(rows, made_of)
            parts.append(as_batch(rows.filter(pc.is_in(rows.column("call_id"), pa.array(whole)))))
            left = ~np.isin(calls, whole)
            calls, started = calls[left], started[left]
            if not len(calls):
                break
        self.records = _together(parts)

    def _records(self, window: str) -> tuple[pa.Table, pa.Table]:
        """The records of the wanted calls that started in a window, and of how many each of these calls is made."""
        return (
            self._connection.sql(_RECORDS.format(window=window)).to_arrow_table(),
            self._connection.sql(_MADE_OF.format(window=window)).to_arrow_table(),
        )


def _whole(rows: pa.Table, made_of: pa.Table) -> Hashes:
    """The calls of which all records were found."""
    calls, counts = np.unique(rows.column("call_id").to_numpy(), return_counts=True)
    if not len(calls) or not made_of.num_rows:
        return np.zeros(0, np.uint64)
    told, records = (made_of.column(name).to_numpy() for name in ("call_id", "records"))
    order = np.argsort(told)
    at = np.minimum(np.searchsorted(told[order], calls), len(told) - 1)
    return np.asarray(calls[(told[order][at] == calls) & (records[order][at] == counts)])


def _together(parts: list[Batch]) -> Batch:
    return pa.concat_tables(parts).unify_dictionaries().combine_chunks()
