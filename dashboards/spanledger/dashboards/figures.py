"""What the views of a report have in common: how a table of figures is put together."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from spanledger.dashboards.documents import Column, Json, View
from spanledger.dashboards.report import Asked

PLACES: Final = Decimal("0.000000000001")
"""A pico-dollar: amounts are exact to it, and rates are rounded to it."""


def view(
    name: str,
    wanted: Asked,
    columns: Sequence[Column],
    rows: Sequence[dict[str, Json]],
    total: dict[str, Json] | None,
    notes: Sequence[str] = (),
) -> View:
    """The document of a view."""
    return View(
        view=name,
        by=list(wanted.by),
        since=wanted.since.isoformat() if wanted.since else None,
        until=wanted.until.isoformat() if wanted.until else None,
        timezone=wanted.timezone.key,
        columns=list(columns),
        rows=list(rows),
        total=total,
        notes=list(notes),
    )


def coverage(total: Mapping[str, Json]) -> list[str]:
    """What the cost of a total is without, in a sentence; none where it is complete."""
    unpriced, calls = total["unpriced"], total["calls"]
    if not unpriced:
        return []
    return [f"The cost is without {unpriced:,} of {calls:,} calls, which have no price: spanledger report models"]


def columns_of(named: Iterable[tuple[str, str]]) -> list[Column]:
    """Columns from their names and types."""
    return [Column(name=name, type=kind) for name, kind in named]


def instant(at: datetime | None, local: ZoneInfo) -> str | None:
    """An instant as the clocks of a zone show it, with its distance from UTC."""
    return None if at is None else at.astimezone(local).isoformat(timespec="seconds")


def money(amount: Decimal | None) -> str | None:
    """Dollars as text, to the pico-dollar."""
    return None if amount is None else f"{amount.quantize(PLACES):f}"


def added(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """The sum of what is known; None where nothing is."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if known else None
