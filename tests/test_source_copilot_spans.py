"""Copilot's telemetry in files: the span of a chat is the call, whatever repeats it."""

import json
from pathlib import Path

from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Call, Record, Tool, Usage
from spanledger.instrumentation.replay.sources.copilot_spans import read_spans, read_table
from tests.sqlite_logs import made

FIXTURE = Path(__file__).parent / "logs" / "copilot-cli" / "otel" / "copilot.jsonl"


def spans(path: Path, log: Log | None = None) -> list[Record]:
    return list(read_spans(log or Log(path), lambda log, session: None))


def test_a_chat_is_a_call_and_the_agent_around_it_is_none() -> None:
    found = [record for record in spans(FIXTURE) if isinstance(record, Call)]
    assert {call.key for call in found} == {"resp_copilot_1", f"{'ab' * 16}/{'b3' * 8}"}
    call = found[0]
    assert call.usage == Usage(input_tokens=60, cache_read_tokens=20, output_tokens=10, reasoning_tokens=4)
    assert (call.response_id, call.vendor_ids, call.provider) == ("resp_copilot_1", True, "github")
    assert call.ended_ns - call.started_ns == 4_500_000_000


def test_a_tool_is_a_tool() -> None:
    (tool,) = [record for record in spans(FIXTURE) if isinstance(record, Tool)]
    assert (tool.name, tool.call_id, tool.session.id) == ("bash", "call_2", "7d1f2c9a-0003")


def test_a_record_of_an_inference_stands_in_where_there_are_no_spans(tmp_path: Path) -> None:
    path = tmp_path / "logs.jsonl"
    path.write_bytes(FIXTURE.read_bytes().splitlines(keepends=True)[2])
    (call,) = spans(path)
    assert isinstance(call, Call)
    assert (call.key, call.usage.input_tokens) == ("resp_copilot_1", 60)


def test_a_record_of_an_inference_repeats_spans_that_were_read_before(tmp_path: Path) -> None:
    path = tmp_path / "logs.jsonl"
    lines = FIXTURE.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[3])
    log = Log(path)
    assert len(spans(path, log)) == 1
    path.write_bytes(lines[3] + lines[2])
    assert spans(path, Log(path, offset=log.offset, state=log.state)) == []


def test_a_call_before_the_time_that_another_log_tells_of_is_left_out(tmp_path: Path) -> None:
    log = Log(FIXTURE)
    found = list(read_spans(log, lambda log, session: 1_783_000_004_500_000_000))
    assert not [record for record in found if isinstance(record, Call)]
    assert log.skipped == {"call that the session's own log tells of": 3}


def test_a_chat_without_counts_is_counted_as_left_out(tmp_path: Path) -> None:
    path = tmp_path / "spans.jsonl"
    attributes = {"gen_ai.operation.name": "chat"}
    path.write_text(json.dumps({"spanId": "1", "endTime": [1, 2], "attributes": attributes}) + "\n", encoding="utf-8")
    log = Log(path)
    assert spans(path, log) == []
    assert log.skipped == {"span of a call without time or counts": 1}


def test_a_database_without_spans_is_not_one_of_these(tmp_path: Path) -> None:
    log = Log(made(tmp_path / "traces.db", "create table other (id text)"))
    assert list(read_table(log)) == []
    assert log.skipped == {"not a database of spans": 1}
