"""What views are put together from: exact amounts, instants of a zone, and the document itself."""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from spanledger.dashboards.figures import added, columns_of, coverage, instant, money, view
from spanledger.dashboards.report import asked

INDIA = ZoneInfo("Asia/Kolkata")


@given(st.lists(st.none() | st.decimals("0", "999999", places=12)))
def test_amounts_add_up_exactly_and_nothing_known_is_not_nothing(amounts: list[Decimal | None]) -> None:
    known = [amount for amount in amounts if amount is not None]
    assert added(amounts) == (sum(known) if known else None)


def test_an_amount_is_text_to_the_pico_dollar() -> None:
    assert money(Decimal(1) / 3) == "0.333333333333"
    assert money(Decimal("1E-12")) == "0.000000000001"
    assert money(None) is None


def test_an_instant_says_how_far_it_is_from_utc() -> None:
    assert instant(datetime(2026, 1, 15, 12, tzinfo=UTC), INDIA) == "2026-01-15T17:30:00+05:30"
    assert instant(None, INDIA) is None


def test_a_document_repeats_what_was_asked_for() -> None:
    wanted = asked("user", since="2026-01-15", timezone="Asia/Kolkata")
    made = view("tools", wanted, columns_of([("runs", "BIGINT")]), [{"runs": 1}], None, ["Said."])
    assert made == {
        "view": "tools", "by": ["user"], "since": "2026-01-14T18:30:00+00:00", "until": None,
        "timezone": "Asia/Kolkata", "columns": [{"name": "runs", "type": "BIGINT"}], "rows": [{"runs": 1}],
        "total": None, "notes": ["Said."],
    }  # fmt: skip


def test_what_the_cost_is_without_is_said() -> None:
    assert coverage({"calls": 5, "unpriced": 0}) == []
    assert coverage({"calls": 5000, "unpriced": 1000}) == [
        "The cost is without 1,000 of 5,000 calls, which have no price: spanledger report models"
    ]
