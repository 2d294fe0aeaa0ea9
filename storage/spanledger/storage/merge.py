"""Merge: a batch of records becomes rows of the ledger, each call once.

Nearly every record is new and is told so by the filters in memory; only the others are looked up, and only those that
meet another record of their call are folded. What is found decides what is written: `plan` only reads and does all that
needs the interpreter, `write` runs inside the caller's transaction and hardly needs it, so that the next batch can be
planned meanwhile.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
from spanledger.storage.windows import DAY_US, between

NEAR_US: Final = 15 * 60 * 1_000_000
"""Records of one call from different emitters start within minutes of each other; the day around is tried then."""

_NO_CALLS: Final = np.zeros(0, np.uint64)
_RECORDS: Final = """
    select call_id, span_hash, span_id, response_hash, response_id, started_at, ended_at, output_tokens
    from call_facts where revision = 0 and started_at between {window}
    union all
    select call_id, span_hash, span_id, response_hash, response_id, started_at, ended_at, output_tokens
    from observation_facts where started_at between {window}
"""


@dataclass(frozen=True)
class Rows:
    """Rows to add to a table: narrow, and the dimension rows that they refer to, by dimension and key."""

    table: str
    facts: pa.Table
    dimensions: Mapping[str, Mapping[int, tuple[str | None, ...]]]

    @classmethod
    def of(cls, table: str, batch: Batch) -> "Rows":
        """The narrow rows of a batch."""
        return cls(table, *split(batch))


@dataclass(frozen=True)
class Plan:
    """What a batch will change: rows to add, and calls to replace.

    `replaced_between` is the window of `started_at` in which the replaced calls lie, in microseconds since 1970;
    `repeated` counts the records that were there already, `joined` those that tell of a call with others.
    """

    added: Sequence[Rows]
    calls: int
    replaced: npt.NDArray[np.uint64]
    replaced_between: tuple[int, int]
    repeated: int
    joined: int


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
    """By which records of one span are compared: the greatest output, then the latest end; -1 for unknown."""
    return np.column_stack([output_tokens.fill_null(-1).to_numpy(), ended_us.fill_null(-1).to_numpy()])


def plan(
    connection: duckdb.DuckDBPyConnection,
    batch: Batch,
    filters: AliasFilters,
    ranks: Mapping[str, int],
    price: Step,
    settled: Callable[[], object],
) -> Plan:
    """Decide what becomes of each record of `batch`, and tell the filters of what will be added.

    `price` is run on the rows that will be written, and only those. `settled` is called before the ledger is asked: it
    waits until all that was planned before is committed.
    """
    aliases = _Aliases.of(batch)
    suspects = np.flatnonzero(_shared(aliases) | _perhaps_known(aliases, filters))
    if len(suspects):
        settled()
        planned, records = _plan_with_suspects(connection, batch, aliases, suspects, ranks, price)
        for told in records:
            _remember(_Aliases.of(told), filters)
        return planned
    _remember(aliases, filters)
    rows = [Rows.of("call_facts", price(batch))] if len(aliases.span) else []
    return Plan(rows, len(aliases.span), _NO_CALLS, (0, 0), 0, 0)


def _plan_with_suspects(
    connection: duckdb.DuckDBPyConnection,
    batch: Batch,
    aliases: _Aliases,
    suspects: npt.NDArray[np.int64],
    ranks: Mapping[str, int],
    price: Step,
) -> tuple[Plan, Sequence[Batch]]:
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
        rows = [Rows.of("call_facts", price(new))] if new.num_rows else []
        return Plan(rows, new.num_rows, _NO_CALLS, (0, 0), repeated, 0), [new]

    arrived = batch.take(pa.array(kept[together])).append_column("call_group", pa.array(labels[together]))
    stored, window = _stored(connection, calls, labels[len(kept) :], matches)
    # A record that came again more complete takes the place of its earlier self.
    superseded = pc.is_in(stored.column("span_hash"), pc.unique(arrived.column("span_hash")))
    records = pa.concat_tables([_plain(arrived), stored.filter(pc.invert(superseded))])
    folded, groups = fold(connection, records, ranks)
    written = price(pa.concat_tables([new, folded]).unify_dictionaries().combine_chunks())
    observations = _observations(records, folded, groups)
    planned = Plan(
        added=[
            Rows.of(table, rows)
            for table, rows in (("call_facts", written), ("observation_facts", observations))
            if rows.num_rows
        ],
        calls=written.num_rows - len(calls),
        replaced=calls,
        replaced_between=window,
        repeated=repeated,
        joined=len(together),
    )
    return planned, [written, observations]


def write(
    connection: duckdb.DuckDBPyConnection, planned: Plan, known: Mapping[str, set[int]]
) -> Mapping[str, set[int]]:
    """Write a plan in the transaction at hand; returns the dimension keys it added, for `known` after the commit."""
    if len(planned.replaced):
        connection.register("replaced", pa.table({"call_id": planned.replaced}))
        for table in ("call_facts", "observation_facts"):
            connection.execute(
                f"delete from {table} where call_id in (select call_id from replaced)"
                f" and started_at between {between(*planned.replaced_between)}"
            )
        connection.unregister("replaced")
    added: dict[str, set[int]] = {name: set() for name in DIMENSIONS}
    for rows in planned.added:
        for dimension, values in rows.dimensions.items():
            missing = values.keys() - known[dimension] - added[dimension]
            if missing:
                _add_dimension_rows(connection, dimension, {key: values[key] for key in missing})
                added[dimension] |= missing
        connection.register("incoming", rows.facts)
        connection.execute(f"insert into {rows.table} by name from incoming")
        connection.unregister("incoming")
    return added


def _remember(aliases: _Aliases, filters: AliasFilters) -> None:
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
    connection: duckdb.DuckDBPyConnection,
    batch: Batch,
    rows: npt.NDArray[np.int64],
    at: npt.NDArray[np.int64],
    alias: str,
    first_us: int,
    last_us: int,
) -> pa.Table:
    """Stored records in a window of time that share `alias` with rows[at]: its hash, and to be exact the id itself."""
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
        return connection.sql(
            f"""
            with records as ({_RECORDS.format(window=between(first_us, last_us))})
            select probe.place, records.call_id, epoch_us(records.started_at) as started,
                   epoch_us(records.ended_at) as ended, records.output_tokens
            from records join probe on records.{alias}_hash = probe.hash and records.{alias}_id = probe.id
            """
        ).to_arrow_table()
    finally:
        connection.unregister("probe")


def _stored_is_as_complete(matches: pa.Table, completeness: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
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
        rows = connection.sql(
            f"""
            select records.*, wanted.call_group from call_records as records join wanted using (call_id)
            where records.revision = 0 and records.started_at between {between(*window)}
            union all by name
            select records.*, wanted.call_group from observation_records as records join wanted using (call_id)
            where records.started_at between {between(*window)}
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
