"""JSON lines of usage records: a file is taken when at least half of its lines are such."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Call
from spanledger.instrumentation.replay.sources import tokenly
from spanledger.instrumentation.replay.sources.tokenly import SOURCE
from tests.replaying import ABSENT, SHARED_LOGS, read, totals

FIXTURE = Path(__file__).parent / "logs" / "usage-jsonl" / "usage.jsonl"
SHARED = SHARED_LOGS / "tokenly" / "readme" / "usage.jsonl"

RECORD = {"timestamp": "2026-02-09T09:38:00Z", "service": "openai", "model": "gpt-5", "input_tokens": 1}


def calls(path: Path, log: Log | None = None) -> list[Call]:
    return [record for record in read(SOURCE, path, log) if isinstance(record, Call)]


def written(path: Path, *lines: object) -> Path:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return path


def test_a_record_is_a_call() -> None:
    first, second, *_ = calls(FIXTURE)
    assert (first.provider, first.model, first.session.id) == ("anthropic", "claude-sonnet-4", "abc123")
    assert (first.usage.input_tokens, first.usage.output_tokens, first.cost_usd) == (1205, 847, Decimal("0.0234"))
    session = second.session
    assert (session.application, session.environment, session.user) == ("chatbot", "prod", "alice")


def test_two_equal_records_of_one_time_are_two_calls() -> None:
    first, second = [call for call in calls(FIXTURE) if call.operation == "embeddings"]
    assert first.usage == second.usage
    assert first.key != second.key


def test_a_record_that_has_a_name_is_named_by_it() -> None:
    call = calls(FIXTURE)[-1]
    assert (call.key, call.request_id, call.vendor_ids) == ("req-1", "req-1", False)


def test_other_lines_are_counted_and_empty_ones_are_not_lines() -> None:
    log = Log(FIXTURE)
    assert len(calls(FIXTURE, log)) == 5
    assert log.skipped == {"not a usage record": 1, "not valid JSON": 1}


@pytest.mark.parametrize("others", range(6))
def test_a_file_is_taken_when_at_least_half_of_its_lines_are_records(tmp_path: Path, others: int) -> None:
    records = [RECORD | {"request_id": str(number)} for number in range(3)]
    path = written(tmp_path / "usage.jsonl", *records, *[{"level": "info"}] * others)
    log = Log(path)
    taken = others <= 3
    assert len(calls(path, log)) == (3 if taken else 0)
    assert log.skipped["usage record in a file of which less than half are such"] == (0 if taken else 3)
    assert SOURCE.recognises(path, log.head()) is taken


@pytest.mark.parametrize("line", [
    {"timestamp": "yesterday", "service": "s", "model": "m"}, {"timestamp": "2026-02-09T09:38:00Z", "service": "s"},
    {"timestamp": "2026-02-09T09:38:00Z", "service": "", "model": "m"},
])  # fmt: skip
def test_a_record_has_a_time_a_service_and_a_model(tmp_path: Path, line: dict[str, object]) -> None:
    log = Log(written(tmp_path / "usage.jsonl", RECORD, line))
    assert len(calls(log.path, log)) == 1
    assert log.skipped == {"not a usage record": 1}


def test_a_file_that_grows_is_judged_by_all_of_its_lines(tmp_path: Path) -> None:
    path = written(tmp_path / "usage.jsonl", *[{"level": "info"}] * 2, RECORD)
    log = Log(path)
    assert calls(path, log) == []
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(RECORD | {"request_id": "2"}) + "\n")
    again = Log(path, offset=log.offset, state=json.loads(json.dumps(log.state)))
    assert [call.key for call in calls(path, again)] == ["2"]


def test_a_long_file_is_decided_by_its_first_lines_and_read_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenly, "DECIDED_LINES", 4)
    records = [RECORD | {"request_id": str(number)} for number in range(20)]
    log = Log(written(tmp_path / "usage.jsonl", *records))
    assert [call.key for call in calls(log.path, log)] == [str(number) for number in range(20)]
    offset, state = log.marked
    assert [call.key for call in calls(log.path, Log(log.path, offset=offset, state=state))] == ["19"]


def test_spaced_json_and_times_of_any_kind_are_read(tmp_path: Path) -> None:
    path = written(
        tmp_path / "usage.jsonl",
        '{ "timestamp" : 1770629880 , "service" : "openai" , "model" : "gpt-5" , "input_tokens" : "7" ,'
        ' "output_tokens" : null }',
    )
    (call,) = calls(path)
    assert (call.started_ns, call.usage.input_tokens, call.usage.output_tokens) == (1_770_629_880 * 10**9, 7, None)


@pytest.mark.skipif(not SHARED.is_file(), reason=ABSENT)
def test_both_records_of_the_readme_count() -> None:
    records = read(SOURCE, SHARED)
    found = totals(records)
    assert (found["calls"], found["input_tokens"], found["output_tokens"]) == (2, 2097, 1292)
    assert sum(record.cost_usd or 0 for record in records if isinstance(record, Call)) == Decimal("0.039")
