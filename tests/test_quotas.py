"""Quotas: the last word on each window, whether it is still true, and where it leads."""

import json
from datetime import datetime, timedelta
from typing import Any

from spanledger.dashboards.documents import View
from spanledger.dashboards.views import asked_of, compute
from tests.ledger_rows import NOON
from tests.span_rows import InMemory

HOUR = timedelta(hours=1)


def sample(hours: float, used: float | None, resets: datetime | None, **more: object) -> dict[str, object]:
    said = {
        "spanledger.quota.name": "five_hour", "spanledger.quota.used_percent": used,
        "spanledger.quota.window_minutes": 300, "spanledger.quota.resets_at_s": resets and int(resets.timestamp()),
        "spanledger.quota.plan": "max",
    }  # fmt: skip
    at = NOON + hours * HOUR
    attributes = json.dumps({name: value for name, value in said.items() if value is not None})
    known = {"operation": "quota", "service_name": "claude-code-statusline", "attributes": attributes}
    return known | {"started_at": at, "ended_at": at} | more


def view(*samples: dict[str, object], now: float = 1, **wanted: Any) -> View:
    return compute(InMemory((), samples), "quotas", asked_of("quotas", now=NOON + now * HOUR, **wanted))


def test_the_last_sample_counts_and_says_where_it_leads() -> None:
    made = view(sample(0, 10, NOON + 4 * HOUR), sample(1, 30, NOON + 4 * HOUR))
    assert made["rows"] == [
        {"service": "claude-code", "user": None, "window": "five_hour", "plan": "max", "used_percent": 30.0,
         "elapsed_percent": 40.0, "projected_percent": 75.0, "resets_at": "2026-01-15T16:00:00+00:00",
         "left_s": 3 * 3600.0, "state": "open", "sampled_at": "2026-01-15T13:00:00+00:00", "window_s": 5 * 3600.0,
         "samples": 2},
    ]  # fmt: skip


def test_a_window_that_was_reset_since_is_used_by_nobody_knows_how_much() -> None:
    made = view(sample(0, 90, NOON + HOUR), now=2)
    (row,) = made["rows"]
    assert (row["state"], row["used_percent"], row["projected_percent"], row["left_s"]) == ("reset", None, None, None)
    assert made["notes"] == ["How much of a window is used that was reset after it was last told of, nobody knows."]


def test_a_window_whose_end_nobody_said_leads_nowhere() -> None:
    (row,) = view(sample(0, 90, None))["rows"]
    assert (row["state"], row["used_percent"], row["projected_percent"], row["resets_at"]) == (
        "unknown", 90.0, None, None,
    )  # fmt: skip


def test_each_service_and_user_has_windows_of_its_own() -> None:
    end = NOON + 4 * HOUR
    made = view(sample(0, 1, end), sample(0, 2, end, service_name="codex"), sample(0, 3, end, user_id="ada"))
    assert [(row["service"], row["user"], row["used_percent"]) for row in made["rows"]] == [
        ("claude-code", "ada", 3.0), ("claude-code", None, 1.0), ("codex", None, 2.0),
    ]  # fmt: skip


def test_a_sample_at_the_very_start_of_a_window_does_not_lead_to_infinity() -> None:
    (row,) = view(sample(0, 1, NOON + 5 * HOUR))["rows"]
    assert (row["elapsed_percent"], row["projected_percent"]) == (0.0, None)


def test_without_samples_it_says_so() -> None:
    assert view()["notes"] == ["No tool told of a plan's windows in this time."]
    assert view(sample(0, None, None))["rows"] == []
