"""Cowork's audit logs: sums of each session's models, to reconcile the transcripts beside them with."""

import json
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from spanledger.dashboards import reconcile
from spanledger.instrumentation.replay.discovery import given_logs
from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Bucket, Usage
from spanledger.instrumentation.replay.registry import SOURCES
from spanledger.instrumentation.replay.sources.claude_code import SOURCE as CLAUDE_CODE
from spanledger.instrumentation.replay.sources.claude_cowork import SOURCE
from spanledger.instrumentation.replay.walking import Search
from spanledger.storage.ledger import Ledger
from tests.log_fixtures import LOGS, assert_cuts_do_not_matter
from tests.replaying import feed, read, requests

FOLDER = LOGS / "claude-cowork"
AUDIT = FOLDER / "local-agent-mode-sessions" / "d1" / "a1" / "local_5c0e" / "audit.jsonl"
SESSION = "5c0e0a52-0000-4000-8000-000000000001"


def sums(path: Path, log: Log | None = None) -> list[Bucket]:
    records = read(SOURCE, path, log)
    assert all(isinstance(record, Bucket) for record in records)
    return [record for record in records if isinstance(record, Bucket)]


def test_each_turn_tells_what_each_model_used_until_then():
    first, haiku, second, _ = sums(AUDIT)
    assert first.usage == Usage(input_tokens=600, cache_read_tokens=500, cache_write_tokens=90, output_tokens=200)
    assert (first.cost_usd, haiku.cost_usd) == (Decimal("0.02"), Decimal("0.0001"))
    assert second.usage == Usage(
        input_tokens=1715, cache_read_tokens=1500, cache_write_tokens=190, output_tokens=500, reasoning_tokens=120
    )
    assert {first.provider, haiku.provider, second.provider} == {"anthropic"}


def test_the_sums_of_a_model_are_one_series_that_began_with_the_first_turn():
    first, haiku, second, _ = sums(AUDIT)
    assert first.key == second.key != haiku.key
    assert first.started_ns == second.started_ns == first.ended_ns - 9 * 10**9
    assert second.ended_ns - first.ended_ns == 3600 * 10**9


def test_counts_that_fall_are_those_of_a_process_that_began_anew():
    _, _, second, anew = sums(AUDIT)
    assert anew.key != second.key
    assert anew.usage.output_tokens == 50
    assert anew.started_ns > second.ended_ns


def test_the_size_of_the_context_is_no_part_of_a_models_name():
    assert [one.model for one in sums(AUDIT)[:2]] == ["claude-opus-4-6", "claude-haiku-4-5-20251001"]


def test_each_sum_names_its_session():
    assert {one.session for one in sums(AUDIT)} == {SESSION}


@pytest.mark.parametrize(("kind", "skipped"), [("cost-state", 3), ("assistant", 0)])
def test_sums_that_the_transcript_has_too_are_told_by_it_alone(tmp_path: Path, kind: str, skipped: int):
    path = tmp_path / "audit.jsonl"
    path.write_bytes(AUDIT.read_bytes())
    transcript = tmp_path / ".claude" / "projects" / "-sessions-a" / f"{SESSION}.jsonl"
    transcript.parent.mkdir(parents=True)
    transcript.write_text(json.dumps({"type": kind, "sessionId": SESSION}, separators=(",", ":")) + "\n", "utf-8")
    log = Log(path)
    assert len(sums(path, log)) == (0 if skipped else 4)
    assert log.skipped == ({"sums that the transcript has, too": skipped} if skipped else {})


def test_a_log_that_grows_is_read_on_from_where_it_was_left(tmp_path: Path):
    assert_cuts_do_not_matter(SOURCE, AUDIT, tmp_path)


def test_sums_without_a_time_are_counted(tmp_path: Path):
    path = tmp_path / "audit.jsonl"
    told = {"type": "result", "session_id": "s", "modelUsage": {"m": {"inputTokens": 1}}}
    path.write_text(json.dumps(told) + "\n", "utf-8")
    log = Log(path)
    assert sums(path, log) == []
    assert log.skipped == {"sums without a time or a session": 1}


def test_an_audit_log_is_never_taken_for_a_transcript():
    # Its answers carry the ids of those in the transcripts, and counts as they were when an answer began.
    assert [found.source.name for found in given_logs([str(FOLDER)], SOURCES, Search())] == ["claude-cowork"]


def test_what_the_transcript_leaves_out_of_the_sums_is_unexplained(tmp_path: Path):
    answer = {
        "type": "assistant", "sessionId": SESSION, "timestamp": "2026-06-02T08:00:05.000Z", "requestId": "req_011CoA",
        "message": {"id": "msg_01CoworkA", "role": "assistant", "model": "claude-opus-4-6", "usage": {
            "input_tokens": 10, "cache_read_input_tokens": 500, "cache_creation_input_tokens": 90,
            "output_tokens": 200}},
    }  # fmt: skip
    transcript = tmp_path / f"{SESSION}.jsonl"
    transcript.write_text(json.dumps(answer) + "\n", "utf-8")
    first_turn = tmp_path / "audit.jsonl"
    first_turn.write_bytes(b"".join(AUDIT.read_bytes().splitlines(keepends=True)[:3]))
    with closing(Ledger.open(tmp_path / "ledger")) as ledger:
        feed(ledger, requests([(CLAUDE_CODE, read(CLAUDE_CODE, transcript)), (SOURCE, read(SOURCE, first_turn))]))
        with ledger.reader() as reader:
            found = reconcile.compute(reader, reconcile.asked("session,model"))
    output = {group["model"]: group["only_in_metrics"] for group in found["groups"] if group["kind"] == "output"}
    assert output == {"claude-opus-4-6": 0, "claude-haiku-4-5": 5}
