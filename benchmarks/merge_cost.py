"""What a merge costs in a ledger of 1, 10 and 50 million calls, half of them on one day."""

import shutil
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks.figure import Figure, Session
from benchmarks.workload import Workload
from spanledger.processors.identify import identify
from spanledger.processors.normalise import Sender
from spanledger.processors.pipeline import Group, process
from spanledger.storage.ledger import Ledger
from spanledger.storage.opening import FILE_NAME, ROW_GROUP_ROWS, STORAGE_VERSION
from spanledger.storage.schema import Arrivals, Batch, Hashes, Ranks

SIZES: Final = (1_000_000, 10_000_000, 50_000_000)
BATCH: Final = 8192
BATCHES: Final = 15
GROWTH_MAX: Final = 1.5
COLD_MS: Final = 12
"""How much dearer a batch may be with fifty times the calls: the noise of a shared machine, or what it takes to read a
few blocks from a file that memory does not hold any more."""

DAY_US: Final = 86_400_000_000
BUSY_DAY: Final = 20_500
"""Half of the calls start on this day (days since 1970), evenly; the others on 300 days before it."""
SPREAD: Final = 11_400_714_819_323_198_485
"""An odd number near 2^64 over the golden ratio: its multiples are 64-bit hashes that SQL and numpy agree on."""

_FILL: Final = f"""
    insert into big.call_facts by name
    select sample.* replace (
        (i * {SPREAD} % 18446744073709551616)::ubigint as record_hash,
        ((i + {{rows}}) * {SPREAD} % 18446744073709551616)::ubigint as response_hash,
        ((i + {{rows}}) * {SPREAD} % 18446744073709551616)::ubigint as call_id,
        printf('%032x', i) as trace_id,
        printf('%016x', i) as span_id,
        printf('chatcmpl-%d', i) as response_id,
        make_timestamptz({{started}}) as started_at,
        make_timestamptz({{started}} + 1500000) as ended_at,
        make_timestamptz({{started}} + 2000000) as ingested_at,
        1 + (i + {{rows}}) % 20000 as input_tokens,
        (i + {{rows}}) % 3000 as output_tokens
    )
    from (select unnest(range({{first}}, {{last}}))::uhugeint as i), (select * from big.call_facts limit 1) as sample
"""


class _Times(NamedTuple):
    """Milliseconds a batch, by kind, and what the first batch after a start took."""

    new: float
    again: float
    other: float
    first: float


def measure(session: Session) -> list[Figure]:
    """Fill a ledger of each size with SQL, then merge batches into it as the server does."""
    figures = []
    base: _Times | None = None
    for size in SIZES[: 2 if session.quick else 3]:
        folder = session.folder / f"merge-{size}"
        fill(folder, size)
        session.say(f"a ledger of {size:,} calls is filled")
        times = _times(folder, size)
        base = base or times
        session.say(f"{size:,}: {times}")
        shutil.rmtree(folder)
        flat = all(now <= max(GROWTH_MAX * was, was + COLD_MS) for now, was in zip(times[:3], base[:3], strict=True))
        figures.append(
            Figure(
                f"a batch of {BATCH:,} records into {size:,} calls, half of them on one day",
                f"no dearer than into {SIZES[0]:,}" if times is not base else "(reported)",
                f"new {times.new:.0f} ms, sent again {times.again:.0f} ms, of another emitter {times.other:.0f} ms",
                None if times is base else flat,
                f"median of {BATCHES} batches on the busy day, plan and commit;"
                f" {times.first:.1f} s for the first one after a start, which fills the day's filter",
            )
        )
    return figures


def fill(folder: Path, rows: int) -> None:
    """A ledger of `rows` calls in `folder`, made by SQL from one real call."""
    ledger = Ledger.open(folder)
    ledger.merge(_batch().slice(0, 1), price=_unpriced, ranks=Ranks({}))
    ledger.close()
    connection = duckdb.connect(":memory:", config={"threads": 2})
    connection.execute("set TimeZone = 'UTC'")
    connection.execute(f"attach '{folder / FILE_NAME}' as big (storage_version '{STORAGE_VERSION}')")
    busy = rows // 2
    half = DAY_US * BUSY_DAY
    for first in range(0, rows, 256 * ROW_GROUP_ROWS):
        last = min(rows, first + 256 * ROW_GROUP_ROWS)
        for start, stop, began, span_us in (
            (first, min(last, rows - busy), half - 300 * DAY_US, 300 * DAY_US // (rows - busy)),
            (max(first, rows - busy), last, half, DAY_US // busy),
        ):
            if start < stop:
                origin = 0 if began != half else rows - busy
                started = f"({began} + (i::bigint - {origin}) * {span_us})"
                connection.execute(_FILL.format(rows=rows, first=start, last=stop, started=started))
    connection.execute("update big.ledger_state set calls = (select count(*) from big.call_facts)")
    connection.close()


def _times(folder: Path, rows: int) -> _Times:
    ledger = Ledger.open(folder)
    try:
        fresh = _new(rows)
        earliest = next(fresh)
        began = time.perf_counter()
        _merge(ledger, earliest)
        first = time.perf_counter() - began
        new = _median_ms(ledger, fresh)
        return _Times(new, _median_ms(ledger, _again(ledger, rows)), _median_ms(ledger, _other(rows)), first)
    finally:
        ledger.close()


def _median_ms(ledger: Ledger, batches: Iterator[Batch]) -> float:
    times = []
    for _, batch in zip(range(BATCHES), batches, strict=False):
        began = time.perf_counter()
        _merge(ledger, batch)
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


def _merge(ledger: Ledger, batch: Batch) -> None:
    """As the server does it: first what was sent again is left out, then the rest is planned and committed."""
    hashes, started = batch.column("record_hash").to_numpy(), batch.column("started_at").cast(pa.int64()).to_numpy()
    perhaps = ledger.perhaps_stored(hashes, started)
    if perhaps.any():
        complete = np.column_stack(
            [batch.column("output_tokens").to_numpy(), batch.column("ended_at").cast(pa.int64()).to_numpy()]
        )
        perhaps[perhaps] = ledger.repeats(hashes[perhaps], started[perhaps], complete[perhaps])
        batch = batch.filter(pa.array(~perhaps))
    ledger.commit(ledger.plan(Arrivals.of_calls(batch), price=_unpriced, ranks=Ranks({})))


def _unpriced(batch: Batch) -> Batch:
    return batch


def _batch() -> Batch:
    """A batch of real calls, to be told apart by other hashes and times."""
    bodies = [Workload(512, 1_800_000_000_000_000_000).request(number) for number in range(BATCH // 512)]
    group = Group("traces", bodies, [Sender("default", "")] * len(bodies), np.arange(len(bodies)))
    return process([group], 1_800_000_000_000_000, (identify,)).calls


def _new(rows: int) -> Iterator[Batch]:
    """Calls that the ledger does not have, on the busy day."""
    template = _batch()
    for turn in range(BATCHES + 1):
        numbers = 4 * rows + turn * BATCH + np.arange(BATCH)
        yield _as(template, numbers, _on_busy_day(rows, turn), numbers + rows)


def _again(ledger: Ledger, rows: int) -> Iterator[Batch]:
    """Calls that it has, word for word."""
    template = _batch()
    for turn in range(BATCHES):
        numbers = _stored(rows, turn)
        yield _as(template, numbers, _started(rows, numbers), numbers + rows)


def _other(rows: int) -> Iterator[Batch]:
    """What another emitter tells of calls that it has."""
    template = _batch()
    for turn in range(BATCHES):
        numbers = _stored(rows, turn + BATCHES)
        yield _as(template, 8 * rows + numbers, _started(rows, numbers) + 1000, numbers + rows)


def _stored(rows: int, turn: int) -> npt.NDArray[np.int64]:
    """The numbers of calls of the busy day that stand together, somewhere in it."""
    first = rows - rows // 2 + (turn + 1) * (rows // 2 - BATCH) // (2 * BATCHES + 2)
    return np.arange(first, first + BATCH)


def _started(rows: int, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return DAY_US * BUSY_DAY + (numbers - (rows - rows // 2)) * (DAY_US // (rows // 2))


def _on_busy_day(rows: int, turn: int) -> npt.NDArray[np.int64]:
    return _started(rows, _stored(rows, turn)) + 1


def _hashes(numbers: npt.NDArray[np.int64]) -> Hashes:
    return numbers.astype(np.uint64) * np.uint64(SPREAD)


def _as(
    template: Batch, records: npt.NDArray[np.int64], started: npt.NDArray[np.int64], names: npt.NDArray[np.int64]
) -> Batch:
    columns = {
        "record_hash": _hashes(records),
        "response_hash": _hashes(names),
        "call_id": _hashes(names),
        "started_at": pa.array(started).cast(pa.timestamp("us", "UTC")),
        "ended_at": pa.array(started + 1_500_000).cast(pa.timestamp("us", "UTC")),
        "ingested_at": pa.array(started + 2_000_000).cast(pa.timestamp("us", "UTC")),
        "input_tokens": pa.array(1 + names % 20000),
        "output_tokens": pa.array(names % 3000),
    }
    for name, values in columns.items():
        at = template.schema.get_field_index(name)
        template = template.set_column(at, template.schema.field(at), pa.array(values))
    return template
