"""Droid: one growing sum a session, with tools and prompts from the events beside it."""

import json

import pytest

from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.sources.droid import SOURCE
from tests.log_fixtures import LOGS, assert_cuts_do_not_matter, calls, prompts, tools
from tests.replaying import ABSENT, SHARED_LOGS, ledger_of, read

FOLDER = LOGS / "droid" / "sessions" / "-home-dev-webshop"
SESSION = "cccc1111-0000-4000-8000-00000000000c"
SUM = FOLDER / f"{SESSION}.settings.json"
EVENTS = FOLDER / f"{SESSION}.jsonl"
BARE = FOLDER / "dddd2222-0000-4000-8000-00000000000d.settings.json"
CASES = SHARED_LOGS / "droid" / "ccusage-tests"


def test_a_session_is_one_call_with_inclusive_counts():
    (call,) = calls(read(SOURCE, SUM))
    usage = call.usage
    assert (usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens) == (6743 + 42496 + 5, 42496, 5)
    assert (usage.output_tokens, usage.reasoning_tokens) == (1450, 1088), "thinking is part of the output"
    assert (call.key, call.session.project, call.provider) == (SESSION, "webshop", "anthropic")


def test_a_session_lasts_as_long_as_its_assistant_was_active():
    (call,) = calls(read(SOURCE, SUM))
    assert call.ended_ns - call.started_ns == 27_913_000_000


def test_names_that_users_gave_to_models_are_made_plain():
    (call,) = calls(read(SOURCE, SUM))
    assert call.model == "claude-opus-4-5-thinking"


def test_a_model_that_is_not_said_comes_from_what_the_session_says_to_it_and_from_nothing_else():
    (call,) = calls(read(SOURCE, BARE))
    assert call.model == "claude-haiku-4-5"


def test_a_session_began_with_its_first_event_since_the_lock_of_its_provider_may_move():
    (call,) = calls(read(SOURCE, BARE))
    assert call.started_ns // 10**9 == 1770019200  # 2026-02-02T08:00:00Z
    (other,) = calls(read(SOURCE, SUM))
    assert other.started_ns == prompts(read(SOURCE, EVENTS))[0].at_ns


def test_thinking_that_does_not_fit_into_the_output_is_beside_it():
    (call,) = calls(read(SOURCE, BARE))
    assert (call.usage.output_tokens, call.usage.reasoning_tokens) == (50, 30)


def test_a_sum_that_grows_is_one_call(tmp_path):
    rows = []
    for tokens in (100, 300, 200):
        session = tmp_path / str(tokens) / "s.settings.json"
        session.parent.mkdir()
        usage = {"inputTokens": tokens, "outputTokens": tokens}
        session.write_text(
            json.dumps({"model": "gpt-5", "providerLockTimestamp": "2026-05-01T01:02:03Z", "tokenUsage": usage})
        )
        rows.append((SOURCE, session))
    (row,) = ledger_of(tmp_path / "ledger", *rows)
    assert (row["input_tokens"], row["output_tokens"]) == (300, 300)


def test_tools_last_from_the_question_to_the_result():
    found = tools(read(SOURCE, EVENTS))
    assert [(tool.name, tool.error, (tool.ended_ns - tool.started_ns) // 10**9) for tool in found] == [
        ("Execute", "error", 2),
        ("Read", None, 4),
    ]


def test_prompts_are_measured():
    assert [prompt.characters for prompt in prompts(read(SOURCE, EVENTS))] == [11]


def test_cuts_do_not_matter(tmp_path):
    assert_cuts_do_not_matter(SOURCE, EVENTS, tmp_path)


def test_a_session_without_any_time_is_counted(tmp_path):
    session = tmp_path / "s.settings.json"
    session.write_text('{"tokenUsage": {"inputTokens": 1}}')
    log = Log(session)
    assert read(SOURCE, session, log) == []
    assert log.skipped == {"call without a time": 1}


def test_settings_that_are_no_object_are_counted(tmp_path):
    session = tmp_path / "s.settings.json"
    session.write_text("[]")
    log = Log(session)
    assert read(SOURCE, session, log) == []
    assert log.skipped == {"not the settings of a session": 1}


@pytest.mark.skipif(not SHARED_LOGS.exists(), reason=ABSENT)
def test_two_snapshots_of_a_session_are_the_fuller_one(tmp_path):
    case = CASES / "keeps_latest_snapshot_for_duplicate_session_ids"
    for place, order in enumerate((case.rglob("*.json"), reversed(list(case.rglob("*.json"))))):
        (row,) = ledger_of(tmp_path / str(place), *[(SOURCE, path) for path in order])
        assert (row["session_id"], row["input_tokens"], row["output_tokens"]) == ("session-c", 100, 200)


@pytest.mark.skipif(not SHARED_LOGS.exists(), reason=ABSENT)
def test_the_model_comes_from_the_events_where_the_settings_name_none(tmp_path):
    case = CASES / "falls_back_to_sidecar_jsonl_model"
    (call,) = calls(read(SOURCE, case / "session-b.settings.json"))
    assert (call.model, call.usage.output_tokens) == ("claude-opus-4-5-thinking", 20)


@pytest.mark.skipif(not SHARED_LOGS.exists(), reason=ABSENT)
def test_a_recorded_session_is_read():
    folder = SHARED_LOGS / "droid" / "git-ai"
    (call,) = calls(read(SOURCE, folder / "droid-session.settings.json"))
    assert (call.model, call.provider, call.usage.cache_read_tokens) == ("byok-gpt-5-mini", "openai", 42496)
    assert [tool.name for tool in tools(read(SOURCE, folder / "droid-session.jsonl"))]
