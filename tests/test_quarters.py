"""Quarters of an hour: what a call used lies in the one in which it began."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from spanledger.dashboards.quarters import QUARTER, Quarter, quarters
from tests.ledger_rows import NOON
from tests.span_rows import InMemory

EVER: dict[str, object] = {"since": datetime(2000, 1, 1, tzinfo=UTC), "until": datetime(2200, 1, 1, tzinfo=UTC)}


def test_a_quarter_adds_up_its_calls() -> None:
    rows: list[dict[str, object]] = [
        {"started_at": NOON + timedelta(minutes=16), "ended_at": NOON + timedelta(minutes=40), "input_tokens": 5,
         "cost_usd": Decimal("0.000000000001"), "cost_basis": "api_equivalent"},
        {"started_at": NOON + timedelta(minutes=29), "ended_at": None, "output_tokens": 7, "user_id": "ada"},
        {"started_at": NOON + timedelta(minutes=29), "status": "error"},
    ]  # fmt: skip
    (found,) = quarters(InMemory(rows), (), EVER)
    assert found == Quarter(
        keys=(),
        begins=NOON + QUARTER,
        first_at=NOON + timedelta(minutes=16),
        last_at=NOON + timedelta(minutes=40),
        calls=3,
        input_tokens=5,
        output_tokens=7,
        cost_usd=Decimal("0.000000000001"),
        api_equivalent_usd=Decimal("0.000000000001"),
        unpriced=1,
    )
    assert sorted(str(one.keys) for one in quarters(InMemory(rows), ("user",), EVER)) == ["('ada',)", "(None,)"]


def test_only_what_began_in_the_time_asked_for_counts() -> None:
    rows = [{"started_at": NOON}, {"started_at": NOON + QUARTER}]
    (found,) = quarters(InMemory(rows), (), {"since": NOON, "until": NOON + QUARTER})
    assert found.begins == NOON


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)),
    st.sampled_from(
        ["Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Chatham", "America/St_Johns", "Africa/Monrovia"]
    ),
)
def test_a_quarter_never_lies_in_two_hours_of_any_zone(at: datetime, zone: str) -> None:
    begins = at.replace(tzinfo=UTC, minute=at.minute // 15 * 15, second=0, microsecond=0)
    local = [(begins + step).astimezone(ZoneInfo(zone)) for step in (timedelta(0), QUARTER - timedelta(microseconds=1))]
    assert local[0].hour == local[1].hour
    assert local[0].weekday() == local[1].weekday()
