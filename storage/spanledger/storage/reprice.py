"""Reprice: stored calls are priced again, on purpose, with the difference shown first.

The calls are gone through in stretches of time, each changed in a transaction of its own: a run that is killed leaves
every call either as it was or as it will be, and a second run goes on with the rest. A call that costs what it cost is
not touched. Only the columns that say what a call cost are written, in place; `reported_cost_usd` is not among them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple
from uuid import UUID, uuid4

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from spanledger.storage.fold import as_batch
from spanledger.storage.ledger import Ledger
from spanledger.storage.questions import question
from spanledger.storage.reader import Reader
from spanledger.storage.schema import COSTS, DIMENSIONS, Batch, Step
from spanledger.storage.windows import between
from spanledger.storage.writing import Added, add_dimensions

ROWS_MAX: Final = 20_000
"""Calls that one transaction looks at, about: it takes 0.1 s, during which nothing else is written."""

_BUCKET_US: Final = 60_000_000
"""A minute, as the question `reprice_buckets` has it."""
_CALL_IDS: Final = 1 << 64
_EVER: Final = (0, 7_258_118_400_000_000)
"""1970 to 2200."""

_DECIDING: Final = (*COSTS, "cost_basis", "price_status")
"""The columns by which a call's cost is another one; how it was found is then written with it."""
_WRITTEN: Final = ("model_key", *COSTS)
_SUM: Final = pa.decimal128(38, 12)
_SELECTED: Final = "/* selected */ true"
_IDS: Final = "/* ids */ true"
_WINDOW: Final = "/* window */"


@dataclass(frozen=True)
class Selection:
    """Which calls are priced again: from a time on, before a time (microseconds since 1970), of a model, of a tenant.

    `model` may hold `*` and is compared with the request's and the response's model, without regard to case.
    """

    since_us: int | None = None
    until_us: int | None = None
    model: str | None = None
    tenant: str | None = None


class Stretch(NamedTuple):
    """Some of the selected calls: a stretch of time, both ends included, and of that a range of call ids."""

    first_us: int
    last_us: int
    first_id: int
    last_id: int
    calls: int


class Shift(NamedTuple):
    """What becomes of the calls of one model whose cost changes: how many, their cost, and how many have none."""

    provider: str | None
    model: str | None
    calls: int
    before_usd: Decimal
    after_usd: Decimal
    unpriced_before: int
    unpriced_after: int

    def plus(self, other: "Shift") -> "Shift":
        """Add up with another shift of the same model."""
        return Shift(
            self.provider,
            self.model,
            self.calls + other.calls,
            self.before_usd + other.before_usd,
            self.after_usd + other.after_usd,
            self.unpriced_before + other.unpriced_before,
            self.unpriced_after + other.unpriced_after,
        )


@dataclass(frozen=True)
class Difference:
    """What pricing again changes: of `calls` that were looked at, the `shifts` by model."""

    calls: int
    shifts: tuple[Shift, ...]

    @property
    def changed(self) -> int:
        """How many calls cost something else than before."""
        return sum(shift.calls for shift in self.shifts)

    @property
    def before_usd(self) -> Decimal:
        """What those calls cost before."""
        return sum((shift.before_usd for shift in self.shifts), Decimal(0))

    @property
    def after_usd(self) -> Decimal:
        """What they cost after."""
        return sum((shift.after_usd for shift in self.shifts), Decimal(0))

    def __add__(self, other: "Difference") -> "Difference":
        shifts = {one[:2]: one for one in self.shifts}
        for one in other.shifts:
            shifts[one[:2]] = shifts[one[:2]].plus(one) if one[:2] in shifts else one
        return Difference(self.calls + other.calls, tuple(shifts.values()))


NOTHING: Final = Difference(0, ())


class Terms(NamedTuple):
    """By what the calls are priced, for the audit.

    `known` is 'now' or 'then'; `catalogue_id` is None where each call has the one of its time.
    """

    known: str
    catalogue_id: str | None


def stretches(ledger: Ledger, selection: Selection) -> list[Stretch]:
    """The selected calls in stretches that one transaction can hold, oldest first. Raises LedgerUnavailable."""
    window = between(*_limits(selection))
    with ledger.reader() as reader:
        buckets = reader.query(_selecting("reprice_buckets", reader, selection).replace(_WINDOW, window)).to_pylist()
    return list(_stretches([(row["minute"], row["calls"]) for row in buckets], *_limits(selection)))


def preview(ledger: Ledger, selection: Selection, stretch: Stretch, price: Step) -> Difference:
    """What pricing one stretch again would change. Raises LedgerUnavailable."""
    with ledger.reader() as reader:
        return _look(reader, selection, stretch, price).difference


class Repricing:
    """One run that writes, and its row in `reprices`, which is there as soon as anything has changed."""

    def __init__(self, ledger: Ledger, selection: Selection, terms: Terms, price: Step) -> None:
        self._ledger = ledger
        self._selection = selection
        self._terms = terms
        self._price = price
        self._id: UUID | None = None

    def write(self, stretch: Stretch) -> Difference:
        """Price one stretch again, durably; returns what that changed. Raises LedgerUnavailable.

        It is looked at first while others write: only what will change holds them up.
        """
        ahead = preview(self._ledger, self._selection, stretch, self._price)
        if not ahead.changed:
            return ahead
        done = NOTHING

        def change(connection: duckdb.DuckDBPyConnection, known: Mapping[str, set[int]]) -> Mapping[str, set[int]]:
            nonlocal done
            found = _look(Reader(connection, None), self._selection, stretch, self._price)
            new: dict[str, set[int]] = {name: set() for name in DIMENSIONS}
            rows = Added.of("call_facts", found.rows)
            add_dimensions(connection, rows, known, new)
            _update(connection, rows.facts, stretch)
            self._note(connection, found.difference)
            done = found.difference
            return new

        self._ledger.change(change)
        return done

    def finish(self) -> None:
        """Write down that the run went through to its end. Raises LedgerUnavailable."""
        if self._id is None:
            return

        def change(connection: duckdb.DuckDBPyConnection, _: object) -> Mapping[str, set[int]]:
            connection.execute("update reprices set finished_at = now() where reprice_id = ?", [self._id])
            return {}

        self._ledger.change(change)

    def _note(self, connection: duckdb.DuckDBPyConnection, done: Difference) -> None:
        if self._id is None:
            self._id = uuid4()
            wanted = self._selection
            connection.execute(
                "insert into reprices values"
                " (?, now(), null, ?, ?, make_timestamptz(?), make_timestamptz(?), ?, ?, 0, 0, 0)",
                [self._id, *self._terms, wanted.since_us, wanted.until_us, wanted.model, wanted.tenant],
            )
        connection.execute(
            "update reprices set calls = calls + ?, cost_before_usd = cost_before_usd + ?,"
            " cost_after_usd = cost_after_usd + ? where reprice_id = ?",
            [done.changed, done.before_usd, done.after_usd, self._id],
        )


class _Found(NamedTuple):
    rows: Batch
    difference: Difference


def _look(reader: Reader, selection: Selection, stretch: Stretch, price: Step) -> _Found:
    """The calls of a stretch whose cost changes, priced again, and what that comes to."""
    text = _selecting("reprice_calls", reader, selection).replace(_WINDOW, between(stretch.first_us, stretch.last_us))
    ids = f"call_id between {stretch.first_id} and {stretch.last_id}"
    stored = as_batch(reader.query(text.replace(_IDS, ids)))
    if not stored.num_rows:
        return _Found(stored, NOTHING)
    priced = price(stored).combine_chunks()
    changed = _differing(stored, priced)
    before, after = stored.filter(changed), priced.filter(changed)
    return _Found(after, Difference(stored.num_rows, _shifts(before, after)))


def _differing(stored: Batch, priced: Batch) -> pa.Array:
    differs = pa.array([False] * stored.num_rows)
    for name in _DECIDING:
        before, after = (_plain(batch.column(name)) for batch in (stored, priced))
        unlike = pc.if_else(
            pc.and_(pc.is_valid(before), pc.is_valid(after)),
            pc.fill_null(pc.not_equal(before, after), False),
            pc.xor(pc.is_valid(before), pc.is_valid(after)),
        )
        differs = pc.or_(differs, unlike)
    return differs.combine_chunks() if isinstance(differs, pa.ChunkedArray) else differs


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def _shifts(before: Batch, after: Batch) -> tuple[Shift, ...]:
    model = pc.coalesce(_plain(before.column("response_model")), _plain(before.column("request_model")))
    rows = pa.table(
        {
            "provider": _plain(before.column("provider")),
            "model": model,
            "before": before.column("cost_usd").cast(_SUM),
            "after": after.column("cost_usd").cast(_SUM),
        }
    )
    sums = [("before", "sum"), ("after", "sum"), ("before", "count"), ("after", "count"), ([], "count_all")]
    return tuple(
        Shift(
            row["provider"],
            row["model"],
            row["count_all"],
            row["before_sum"] or Decimal(0),
            row["after_sum"] or Decimal(0),
            row["count_all"] - row["before_count"],
            row["count_all"] - row["after_count"],
        )
        for row in rows.group_by(["provider", "model"]).aggregate(sums).to_pylist()
    )


def _update(connection: duckdb.DuckDBPyConnection, facts: pa.Table, stretch: Stretch) -> None:
    connection.register("repriced", facts.select(["call_id", *_WRITTEN]))
    settings = ", ".join(f"{name} = repriced.{name}" for name in _WRITTEN)
    connection.execute(
        f"update call_facts set {settings} from repriced where call_facts.call_id = repriced.call_id"
        f" and call_facts.started_at between {between(stretch.first_us, stretch.last_us)}"
    )
    connection.unregister("repriced")


def _limits(selection: Selection) -> tuple[int, int]:
    """First and last microsecond that is selected."""
    first = _EVER[0] if selection.since_us is None else selection.since_us
    return first, _EVER[1] if selection.until_us is None else selection.until_us - 1


def _selecting(name: str, reader: Reader, selection: Selection) -> str:
    """A question about the selected calls, narrowed by the keys of their dimensions, which are few."""
    conditions = []
    if selection.tenant is not None:
        keys = reader.query("select origin_key as key from origins where tenant = ?", [selection.tenant])
        conditions.append(_among("origin_key", keys))
    if selection.model is not None:
        keys = reader.query(
            "select model_key as key from models"
            " where lower(request_model) glob $pattern or lower(response_model) glob $pattern",
            {"pattern": _pattern(selection.model)},
        )
        conditions.append(_among("model_key", keys))
    return question(name).replace(_SELECTED, " and ".join(conditions) or "true")


def _among(column: str, keys: pa.Table) -> str:
    found = ", ".join(str(key) for key in keys.column("key").to_pylist())
    return f"{column} in ({found})" if found else "false"


def _pattern(model: str) -> str:
    """A name in which only `*` means more than itself, as a GLOB of SQL."""
    return "".join(f"[{mark}]" if mark in "?[" else mark for mark in model.lower())


def _stretches(buckets: list[tuple[int, int]], first_us: int, last_us: int) -> Iterator[Stretch]:
    """Join buckets (place, calls) while they are small; cut a bucket that is too big by call ids, which are hashes."""
    begun, calls = None, 0
    last = 0
    for place, count in buckets:
        if begun is not None and calls + count > ROWS_MAX:
            yield _whole(begun, last, calls, first_us, last_us)
            begun, calls = None, 0
        if count > ROWS_MAX:
            parts = -(-count // ROWS_MAX)
            whole = _whole(place, place, count, first_us, last_us)
            for part in range(parts):
                ids = (_CALL_IDS * part // parts, _CALL_IDS * (part + 1) // parts - 1)
                yield whole._replace(first_id=ids[0], last_id=ids[1], calls=count // parts)
            continue
        begun = place if begun is None else begun
        last, calls = place, calls + count
    if begun is not None:
        yield _whole(begun, last, calls, first_us, last_us)


def _whole(first: int, last: int, calls: int, first_us: int, last_us: int) -> Stretch:
    began, ended = first * _BUCKET_US, (last + 1) * _BUCKET_US - 1
    return Stretch(max(began, first_us), min(ended, last_us), 0, _CALL_IDS - 1, calls)
