"""Runs of tools: each once, with what failed and how long it took."""

from datetime import timedelta
from typing import Any

import pytest

from spanledger.dashboards.documents import View
from spanledger.dashboards.report import ReportError
from spanledger.dashboards.views import asked_of, compute
from tests.ledger_rows import NOON
from tests.span_rows import InMemory


def run(tool: str, seconds: float = 1, **more: object) -> dict[str, object]:
    return {"tool_name": tool, "ended_at": NOON + timedelta(seconds=seconds), "session_id": "s"} | more


def view(*spans: dict[str, object], **wanted: Any) -> View:
    return compute(InMemory((), spans), "tools", asked_of("tools", **wanted))


def test_tools_come_by_how_often_they_ran_with_how_long_they_took() -> None:
    made = view(run("Read", 3), run("Bash", 1), run("Bash", 2), run("Bash", 6))
    assert made["rows"] == [
        {"tool": "Bash", "runs": 3, "errors": 0, "errors_percent": 0.0, "timed": 3, "total_s": 9.0, "median_s": 2.0,
         "p95_s": 5.6, "longest_s": 6.0},
        {"tool": "Read", "runs": 1, "errors": 0, "errors_percent": 0.0, "timed": 1, "total_s": 3.0, "median_s": 3.0,
         "p95_s": 3.0, "longest_s": 3.0},
    ]  # fmt: skip
    assert made["total"] is not None
    assert (made["total"]["runs"], made["total"]["median_s"]) == (4, 2.5)


@pytest.mark.parametrize(
    "said", [{"status": "error"}, {"error_type": "timeout"}, {"attributes": '{"success":"false"}'},
             {"attributes": '{"success":false}'}],
)  # fmt: skip
def test_what_failed_says_so_in_one_of_several_ways(said: dict[str, object]) -> None:
    made = view(run("Bash", **said), run("Bash", attributes='{"success":"true"}'))
    assert (made["rows"][0]["errors"], made["rows"][0]["errors_percent"]) == (1, 50.0)


def test_a_run_that_two_emitters_tell_of_is_one_and_as_long_as_the_shorter_says() -> None:
    waited = run("Bash", 60, tool_call_id="t1")
    ran = run("Bash", 2, tool_call_id="t1", span_id=None, status="error")
    (row,) = view(waited, ran, run("Bash", 2, tool_call_id="t1", session_id="another"))["rows"]
    assert (row["runs"], row["errors"], row["total_s"]) == (2, 1, 4.0)


def test_an_event_that_names_no_run_counts_only_where_nothing_else_tells_of_tools() -> None:
    nameless = run("Bash", span_id=None)
    assert view(nameless, nameless | {"record_hash": 7})["rows"][0]["runs"] == 2
    assert view(nameless, run("Bash"))["rows"][0]["runs"] == 1
    assert view(nameless, run("Bash", session_id="another"))["rows"][0]["runs"] == 2


def test_a_run_whose_length_nobody_said_is_counted_and_not_timed() -> None:
    made = view(run("Bash", 0))
    assert (made["rows"][0]["runs"], made["rows"][0]["timed"], made["rows"][0]["total_s"]) == (1, 0, None)


def test_they_are_grouped_by_what_is_asked_for_besides() -> None:
    made = view(run("Bash", project="web"), run("Bash", project="api"), by="tool,project")
    assert [(row["tool"], row["project"]) for row in made["rows"]] == [("Bash", "api"), ("Bash", "web")]
    week = view(run("Bash"), by="week", week_begins="sunday")
    assert week["rows"][0]["week"] == "2026-01-11"
    with pytest.raises(ReportError, match="A report cannot be grouped by 'cost_usd'"):
        view(by="cost_usd")


def test_only_tools_in_the_time_asked_for_count() -> None:
    made = view(run("Bash"), run("x", operation="retrieval"), since="2026-01-16")
    assert (made["rows"], made["total"]) == ([], None)
    assert made["notes"] == ["No runs of tools were told of in this time."]
