"""Sessions: what each used and when, the latest last."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from spanledger.dashboards.documents import View
from spanledger.dashboards.views import asked_of, compute
from tests.ledger_rows import NOON
from tests.span_rows import InMemory

ROWS: list[dict[str, object]] = [
    {"session_id": "b", "started_at": NOON, "ended_at": NOON + timedelta(minutes=5), "service_name": "codex",
     "project": "web", "response_model": "gpt-5", "input_tokens": 10, "cost_usd": Decimal("0.000000000001"),
     "cost_basis": "api_equivalent"},
    {"session_id": "b", "started_at": NOON + timedelta(hours=2), "ended_at": NOON + timedelta(hours=2),
     "response_model": "gpt-5-mini", "output_tokens": 3, "status": "error", "user_id": "ada"},
    {"session_id": "a", "started_at": NOON, "ended_at": NOON, "request_model": "gpt-5", "cost_usd": Decimal(1)},
    {"started_at": NOON},
]  # fmt: skip


def view(**wanted: Any) -> View:
    return compute(InMemory(ROWS), "sessions", asked_of("sessions", **wanted))


def test_a_session_is_a_row_and_the_latest_comes_last() -> None:
    made = view(timezone="Asia/Kolkata")
    assert [row["session"] for row in made["rows"]] == ["a", "b"]
    assert made["rows"][1] == {
        "session": "b", "service_name": "codex", "project": "web", "models": "gpt-5, gpt-5-mini",
        "started_at": "2026-01-15T17:30:00+05:30", "ended_at": "2026-01-15T19:30:00+05:30", "calls": 2,
        "input_tokens": 10, "cache_read_tokens": None, "cache_write_tokens": None, "output_tokens": 3,
        "cost_usd": "0.000000000001", "api_equivalent_usd": "0.000000000001", "unpriced": 1, "errors": 1,
    }  # fmt: skip


def test_the_total_is_the_sum_and_calls_without_a_session_are_left_out() -> None:
    total = view()["total"]
    assert total is not None
    assert (total["calls"], total["cost_usd"], total["input_tokens"], total["cache_read_tokens"]) == (
        3, "1.000000000001", 10, None,
    )  # fmt: skip


def test_a_session_can_be_split_by_another_column() -> None:
    made = view(by="session,user")
    assert [(row["session"], row["user"], row["calls"]) for row in made["rows"]] == [
        ("a", None, 1), ("b", None, 1), ("b", "ada", 1),
    ]  # fmt: skip
    assert [column["name"] for column in made["columns"]][:2] == ["session", "user"]


def test_a_time_without_sessions_says_so() -> None:
    made = view(since="2030-01-01")
    assert (made["rows"], made["total"], made["notes"]) == ([], None, ["There are no calls of sessions in this time."])
