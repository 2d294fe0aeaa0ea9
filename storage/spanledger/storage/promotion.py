"""Promotion: a roll-up counts as a call if no call beneath it ever came.

An agent's span adds up what its calls used. Where the calls are told of, it is left out of every sum; where nobody
instruments them, it is all that is known. It is given time first, since the calls may arrive after it, and it gives way
when they come later still.
"""

from dataclasses import dataclass
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa

from spanledger.storage.questions import question
from spanledger.storage.schema import CALLS, COLUMNS, SPAN_COLUMNS, Batch, Hashes, Step, Times
from spanledger.storage.windows import DAY_US, between, windows
from spanledger.storage.writing import Added, Removed

SETTLE_US: Final = 600 * 1_000_000
"""How long a roll-up waits for the calls beneath it: exporters flush within seconds, a Collector's queue in minutes."""

HOUR_US: Final = 3600 * 1_000_000

_WINDOW: Final = "/* window */"

FLAG: Final = "roll_up"
"""Stands in `flags` of a call that is a promoted roll-up."""


@dataclass(frozen=True)
class Promotion:
    """What one look at the roll-ups will change, and whether that is worth a commit."""

    added: list[Added]
    removed: list[Removed]
    calls: int
    roll_ups: pa.Table
    given_way: Hashes
    until_us: int
    worth_it: bool


def plan_promotion(connection: duckdb.DuckDBPyConnection, now_us: int, price: Step) -> Promotion:
    """Decide which roll-ups become calls, and which calls were roll-ups in vain."""
    ((after,),) = connection.execute("select epoch_us(looked_until) from promotion_state").fetchall()
    until = max(after, now_us - SETTLE_US)
    calls = _alone(connection, after + 1, until, price)
    vain, started = _in_vain(connection, max(0, after - DAY_US), now_us + DAY_US)
    removed = [Removed("call_facts", "record_hash", vain, windows(started, 0))] if len(vain) else []
    return Promotion(
        added=[Added.of("call_facts", calls)] if calls.num_rows else [],
        removed=removed,
        calls=calls.num_rows - len(vain),
        roll_ups=calls.select(["record_hash", "tenant", "trace_id", "started_at", "ended_at"]),
        given_way=vain,
        until_us=until,
        worth_it=bool(calls.num_rows or len(vain) or until - after > HOUR_US),
    )


def _alone(connection: duckdb.DuckDBPyConnection, first_us: int, last_us: int, price: Step) -> Batch:
    """The roll-ups that arrived in a stretch of time and have no call beneath them, as calls."""
    if first_us > last_us:
        return CALLS.empty_table()
    roll_ups = connection.sql(_within("roll_ups", first_us, last_us)).to_arrow_table()
    if not roll_ups.num_rows:
        return CALLS.empty_table()
    started, ended = (roll_ups.column(name).cast(pa.int64()).to_numpy() for name in ("started_at", "ended_at"))
    connection.register("roll_ups", roll_ups)
    try:
        # A call beneath begins with its roll-up or after it; one that began long before has another around it.
        question = _within("roll_ups_alone", int(started.min()) - HOUR_US, int(ended.max()) + HOUR_US)
        alone = connection.sql(question).to_arrow_table()
    finally:
        connection.unregister("roll_ups")
    return price(_as_calls(alone)) if alone.num_rows else CALLS.empty_table()


def _in_vain(connection: duckdb.DuckDBPyConnection, first_us: int, last_us: int) -> tuple[Hashes, Times]:
    """Promoted roll-ups for which calls arrived in a stretch of time, and when they start."""
    if not connection.execute("select 1 from promotions limit 1").fetchall():
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    rows = connection.sql(_within("promoted_in_vain", first_us, last_us)).to_arrow_table()
    return rows.column("record_hash").to_numpy(), rows.column("started").to_numpy()


def _within(name: str, first_us: int, last_us: int) -> str:
    return question(name).replace(_WINDOW, between(first_us, last_us))


def note_promotion(connection: duckdb.DuckDBPyConnection, promotion: Promotion) -> None:
    """Write down what was promoted and how far was looked, in the transaction at hand."""
    connection.execute("update promotion_state set looked_until = make_timestamptz(?)", [promotion.until_us])
    connection.register("given_way", pa.table({"record_hash": promotion.given_way}))
    connection.register("promoted", promotion.roll_ups)
    connection.execute("delete from promotions where record_hash in (select record_hash from given_way)")
    connection.execute("insert into promotions by name select * from promoted")
    connection.unregister("given_way")
    connection.unregister("promoted")


def _as_calls(roll_ups: pa.Table) -> Batch:
    """Rows of spans as rows of calls, each under its own identity."""
    rows = roll_ups.num_rows
    own = {
        "call_id": roll_ups.column("record_hash"),
        "sources": roll_ups.column("dialect"),
        "revision": pa.array(np.zeros(rows, np.int32)),
        "anonymous": pa.array(np.zeros(rows, bool)),
        "flags": pa.array([_flagged(flags) for flags in roll_ups.column("flags").to_pylist()], pa.string()),
        "partial": pa.array(np.zeros(rows, bool)),
    }
    columns = []
    for name, kind in COLUMNS.items():
        if name in own or name in SPAN_COLUMNS:
            column = own[name] if name in own else roll_ups.column(name)
            columns.append(
                column.cast(pa.string()).dictionary_encode() if pa.types.is_dictionary(kind) else column.cast(kind)
            )
        else:
            columns.append(pa.nulls(rows, kind))
    return pa.table(columns, schema=CALLS).combine_chunks()


def _flagged(flags: str | None) -> str:
    return ",".join(sorted({*(flags or "").split(","), FLAG} - {""}))
