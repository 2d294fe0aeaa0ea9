"""Gemini CLI: messages told again, conversations listed again, sub-agents, and the documents of older versions."""

import json

import pytest

from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.sources.gemini_cli import SOURCE
from spanledger.receiver.contract import Request
from spanledger.storage.ledger import Ledger
from tests.agent_sessions import sessions
from tests.log_fixtures import AGENTS, LOGS, agents, assert_cuts_do_not_matter, calls, prompts, tools
from tests.replaying import ABSENT, SHARED_LOGS, feed, ledger_of, read, requests, totals

CHATS = LOGS / "gemini-cli" / "webshop" / "chats"
SESSION = "1111aaaa-0000-4000-8000-000000000001"
EVENTS = CHATS / "session-2026-03-01T10-00-1111aaaa.jsonl"
SUBAGENT = CHATS / SESSION / "2222bbbb-0000-4000-8000-000000000002.jsonl"
DOCUMENT = CHATS / "session-2025-09-01T08-00-3333cccc.json"


def test_a_message_that_is_appended_again_is_one_call():
    found = calls(read(SOURCE, EVENTS))
    assert [(call.usage.input_tokens, call.usage.output_tokens) for call in found] == [
        (1000, 80),
        (1225, 40),
        (1300, 15),
    ]
    assert len({call.key for call in found}) == 3


def test_thoughts_are_output_and_what_tools_of_the_server_read_is_input():
    first, second, _ = calls(read(SOURCE, EVENTS))
    assert (first.usage.output_tokens, first.usage.reasoning_tokens) == (50 + 30, 30)
    assert (second.usage.input_tokens, second.usage.cache_read_tokens) == (1200 + 25, 900)


def test_a_conversation_that_is_listed_again_without_tokens_takes_none_away():
    assert totals(read(SOURCE, EVENTS))["output_tokens"] == 80 + 40 + 15


def test_what_was_rewound_was_paid():
    assert calls(read(SOURCE, EVENTS))[-1].usage.input_tokens == 1300


def test_a_call_begins_when_the_last_thing_before_it_happened():
    seconds = [
        (call.started_ns // 10**6 % 60_000, call.ended_ns // 10**6 % 60_000) for call in calls(read(SOURCE, EVENTS))
    ]
    assert seconds == [(1000, 4000), (5800, 8000), (21000, 25000)]


def test_tools_and_sub_agents_come_with_their_times_and_outcomes():
    found = read(SOURCE, EVENTS)
    assert [(tool.name, tool.error) for tool in tools(found)] == [
        ("run_shell_command", None),
        ("read_file", "error"),
        ("invoke_agent", None),
    ]
    (agent,) = agents(found)
    assert (agent.name, agent.key) == ("generalist", SUBAGENT.stem)


def test_a_sub_agents_calls_belong_to_the_session_that_sent_it():
    (call,) = calls(read(SOURCE, SUBAGENT))
    assert (call.session.id, call.parent, call.agent) == (SESSION, SUBAGENT.stem, "subagent")
    assert not prompts(read(SOURCE, SUBAGENT)), "what a sub-agent is told is no prompt of a person"


def test_prompts_are_counted_and_measured_but_tool_results_are_no_prompts():
    assert [prompt.characters for prompt in prompts(read(SOURCE, EVENTS))] == [11, 17]


def test_the_project_is_named_by_the_folder_above_the_chats():
    assert {call.session.project for call in calls(read(SOURCE, EVENTS))} == {"webshop"}


def test_a_project_folder_named_by_a_hash_names_no_project(tmp_path):
    chat = tmp_path / ("ab" * 32) / "chats" / EVENTS.name
    chat.parent.mkdir(parents=True)
    chat.write_bytes(EVENTS.read_bytes())
    assert {call.session.project for call in calls(read(SOURCE, chat))} == {None}


def test_documents_of_older_versions_are_read_whole():
    found = read(SOURCE, DOCUMENT)
    assert totals(found) == {
        "calls": 2, "input_tokens": 700, "cache_read_tokens": 10, "output_tokens": 170, "reasoning_tokens": 20,
        "cache_write_tokens": 0, "cache_write_5m_tokens": 0, "cache_write_1h_tokens": 0, "web_searches": 0,
        "uncached": 690,
    }  # fmt: skip
    assert [prompt.characters for prompt in prompts(found)] == [11]


def test_a_document_that_is_no_chat_is_counted(tmp_path):
    other = tmp_path / "session-1.json"
    other.write_text("[1, 2]")
    log = Log(other)
    assert read(SOURCE, other, log) == []
    assert log.skipped == {"not a chat": 1}


def test_a_chat_without_a_header_is_named_by_its_file(tmp_path):
    chat = tmp_path / "session-2026-04-22T11-00-00-no00meta.jsonl"
    chat.write_text('{"id":"a","timestamp":"2026-04-22T11:00:00Z","type":"gemini","tokens":{"input":1,"output":2}}\n')
    (call,) = calls(read(SOURCE, chat))
    assert call.session.id == "session-2026-04-22T11-00-00-no00meta"


def test_a_call_without_a_time_is_counted(tmp_path):
    chat = tmp_path / "session-1.jsonl"
    chat.write_text('{"id":"a","timestamp":null,"type":"gemini","tokens":{"input":1,"output":2}}\n')
    log = Log(chat)
    assert read(SOURCE, chat, log) == []
    assert log.skipped == {"call without a time": 1}


def test_cuts_do_not_matter(tmp_path):
    assert_cuts_do_not_matter(SOURCE, EVENTS, tmp_path)


def test_the_ledger_counts_each_call_once_whatever_is_read_again(tmp_path):
    rows = ledger_of(tmp_path, (SOURCE, SUBAGENT), (SOURCE, EVENTS), (SOURCE, EVENTS), (SOURCE, DOCUMENT))
    assert sorted(row["input_tokens"] for row in rows) == [200, 400, 500, 1000, 1225, 1300]
    assert {row["session_id"] for row in rows if row["input_tokens"] == 400} == {SESSION}


@pytest.mark.skipif(not SHARED_LOGS.exists(), reason=ABSENT)
def test_a_log_of_events_gives_what_is_expected():
    folder = SHARED_LOGS / "gemini" / "toktrack" / "tmp" / "deadbeef" / "chats"
    for name, models in json.loads((folder / "EXPECTED.json").read_text()).items():
        found = {call.model: call.usage for call in calls(read(SOURCE, folder / name))}
        assert set(found) == set(models)
        for model, expected in models.items():
            usage = found[model]
            tool = expected.get("tool_input", 0)
            assert usage.input_tokens == expected["input_uncached"] + expected["cached"] + tool
            assert usage.cache_read_tokens == expected["cached"]
            assert usage.output_tokens == expected["output"] + expected["thoughts"]
            assert usage.reasoning_tokens == expected["thoughts"]
            assert usage.input_tokens + usage.output_tokens == expected["total"]


@pytest.mark.skipif(not AGENTS.exists(), reason=ABSENT)
@pytest.mark.parametrize("session", ["s1-fresh-grpc", "s3-subagent-grpc"])
def test_recorded_chats_hold_every_call_but_those_of_the_router(session):
    folder = AGENTS / "gemini-cli" / session
    truth = [json.loads(line) for line in (folder / "truth.jsonl").read_text().splitlines()]
    served = sorted(
        (row["input_total"], row["cache_read"], row["output"], row["reasoning"])
        for row in truth
        if row["status"] == 200 and row["kind"] == "main"
    )
    chats = [path for path in (folder / "home").rglob("*.jsonl") if "chats" in path.parts]
    found = [call for path in chats for call in calls(read(SOURCE, path))]
    assert served == sorted(
        (u.input_tokens, u.cache_read_tokens, u.output_tokens, u.reasoning_tokens) for u in (c.usage for c in found)
    )
    assert len({call.session.id for call in found}) == 1


@pytest.mark.skipif(not AGENTS.exists(), reason=ABSENT)
@pytest.mark.parametrize(
    "session", [s for s in sessions() if s.agent == "gemini-cli"], ids=lambda session: session.path.name
)
@pytest.mark.parametrize("signals", [("logs",), ("traces",), ("logs", "traces")], ids="+".join)
def test_a_chat_and_what_the_tool_sent_are_known_as_one_call(session, signals, tmp_path):
    chats = [path for path in (session.path / "home").rglob("*.jsonl") if "chats" in path.parts]
    sent = [[Request(one.body, "", signal=one.signal)] for one in session.requests() if one.signal in signals]
    ledger = Ledger.open(tmp_path)
    try:
        feed(ledger, *sent, *[requests([(SOURCE, read(SOURCE, path))]) for path in chats])
        with ledger.reader() as reader:
            rows = reader.query("select input_tokens, output_tokens from calls").to_pylist()
    finally:
        ledger.close()
    served = [(call["input_total"], call["output"]) for call in session.billed()]
    assert sorted((row["input_tokens"], row["output_tokens"]) for row in rows) == sorted(served)
