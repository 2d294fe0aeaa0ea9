"""Copilot CLI: sums at each shutdown become what was added, and each call is told once by whatever knows it best."""

import json
import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Bucket, Call, Prompt, Record, Tool, Usage
from spanledger.instrumentation.replay.sources.copilot_cli import SOURCE
from tests.replaying import ABSENT, SHARED_LOGS, read, totals
from tests.sqlite_logs import is_made_of_its_text, made

FIXTURE = Path(__file__).parent / "logs" / "copilot-cli"
EVENTS = FIXTURE / "session-state" / "7d1f2c9a-0001" / "events.jsonl"
STORE = FIXTURE / "session-store.db"
OTEL = FIXTURE / "otel" / "copilot.jsonl"
SHARED = SHARED_LOGS / "copilot" / "ccusage-fixtures"

absent = pytest.mark.skipif(not SHARED.is_dir(), reason=ABSENT)


def calls(records: list[Record]) -> list[Call]:
    return [record for record in records if isinstance(record, Call)]


def test_each_shutdown_adds_what_grew_by_model() -> None:
    first, more, other = calls(read(SOURCE, EVENTS))
    assert first.usage == Usage(
        input_tokens=1000, cache_read_tokens=600, cache_write_tokens=0, output_tokens=100, reasoning_tokens=40
    )
    assert more.usage == Usage(
        input_tokens=500, cache_read_tokens=300, cache_write_tokens=0, output_tokens=60, reasoning_tokens=20
    )
    assert (other.model, other.usage.cache_write_tokens) == ("claude-sonnet-4.6", 1500)
    assert all(call.adds_up for call in (first, more, other))
    assert (first.cost_usd, more.cost_usd) == (Decimal("0.03"), Decimal("0.015"))


def test_a_shutdown_that_is_written_twice_adds_nothing() -> None:
    written = EVENTS.read_text(encoding="utf-8")
    assert written.count('"id":"e8"') == 2
    assert len(calls(read(SOURCE, EVENTS))) == 3


def test_what_was_done_after_a_resumption_is_of_its_time_and_branch() -> None:
    first, more, _ = calls(read(SOURCE, EVENTS))
    assert (first.session.branch, more.session.branch) == ("main", "fix-tax")
    assert more.started_ns - first.started_ns == 29 * 3600 * 10**9
    assert more.session.repository == "acme/shop"


def test_credits_are_reconciled_with_and_of_no_call() -> None:
    buckets = [record for record in read(SOURCE, EVENTS) if isinstance(record, Bucket)]
    assert [bucket.cost_usd for bucket in buckets] == [Decimal("0.02"), Decimal("0.01"), Decimal("0.06")]


def test_prompts_and_tools_are_told_by_size_and_name() -> None:
    records = read(SOURCE, EVENTS)
    (prompt,) = [record for record in records if isinstance(record, Prompt)]
    (tool,) = [record for record in records if isinstance(record, Tool)]
    assert prompt.characters == len("CANARY-7f3a")
    assert (tool.name, tool.error, tool.ended_ns - tool.started_ns) == ("bash", "error", 3 * 10**9)


@pytest.mark.parametrize("cut", range(1, 10))
def test_a_log_that_is_read_in_two_parts_says_the_same(tmp_path: Path, cut: int) -> None:
    lines = EVENTS.read_bytes().splitlines(keepends=True)
    path = tmp_path / EVENTS.parent.name / "events.jsonl"
    path.parent.mkdir()
    path.write_bytes(b"".join(lines[:cut]))
    log = Log(path)
    first = read(SOURCE, path, log)
    path.write_bytes(b"".join(lines))
    rest = read(SOURCE, path, Log(path, offset=log.offset, state=json.loads(json.dumps(log.state))))
    assert first + rest == read(SOURCE, EVENTS)


def test_a_row_of_the_store_is_a_call() -> None:
    main, sub = calls(read(SOURCE, STORE))
    assert main.usage == Usage(
        input_tokens=13_500, cache_read_tokens=10_000, cache_write_tokens=2000, output_tokens=500, reasoning_tokens=0
    )
    assert (main.cost_usd, main.first_chunk_s, main.ended_ns - main.started_ns) == (Decimal("0.16"), 0.9, 4 * 10**9)
    assert (sub.agent, sub.model, sub.session.project) == ("explore", "gpt-5-mini", "shop")


def test_the_store_is_what_its_text_says() -> None:
    assert is_made_of_its_text(STORE)


def test_a_shutdown_adds_only_what_the_store_does_not_tell(tmp_path: Path) -> None:
    shutil.copytree(FIXTURE, tmp_path / "copilot")
    made(
        tmp_path / "copilot" / "session-store.db",
        "insert into assistant_usage_events (session_id, model, input_tokens, output_tokens, cache_read_tokens,"
        " cache_write_tokens, reasoning_tokens, total_nano_aiu, created_at) values"
        " ('7d1f2c9a-0001', 'claude-sonnet-4.6', 2000, 50, 0, 1500, 0, 4500000000, '2026-07-02 14:29:59'),"
        " ('7d1f2c9a-0001', 'gpt-5.4', 400, 50, 300, 0, 20, 1000000000, '2026-07-02 14:10:00')",
    )
    first, rest = calls(read(SOURCE, tmp_path / "copilot" / EVENTS.relative_to(FIXTURE)))
    assert first.usage.input_tokens == 1000
    assert rest.usage == Usage(
        input_tokens=100, cache_read_tokens=0, cache_write_tokens=0, output_tokens=10, reasoning_tokens=0
    )
    told = calls(read(SOURCE, tmp_path / "copilot" / "session-store.db"))
    assert sum(call.usage.input_tokens or 0 for call in (first, rest, *told[2:])) == 1500 + 2000


def test_telemetry_in_files_is_left_out_where_the_session_tells_of_it() -> None:
    log = Log(OTEL)
    assert {call.key for call in calls(read(SOURCE, OTEL, log))} == {"resp_copilot_1"}
    assert log.skipped == {"call that the session's own log tells of": 1}


def test_a_log_whose_first_line_is_missing_is_of_the_session_its_folder_names(tmp_path: Path) -> None:
    path = tmp_path / "the-session" / "events.jsonl"
    path.parent.mkdir()
    path.write_bytes(EVENTS.read_bytes().splitlines(keepends=True)[6])
    (call,) = calls(read(SOURCE, path))
    assert call.session.id == "the-session"


@absent
def test_shutdowns_of_two_days_are_counted_on_their_days() -> None:
    log = Log(SHARED / "session-state" / "session-a" / "events.jsonl")
    first, second = calls(read(SOURCE, log.path, log))
    assert _figures(first) == (70, 10, 20, 50)
    assert _figures(second) == (80, 10, 10, 30)
    assert (first.started_ns // 86_400_000_000_000, second.started_ns // 86_400_000_000_000) == (20_455, 20_456)
    assert totals([first, second])["uncached"] == 150


def _figures(call: Call) -> tuple[int, ...]:
    usage = call.usage
    read_tokens, write_tokens = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
    uncached = (usage.input_tokens or 0) - read_tokens - write_tokens
    return uncached, read_tokens, write_tokens, usage.output_tokens or 0


@absent
def test_the_credits_of_a_session_add_up() -> None:
    records = read(SOURCE, SHARED / "session-state" / "session-credits" / "events.jsonl")
    (call,) = calls(records)
    assert (call.model, call.usage.input_tokens, call.usage.output_tokens) == ("gpt-5.4", 40, 10)
    assert sum(record.cost_usd or 0 for record in records if isinstance(record, Bucket)) == Decimal("0.11")


@absent
def test_of_telemetry_only_the_span_that_no_session_tells_of_counts() -> None:
    (call,) = calls(read(SOURCE, SHARED / "otel" / "trace.jsonl"))
    assert (call.model, call.usage.input_tokens, call.usage.output_tokens) == ("gpt-5.4", 7, 8)


@absent
@pytest.mark.parametrize("name", ["copilot_cli_session_events.jsonl", "copilot_cli_session_no_model.jsonl"])
def test_a_session_that_was_never_shut_down_has_prompts_and_no_calls(name: str) -> None:
    records = read(SOURCE, SHARED_LOGS / "copilot" / "git-ai" / name)
    assert calls(records) == []
    assert any(isinstance(record, Prompt) for record in records)
