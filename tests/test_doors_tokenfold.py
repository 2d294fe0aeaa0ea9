"""Tokenfold's doors: lines of Claude Code's transcripts in posts of any size, and the windows of a plan."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from spanledger.instrumentation.replay.sources.claude_code import SOURCE
from spanledger.storage.ledger import Ledger
from tests.doors_serving import CANARY, Doors, serving_doors
from tests.log_fixtures import LOGS
from tests.replaying import feed, read, requests

FOLDER = LOGS / "claude-code" / "projects" / "-home-ada-shop"
TRANSCRIPTS = sorted(FOLDER.rglob("*.jsonl"))
SESSION = "5f0c0a52-6a1e-4a7b-9d1e-0c2b7a9d4e11"
CALLS = """
select response_id, request_id, input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens,
       output_tokens, response_model, session_id, project, git_branch, agent_name, ended_at, cost_usd
from calls order by all
"""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Doors]:
    with serving_doors(tmp_path) as start:
        yield start()


def events(transcript: Path) -> list[dict[str, Any]]:
    """The lines that its client sends: those that are JSON."""
    found = []
    for line in transcript.read_bytes().splitlines():
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return found


def post(served: Doors, lines: list[Any], name: str = f"{SESSION}.jsonl", at: int = 0, **more: object) -> Any:
    body = {
        "machine": "laptop", "project_dir": "-home-ada-shop", "session_file": name, "cursor": {"last_line_num": at},
        "events": lines,
    }  # fmt: skip
    response = served.post("/api/ingest", body | more)
    assert response.status_code == 200, response.text
    return response.json()


def line(number: int, output: int, **more: object) -> dict[str, Any]:
    """A line of an answer."""
    return {
        "uuid": f"line-{number}", "type": "assistant", "timestamp": f"2026-03-01T10:00:{number:02d}.000Z",
        "sessionId": "s-1", "cwd": "/home/ada/shop", "requestId": "req_011CPosted", "message": {
            "id": "msg_01PostedPostedPosted01", "model": "claude-sonnet-4-5", "role": "assistant",
            "usage": {"input_tokens": 10, "output_tokens": output},
        },
    } | more  # fmt: skip


@pytest.fixture
def replayed(tmp_path: Path) -> list[dict[str, Any]]:
    """The calls of the transcripts as a replay of the files finds them."""
    ledger = Ledger.open(tmp_path / "replayed")
    try:
        feed(ledger, *[requests([(SOURCE, read(SOURCE, path))]) for path in TRANSCRIPTS])
        with ledger.reader() as reader:
            return reader.query(CALLS).to_pylist()
    finally:
        ledger.close()


def test_transcripts_that_are_posted_have_the_calls_that_a_replay_finds(served: Doors, replayed: list[Any]) -> None:
    for path in TRANSCRIPTS:
        post(served, events(path), path.name)
    assert len(replayed) > 3
    assert billed(served.rows(CALLS)) == billed(replayed)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_the_calls_are_the_same_in_posts_of_any_size(served: Doors, replayed: list[Any], size: int) -> None:
    for path in TRANSCRIPTS:
        lines = events(path)
        for at in range(0, len(lines), size):
            post(served, lines[at : at + size], path.name, at)
    assert billed(served.rows(CALLS)) == billed(replayed)


def billed(calls: list[dict[str, Any]]) -> list[tuple[object, ...]]:
    """What is paid for; that an agent's kind stands beside its transcript a post does not know."""
    names = [name for name in calls[0] if name != "agent_name"]
    return sorted((tuple(call[name] for name in names) for call in calls), key=str)


def test_a_transcript_that_is_posted_and_replayed_counts_once(served: Doors, replayed: list[Any]) -> None:
    for path in TRANSCRIPTS:
        post(served, events(path), path.name)
        feed(served.ledger, requests([(SOURCE, read(SOURCE, path))], "default"))
    assert len(served.rows()) == len(replayed)


def test_what_is_posted_again_changes_nothing(served: Doors) -> None:
    before: list[Any] = []
    for _ in range(2):
        for path in TRANSCRIPTS:
            post(served, events(path), path.name)
        kept = [served.rows(CALLS), served.rows("select span_id, operation from span_records order by all")]
        assert before in ([], kept)
        before = kept


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_of_an_answer_in_several_posts_the_most_complete_line_counts(served: Doors, order: tuple[int, ...]) -> None:
    lines = [line(1, 1), line(2, 1), line(3, 250)]
    for at in order:
        post(served, [lines[at]], at=at)
    (row,) = served.rows()
    assert (row["input_tokens"], row["output_tokens"]) == (10, 250)
    assert (row["session_id"], row["project"], row["machine"]) == ("s-1", "shop", "laptop")
    assert row["cost_usd"] is not None


def test_events_count_by_their_uuid(served: Doors) -> None:
    said = post(served, [line(1, 1), line(1, 1), line(2, 5), {"type": "summary"}, 3, None], at=40)
    assert said == {"accepted": 2, "duplicates": 1, "cursor": {"last_line_num": 46}}


def test_prompts_and_tools_are_kept_though_what_follows_is_not_posted_yet(served: Doors) -> None:
    asked = {
        "uuid": "u1", "type": "user", "timestamp": "2026-03-01T10:00:00.000Z", "sessionId": "s-1",
        "cwd": "/home/ada/shop", "message": {"role": "user", "content": "what is in here?"},
    }  # fmt: skip
    used = line(1, 9)
    used["message"]["content"] = [{"type": "tool_use", "id": "toolu_01", "name": "Bash", "input": {"command": CANARY}}]
    result = asked | {
        "uuid": "u2", "timestamp": "2026-03-01T10:00:09.000Z",
        "message": {"content": [{"type": "tool_result", "tool_use_id": "toolu_01", "content": CANARY}]},
    }  # fmt: skip
    query = (
        "select operation, session_id, date_diff('second', started_at, ended_at) as s from span_records order by all"
    )
    post(served, [asked])
    assert served.rows(query) == [{"operation": "prompt", "session_id": "s-1", "s": 0}]
    post(served, [used], at=1)
    post(served, [result], at=2)
    assert served.rows(query)[0] == {"operation": "execute_tool", "session_id": "s-1", "s": 0}
    post(served, [asked, used, result])
    assert served.rows(query) == [
        {"operation": "execute_tool", "session_id": "s-1", "s": 8}, {"operation": "prompt", "session_id": "s-1", "s": 0}
    ]  # fmt: skip


def test_a_sessions_totals_are_left_to_a_replay_since_a_post_does_not_know_when_they_began(served: Doors) -> None:
    used = {"claude-sonnet-4-5": {"inputTokens": 10, "outputTokens": 9}}
    post(served, [line(1, 9), {"type": "cost-state", "sessionId": "s-1", "modelUsage": used}])
    assert [row["output_tokens"] for row in served.rows(CALLS)] == [9]
    assert served.rows("select * from usage_points") == []


def test_a_sub_agents_transcript_is_known_by_its_name(served: Doors) -> None:
    post(served, [line(1, 5, isSidechain=True, agentId="ab12")], "agent-ab12.jsonl")
    post(served, [line(2, 6, requestId="req_012")], "/home/ada/../agent-cd34.jsonl")
    assert {row["agent_name"] for row in served.rows()} == {"subagent"}
    assert served.rows("select count(*) as agents from span_records where operation = 'invoke_agent'") == [
        {"agents": 2}
    ]


@pytest.mark.parametrize(
    "name", ["", None, 3, "..", "a\0b.jsonl", "x" * 5000, "C:\\Users\\ada\\s.jsonl", [], "journal.jsonl"]
)
def test_a_name_of_a_file_opens_none(served: Doors, name: object) -> None:
    assert post(served, [line(1, 5)], session_file=name)["accepted"] == 1


def test_no_word_of_what_was_said_is_stored(served: Doors) -> None:
    assert any(CANARY in path.read_text() for path in TRANSCRIPTS)
    for path in TRANSCRIPTS:
        post(served, events(path), path.name, note=CANARY)
    assert served.rows()
    assert CANARY not in served.everything()


@pytest.mark.parametrize(("fault", "message"), [
    ({"machine": None}, "machine must be the name of the machine that the transcript is from."),
    ({"machine": {}}, "machine must be the name of the machine that the transcript is from."),
    ({"events": {}}, "events must be a list of lines of a transcript."),
    ({"events": None}, "events must be a list of lines of a transcript."),
    ({"events": [{}] * 2001}, "There are 2001 events, and may be 2000: send several posts."),
    ({"cursor": 3}, "cursor must be an object whose last_line_num is the number of lines that were sent before."),
    (
        {"cursor": {"last_line_num": -1}},
        "cursor must be an object whose last_line_num is the number of lines that were sent before.",
    ),
    (
        {"cursor": {"last_line_num": True}},
        "cursor must be an object whose last_line_num is the number of lines that were sent before.",
    ),
])  # fmt: skip
def test_a_fault_is_named_by_its_field(served: Doors, fault: dict[str, object], message: str) -> None:
    body = {"machine": "laptop", "events": [line(1, 5)]} | fault
    response = served.post("/api/ingest", body)
    assert (response.status_code, response.json()) == (400, {"error": message})
    assert served.rows() == []


def test_a_post_of_no_events_moves_nothing(served: Doors) -> None:
    assert post(served, [], at=7) == {"accepted": 0, "duplicates": 0, "cursor": {"last_line_num": 7}}


# Windows


USAGE = {
    "five_hour": {"utilization": 12.5, "resets_at": "2026-12-01T07:40:00+00:00"},
    "seven_day": {"utilization": 40, "resets_at": "2026-12-02T08:00:00+00:00"},
    "seven_day_opus": None,
    "seven_day_sonnet": {"utilization": None, "resets_at": None},
    "extra_usage": {"is_enabled": True, "utilization": 3.0, "monthly_limit": 100},
    "limits": [{"utilization": 7}],
    CANARY: {"utilization": 7},
}


def test_windows_are_samples_of_the_plans_quota(served: Doors) -> None:
    before = datetime.now(UTC)
    response = served.post("/api/usage", {"machine": "laptop", "usage": USAGE})
    assert response.status_code == 200
    assert (response.json()["status"], response.json()["windows"]) == ("ok", 3)
    rows = served.rows("select * from quota_samples order by quota_window")
    assert [(row["quota_window"], row["used_percent"], row["window_minutes"]) for row in rows] == [
        ("extra_usage", 3.0, None), ("five_hour", 12.5, 300), ("seven_day", 40.0, 10_080)
    ]  # fmt: skip
    assert rows[1]["resets_at"] == datetime(2026, 12, 1, 7, 40, tzinfo=UTC)
    assert {(row["service_name"], row["machine"]) for row in rows} == {("claude-code", "laptop")}
    assert all(before <= row["sampled_at"] <= datetime.now(UTC) for row in rows)
    assert served.rows() == []
    assert CANARY not in served.everything()


@pytest.mark.parametrize("body", [{}, {"usage": None}, {"usage": []}, {"machine": "laptop"}])
def test_without_windows_there_is_nothing_to_take(served: Doors, body: object) -> None:
    response = served.post("/api/usage", body)
    assert (response.status_code, response.json()) == (
        400, {"error": "usage must be an object of windows, such as five_hour."}
    )  # fmt: skip


@pytest.mark.parametrize("window", [-1, 1e9, "many", True, [], {}, None])
def test_what_is_no_share_of_a_window_is_left_out(served: Doors, window: object) -> None:
    response = served.post("/api/usage", {"usage": {"five_hour": {"utilization": window, "resets_at": window}}})
    assert (response.status_code, response.json()["windows"]) == (200, 0)
