"""OpenClaw: files, what was deleted or reset, the database and its archives; each call once."""

import json
import sqlite3
from contextlib import closing

import pytest

from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.sources.openclaw import SOURCE
from tests.log_fixtures import LOGS, assert_cuts_do_not_matter, assert_is_its_script, calls, copied, prompts
from tests.replaying import ABSENT, SHARED_LOGS, ledger_of, read, totals

ROOT = LOGS / "openclaw"
SESSIONS = ROOT / "agents" / "main" / "sessions"
LEFT_OVER = SESSIONS / "session-sqlite-import-archive" / "S1.jsonl"
RESET = SESSIONS / "S0.jsonl.reset.2026-03-20T06-34-44.520Z"
(DELETED,) = SESSIONS.glob("*.zst")
CASES = SHARED_LOGS / "openclaw" / "ccusage-tests"


@pytest.fixture
def database(tmp_path):
    return copied(ROOT, tmp_path) / "agents" / "main" / "agent" / "openclaw-agent.sqlite"


def test_the_database_among_the_fixtures_is_its_script():
    assert_is_its_script(ROOT / "agents" / "main" / "agent" / "openclaw-agent.sqlite")


def test_events_are_read_packed_or_not_and_archives_too(database):
    found = calls(read(SOURCE, database))
    assert [(call.session.id, call.usage.output_tokens) for call in found] == [
        ("S1", 20),
        ("S1", 2),
        ("S1", 4),
        ("S2", 8),
        ("S3", 8),
    ]


def test_what_was_reset_or_deleted_was_paid():
    (reset,) = calls(read(SOURCE, RESET))
    assert (reset.session.id, reset.model, reset.provider, reset.session.plan) == (
        "S0", "gpt-5.2", "openai", "chatgpt",
    )  # fmt: skip
    (deleted,) = calls(read(SOURCE, DELETED))
    assert (deleted.session.id, deleted.usage.input_tokens) == ("S2", 7)


def test_trajectories_repeat_a_session():
    assert read(SOURCE, SESSIONS / "S1.trajectory.jsonl") == []


def test_prompts_are_measured():
    assert [prompt.characters for prompt in prompts(read(SOURCE, LEFT_OVER))] == [11]


def test_only_sessions_that_grew_are_read_again(database):
    log = Log(database)
    read(SOURCE, database, log)
    assert read(SOURCE, database, Log(database, state=dict(log.state))) == []
    event = {"type": "message", "id": "e4", "timestamp": "2026-09-03T10:00:00.000Z"}
    event["message"] = {"role": "assistant", "model": "claude-opus-4-6", "usage": {"input": 1, "output": 9}}
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("insert into transcript_events values ('S1', 5, ?, 0, null)", (json.dumps(event),))
    again = calls(read(SOURCE, database, Log(database, state=dict(log.state))))
    assert [call.usage.output_tokens for call in again] == [20, 2, 4, 9]


def test_a_damaged_event_is_counted_and_the_rest_is_taken(database):
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("insert into transcript_events values ('S1', 6, null, 0, x'28b52ffd00')")
        connection.execute("insert into transcript_events values ('S1', 7, '{torn', 0, null)")
    log = Log(database)
    assert len(calls(read(SOURCE, database, log))) == 5
    assert log.skipped["not valid JSON"] == 1
    assert sum(log.skipped.values()) == 2, log.skipped


def test_the_ledger_counts_each_call_once_in_any_order(database, tmp_path):
    files = [LEFT_OVER, RESET, DELETED, database]
    for place, order in enumerate((files, files[::-1] * 2)):
        rows = ledger_of(tmp_path / f"ledger-{place}", *[(SOURCE, path) for path in order])
        assert sorted(row["output_tokens"] for row in rows) == [2, 4, 6, 8, 8, 20]


@pytest.mark.parametrize("path", [LEFT_OVER, RESET], ids=["left over", "reset"])
def test_cuts_do_not_matter(path, tmp_path):
    assert_cuts_do_not_matter(SOURCE, path, tmp_path)


@pytest.mark.skipif(not SHARED_LOGS.exists(), reason=ABSENT)
def test_a_database_and_what_it_was_made_from_give_what_is_expected(tmp_path):
    folder = copied(SHARED_LOGS / "openclaw" / "ours-sqlite", tmp_path)
    expected = json.loads((folder / "EXPECTED.json").read_text())
    files = [path for path in (folder / "agents").rglob("*") if path.is_file()]
    records = [record for path in files for record in read(SOURCE, path)]
    found = totals(records)
    assert {
        "calls": found["calls"],
        "input": found["uncached"],
        "output": found["output_tokens"],
        "cache_read": found["cache_read_tokens"],
        "cache_write": found["cache_write_tokens"],
        "cost": float(sum(c.cost_usd or 0 for c in {c.key: c for c in calls(records)}.values())),
    } == expected
    assert len(ledger_of(tmp_path / "ledger", *[(SOURCE, path) for path in files])) == expected["calls"]


@pytest.mark.skipif(not SHARED_LOGS.exists(), reason=ABSENT)
def test_the_model_comes_from_the_last_change():
    case = CASES / "loads_assistant_usage_and_uses_model_change_events"
    (call,) = calls(read(SOURCE, case / "agents" / "main" / "sessions" / "abc.jsonl"))
    assert (call.session.id, call.model, call.provider) == ("abc", "gpt-5.2", "openai")
    assert call.started_ns == 1769753935279 * 10**6  # 2026-01-30
    assert (call.usage.input_tokens, call.usage.cache_read_tokens) == (1660 + 108_928, 108_928)
    assert (call.usage.output_tokens, str(call.cost_usd)) == (55, "0.02")


@pytest.mark.skipif(not SHARED_LOGS.exists(), reason=ABSENT)
def test_the_cost_that_was_said_is_kept():
    case = CASES / "calculates_cost_from_pricing_overrides"
    (call,) = calls(read(SOURCE, case / "agents" / "main" / "sessions" / "abc.jsonl"))
    assert str(call.cost_usd) == "0.99"


@pytest.mark.skipif(not SHARED_LOGS.exists(), reason=ABSENT)
def test_a_line_that_is_repeated_is_one_call(tmp_path):
    line = (CASES / "deduplicates_repeated_openclaw_records" / "literals.jsonl").read_text().strip()
    session = tmp_path / "abc.jsonl"
    session.write_text(f"{line}\n{line}\n")
    assert totals(read(SOURCE, session))["calls"] == 1
    assert len(ledger_of(tmp_path / "ledger", (SOURCE, session))) == 1
