"""Claude Code's transcripts: one call for all lines of an answer, whole, once over all files and forks."""

import json
from pathlib import Path
from typing import Any

import pytest

from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Agent, Call, Prompt, Tool, Usage
from spanledger.instrumentation.replay.sources.claude_code import SOURCE
from tests.log_fixtures import LOGS, agents, assert_cuts_do_not_matter, calls, copied, prompts, tools
from tests.replaying import ABSENT, SHARED_LOGS, ledger_of, read, totals

FOLDER = LOGS / "claude-code" / "projects" / "-home-ada-shop"
SESSION = "5f0c0a52-6a1e-4a7b-9d1e-0c2b7a9d4e11"
FORK = "9d0a77aa-0000-4bbb-8ccc-123456789abc"
AGENT = FOLDER / SESSION / "subagents" / "agent-ab12cd34ef56.jsonl"
ASIDE = AGENT.with_name("agent-aside_question-01.jsonl")
S = 10**9
NINE = 1_793_696_400 * S
"""2026-11-03T09:00:00Z."""


def main() -> list[Any]:
    return read(SOURCE, FOLDER / f"{SESSION}.jsonl")


def test_the_line_with_the_greatest_output_is_the_call():
    first, second, _ = calls(main())
    assert first.usage == Usage(1010, 0, 1000, 1000, 0, 250, 40, None)
    assert second.usage == Usage(1405, 1000, 400, 0, 400, 80, 0, 2)
    assert (first.model, first.asked_model, first.provider) == ("claude-opus-4-6", "claude-opus-4-6", "anthropic")
    assert (first.response_id, first.request_id) == ("msg_01AnswerOneAnswerOne01", "req_011CFirstFirstFirst01")
    assert first.vendor_ids
    assert (first.service_tier, first.speed, first.residency, second.speed) == ("standard", "standard", "us", "fast")
    assert (first.finish_reason, second.finish_reason) == ("tool_use", "end_turn")


def test_a_call_lasts_from_its_request_to_its_last_line():
    first, second, _ = calls(main())
    assert (first.started_ns, first.ended_ns) == (NINE + S // 4, NINE + 4 * S)
    assert (second.started_ns, second.ended_ns) == (NINE + 66 * S // 10, NINE + 9 * S)


def test_an_advisor_is_a_call_of_its_own():
    advisor = calls(main())[2]
    assert advisor.usage.input_tokens == 700
    assert advisor.usage.output_tokens == 60
    assert (advisor.model, advisor.agent) == ("claude-sonnet-4-6", "advisor")
    assert not advisor.vendor_ids


def test_the_session_says_project_branch_and_version():
    session = calls(main())[0].session
    assert (session.id, session.project, session.branch, session.version) == (SESSION, "shop", "main", "2.1.330")


def test_tools_run_from_their_use_to_their_result():
    (tool,) = tools(main())
    assert tool == Tool(
        "toolu_01Listing",
        tool.session,
        NINE + 4 * S,
        NINE + 65 * S // 10,
        "Bash",
        "toolu_01Listing",
        None,
        "tool_error",
    )


def test_prompts_are_what_a_person_wrote():
    (prompt,) = prompts(main())
    assert prompt == Prompt("u1", prompt.session, NINE, len("CANARY-7f3a: what is in here?"))


def test_error_notices_are_no_calls():
    assert "<synthetic>" not in {call.model for call in calls(main())}


def test_a_sub_agents_calls_and_tools_are_its_own():
    records = read(SOURCE, AGENT)
    (call,), (tool,), (agent,) = calls(records), tools(records), agents(records)
    assert (call.agent, call.parent, tool.parent) == ("Explore", "ab12cd34ef56", "ab12cd34ef56")
    assert call.session.id == SESSION
    assert agent == Agent("ab12cd34ef56", agent.session, NINE + 41 * S // 10, NINE + 58 * S // 10, "Explore")


def test_the_journal_of_a_workflow_is_no_transcript():
    assert read(SOURCE, AGENT.with_name("journal.jsonl")) == []


def test_a_fork_names_the_origin_of_what_it_copied():
    by_session: dict[str, list[str]] = {}
    for call in calls(read(SOURCE, FOLDER / f"{FORK}.jsonl")):
        by_session.setdefault(call.session.id, []).append(call.key)
    assert by_session == {
        SESSION: [call.key for call in calls(main())],
        FORK: ["msg_01AnswerForkAnswer0003/req_011CForkForkForkFork3"],
    }


def test_a_fork_and_a_side_question_add_only_what_is_their_own(tmp_path: Path):
    files = sorted(FOLDER.rglob("*.jsonl"))
    for number, order in enumerate((files, files[::-1])):
        folder = tmp_path / str(number)
        rows = ledger_of(folder, *[(SOURCE, path) for path in order])
        assert sorted((row["input_tokens"], row["output_tokens"], row["session_id"]) for row in rows) == [
            (320, 15, SESSION),
            (700, 60, SESSION),
            (1010, 250, SESSION),
            (1405, 80, SESSION),
            (1407, 30, FORK),
            (1409, 12, SESSION),
        ]
        (replayed,) = [row for row in rows if row["output_tokens"] == 80]
        assert replayed["agent_name"] is None
        spans = ledger_of(folder, table="spans")
        assert sorted(row["operation"] for row in spans) == ["execute_tool"] * 2 + ["invoke_agent"] + ["prompt"] * 2


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.jsonl")), ids=lambda path: path.name)
def test_cuts_do_not_matter(tmp_path: Path, path: Path):
    folder = copied(LOGS / "claude-code", tmp_path)
    assert_cuts_do_not_matter(SOURCE, path, (folder / path.relative_to(LOGS / "claude-code")).parent)


def line(**changed: object) -> dict[str, Any]:
    """A line of an answer; `usage`, `id` and `model` go where they belong."""
    usage = {"input_tokens": 100, "output_tokens": 50} | changed.pop("usage", {})  # type: ignore[operator]
    message = {"id": "msg_1", "model": "claude-sonnet-4-6", "role": "assistant", "content": [], "usage": usage}
    message |= {name: changed.pop(name) for name in ("id", "model") if name in changed}
    plain = {"type": "assistant", "sessionId": "s", "timestamp": "2026-11-03T09:00:00.000Z", "requestId": "req_1"}
    return plain | {"message": message} | changed


def of(tmp_path: Path, *lines: object) -> list[Call]:
    path = tmp_path / "s.jsonl"
    path.write_text("".join(one if isinstance(one, str) else json.dumps(one) + "\n" for one in lines), "utf-8")
    return calls(read(SOURCE, path))


def test_a_fallback_to_another_model_takes_the_whole_line(tmp_path: Path):
    (call,) = of(
        tmp_path,
        line(model="claude-opus-4-6", usage={"cache_read_input_tokens": 900, "output_tokens": 3}),
        line(usage={"cache_read_input_tokens": 500, "output_tokens": 80}),
    )
    assert (call.model, call.usage.cache_read_tokens, call.usage.output_tokens) == ("claude-sonnet-4-6", 500, 80)


def test_a_gateways_constant_id_names_no_call(tmp_path: Path):
    one = line(id="ocgo", requestId=None)
    again = line(id="ocgo", requestId=None, timestamp="2026-11-03T09:00:01.000Z", usage={"output_tokens": 60})
    other = line(id="ocgo", requestId=None, timestamp="2026-11-03T09:05:00.000Z", usage={"input_tokens": 300})
    found = of(tmp_path, one, again, other)
    assert [(call.usage.input_tokens, call.usage.output_tokens) for call in found] == [(100, 60), (300, 50)]
    assert not any(call.vendor_ids or call.response_id for call in found)


def test_without_a_request_id_lines_of_one_answer_are_one_call(tmp_path: Path):
    found = of(tmp_path, *[line(requestId=None, usage={"output_tokens": output}) for output in (1, 1, 50)])
    assert [call.usage.output_tokens for call in found] == [50]


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"cache_creation_input_tokens": 1000, "cache_creation": {"ephemeral_5m_input_tokens": 0}}, (1000, None, None)),
        ({"cache_creation_input_tokens": None, "cache_creation": {"ephemeral_1h_input_tokens": 7}}, (7, None, 7)),
        ({"cache_creation_input_tokens": 12, "cache_creation": None}, (12, None, None)),
    ],
)
def test_the_total_of_cache_writes_is_right_where_its_parts_are_not(tmp_path: Path, usage: Any, expected: Any):
    (call,) = of(tmp_path, line(usage=usage))
    assert (
        call.usage.cache_write_tokens,
        call.usage.cache_write_5m_tokens,
        call.usage.cache_write_1h_tokens,
    ) == expected


@pytest.mark.parametrize(
    ("answer_id", "model", "provider"),
    [
        ("msg_bdrk_0123456789abcdef", "claude-opus-4-6", "aws.bedrock"),
        ("msg_vrtx_0123456789abcdef", "claude-opus-4-6", "gcp.vertex_ai"),
        ("msg_1", "us.anthropic.claude-opus-4-6-v1:0", "aws.bedrock"),
        ("msg_1", "claude-opus-4-6@20260101", "gcp.vertex_ai"),
        ("msg_1", "claude-opus-4-6", "anthropic"),
        ("msg_1", "glm-4.6", None),
    ],
)
def test_the_id_and_the_model_tell_who_sold_it(tmp_path: Path, answer_id: str, model: str, provider: str | None):
    (call,) = of(tmp_path, line(id=answer_id, model=model))
    assert call.provider == provider


def test_a_placeholder_that_was_never_replaced_is_partial(tmp_path: Path):
    message = line(usage={"output_tokens": 3})
    message["message"]["content"] = [{"type": "text", "text": "x" * 300}]
    (call,) = of(tmp_path, message)
    assert call.partial


def test_old_transcripts_say_the_cost_and_tell_of_sub_agents_in_the_parents(tmp_path: Path):
    told = {"type": "assistant", "message": line(id="msg_2")["message"], "requestId": "req_2"}
    progress = {"type": "progress", "sessionId": "s", "timestamp": "2026-11-03T09:00:00.000Z",
                "data": {"type": "agent_progress", "agentId": "a1", "message": told}}  # fmt: skip
    first, second = of(tmp_path, line(costUSD=0.25), progress)
    assert str(first.cost_usd) == "0.25"
    assert (second.agent, second.parent, second.key) == ("subagent", "a1", "msg_2/req_2/a1")


def test_a_transcript_is_recognised_by_its_first_line():
    head = (FOLDER / f"{SESSION}.jsonl").read_bytes()
    assert SOURCE.recognises(Path("x.jsonl"), head)
    assert not SOURCE.recognises(Path("x.jsonl"), b'{"timestamp":"2026-01-01T00:00:00Z","type":"x","payload":{}}\n')
    assert not SOURCE.recognises(Path("x.jsonl"), b"no json")


QUIRKS = SHARED_LOGS / "claude-code" / "ours-quirks"
CASES = json.loads((QUIRKS / "EXPECTED.json").read_text("utf-8")) if QUIRKS.is_dir() else {}


@pytest.mark.skipif(not CASES, reason=ABSENT)
@pytest.mark.parametrize("case", CASES)
def test_the_quirks_that_others_stumble_over(case: str):
    path = QUIRKS / case / "projects" / "p" / "s1.jsonl"
    log = Log(path)
    records = read(SOURCE, path, log)
    found, wanted = totals(records), CASES[case]
    assert (found["uncached"], found["output_tokens"]) == (wanted["input"], wanted["output"])
    assert found["cache_read_tokens"] == wanted.get("cache_read", found["cache_read_tokens"])
    assert found["cache_write_tokens"] == wanted.get("cache_write", found["cache_write_tokens"])
    by_model = {call.model: [call.usage.input_tokens, call.usage.output_tokens] for call in calls(records)}
    assert by_model == wanted.get("models", by_model)
    assert not log.skipped


@pytest.mark.skipif(not SHARED_LOGS.is_dir(), reason=ABSENT)
def test_the_figures_of_another_counter_where_it_is_right():
    folder = SHARED_LOGS / "claude-code" / "ccusage-app-fixture"
    wanted = json.loads((folder / "EXPECTED-ccusage.json").read_text("utf-8"))["totals"]
    found = totals(record for path in sorted(folder.rglob("chat.jsonl")) for record in read(SOURCE, path))
    assert {
        "inputTokens": found["uncached"],
        "outputTokens": found["output_tokens"],
        "cacheReadTokens": found["cache_read_tokens"],
        "cacheCreationTokens": found["cache_write_tokens"],
    } == {name: wanted[name] for name in ("inputTokens", "outputTokens", "cacheReadTokens", "cacheCreationTokens")}


def test_an_answer_that_names_no_type_is_one_by_its_usage(tmp_path: Path):
    path = tmp_path / "chat.jsonl"
    message = {"id": "msg_1", "model": "claude-opus-4-6", "usage": {"input_tokens": 100, "output_tokens": 25}}
    told = {"timestamp": "2026-11-03T09:00:00.000Z", "sessionId": "s", "requestId": "req_1"}
    path.write_text(json.dumps(told | {"message": message}) + "\n" + json.dumps(told | {"message": {}}) + "\n", "utf-8")
    (call,) = read(SOURCE, path)
    assert (call.usage.input_tokens, call.usage.output_tokens) == (100, 25)
