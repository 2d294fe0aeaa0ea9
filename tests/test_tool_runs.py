"""Runs of tools: each once, with what failed and how long it took."""

from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from spanledger.dashboards.documents import View
from spanledger.dashboards.report import ReportError
from spanledger.dashboards.views import asked_of, compute
from spanledger.instrumentation.replay.doors.tokenfold import take_lines
from spanledger.instrumentation.replay.sources.claude_code import SOURCE
from spanledger.receiver.contract import Request
from spanledger.storage.ledger import Ledger
from tests.ledger_rows import NOON
from tests.log_fixtures import LOGS
from tests.replaying import MACHINE, feed, read, requests
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


def test_a_run_that_was_posted_and_replayed_is_one(tmp_path: Path) -> None:
    log = LOGS / "claude-code" / "projects" / "-home-ada-shop" / "5f0c0a52-6a1e-4a7b-9d1e-0c2b7a9d4e11.jsonl"
    lines = [orjson.loads(line) for line in log.read_bytes().splitlines() if line.endswith(b"}")]
    body = {"machine": MACHINE, "session_file": log.name, "cursor": {"last_line_num": 0}, "events": lines}
    posted = [Request(export.body, "", signal=export.signal) for export in take_lines(body).exports]
    with closing(Ledger.open(tmp_path)) as ledger:
        feed(ledger, posted, requests([(SOURCE, read(SOURCE, log))]))
        with ledger.reader() as reader:
            assert reader.query("select count(*) as rows from spans where tool_name = 'Bash'").to_pylist() == [
                {"rows": 2}
            ]
            made = compute(reader, "tools", asked_of("tools"))
            active = compute(reader, "active", asked_of("active"))
    assert [(row["tool"], row["runs"], row["total_s"]) for row in made["rows"]] == [("Bash", 1, 2.5)]
    assert active["total"] is not None
    assert active["total"]["tool_s"] == 2.5
