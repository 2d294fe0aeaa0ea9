"""Qwen Code: each answer is told twice, and counted once; the vendor's id comes from the telemetry in the chat."""

import json

import pytest

from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.sources.qwen_code import SOURCE
from tests.log_fixtures import AGENTS, LOGS, assert_cuts_do_not_matter, calls, prompts, tools
from tests.replaying import ABSENT, SHARED_LOGS, ledger_of, read, totals

ROOT = LOGS / "qwen-code"
NEW = ROOT / "projects" / "-home-dev-webshop" / "chats" / "4444dddd-0000-4000-8000-000000000004.jsonl"
WITHOUT_TELEMETRY = NEW.with_name("5555eeee-0000-4000-8000-000000000005.jsonl")
(LEGACY,) = ROOT.glob("tmp/*/chats/*.jsonl")


def test_an_answer_and_its_telemetry_are_one_call_with_the_vendors_id():
    found = calls(read(SOURCE, NEW))
    assert [call.response_id for call in found] == ["chatcmpl-one", "chatcmpl-two", "chatcmpl-sub-agent"]
    assert all(call.vendor_ids and call.key == call.response_id for call in found)


def test_counts_contain_the_cache_and_the_thoughts():
    first, second, _ = calls(read(SOURCE, NEW))
    assert (first.usage.input_tokens, first.usage.output_tokens, first.usage.reasoning_tokens) == (1000, 200, 120)
    assert (second.usage.input_tokens, second.usage.cache_read_tokens) == (1300, 1000)


def test_the_telemetry_says_how_long_a_call_took_and_who_pays():
    first = calls(read(SOURCE, NEW))[0]
    assert (first.ended_ns - first.started_ns, first.first_chunk_s) == (1_500_000_000, 0.25)
    assert first.session.plan == "qwen-oauth"
    assert (first.session.project, first.session.branch, first.session.version) == ("webshop", "main", "0.24.4")


def test_tools_and_prompts_come_from_the_chat():
    found = read(SOURCE, NEW)
    (tool,) = tools(found)
    assert (tool.name, tool.error, tool.ended_ns - tool.started_ns) == ("run_shell_command", "error", 400_000_000)
    assert [prompt.characters for prompt in prompts(found)] == [11]


def test_a_torn_line_is_counted_and_the_rest_is_taken():
    log = Log(NEW)
    read(SOURCE, NEW, log)
    assert log.skipped == {"not valid JSON": 1}


def test_answers_count_where_there_is_no_telemetry():
    first, second = calls(read(SOURCE, WITHOUT_TELEMETRY))
    assert (first.response_id, first.started_ns) == (None, prompts(read(SOURCE, WITHOUT_TELEMETRY))[0].at_ns)
    assert (first.usage.input_tokens, first.usage.output_tokens) == (100, 50), "no total: thoughts are inside"
    assert (second.usage.input_tokens, second.usage.output_tokens) == (200, 60), "the total has room for thoughts"


def test_an_answer_before_its_telemetry_is_the_same_call(tmp_path):
    chat = tmp_path / "chat.jsonl"
    lines = NEW.read_text().splitlines()
    chat.write_text("\n".join([lines[0], lines[2], lines[1], *lines[3:8]]) + "\n")
    assert totals(read(SOURCE, chat)) == totals(read(SOURCE, NEW))


def test_older_chats_have_gemini_clis_form():
    (call,) = calls(read(SOURCE, LEGACY))
    assert (call.usage.input_tokens, call.usage.output_tokens, call.usage.cache_read_tokens) == (200, 100, 40)
    assert (call.model, call.session.project) == ("qwen3-coder", None)


@pytest.mark.parametrize("path", [NEW, WITHOUT_TELEMETRY], ids=["telemetry", "answers"])
def test_cuts_do_not_matter(path, tmp_path):
    assert_cuts_do_not_matter(SOURCE, path, tmp_path)


def test_the_ledger_counts_each_call_once_whatever_is_read_again(tmp_path):
    rows = ledger_of(tmp_path, (SOURCE, NEW), (SOURCE, LEGACY), (SOURCE, NEW), (SOURCE, WITHOUT_TELEMETRY))
    assert sorted(row["input_tokens"] for row in rows) == [100, 200, 200, 300, 1000, 1300]
    assert {row["response_id"] for row in rows} == {None, "chatcmpl-one", "chatcmpl-two", "chatcmpl-sub-agent"}


@pytest.mark.skipif(not SHARED_LOGS.exists(), reason=ABSENT)
def test_the_cache_is_inside_the_prompt_where_another_reader_adds_it():
    """Its test expects a total of 165 = 100 + 50 + 10 + 5: the cache and the thoughts counted twice.

    With cache and thoughts inside, as they are measured to be, the total is 150.
    """
    folder = SHARED_LOGS / "qwen" / "ccusage-tests" / "builds_qwen_daily_json_report_with_reasoning_in_total"
    (call,) = calls(read(SOURCE, folder / "projects" / "myProject" / "chats" / "chat-a.jsonl"))
    assert (call.usage.output_tokens, call.usage.cache_read_tokens) == (50, 5)
    assert call.model == "qwen3-coder-plus"
    assert call.started_ns // 10**9 == 1771856696
    assert (call.usage.input_tokens or 0) + (call.usage.output_tokens or 0) == 150


@pytest.mark.skipif(not AGENTS.exists(), reason=ABSENT)
def test_a_recorded_chat_holds_every_call_with_its_vendors_id():
    folder = AGENTS / "qwen-code" / "s1-fresh-grpc"
    truth = [json.loads(line) for line in (folder / "truth.jsonl").read_text().splitlines()]
    (chat,) = (folder / "home").rglob("chats/*.jsonl")
    assert [
        (row["response_id"], row["input_total"], row["cache_read"], row["output"], row["reasoning"]) for row in truth
    ] == [
        (
            c.response_id,
            c.usage.input_tokens,
            c.usage.cache_read_tokens,
            c.usage.output_tokens,
            c.usage.reasoning_tokens,
        )
        for c in calls(read(SOURCE, chat))
    ]
