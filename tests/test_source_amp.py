"""Amp: the usage of messages, or the ledger of older threads; never both."""

import pytest

from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.sources.amp import SOURCE
from tests.log_fixtures import LOGS, calls, prompts, tools
from tests.replaying import ABSENT, SHARED_LOGS, ledger_of, read, totals

THREADS = LOGS / "amp" / "threads"
THREAD = THREADS / "T-aaaa0000-0000-4000-8000-00000000000a.json"
WITH_LEDGER = THREADS / "T-bbbb0000-0000-4000-8000-00000000000b.json"
CASES = SHARED_LOGS / "amp" / "ccusage-tests"


def test_a_message_with_usage_is_a_call_with_inclusive_counts():
    first, second, _ = calls(read(SOURCE, THREAD))
    usage = first.usage
    assert (usage.input_tokens, usage.cache_write_tokens, usage.cache_read_tokens) == (3 + 1601 + 13248, 1601, 13248)
    assert (first.model, usage.output_tokens, first.finish_reason) == ("claude-opus-4-6", 70, "tool_use")
    assert second.usage.output_tokens == 30


def test_a_call_lasts_as_long_as_the_thread_notes():
    first, second, third = calls(read(SOURCE, THREAD))
    assert [(call.ended_ns - call.started_ns) // 10**6 for call in (first, second, third)] == [2642, 1947, 0]


def test_a_total_alone_is_taken_for_output_and_said_to_be_partial():
    third = calls(read(SOURCE, THREAD))[2]
    assert (third.usage.output_tokens, third.usage.input_tokens, third.partial) == (345, None, True)


def test_whose_models_it_calls_their_names_tell():
    assert {call.provider for call in calls(read(SOURCE, THREAD))} == {"_OTHER"}


def test_a_thread_says_project_repository_branch_and_version():
    session = calls(read(SOURCE, THREAD))[0].session
    assert (session.project, session.repository, session.branch) == ("webshop", "webshop", "main")
    assert session.version == "0.0.1772237000"


def test_tools_share_the_time_in_which_the_thread_ran_them():
    found = tools(read(SOURCE, THREAD))
    assert [(tool.name, tool.error) for tool in found] == [("Read", None), ("Bash", "error")]
    assert {tool.ended_ns - tool.started_ns for tool in found} == {3_425_000_000}


def test_prompts_are_measured():
    assert [prompt.characters for prompt in prompts(read(SOURCE, THREAD))] == [11]


def test_a_ledger_is_read_instead_of_the_messages():
    first, second = calls(read(SOURCE, WITH_LEDGER))
    assert (first.usage.input_tokens, first.usage.cache_read_tokens, first.usage.cache_write_tokens) == (130, 10, 20)
    assert (second.usage.input_tokens, second.usage.output_tokens, second.model) == (9, 4, "gpt-5")
    assert first.cost_usd is None, "credits are no money"


def test_a_call_without_a_time_is_counted():
    log = Log(THREAD)
    read(SOURCE, THREAD, log)
    assert log.skipped == {"call without a time": 1}


def test_what_is_no_thread_is_counted(tmp_path):
    other = tmp_path / "T-1.json"
    other.write_text('{"messages": null}')
    log = Log(other)
    assert read(SOURCE, other, log) == []
    assert log.skipped == {"not a thread": 1}


def test_a_thread_that_is_read_again_changes_nothing(tmp_path):
    rows = ledger_of(tmp_path, (SOURCE, THREAD), (SOURCE, WITH_LEDGER), (SOURCE, THREAD))
    assert sorted(row["output_tokens"] for row in rows) == [4, 30, 50, 70, 345]


@pytest.mark.skipif(not SHARED_LOGS.exists(), reason=ABSENT)
def test_messages_give_what_is_expected():
    first, second = calls(read(SOURCE, CASES / "reads_usage_from_messages_when_ledger_is_missing" / "thread.json"))
    usage = first.usage
    assert (usage.input_tokens, usage.output_tokens) == (10 + 986 + 11372, 178)
    assert (usage.cache_write_tokens, usage.cache_read_tokens) == (986, 11372)
    assert (first.model, first.session.id) == ("claude-haiku-4-5-20251001", "T-thread-a")
    assert second.usage.input_tokens == 5 + 12000
    (total,) = calls(read(SOURCE, CASES / "falls_back_to_total_tokens_in_messages_path" / "thread.json"))
    assert total.usage.output_tokens == 345


@pytest.mark.skipif(not SHARED_LOGS.exists(), reason=ABSENT)
def test_a_ledger_gives_what_is_expected():
    case = SHARED_LOGS / "misc" / "ccusage-tests" / "loads_amp_thread_usage_events"
    (call,) = calls(read(SOURCE, case / "threads" / "thread.json"))
    usage = call.usage
    assert call.started_ns // 10**9 == 1777597323  # 2026-05-01T01:02:03Z
    assert (call.session.id, call.model) == ("thread-a", "claude-sonnet-4-20250514")
    assert (usage.input_tokens, usage.output_tokens) == (100 + 20 + 10, 50)
    assert (usage.cache_write_tokens, usage.cache_read_tokens) == (20, 10)


@pytest.mark.skipif(not SHARED_LOGS.exists(), reason=ABSENT)
def test_threads_of_other_collections_are_read():
    for thread in (SHARED_LOGS / "amp" / "git-ai" / "amp-threads").glob("*.json"):
        found = read(SOURCE, thread)
        assert totals(found)["calls"] == 3
        assert all(call.ended_ns > call.started_ns for call in calls(found))
        assert tools(found)
