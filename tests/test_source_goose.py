"""Goose's SQLite file: a row for every call where it has them, else one call a session that grows."""

import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Call, Prompt, Tool, Usage
from spanledger.instrumentation.replay.sources.goose import SOURCE
from tests.replaying import ABSENT, SHARED_LOGS, read, totals
from tests.sqlite_logs import is_made_of_its_text, made

FIXTURE = Path(__file__).parent / "logs" / "goose" / "sessions.db"
SHARED = SHARED_LOGS / "goose" / "ours" / "data" / "sessions" / "sessions.db"


def calls(path: Path) -> list[Call]:
    return [record for record in read(SOURCE, path) if isinstance(record, Call)]


def test_the_fixture_is_what_its_text_says() -> None:
    assert is_made_of_its_text(FIXTURE)


def test_a_row_of_the_ledger_is_a_call() -> None:
    first, compaction, _ = calls(FIXTURE)
    assert first.usage == Usage(input_tokens=100, cache_read_tokens=30, cache_write_tokens=10, output_tokens=20)
    assert (first.model, first.provider, first.cost_usd) == ("claude-sonnet-4-6", "anthropic", Decimal("0.25"))
    assert (first.session.id, first.session.project) == ("20260901_1", "shop")
    assert (compaction.model, compaction.usage.output_tokens) == ("claude-haiku-4-5", 5)


def test_a_session_without_rows_is_one_call_that_grows(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    shutil.copy(FIXTURE, path)
    before = calls(path)[-1]
    made(
        path,
        "update sessions set accumulated_output_tokens = 900, updated_at = '2026-08-01 12:00:00'"
        " where id = '20260801_1'",
    )
    after = calls(path)[-1]
    assert before.usage == Usage(input_tokens=9000, output_tokens=700)
    assert after.usage == Usage(input_tokens=9000, output_tokens=900)
    assert after.key == before.key
    assert after.adds_up
    assert after.ended_ns - after.started_ns == 2 * 3600 * 10**9


def test_sessions_of_two_machines_that_share_an_id_are_two() -> None:
    key = calls(FIXTURE)[-1].key
    assert key.startswith("20260801_1/")
    assert key != "20260801_1"


def test_what_another_agent_did_is_left_to_its_own_logs() -> None:
    log = Log(FIXTURE)
    records = read(SOURCE, FIXTURE, log)
    assert not [record for record in records if isinstance(record, Call) and record.provider == "claude-code"]
    assert log.skipped == {"session of another agent's command line, which has logs of its own": 1}


def test_prompts_and_tools_are_told_by_name_and_time() -> None:
    records = read(SOURCE, FIXTURE)
    (prompt,) = [record for record in records if isinstance(record, Prompt)]
    (tool,) = [record for record in records if isinstance(record, Tool)]
    assert prompt.characters == len("CANARY-7f3a")
    assert (tool.name, tool.error, tool.ended_ns - tool.started_ns) == ("developer__shell", "error", 3 * 10**9)


def test_an_older_file_has_neither_costs_nor_cached_tokens(tmp_path: Path) -> None:
    path = made(
        tmp_path / "sessions.db",
        "create table sessions (id text, working_dir text, created_at text, accumulated_input_tokens int,"
        " accumulated_output_tokens int); insert into sessions values ('1', '/w', '2026-01-01 00:00:00', 5, 6)",
    )
    (call,) = calls(path)
    assert call.usage == Usage(input_tokens=5, output_tokens=6)
    assert (call.model, call.cost_usd) == (None, None)


def test_a_file_of_others_has_no_sessions(tmp_path: Path) -> None:
    assert calls(made(tmp_path / "sessions.db", "create table other (id text)")) == []


@pytest.mark.skipif(not SHARED.is_file(), reason=ABSENT)
def test_accumulated_sums_count_and_not_the_last_turn(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    shutil.copy(SHARED, path)
    found = totals(read(SOURCE, path))
    assert (found["calls"], found["input_tokens"], found["output_tokens"]) == (1, 341_161, 2_381)
    assert found["input_tokens"] + found["output_tokens"] == 343_542
