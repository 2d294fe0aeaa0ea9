"""Reconciliation: what metrics saw of usage that calls do not tell of, and the reverse.

Metrics never make a call: a call that only metrics saw is not in the bill, and this is where it shows. Everything is
exact: tokens are integers, money is Decimal until it is text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias, TypedDict, cast

from spanledger.dashboards.documents import Json
from spanledger.dashboards.periods import PeriodError, period, zone
from spanledger.dashboards.report import ReportError
from spanledger.storage.questions import RECONCILED, question, reconcile
from spanledger.storage.sandbox import Reader
from spanledger.storage.schema import POINT_KINDS

BY_DEFAULT: Final = "service,model"

COST: Final = "cost"

_UTC: Final = zone("UTC")
_BEGINNING: Final = datetime(1, 1, 2, tzinfo=UTC)
_END: Final = datetime(9999, 12, 30, tzinfo=UTC)

Amount: TypeAlias = int | str
"""Tokens; US dollars as a text."""


class Kind(TypedDict):
    """One kind of usage, as metrics and calls tell of it.

    What is only in metrics, or only in calls, is unexplained. `explained_percent` is the part of what metrics saw that
    calls tell of as well, None where metrics saw nothing.
    """

    kind: str
    in_metrics: Amount
    in_calls: Amount
    only_in_metrics: Amount
    only_in_calls: Amount
    explained_percent: float | None


class Reconciliation(TypedDict):
    """A reconciliation as JSON has it.

    A group holds the columns named in `by`, the `metrics` that were compared, joined by commas, and those of Kind.
    `calls_without_metrics` are of services that send no metrics of usage: they are not compared.
    """

    by: list[str]
    since: str | None
    until: str | None
    groups: list[dict[str, Json]]
    total: list[Kind]
    calls: int
    calls_without_metrics: int


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for: the groups, and from when (included) until when (excluded)."""

    by: tuple[str, ...]
    since: datetime | None
    until: datetime | None


def asked(
    by: str = BY_DEFAULT, since: str | None = None, until: str | None = None, now: datetime | None = None
) -> Asked:
    """Read the parameters as people write them; a date in `until` is included. Raises ReportError."""
    names = tuple(name.strip() for name in by.split(","))
    for name in names:
        if name not in RECONCILED:
            raise ReportError(f"A reconciliation cannot be grouped by {name[:60]!r}: name {', '.join(RECONCILED)}.")
    if len(set(names)) != len(names):
        raise ReportError("A reconciliation is grouped by different columns.")
    now = now or datetime.now(UTC)
    try:
        first = period(since, _UTC, now)[0] if since else None
        last = period(until, _UTC, now)[1] if until else None
    except PeriodError as error:
        raise ReportError(str(error)) from error
    if first and last and first >= last:
        raise ReportError("The reconciliation would be empty: it ends before it begins.")
    return Asked(names, first, last)


def compute(reader: Reader, wanted: Asked) -> Reconciliation:
    """Make the reconciliation. Raises LedgerError."""
    between: dict[str, object] = {"since": wanted.since or _BEGINNING, "until": wanted.until or _END}
    found = reader.query(reconcile(wanted.by), between).to_pylist()
    (counted,) = reader.query(question("reconcile_calls"), between).to_pylist()
    groups = sorted(found, key=lambda group: _order(group, wanted.by))
    return Reconciliation(
        by=list(wanted.by),
        since=wanted.since.isoformat() if wanted.since else None,
        until=wanted.until.isoformat() if wanted.until else None,
        groups=[
            {name: group[name] for name in (*wanted.by, "metrics")} | cast("dict[str, Json]", _kind([group]))
            for group in groups
        ],
        total=[
            _kind([group for group in found if group["kind"] == kind])
            for kind in POINT_KINDS
            if any(group["kind"] == kind for group in found)
        ],
        calls=counted["calls"],
        calls_without_metrics=counted["calls_without_metrics"],
    )


def _order(group: Mapping[str, Any], by: Sequence[str]) -> tuple[object, ...]:
    """By group, what is not said last, and within it by kind."""
    names = (group[name] for name in by)
    return (*((name is None, name or "") for name in names), POINT_KINDS.index(group["kind"]))


def _kind(groups: Sequence[Mapping[str, Any]]) -> Kind:
    """What groups of one kind, at least one, add up to."""
    kind = groups[0]["kind"]
    saw, told, only_saw, only_told = (
        sum((group[name] for group in groups), Decimal(0))
        for name in ("in_metrics", "in_calls", "only_in_metrics", "only_in_calls")
    )
    return Kind(
        kind=kind,
        in_metrics=_amount(saw, kind),
        in_calls=_amount(told, kind),
        only_in_metrics=_amount(only_saw, kind),
        only_in_calls=_amount(only_told, kind),
        explained_percent=_percent(saw - only_saw, saw),
    )


def _amount(amount: Decimal, kind: str) -> Amount:
    return f"{amount:f}" if kind == COST else int(amount)


def _percent(part: Decimal, whole: Decimal) -> float | None:
    """Down to a tenth, so that 100 means all."""
    return float(part * 1000 // whole) / 10 if whole else None
