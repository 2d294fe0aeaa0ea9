"""Copilot Chat in VS Code: sessions as documents and as journals, and the telemetry that the extension keeps."""

import json
from pathlib import Path

import pytest

from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Call, Prompt, Tool, Usage
from spanledger.instrumentation.replay.sources.copilot_vscode import SOURCE
from tests.replaying import ABSENT, SHARED_LOGS, read
from tests.sqlite_logs import is_made_of_its_text

USER = Path(__file__).parent / "logs" / "copilot-vscode" / "User"
SESSIONS = USER / "workspaceStorage" / "w1" / "chatSessions"
TRACES = USER / "globalStorage" / "github.copilot-chat" / "agent-traces.db"
SHARED = SHARED_LOGS / "copilot" / "git-ai"


def calls(path: Path, log: Log | None = None) -> list[Call]:
    return [record for record in read(SOURCE, path, log) if isinstance(record, Call)]


def test_a_request_is_a_partial_call_where_its_tokens_are_known() -> None:
    log = Log(SESSIONS / "s-1.json")
    first, failed = calls(log.path, log)
    assert (first.usage, first.partial) == (Usage(input_tokens=1200, output_tokens=80), True)
    assert (first.model, first.session.project, first.session.version) == ("claude-sonnet-4", "my shop", "0.31.5")
    assert (first.ended_ns - first.started_ns, first.first_chunk_s) == (2_500_000_000, 0.5)
    assert (failed.model, failed.error) == ("gpt-4.1", "error")
    assert log.skipped == {"request without counts of tokens": 1}


def test_every_request_is_a_prompt() -> None:
    prompts = [record for record in read(SOURCE, SESSIONS / "s-1.json") if isinstance(record, Prompt)]
    assert [prompt.characters for prompt in prompts] == [11, 11, 11]


def test_a_journal_of_changes_leads_to_the_session() -> None:
    log = Log(SESSIONS / "s-2.jsonl")
    (call,) = calls(log.path, log)
    # 90 is what all its calls wrote, 25 the last one.
    assert call.usage == Usage(input_tokens=4000, output_tokens=90)
    assert (call.key, call.model) == ("s-2/r1", "gpt-5")
    assert log.skipped == {"change to something unknown": 1}


def test_the_telemetry_that_is_kept_tells_the_calls_one_by_one() -> None:
    (call,) = calls(TRACES)
    assert call.usage == Usage(input_tokens=500, cache_read_tokens=100, output_tokens=50, reasoning_tokens=10)
    assert (call.response_id, call.session.id, call.partial) == ("resp_vscode_1", "s-3", False)
    (tool,) = [record for record in read(SOURCE, TRACES) if isinstance(record, Tool)]
    assert tool.name == "read_file"


def test_a_request_that_the_telemetry_tells_of_is_not_told_again() -> None:
    log = Log(SESSIONS / "s-3.json")
    assert calls(log.path, log) == []
    assert log.skipped == {"request whose calls the telemetry beside it tells of": 1}


def test_the_telemetry_is_what_its_text_says() -> None:
    assert is_made_of_its_text(TRACES)


@pytest.mark.parametrize("path", [*sorted(SESSIONS.iterdir()), TRACES], ids=lambda path: path.name)
def test_its_files_are_recognised(path: Path) -> None:
    assert SOURCE.recognises(path, Log(path).head())


@pytest.mark.parametrize(
    "change",
    [
        {"kind": 1, "k": ["requests", "x"], "v": 1},
        {"kind": 2, "k": ["version"], "v": []},
        {"kind": 1, "k": []},
        {"a": 1},
    ],
    ids=str,
)
def test_a_change_that_leads_nowhere_is_left_out(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text(
        json.dumps({"kind": 0, "v": {"version": 3, "requests": []}}) + "\n" + json.dumps(change) + "\n",
        encoding="utf-8",
    )
    log = Log(path)
    assert read(SOURCE, path, log) == []
    assert log.skipped == {"change to something unknown": 1}


@pytest.mark.skipif(not SHARED.is_dir(), reason=ABSENT)
def test_a_recorded_journal_has_the_tokens_of_its_requests() -> None:
    assert [call.usage for call in calls(SHARED / "copilot_session_multiline.jsonl")] == [
        Usage(input_tokens=9723, output_tokens=33),
        Usage(input_tokens=9948, output_tokens=40),
    ]


@pytest.mark.skipif(not SHARED.is_dir(), reason=ABSENT)
@pytest.mark.parametrize("name", ["copilot_session_simple.json", "copilot_session_simple.jsonl"])
def test_older_builds_tell_of_prompts_alone(name: str) -> None:
    records = read(SOURCE, SHARED / name)
    assert [type(record) for record in records] == [Prompt, Prompt, Prompt]
