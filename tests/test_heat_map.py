"""The hours of the week: all 168, by the clocks of a zone, over changes of the clocks and in zones of half hours."""

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanledger.dashboards.documents import View
from spanledger.dashboards.periods import WEEKDAYS
from spanledger.dashboards.report import ReportError
from spanledger.dashboards.views import asked_of, compute
from tests.ledger_rows import NOON
from tests.span_rows import InMemory


def view(rows: list[dict[str, object]], **wanted: Any) -> View:
    return compute(InMemory(rows), "hours", asked_of("hours", **wanted))


def used(made: View) -> dict[tuple[object, object], object]:
    return {(row["weekday"], row["hour"]): row["calls"] for row in made["rows"] if row["calls"]}


def test_it_has_every_hour_of_the_week_and_a_total() -> None:
    made = view([{"cost_usd": Decimal("0.25"), "input_tokens": 3}, {"cost_usd": Decimal("0.5")}])
    assert [(row["weekday"], row["hour"]) for row in made["rows"]] == [
        (day, hour) for day in WEEKDAYS for hour in range(24)
    ]
    assert used(made) == {("thursday", 12): 2}
    assert made["total"] == {
        "calls": 2, "input_tokens": 3, "output_tokens": 0, "cost_usd": "0.750000000000", "api_equivalent_usd": None,
        "unpriced": 0,
    }  # fmt: skip


def test_the_week_begins_when_it_is_said_to() -> None:
    assert view([], week_begins="sunday")["rows"][0]["weekday"] == "sunday"
    assert view([])["notes"] == ["There are no calls in this time."]


def test_hours_are_those_of_the_zone() -> None:
    assert used(view([{"started_at": NOON}], timezone="Asia/Kolkata")) == {("thursday", 17): 1}
    late = {"started_at": datetime(2026, 1, 18, 23, 40, tzinfo=UTC)}
    assert used(view([late], timezone="Asia/Kathmandu")) == {("monday", 5): 1}


def test_it_is_not_grouped() -> None:
    with pytest.raises(ReportError, match="The report hours is not grouped by anything"):
        view([], by="user")


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.datetimes(datetime(2026, 3, 27), datetime(2026, 4, 6)), max_size=20),
    st.sampled_from(["UTC", "Europe/Vienna", "Asia/Kolkata", "Australia/Lord_Howe", "America/St_Johns"]),
)
def test_it_is_what_counting_call_by_call_gives(times: list[datetime], zone: str) -> None:
    rows: list[dict[str, object]] = [{"started_at": at.replace(tzinfo=UTC)} for at in times]
    local = [at.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)) for at in times]
    assert used(view(rows, timezone=zone)) == Counter((WEEKDAYS[at.weekday()], at.hour) for at in local)
