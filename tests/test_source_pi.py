"""pi: one line a message, forks that begin with copies, sub-agents that are written down twice."""

import json
from decimal import Decimal

import pytest

from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.sources.pi import SOURCE
from tests.log_fixtures import LOGS, assert_cuts_do_not_matter, calls, prompts, tools
from tests.replaying import ABSENT, SHARED_LOGS, ledger_of, read, totals

SESSION = "7777aaaa-0000-4000-8000-000000000007"
FOLDER = LOGS / "pi" / "--home-dev-webshop--"
ORIGIN = FOLDER / f"2026-03-31T10-00-00-000Z_{SESSION}.jsonl"
FORK = FOLDER / "2026-03-31T11-00-00-000Z_8888bbbb-0000-4000-8000-000000000008.jsonl"
SUBAGENT = ORIGIN.with_suffix("") / "a1" / "run-0" / "session.jsonl"
TRANSCRIPT = FOLDER / "subagent-artifacts" / "r1_scout_0_transcript.jsonl"


def test_each_answer_is_a_call_with_inclusive_counts():
    first, second, third = calls(read(SOURCE, ORIGIN))
    assert (first.usage.input_tokens, first.usage.cache_write_tokens, first.usage.output_tokens) == (2010, 2000, 100)
    assert (second.usage.input_tokens, second.usage.cache_read_tokens) == (2303, 2000)
    assert (str(first.cost_usd), third.cost_usd) == ("0.015", None)


def test_a_call_lasts_from_its_message_to_its_line():
    first = calls(read(SOURCE, ORIGIN))[0]
    assert (first.ended_ns - first.started_ns) == 3_900_000_000


def test_the_vendors_id_is_told_from_names_of_our_own():
    first, second, _ = calls(read(SOURCE, ORIGIN))
    assert (first.vendor_ids, first.response_id, first.request_id) == (False, None, first.key)
    assert (second.vendor_ids, second.response_id, second.request_id) == (True, "msg_01FromTheVendor", None)


def test_a_model_that_a_message_does_not_name_is_the_one_that_was_chosen():
    third = calls(read(SOURCE, ORIGIN))[2]
    assert (third.model, third.provider, third.session.plan, third.error) == (
        "gpt-5.4",
        "openai",
        "chatgpt",
        "error",
    )


def test_an_answer_that_used_nothing_is_no_call():
    assert len(calls(read(SOURCE, ORIGIN))) == 3


def test_tools_and_prompts_come_with_their_times():
    found = read(SOURCE, ORIGIN)
    (tool,) = tools(found)
    assert (tool.name, tool.error, tool.ended_ns - tool.started_ns) == ("bash", "error", 2_000_000_000)
    assert [prompt.characters for prompt in prompts(found)] == [11]


def test_what_a_fork_copied_stays_its_origins():
    found = read(SOURCE, FORK)
    assert [call.session.id for call in calls(found)] == [SESSION, SESSION, FORK.stem.partition("_")[2]]
    both = [*read(SOURCE, ORIGIN), *found]
    assert totals(both)["calls"] == 4
    assert len({tool.key for tool in tools(both)}) == 1
    assert len({prompt.key for prompt in prompts(both)}) == 2


def test_a_sub_agent_that_is_written_down_twice_is_counted_once(tmp_path):
    assert totals([*read(SOURCE, SUBAGENT), *read(SOURCE, TRANSCRIPT)])["calls"] == 1
    (call,) = calls(read(SOURCE, TRANSCRIPT))
    assert (call.session.id, call.agent) == ("r1", "scout")
    assert len(ledger_of(tmp_path, (SOURCE, SUBAGENT), (SOURCE, TRANSCRIPT))) == 1


def test_the_ledger_counts_each_call_once_in_any_order(tmp_path):
    files = [FORK, ORIGIN, TRANSCRIPT, SUBAGENT]
    for place, order in enumerate((files, files[::-1] * 2)):
        rows = ledger_of(tmp_path / str(place), *[(SOURCE, path) for path in order])
        assert sorted(row["input_tokens"] for row in rows) == [70, 420, 2010, 2303, 2305]


@pytest.mark.parametrize("path", [ORIGIN, FORK], ids=["origin", "fork"])
def test_cuts_do_not_matter(path, tmp_path):
    assert_cuts_do_not_matter(SOURCE, path, tmp_path)


@pytest.mark.skipif(not SHARED_LOGS.exists(), reason=ABSENT)
def test_a_total_alone_is_taken_for_output_and_said_to_be_partial():
    case = SHARED_LOGS / "pi" / "ccusage-tests" / "falls_back_to_total_tokens_when_pi_parts_are_missing"
    (call,) = calls(read(SOURCE, case / "sessions" / "project-a" / "agent_session-a.jsonl"))
    assert (call.usage.output_tokens, call.usage.input_tokens, call.partial) == (333, None, True)


@pytest.mark.skipif(not SHARED_LOGS.exists(), reason=ABSENT)
def test_files_without_a_header_are_named_by_their_path():
    case = SHARED_LOGS / "misc" / "ccusage-tests" / "loads_pi_agent_jsonl_usage_entries"
    (call,) = calls(read(SOURCE, case / "sessions" / "project-a" / "prefix_session-a.jsonl"))
    usage = call.usage
    assert (call.session.project, call.session.id, call.model) == ("project-a", "session-a", "gpt-5.4")
    assert call.started_ns // 10**9 == 1776819723  # 2026-04-22T01:02:03Z
    assert (usage.input_tokens, usage.output_tokens) == (100 + 20 + 10, 50)
    assert (usage.cache_write_tokens, usage.cache_read_tokens, str(call.cost_usd)) == (20, 10, "0.05")


@pytest.mark.skipif(not SHARED_LOGS.exists(), reason=ABSENT)
def test_a_model_that_nobody_knows_keeps_the_cost_that_was_said():
    case = SHARED_LOGS / "pi" / "ccusage-tests" / "no_missing_pricing_model_when_auto_mode_has_display_cost"
    (call,) = calls(read(SOURCE, case / "sessions" / "project-a" / "agent_session-a.jsonl"))
    assert (call.model, str(call.cost_usd)) == ("unknown-model-xyz", "0.05")


@pytest.mark.skipif(not SHARED_LOGS.exists(), reason=ABSENT)
def test_a_long_session_is_read_whole():
    log = Log(SHARED_LOGS / "pi" / "pi-mono" / "before-compaction.jsonl")
    found = read(SOURCE, log.path, log)
    assert totals(found)["calls"] == len(calls(found)) == 471
    assert totals(found)["output_tokens"] == 187_895
    messages = [json.loads(line).get("message", {}) for line in log.path.read_text().splitlines()]
    said = sum(Decimal(str(message["usage"]["cost"]["total"])) for message in messages if "usage" in message)
    assert sum(call.cost_usd or 0 for call in calls(found)) == said
    assert not log.skipped


@pytest.mark.skipif(not SHARED_LOGS.exists(), reason=ABSENT)
def test_sessions_without_usage_have_tools_and_prompts():
    found = read(SOURCE, SHARED_LOGS / "pi" / "git-ai" / "pi-session-tool.jsonl")
    assert ([tool.name for tool in tools(found)], len(prompts(found)), calls(found)) == (["edit"], 1, [])
