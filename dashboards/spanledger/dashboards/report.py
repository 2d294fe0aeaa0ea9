"""The report: what was called and spent, in groups, with a total and with how much of it is known.

Everything is exact: token counts are integers, money is Decimal until it is text, and the total is the sum of the
groups. What no call says is None, never 0.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, cast
from zoneinfo import ZoneInfo

import pyarrow as pa

from spanledger.dashboards.documents import COST_BASES, TOKENS, Json, Measures, Report, UnpricedModel
from spanledger.dashboards.periods import PeriodError, period, week_shift, zone
from spanledger.dashboards.render import values
from spanledger.storage.questions import GROUPS, TIME_GROUPS, question, spend
from spanledger.storage.sandbox import Reader

GROUPS_MAX: Final = 5
TIME_LIMIT_S: Final = 60.0
"""A report over years takes seconds, not minutes; beyond this something is wrong."""

_MEASURED: Final = frozenset({*TOKENS, "cost_usd"})
BEGINNING: Final = datetime(1, 1, 2, tzinfo=UTC)
END: Final = datetime(9999, 12, 30, tzinfo=UTC)


class ReportError(ValueError):
    """A report that cannot be made as it was asked for; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a report is asked for: the columns of its groups, and from when (included) until when (excluded).

    Weeks begin `week_shift` days before Monday.
    """

    by: tuple[str, ...]
    since: datetime | None
    until: datetime | None
    timezone: ZoneInfo
    week_shift: int
    now: datetime

    @property
    def between(self) -> dict[str, object]:
        """The parameters of a question that is bounded by time."""
        return {"since": self.since or BEGINNING, "until": self.until or END}

    @property
    def zoned(self) -> dict[str, object]:
        """The parameters of a question that is grouped by time, where it is."""
        zoned: dict[str, object] = {"timezone": self.timezone.key} if set(self.by) & set(TIME_GROUPS) else {}
        return zoned | ({"week_shift": self.week_shift} if "week" in self.by else {})


@dataclass(frozen=True, slots=True)
class _Group:
    keys: tuple[Json, ...]
    measures: Measures


def asked(
    by: str = "day",
    since: str | None = None,
    until: str | None = None,
    timezone: str = "UTC",
    now: datetime | None = None,
    week_begins: str = "monday",
    groups: Collection[str] = GROUPS,
) -> Asked:
    """Read a report's parameters as people write them. Raises ReportError.

    `by` names columns of `calls` or of `groups`, with commas; a date in `until` is included.
    """
    names = tuple(name.strip() for name in by.split(","))
    for name in names:
        if name not in groups or name in _MEASURED:
            raise ReportError(
                f"A report cannot be grouped by {name[:60]!r}: name columns of calls, or hour, day, week, month, "
                "model, user, session, service, provider, app, team."
            )
    if len(set(names)) != len(names) or len(names) > GROUPS_MAX:
        raise ReportError(f"A report is grouped by up to {GROUPS_MAX} different columns.")
    now = now or datetime.now(UTC)
    try:
        local = zone(timezone)
        first = period(since, local, now)[0] if since else None
        last = period(until, local, now)[1] if until else None
        shift = week_shift(week_begins)
    except PeriodError as error:
        raise ReportError(str(error)) from error
    if first and last and first >= last:
        raise ReportError("The report would be empty: it ends before it begins.")
    return Asked(names, first, last, local, shift, now)


def compute(reader: Reader, wanted: Asked) -> Report:
    """Make the report. Raises LedgerError."""
    table = reader.query(spend(wanted.by), wanted.between | wanted.zoned)
    groups = sorted(_groups(table, wanted), key=lambda group: _order(group, wanted.by))
    total = _sum(group.measures for group in groups)
    unpriced = reader.query(question("unpriced_models"), wanted.between) if total["unpriced"] else None
    return Report(
        by=list(wanted.by),
        since=wanted.since.isoformat() if wanted.since else None,
        until=wanted.until.isoformat() if wanted.until else None,
        timezone=wanted.timezone.key,
        groups=[dict(zip(wanted.by, group.keys, strict=True)) | _json(group.measures) for group in groups],
        total=total,
        priced_percent=_percent(total["priced"], total["priced"] + total["unpriced"]),
        unpriced_models=_models(unpriced),
    )


def _groups(table: pa.Table, wanted: Asked) -> list[_Group]:
    keys = [
        _local_hours(column, wanted.timezone) if name == "hour" else values(column)
        for name, column in zip(wanted.by, table.columns, strict=False)
    ]
    measures = [_measures(row) for row in table.select(range(len(wanted.by), table.num_columns)).to_pylist()]
    return [_Group(key, one) for key, one in zip(zip(*keys, strict=True), measures, strict=True)]


def _local_hours(column: pa.ChunkedArray, local: ZoneInfo) -> list[Json]:
    """Hours with their distance from UTC, as two of them have the same name when clocks are set back."""
    return [hour.astimezone(local).isoformat(timespec="minutes") for hour in column.to_pylist()]


def _measures(row: dict[str, object]) -> Measures:
    """A row of the question `spend`: money as text, the map of reasons and the amounts by basis as objects."""
    by_basis = {basis: cast(Decimal | None, row.pop(f"{basis}_usd")) for basis in COST_BASES}
    cost = cast(Decimal | None, row["cost_usd"])
    why = dict(sorted(cast("list[tuple[str, int]] | None", row["unpriced_why"]) or ()))
    known = {"cost_by_basis": {basis: _text(amount) for basis, amount in by_basis.items() if amount is not None}}
    return cast(Measures, row | {"cost_usd": _text(cost), "unpriced_why": why} | known)


def _sum(parts: Iterable[Measures]) -> Measures:
    calls = priced = unpriced = errors = 0
    tokens: dict[str, int | None] = dict.fromkeys(TOKENS)
    cost: Decimal | None = None
    by_basis: dict[str, Decimal] = {}
    why: dict[str, int] = {}
    for part in parts:
        calls += part["calls"]
        priced += part["priced"]
        unpriced += part["unpriced"]
        errors += part["errors"]
        for name in TOKENS:
            if (count := cast("int | None", part.get(name))) is not None:
                tokens[name] = (tokens[name] or 0) + count
        if part["cost_usd"] is not None:
            cost = (cost or Decimal(0)) + Decimal(part["cost_usd"])
        for basis, amount in part["cost_by_basis"].items():
            by_basis[basis] = by_basis.get(basis, Decimal(0)) + Decimal(amount)
        for reason, count in part["unpriced_why"].items():
            why[reason] = why.get(reason, 0) + count
    bases = {basis: _text(by_basis[basis]) for basis in COST_BASES if basis in by_basis}
    counted: dict[str, object] = {"calls": calls, **tokens, "cost_usd": _text(cost), "cost_by_basis": bases}
    known: dict[str, object] = {"priced": priced, "unpriced": unpriced, "unpriced_why": dict(sorted(why.items()))}
    return cast(Measures, counted | known | {"errors": errors})


def _order(group: _Group, by: Sequence[str]) -> tuple[object, ...]:
    """Time goes forward; within the same time, what costs most comes first."""
    when = tuple(_instant(str(key), name) for key, name in zip(group.keys, by, strict=True) if name in TIME_GROUPS)
    cost = group.measures["cost_usd"]
    labels = tuple(str(key) for key in group.keys)
    return (when, cost is None, -Decimal(cost or 0), -group.measures["calls"], labels)


def _instant(key: str, name: str) -> object:
    """What times are ordered by: hours as instants, as their texts go back when clocks do."""
    return datetime.fromisoformat(key) if name == "hour" else key


def _percent(part: int, whole: int) -> float | None:
    """Down to a tenth, so that 100 means all."""
    return (part * 1000 // whole) / 10 if whole else None


def _models(table: pa.Table | None) -> list[UnpricedModel]:
    if table is None:
        return []
    return [
        UnpricedModel(provider=row["provider"], model=row["model"], why=row["price_status"], calls=row["calls"])
        for row in table.to_pylist()
    ]


def _json(measures: Measures) -> dict[str, Json]:
    return cast("dict[str, Json]", measures)


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"
