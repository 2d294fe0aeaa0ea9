"""The hours of the week in which calls are made, by the clocks of a zone."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from spanledger.dashboards.documents import Json, View
from spanledger.dashboards.figures import added, columns_of, coverage, money, view
from spanledger.dashboards.periods import WEEKDAYS
from spanledger.dashboards.quarters import Quarter, quarters
from spanledger.dashboards.report import Asked
from spanledger.storage.sandbox import Reader

HOURS: Final = 24
_MEASURED: Final = (
    ("weekday", "VARCHAR"), ("hour", "INTEGER"), ("calls", "BIGINT"), ("input_tokens", "BIGINT"),
    ("output_tokens", "BIGINT"), ("cost_usd", "DECIMAL"), ("api_equivalent_usd", "DECIMAL"),
    ("unpriced", "BIGINT"),
)  # fmt: skip


@dataclass(slots=True)
class Cell:
    """What was used in one hour of the week."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal | None = None
    api_equivalent_usd: Decimal | None = None
    unpriced: int = 0

    def add(self, quarter: Quarter) -> None:
        """Count a quarter of an hour in."""
        self.calls += quarter.calls
        self.input_tokens += quarter.input_tokens
        self.output_tokens += quarter.output_tokens
        self.unpriced += quarter.unpriced
        self.cost_usd = added((self.cost_usd, quarter.cost_usd))
        self.api_equivalent_usd = added((self.api_equivalent_usd, quarter.api_equivalent_usd))


def cells(found: Iterable[Quarter], local: ZoneInfo) -> dict[tuple[int, int], Cell]:
    """(weekday from Monday on, hour) → what was used; all 168 of them."""
    week = {(weekday, hour): Cell() for weekday in range(len(WEEKDAYS)) for hour in range(HOURS)}
    for quarter in found:
        at = quarter.begins.astimezone(local)
        week[at.weekday(), at.hour].add(quarter)
    return week


def compute(reader: Reader, wanted: Asked) -> View:
    """The hours of the week, the first day of the week first. Raises LedgerError."""
    week = cells(quarters(reader, (), wanted.between), wanted.timezone)
    days = [(day - wanted.week_shift) % len(WEEKDAYS) for day in range(len(WEEKDAYS))]
    rows = [_row(day, hour, week[day, hour]) for day in days for hour in range(HOURS)]
    every = list(week.values())
    total: dict[str, Json] = {
        "calls": sum(cell.calls for cell in every),
        "input_tokens": sum(cell.input_tokens for cell in every),
        "output_tokens": sum(cell.output_tokens for cell in every),
        "cost_usd": money(added(cell.cost_usd for cell in every)),
        "api_equivalent_usd": money(added(cell.api_equivalent_usd for cell in every)),
        "unpriced": sum(cell.unpriced for cell in every),
    }
    notes = coverage(total) if total["calls"] else ["There are no calls in this time."]
    return view("hours", wanted, columns_of(_MEASURED), rows, total, notes)


def _row(day: int, hour: int, cell: Cell) -> dict[str, Json]:
    return {
        "weekday": WEEKDAYS[day],
        "hour": hour,
        "calls": cell.calls,
        "input_tokens": cell.input_tokens,
        "output_tokens": cell.output_tokens,
        "cost_usd": money(cell.cost_usd),
        "api_equivalent_usd": money(cell.api_equivalent_usd),
        "unpriced": cell.unpriced,
    }
