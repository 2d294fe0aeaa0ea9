"""Cline, Roo Code and Kilo Code: one call a request, whatever each of them means by input."""

from decimal import Decimal
from pathlib import Path

import pytest

from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Call, Prompt, Tool, Usage
from spanledger.instrumentation.replay.source import Source
from spanledger.instrumentation.replay.sources.cline_family import CLINE, KILO_VSCODE, ROO
from tests.replaying import ABSENT, SHARED_LOGS, read, totals

LOGS = Path(__file__).parent / "logs"
TASK = LOGS / "cline" / "saoudrizwan.claude-dev" / "tasks" / "1767312000000" / "ui_messages.json"
SESSION = LOGS / "cline" / "sessions" / "s1" / "s1.messages.json"
ROO_TASK = LOGS / "roo-code" / "rooveterinaryinc.roo-cline" / "tasks" / "t-1" / "ui_messages.json"
KILO_TASK = LOGS / "kilo-code" / "kilocode.kilo-code" / "tasks" / "t-2" / "ui_messages.json"
SHARED = SHARED_LOGS / "cline" / "shape" / "data" / "sessions" / "s1.messages.json"


def calls(source: Source, path: Path, log: Log | None = None) -> list[Call]:
    return [record for record in read(source, path, log) if isinstance(record, Call)]


def test_a_task_of_cline_leaves_the_cache_out_of_its_input() -> None:
    call = calls(CLINE, TASK)[0]
    assert call.usage == Usage(
        input_tokens=1060, cache_read_tokens=900, cache_write_tokens=40, output_tokens=60
    )  # fmt: skip
    assert (call.model, call.provider, call.cost_usd) == ("claude-sonnet-4-6", "anthropic", Decimal("0.0123"))


def test_openai_behind_a_task_of_cline_has_the_cache_in_its_input() -> None:
    assert calls(CLINE, TASK)[1].usage == Usage(input_tokens=1100, cache_read_tokens=1000, output_tokens=30)


def test_a_request_that_names_no_model_went_to_the_last_one_noted() -> None:
    call = calls(CLINE, TASK)[2]
    assert (call.model, call.provider) == ("gemini-3-pro", "gemini")


def test_requests_without_counts_and_deleted_ones_are_counted_not_told() -> None:
    log = Log(TASK)
    assert len(calls(CLINE, TASK, log)) == 3
    assert log.skipped == {
        "request without counts: broken off, or not yet answered": 1,
        "calls that were deleted from the task, told only as a sum": 1,
    }


def test_tools_and_prompts_of_a_task_are_told_by_name_and_size() -> None:
    records = read(CLINE, TASK)
    assert [tool.name for tool in records if isinstance(tool, Tool)] == ["readFile", "lookup", "command"]
    assert [prompt.characters for prompt in records if isinstance(prompt, Prompt)] == [11, 11]


def test_a_session_of_cline_has_the_cache_in_its_input() -> None:
    (call,) = calls(CLINE, SESSION)
    assert call.usage == Usage(input_tokens=1000, cache_read_tokens=900, cache_write_tokens=0, output_tokens=60)
    assert (call.key, call.session.id, call.session.project) == ("s1/s1/msg_b", "s1", "shop")
    assert call.ended_ns - call.started_ns == 5 * 10**9


def test_a_sub_agent_works_for_its_parents_session() -> None:
    (call,) = calls(CLINE, SESSION.with_name("agent_1.messages.json"))
    assert (call.session.id, call.agent, call.usage.output_tokens) == ("s1", "agent_1", 7)


def test_roo_wrote_the_uncached_rest_under_anthropics_interface_until_november_2025() -> None:
    before, since, *_ = calls(ROO, ROO_TASK)
    assert (before.usage.input_tokens, before.usage.cache_read_tokens) == (2500, 1000)
    assert (since.usage.input_tokens, since.usage.cache_read_tokens) == (1500, 1000)


def test_the_model_of_a_request_of_roo_stands_in_the_prompts_environment() -> None:
    assert [call.model for call in calls(ROO, ROO_TASK)] == ["claude-sonnet-4-5", "gpt-5", "gpt-5", None]


def test_a_cancelled_request_was_paid_and_a_condensation_cost_something() -> None:
    *_, cancelled, condensed = calls(ROO, ROO_TASK)
    assert (cancelled.error, cancelled.usage.input_tokens) == ("cancelled", 700)
    assert (condensed.cost_usd, condensed.partial, condensed.usage) == (Decimal("0.004"), True, Usage())


def test_a_windows_folder_names_the_project_too() -> None:
    assert calls(ROO, ROO_TASK)[0].session.project == "shop"


def test_kilo_took_over_the_whole_prompt_twelve_days_after_roo() -> None:
    (call,) = calls(KILO_VSCODE, KILO_TASK)
    assert call.usage.input_tokens == 2500


@pytest.mark.parametrize(
    ("source", "path"), [(CLINE, TASK), (CLINE, SESSION), (ROO, ROO_TASK), (KILO_VSCODE, KILO_TASK)]
)
def test_each_recognises_its_own_files(source: Source, path: Path) -> None:
    assert [one.name for one in (CLINE, ROO, KILO_VSCODE) if one.recognises(path, Log(path).head())] == [source.name]


def test_a_document_of_others_is_neither(tmp_path: Path) -> None:
    path = tmp_path / "ui_messages.json"
    path.write_text('{"a": 1}', encoding="utf-8")
    log = Log(path)
    assert calls(CLINE, path, log) == []
    assert log.skipped == {"neither a task nor a session": 1}


@pytest.mark.skipif(not SHARED.is_file(), reason=ABSENT)
def test_input_below_its_cached_part_leaves_it_out() -> None:
    records = read(CLINE, SHARED)
    found = totals(records)
    assert (found["uncached"], found["output_tokens"]) == (120, 60)
    assert (found["cache_read_tokens"], found["cache_write_tokens"]) == (900, 40)
    assert [record.cost_usd for record in records if isinstance(record, Call)] == [Decimal("0.0123")]
