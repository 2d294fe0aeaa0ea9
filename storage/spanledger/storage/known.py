"""Known: which records the ledger holds already.

`repeats` is asked before a batch is normalised, so that no work goes into what was sent again: a client that got no
answer sends everything once more, and a Collector may send all by two routes. Only the hash is compared there. That a
new span has the 64-bit hash of another one of its tenant, in the same seconds, is one chance in 10 million million
even with a million spans in those seconds.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa

from spanledger.storage.aliases import ALIAS_COLUMNS, Aliases, as_complete
from spanledger.storage.likeness import STRETCH_US, keys_of
from spanledger.storage.schema import Completeness, Hashes, Mask, Times
from spanledger.storage.windows import DAY_US, between

PIECE_CALLS: Final = 1_000_000

_RECORDS: Final = """
    select hash, epoch_us(ended_at) as ended, output_tokens
    from (
        select record_hash, ended_at, output_tokens from call_facts where revision = 0 and started_at between {window}
        union all
        select record_hash, ended_at, output_tokens from observation_facts where started_at between {window}
        union all
        select record_hash, ended_at, output_tokens from span_facts where started_at between {window}
    ) join asked on record_hash = hash
"""

_ALIASES: Final = ("record_hash", "context_hash", "response_hash", "request_hash")
_NAMES: Final = ("response_hash", "request_hash")


def names_of_day(connection: duckdb.DuckDBPyConnection, day: int) -> Iterator[Hashes] | None:
    """The hashes of the calls, spans and usage points of a day (days since 1970, UTC), in pieces; None without any.

    Of those that started on it, and the names of those that arrived on it though they started on another.
    """
    if _is_empty(connection, ("call_facts", "observation_facts", "span_facts", "point_facts")):
        return None
    return _names_of_day(connection, day)


def _is_empty(connection: duckdb.DuckDBPyConnection, tables: Sequence[str]) -> bool:
    """Whether these tables hold nothing at all."""
    rows = " union all ".join(f"(select 1 from {table} limit 1)" for table in tables)
    return not connection.execute(rows).fetchall()


def _names_of_day(connection: duckdb.DuckDBPyConnection, day: int) -> Iterator[Hashes]:
    for window in _pieces(connection, day):
        questions = [
            f"select record_hash as hash from span_facts where started_at between {window}",
            f"select point_hash from point_facts where ended_at between {window}",
        ]
        for table in ("call_facts", "observation_facts"):
            questions += [
                f"select {alias} from {table} where started_at between {window} and {alias} is not null"
                for alias in _ALIASES
            ]
            questions += [
                f"select {name} from {table} where ingested_at between {window} and {name} is not null"
                f" and not started_at between {between(day * DAY_US, (day + 1) * DAY_US - 1)}"
                for name in _NAMES
            ]
        rows = connection.sql(" union all ".join(questions)).to_arrow_table()
        yield np.asarray(rows.column("hash").to_numpy(), np.uint64)


def _pieces(connection: duckdb.DuckDBPyConnection, day: int) -> list[str]:
    """A day in windows of time with not too many calls in each: a busy day has 50 million hashes."""
    window = between(day * DAY_US, (day + 1) * DAY_US - 1)
    ((calls,),) = connection.execute(f"select count(*) from call_facts where started_at between {window}").fetchall()
    count = 1 + int(calls) // PIECE_CALLS
    edges = [day * DAY_US + DAY_US * place // count for place in range(count + 1)]
    return [between(first, last - 1) for first, last in pairwise(edges)]


def nameless_of_day(connection: duckdb.DuckDBPyConnection, day: int) -> Iterator[Hashes] | None:
    """The likenesses of the anonymous records that touch a day; None where there are no records at all."""
    if _is_empty(connection, ("call_facts", "observation_facts")):
        return None
    return _nameless_of_day(connection, day)


def _nameless_of_day(connection: duckdb.DuckDBPyConnection, day: int) -> Iterator[Hashes]:
    window = between(day * DAY_US - STRETCH_US, (day + 1) * DAY_US + STRETCH_US)
    columns = ", ".join(name for name in ALIAS_COLUMNS)
    rows = connection.sql(
        " union all ".join(
            f"select {columns} from {table} where anonymous and fingerprint is not null"
            f" and (started_at between {window} or ended_at between {window})"
            for table in ("call_facts", "observation_facts")
        )
    ).to_arrow_table()
    aliases = Aliases.of(rows.append_column("dialect", pa.nulls(rows.num_rows, pa.string())))
    stood = keys_of(aliases).with_prints(aliases)
    yield np.asarray(stood.keys[stood.days == day])


def constant_ids(connection: duckdb.DuckDBPyConnection) -> Hashes:
    """The names that turned out to name no call."""
    rows = connection.sql("select name_hash from ledger.constant_ids").to_arrow_table()
    return np.asarray(rows.column("name_hash").to_numpy(), np.uint64)


def add_constant_ids(connection: duckdb.DuckDBPyConnection, names: Hashes) -> None:
    """Write such names down, in the transaction at hand."""
    connection.register("constant", pa.table({"name_hash": names}))
    connection.execute("insert into constant_ids select name_hash, now() from constant")
    connection.unregister("constant")


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
    return as_complete(hashes, complete, stored.column("hash").to_numpy(), np.column_stack([output, ended]))


def stored_of(connection: duckdb.DuckDBPyConnection, hashes: Hashes, started_us: Times) -> Hashes:
    """Which of these spans that are no calls are stored."""
    if not len(hashes):
        return hashes
    connection.register("asked", pa.table({"hash": hashes}))
    try:
        window = between(int(started_us.min()), int(started_us.max()))
        rows = connection.sql(
            f"select record_hash from span_facts join asked on record_hash = hash where started_at between {window}"
        ).to_arrow_table()
    finally:
        connection.unregister("asked")
    return np.asarray(rows.column("record_hash").to_numpy(), np.uint64)
