"""Merge: a batch of records becomes rows of the ledger, each call once.

Nearly every record is new and is told so by the filters in memory; only the others are looked up, and only those that
meet another record of their call are folded. What is found decides what is written: `plan` only reads, `write` runs
inside the caller's transaction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from spanledger.storage.dimensions import split
from spanledger.storage.filters import AliasFilters
from spanledger.storage.fold import as_batch, fold
from spanledger.storage.groups import connected, most_complete
from spanledger.storage.schema import DIMENSION_KEYS, DIMENSIONS, Batch, Step

DAY_US: Final = 86_400_000_000
NEAR_US: Final = 15 * 60 * 1_000_000
"""Records of one call from different emitters start within minutes of each other; the day around is tried after that."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_RECORDS: Final = """
    select call_id, span_hash, span_id, response_hash, response_id, started_at, ended_at, output_tokens
    from call_facts where revision = 0 and started_at between {window}
    union all
    select call_id, span_hash, span_id, response_hash, response_id, started_at, ended_at, output_tokens
    from observation_facts where started_at between {window}
"""


@dataclass(frozen=True)
class Plan:
    """What a batch will change: rows to add, calls to replace, and what each source said of those that several saw."""

    calls: Batch
    observations: Batch
    replaced: npt.NDArray[np.uint64]
    replaced_days: tuple[int, int]
    repeated: int
    joined: int

    @property
    def added(self) -> int:
        """How many calls more there will be; negative when a record shows that two were one."""
        return len(self.calls) - len(self.replaced)


@dataclass(frozen=True)
class _Aliases:
    """The columns of a batch by which records are matched, as numpy arrays; days since 1970."""

    span: npt.NDArray[np.uint64]
    response: npt.NDArray[np.uint64]
    named: npt.NDArray[np.bool_]
    started: npt.NDArray[np.int64]
    completeness: npt.NDArray[np.int64]

    @classmethod
    def of(cls, batch: Batch) -> "_Aliases":
        response = batch.column("response_hash")
        return cls(
            span=batch.column("span_hash").to_numpy(),
            response=response.fill_null(0).to_numpy(),
            named=response.is_valid().to_numpy(),
            started=batch.column("started_at").cast(pa.int64()).to_numpy(),
            completeness=_completeness(batch.column("output_tokens"), batch.column("ended_at").cast(pa.int64())),
        )

    @property
    def days(self) -> npt.NDArray[np.int64]:
        return self.started // DAY_US


def _completeness(output_tokens: pa.ChunkedArray, ended_us: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Two columns by which records of one span are compared: the greatest output, then the latest end. -1 for unknown."""
    return np.column_stack([output_tokens.fill_null(-1).to_numpy(), ended_us.fill_null(-1).to_numpy()])


def plan(
    connection: duckdb.DuckDBPyConnection, batch: Batch, filters: AliasFilters, ranks: Mapping[str, int], price: Step
) -> Plan:
    """Decide what becomes of each record of `batch`. `price` is run on the rows that will be written, and only those."""
    aliases = _Aliases.of(batch)
    suspects = np.flatnonzero(_shared(aliases) | _perhaps_known(aliases, filters))
    if not len(suspects):
        return Plan(price(batch), batch.slice(0, 0), np.zeros(0, np.uint64), (0, 0), 0, 0)
    fresh = np.ones(batch.num_rows, bool)
    fresh[suspects] = False

    kept = suspects[most_complete(aliases.span[suspects], aliases.completeness[suspects])]
    matches = _same_span(connection, batch, aliases, kept)
    resent = _stored_is_as_complete(matches, aliases.completeness[kept])
    matches = matches.filter(pc.invert(pa.array(resent).take(matches.column("place"))))
    moved = np.cumsum(~resent) - 1
    matches = matches.set_column(0, "place", pa.array(moved[matches.column("place").to_numpy()]))
    kept = kept[~resent]
    matches = pa.concat_tables([matches, _same_response(connection, batch, aliases, kept)])

    labels, calls = _grouped(aliases, kept, matches)
    alone = np.bincount(labels, minlength=len(labels))[labels] == 1
    fresh[kept[alone[: len(kept)]]] = True
    together = np.flatnonzero(~alone[: len(kept)])
    repeated = len(suspects) - len(kept)
    new = batch.filter(pa.array(fresh)) if not fresh.all() else batch
    if not len(together):
        return Plan(price(new), batch.slice(0, 0), np.zeros(0, np.uint64), (0, 0), repeated, 0)

    arrived = batch.take(pa.array(kept[together])).append_column("call_group", pa.array(labels[together]))
    stored, window = _stored(connection, calls, labels[len(kept) :], matches)
    # A record that came again more complete takes the place of its earlier self.
    superseded = pc.is_in(stored.column("span_hash"), pc.unique(arrived.column("span_hash")))
    records = pa.concat_tables([_plain(arrived), stored.filter(pc.invert(superseded))])
    folded, groups = fold(connection, records, ranks)
    return Plan(
        calls=price(pa.concat_tables([new, folded]).unify_dictionaries().combine_chunks()),
        observations=_observations(records, folded, groups),
        replaced=calls,
        replaced_days=window,
        repeated=repeated,
        joined=len(together),
    )


def write(connection: duckdb.DuckDBPyConnection, planned: Plan, known: Mapping[str, set[int]]) -> dict[str, list[int]]:
    """Write a plan in the transaction at hand; returns the dimension keys that it added, for `known` after the commit."""
    if len(planned.replaced):
        connection.register("replaced", pa.table({"call_id": planned.replaced}))
        for table in ("call_facts", "observation_facts"):
            connection.execute(
                f"delete from {table} where call_id in (select call_id from replaced) and started_at between {_between(*planned.replaced_days)}"
            )
        connection.unregister("replaced")
    added: dict[str, list[int]] = {name: [] for name in DIMENSIONS}
    for table, batch in (("call_facts", planned.calls), ("observation_facts", planned.observations)):
        if not batch.num_rows:
            continue
        facts, rows = split(batch)
        for dimension, values in rows.items():
            missing = [key for key in values if key not in known[dimension] and key not in added[dimension]]
            if missing:
                _add_dimension_rows(connection, dimension, {key: values[key] for key in missing})
                added[dimension] += missing
        connection.register("incoming", facts)
        connection.execute(f"insert into {table} by name from incoming")
        connection.unregister("incoming")
    return added


def remember(planned: Plan, filters: AliasFilters) -> None:
    """Tell the filters what a committed plan added."""
    for batch in (planned.calls, planned.observations):
        if batch.num_rows:
            aliases = _Aliases.of(batch)
            filters.add(aliases.span, aliases.days)
            filters.add(aliases.response[aliases.named], aliases.days[aliases.named])


def _shared(aliases: _Aliases) -> npt.NDArray[np.bool_]:
    """Records that share an alias with another of the same batch."""
    names = np.concatenate([aliases.span, aliases.response[aliases.named]])
    rows = np.concatenate([np.arange(len(aliases.span)), np.flatnonzero(aliases.named)])
    in_order = np.sort(names)
    twice = in_order[1:][in_order[1:] == in_order[:-1]]
    shared = np.zeros(len(aliases.span), bool)
    if len(twice):
        shared[rows[np.isin(names, twice)]] = True
    return shared


def _perhaps_known(aliases: _Aliases, filters: AliasFilters) -> npt.NDArray[np.bool_]:
    days, named = aliases.days, aliases.named
    hit = filters.may_contain(aliases.span, days)
    hit[named] |= filters.may_contain(aliases.response[named], days[named], around=True)
    return hit


def _same_span(
    connection: duckdb.DuckDBPyConnection, batch: Batch, aliases: _Aliases, rows: npt.NDArray[np.int64]
) -> pa.Table:
    """Stored records of the very spans in `rows`; `place` is the position in `rows`."""
    found = []
    for day in np.unique(aliases.days[rows]):
        at = np.flatnonzero(aliases.days[rows] == day)
        started = aliases.started[rows[at]]
        found.append(_match(connection, batch, rows, at, "span", int(started.min()), int(started.max())))
    return pa.concat_tables(found)


def _same_response(
    connection: duckdb.DuckDBPyConnection, batch: Batch, aliases: _Aliases, rows: npt.NDArray[np.int64]
) -> pa.Table:
    """Stored records with the response ids of `rows`: near in time first, then across the day around."""
    found = [_NO_MATCH]
    named = np.flatnonzero(aliases.named[rows])
    for day in np.unique(aliases.days[rows[named]]):
        at = named[aliases.days[rows[named]] == day]
        for reach in (NEAR_US, DAY_US):
            if not len(at):
                break
            started = aliases.started[rows[at]]
            matched = _match(
                connection, batch, rows, at, "response", int(started.min()) - reach, int(started.max()) + reach
            )
            found.append(matched)
            at = np.setdiff1d(at, matched.column("place").to_numpy())
    return pa.concat_tables(found)


_NO_MATCH: Final = pa.table(
    {
        "place": pa.array([], pa.int64()),
        "call_id": pa.array([], pa.uint64()),
        "started": pa.array([], pa.int64()),
        "ended": pa.array([], pa.int64()),
        "output_tokens": pa.array([], pa.int64()),
    }
)


def _match(
    connection: duckdb.DuckDBPyConnection, batch: Batch, rows: npt.NDArray[np.int64], at: npt.NDArray[np.int64], alias: str,
    first_us: int, last_us: int,
) -> pa.Table:  # fmt: skip
    """Stored records within a window of time that share `alias` with rows[at]: the hash, and the id itself to be exact."""
    picked = pa.array(rows[at])
    probe = pa.table(
        {
            "place": pa.array(at),
            "hash": batch.column(f"{alias}_hash").take(picked),
            "id": batch.column(f"{alias}_id").take(picked),
        }
    )
    connection.register("probe", probe)
    try:
        return connection.execute(
            f"""
            with records as ({_RECORDS.format(window=_between(first_us, last_us))})
            select probe.place, records.call_id, epoch_us(records.started_at) as started,
                   epoch_us(records.ended_at) as ended, records.output_tokens
            from records join probe on records.{alias}_hash = probe.hash and records.{alias}_id = probe.id
            """
        ).to_arrow_table()
    finally:
        connection.unregister("probe")


def _between(first_us: int, last_us: int) -> str:
    """A window of time as SQL literals: parameters would keep DuckDB from skipping row groups."""
    first, last = (_EPOCH + timedelta(microseconds=us) for us in (first_us, last_us))
    return f"timestamptz '{first.isoformat()}' and timestamptz '{last.isoformat()}'"


def _stored_is_as_complete(
    matches: pa.Table, completeness: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """For each place whether a stored record of its span is at least as complete: then it was only sent again."""
    place = matches.column("place").to_numpy()
    stored = _completeness(matches.column("output_tokens"), matches.column("ended"))
    output, ended = completeness[place, 0], completeness[place, 1]
    enough = (stored[:, 0] > output) | ((stored[:, 0] == output) & (stored[:, 1] >= ended))
    result = np.zeros(len(completeness), bool)
    result[place[enough]] = True
    return result


def _grouped(
    aliases: _Aliases, kept: npt.NDArray[np.int64], matches: pa.Table
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
    """Labels for the kept records and, behind them, for the stored calls that any of them met."""
    calls, call_of = np.unique(matches.column("call_id").to_numpy(), return_inverse=True)
    node = len(kept) + np.arange(len(calls))
    named = np.flatnonzero(aliases.named[kept])
    in_batch = np.column_stack([named.astype(np.uint64), aliases.response[kept[named]]])
    to_stored = np.column_stack([matches.column("place").to_numpy(), call_of])
    own = np.column_stack([node, np.arange(len(calls))])
    labels = connected(len(kept) + len(calls), [in_batch, np.concatenate([to_stored, own])])
    return labels, calls


def _stored(
    connection: duckdb.DuckDBPyConnection,
    calls: npt.NDArray[np.uint64],
    labels: npt.NDArray[np.int64],
    matches: pa.Table,
) -> tuple[pa.Table, tuple[int, int]]:
    """All stored records of `calls` with their group, and the window of time that holds the calls and the records."""
    if not len(calls):
        return _plain(as_batch(pa.table({"call_id": pa.array([], pa.uint64())}))).append_column(
            "call_group", pa.array([], pa.int64())
        ), (0, 0)
    started = matches.column("started").to_numpy()
    # Records of one call lie within a day of each other: that is how they were joined.
    window = (int(started.min()) - DAY_US, int(started.max()) + DAY_US)
    connection.register("wanted", pa.table({"call_id": calls, "call_group": labels}))
    try:
        rows = connection.execute(
            f"""
            select records.*, wanted.call_group from call_records as records join wanted using (call_id)
            where records.revision = 0 and records.started_at between {_between(*window)}
            union all by name
            select records.*, wanted.call_group from observation_records as records join wanted using (call_id)
            where records.started_at between {_between(*window)}
            """
        ).to_arrow_table()
    finally:
        connection.unregister("wanted")
    return _plain(as_batch(rows)).append_column("call_group", rows.column("call_group")), window


def _plain(rows: pa.Table) -> pa.Table:
    """Texts instead of dictionaries, so that tables with different dictionaries go together."""
    return pa.table(
        {
            name: column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
            for name, column in zip(rows.column_names, rows.columns, strict=True)
        }
    )


def _observations(records: pa.Table, folded: Batch, groups: npt.NDArray[np.int64]) -> Batch:
    """The records of those calls that several records tell of, under the id of their call."""
    order = np.argsort(groups)
    place = order[np.searchsorted(groups[order], records.column("call_group").to_numpy())]
    several = folded.column("revision").to_numpy()[place] > 0
    rows = records.drop_columns(["call_group"]).set_column(0, "call_id", folded.column("call_id").take(pa.array(place)))
    return as_batch(rows.filter(pa.array(several)))


def _add_dimension_rows(
    connection: duckdb.DuckDBPyConnection, dimension: str, rows: Mapping[int, tuple[str | None, ...]]
) -> None:
    columns: dict[str, Any] = {DIMENSION_KEYS[dimension]: pa.array(list(rows), pa.uint64())}
    for place, name in enumerate(DIMENSIONS[dimension]):
        columns[name] = pa.array([values[place] for values in rows.values()], pa.string())
    connection.register("incoming", pa.table(columns))
    connection.execute(f"insert into {dimension} by name from incoming")
    connection.unregister("incoming")
