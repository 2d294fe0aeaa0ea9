"""Kilo CLI: opencode's store under another name."""

import json
import sqlite3
from contextlib import closing

import pytest

from spanledger.instrumentation.replay.sources.kilo_cli import SOURCE
from tests.log_fixtures import LOGS, assert_is_its_script, calls, copied
from tests.replaying import ABSENT, SHARED_LOGS, ledger_of, read

CASES = SHARED_LOGS / "kilo" / "ccusage-tests"


def database_of(path, *messages):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table message (id, session_id, time_created integer, time_updated integer, data)")
        connection.executemany(
            "insert into message values (?, 'session-a', 1, 1, ?)", list(enumerate(map(json.dumps, messages)))
        )
    return path


def test_a_message_is_a_call_and_one_without_a_time_is_none(tmp_path):
    database = copied(LOGS / "kilo-cli", tmp_path) / "kilo.db"
    (call,) = calls(read(SOURCE, database))
    assert (call.key, call.session.version, call.session.project) == ("ses_k/msg_k", "7.0.1", "webshop")
    assert (call.usage.input_tokens, call.usage.output_tokens) == (130, 55)


def test_the_database_among_the_fixtures_is_its_script():
    assert_is_its_script(LOGS / "kilo-cli" / "kilo.db")


@pytest.mark.skipif(not SHARED_LOGS.exists(), reason=ABSENT)
def test_messages_are_read_as_expected(tmp_path):
    message = json.loads((CASES / "loads_kilo_messages_from_sqlite" / "literals.jsonl").read_text())
    (call,) = calls(read(SOURCE, database_of(tmp_path / "kilo.db", message)))
    usage = call.usage
    assert (call.session.id, call.model, str(call.cost_usd)) == ("session-a", "claude-sonnet-4-20250514", "0.02")
    assert call.started_ns == 1767312000 * 10**9  # 2026-01-02
    assert (usage.cache_read_tokens, usage.cache_write_tokens, usage.reasoning_tokens) == (10, 20, 5)
    assert (usage.input_tokens, usage.output_tokens) == (100 + 10 + 20, 50 + 5)


@pytest.mark.skipif(not SHARED_LOGS.exists(), reason=ABSENT)
def test_messages_without_a_time_are_no_calls(tmp_path):
    message = json.loads((CASES / "ignores_kilo_messages_without_timestamps" / "literals.jsonl").read_text())
    assert calls(read(SOURCE, database_of(tmp_path / "kilo.db", message))) == []


@pytest.mark.skipif(not SHARED_LOGS.exists(), reason=ABSENT)
def test_a_message_in_two_databases_is_one_call(tmp_path):
    case = (CASES / "deduplicates_kilo_messages_across_data_dirs" / "literals.jsonl").read_text()
    text = case.replace("{{", "{").replace("}}", "}")
    databases = [
        database_of(tmp_path / f"kilo-{tokens}.db", json.loads(text.replace("{input}", tokens)))
        for tokens in ("10", "20")
    ]
    (row,) = ledger_of(tmp_path / "ledger", *[(SOURCE, database) for database in databases])
    assert row["input_tokens"] in (10, 20), "its id is the same, and nothing says which is right"
