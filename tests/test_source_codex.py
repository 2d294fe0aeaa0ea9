"""Codex' rollouts: a call for each record, or for what running totals gain; history that was copied counts once."""

import json
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import zstandard

from spanledger.dashboards import views
from spanledger.instrumentation.replay.records import Call, Prompt, Quota, Record, Usage
from spanledger.instrumentation.replay.sources.codex import SOURCE
from spanledger.storage.ledger import Ledger
from tests.log_fixtures import LOGS, agents, assert_cuts_do_not_matter, calls, copied, prompts, tools
from tests.replaying import ABSENT, SHARED_LOGS, feed, ledger_of, read, requests, totals

FOLDER = LOGS / "codex" / "sessions" / "2026" / "11" / "03"
RECORDS, TOTALS, FORK, SPAWNED = sorted(FOLDER.glob("*.jsonl"))
S = 10**9
TEN = 1_793_700_000 * S
"""2026-11-03T10:00:00Z."""


def shown(records: list[Record]) -> list[tuple[int | None, ...]]:
    """Input, cached, written to the cache and output of the calls."""
    return [
        (one.usage.input_tokens, one.usage.cache_read_tokens, one.usage.cache_write_tokens, one.usage.output_tokens)
        for one in calls(records)
    ]


def test_a_record_is_a_call_and_its_count_is_no_other():
    first, second, compaction = calls(read(SOURCE, RECORDS))
    assert first.usage == Usage(1000, 0, 900, output_tokens=50, reasoning_tokens=20)
    assert (first.response_id, first.vendor_ids) == ("resp_000000000000000001", True)
    assert (second.usage.input_tokens, second.usage.cache_read_tokens) == (1200, 900)
    assert (compaction.response_id, compaction.usage.input_tokens) == ("resp_000000000000000003", 2300)
    assert (first.model, first.provider, first.service_tier) == ("gpt-5.5", "openai", "priority")


@pytest.mark.parametrize(
    ("provider", "model", "seller"),
    [("ours", "gpt-5.5", "openai"), ("ours", "llama-4", None), ("ollama", "gpt-oss:20b", "ollama"), (None, None, None)],
)
def test_behind_a_name_of_the_users_own_openais_models_are_openais(
    tmp_path: Path, provider: str | None, model: str | None, seller: str | None
):
    lines = RECORDS.read_bytes().replace(
        b'"model_provider":"openai"', b'"model_provider":' + json.dumps(provider).encode()
    )
    renamed = tmp_path / RECORDS.name
    renamed.write_bytes(lines.replace(b'"model":"gpt-5.5"', b'"model":' + json.dumps(model).encode()))
    assert calls(read(SOURCE, renamed))[0].provider == seller


def test_a_call_lasts_from_what_was_asked_to_its_record():
    first, second, _ = calls(read(SOURCE, RECORDS))
    assert (first.started_ns, first.ended_ns) == (TEN + 40_000_000, TEN + 16 * S // 10)
    assert (second.started_ns, second.ended_ns) == (TEN + 26 * S // 10, TEN + 41 * S // 10)


def test_the_session_says_project_repository_branch_version_and_plan():
    session = calls(read(SOURCE, RECORDS))[0].session
    assert (session.project, session.repository, session.branch) == ("shop", "shop", "main")
    assert (session.version, session.plan) == ("0.169.0", "pro")


def test_the_plans_windows_are_told_when_they_change():
    quotas = [record for record in read(SOURCE, RECORDS) if isinstance(record, Quota)]
    assert [(one.name, one.used_percent, one.window_minutes) for one in quotas] == [
        ("primary", 12.5, 300),
        ("secondary", 3.0, 10080),
        ("primary", 14.0, 300),
    ]
    assert quotas[0].resets_ns == 1_793_710_800 * S
    assert quotas[0].plan == "pro"


def test_tools_and_prompts():
    records = read(SOURCE, RECORDS)
    (tool,), (prompt,) = tools(records), prompts(records)
    assert (tool.name, tool.started_ns, tool.ended_ns) == ("exec_command", TEN + 15 * S // 10, TEN + 26 * S // 10)
    assert prompt == Prompt(prompt.key, prompt.session, TEN + 40_000_000, len("CANARY-7f3a: list the folder"))


def test_totals_are_told_apart_from_repetitions_late_snapshots_and_resets():
    assert shown(read(SOURCE, TOTALS)) == [(100, 10, 0, 20), (150, 50, 0, 30), (40, 0, 0, 10), (50, 0, 0, 20)]


def test_a_windows_path_names_a_project_too():
    assert {call.session.project for call in calls(read(SOURCE, TOTALS))} == {"shop"}


def test_a_fork_passes_over_its_parents_history(tmp_path: Path):
    records = read(SOURCE, FORK)
    assert shown(records) == [(80, 40, 0, 10)]
    assert [prompt.at_ns for prompt in prompts(records)] == []


def test_a_fork_whose_parent_is_gone_passes_over_what_was_written_at_once(tmp_path: Path):
    alone = tmp_path / FORK.name
    alone.write_bytes(FORK.read_bytes())
    # Without the parent nothing tells that the snapshot a second later is copied, too.
    assert shown(read(SOURCE, alone)) == [(150, 50, 0, 30), (80, 40, 0, 10)]


def test_a_sub_agent_passes_over_its_parents_history_up_to_its_own_task():
    records = read(SOURCE, SPAWNED)
    assert shown(records) == [(40, 0, 0, 5)]
    assert tools(records) == []
    (agent,) = agents(records)
    assert (agent.name, agent.session.id) == ("explorer", "01a00000-aaaa-7bbb-8ccc-000000000004")
    assert agent.session.project == "shop"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.jsonl"))[1:], ids=lambda path: path.name[-10:])
def test_cuts_do_not_matter(tmp_path: Path, path: Path):
    folder = copied(LOGS / "codex", tmp_path)
    assert_cuts_do_not_matter(SOURCE, path, (folder / path.relative_to(LOGS / "codex")).parent)


def test_compressed_rollouts_are_read_and_one_of_two_twins_is(tmp_path: Path):
    packed = tmp_path / f"{RECORDS.name}.zst"
    packed.write_bytes(zstandard.compress(RECORDS.read_bytes()))
    assert shown(read(SOURCE, packed)) == shown(read(SOURCE, RECORDS))
    (tmp_path / RECORDS.name).write_bytes(RECORDS.read_bytes())
    assert read(SOURCE, packed) == []


def test_an_archived_rollout_that_is_still_in_its_place_is_passed_over(tmp_path: Path):
    for name in ("sessions", "archived_sessions"):
        (tmp_path / name).mkdir()
        (tmp_path / name / RECORDS.name).write_bytes(RECORDS.read_bytes())
    assert read(SOURCE, tmp_path / "archived_sessions" / RECORDS.name) == []
    (tmp_path / "sessions" / RECORDS.name).unlink()
    assert len(calls(read(SOURCE, tmp_path / "archived_sessions" / RECORDS.name))) == 3


def test_the_ledger_has_each_call_once_whatever_the_order(tmp_path: Path):
    files = sorted(FOLDER.glob("*.jsonl"))
    for number, order in enumerate((files, files[::-1])):
        rows = ledger_of(tmp_path / str(number), *[(SOURCE, path) for path in (*order, *order)])
        assert len(rows) == 3 + 4 + 1 + 1
        assert sum(row["input_tokens"] for row in rows) == 4500 + 340 + 80 + 40


def of(tmp_path: Path, *lines: dict[str, Any]) -> list[Call]:
    path = tmp_path / "run.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in lines), "utf-8")
    return calls(read(SOURCE, path))


def test_the_output_of_exec_says_what_a_turn_adds_up(tmp_path: Path):
    usage = {"input_tokens": 100, "cached_input_tokens": 40, "output_tokens": 20}
    (turn,) = of(tmp_path, {"type": "thread.started", "thread_id": "t-1"}, {"type": "turn.completed", "usage": usage})
    assert turn.operation == "invoke_agent"
    assert turn.session.id == "t-1"
    assert turn.usage == replace(turn.usage, input_tokens=100, cache_read_tokens=40, output_tokens=20)


def test_the_same_moment_and_counts_in_two_files_are_one_call(tmp_path: Path):
    told = {"timestamp": "2026-01-02T00:00:00.000Z", "type": "event_msg", "payload": {
        "type": "token_count", "info": {"last_token_usage": {"input_tokens": 100, "output_tokens": 50}}}}  # fmt: skip
    for name in ("one", "two"):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(told) + "\n", "utf-8")
    rows = ledger_of(tmp_path / "ledger", (SOURCE, tmp_path / "one.jsonl"), (SOURCE, tmp_path / "two.jsonl"))
    assert [row["input_tokens"] for row in rows] == [100]


def test_a_rollout_is_recognised_by_its_first_line():
    assert SOURCE.recognises(Path("x.jsonl"), RECORDS.read_bytes()[:8192])
    assert SOURCE.recognises(Path("x.jsonl"), b'{"type":"thread.started","thread_id":"t"}\n')
    assert not SOURCE.recognises(Path("x.jsonl"), b'{"type":"user","sessionId":"s"}\n')


THEIRS = SHARED_LOGS / "codex"


@pytest.mark.skipif(not THEIRS.is_dir(), reason=ABSENT)
@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("ccusage-compaction/local_compaction", {"total": 510}),
        ("ccusage-compaction/parent_compaction", {"total": 510, "calls": 3}),
        ("ccusage-app-fixture", {"calls": 2, "uncached": 2750, "cache_read_tokens": 750, "output_tokens": 425}),
        ("tokscale", {"calls": 4, "input_tokens": 40, "cache_read_tokens": 8, "output_tokens": 12}),
        ("ccusage-tests/loads_session_usage_with_spaced_type_fields", {"calls": 2, "input_tokens": 200}),
        ("git-ai", {"calls": 0}),
    ],
)
def test_the_fixtures_of_others(folder: str, expected: dict[str, int]):
    found = totals(record for path in sorted((THEIRS / folder).rglob("*.jsonl")) for record in read(SOURCE, path))
    found["total"] = found["input_tokens"] + found["output_tokens"]
    assert {name: found[name] for name in expected} == expected


RECORDED = THEIRS.parents[1] / "agents" / "codex" / "s1-fresh-grpc" / "home" / ".codex" / "sessions"
PLAN = (
    b'"primary":{"used_percent":%s,"window_minutes":300,"resets_at":%d},'
    b'"secondary":{"used_percent":77.0,"window_minutes":10080,"resets_at":%d}'
)
"""As rollouts of a plan have the windows; those that were recorded with an API key have nothing there."""


@pytest.mark.skipif(not RECORDED.is_dir(), reason=ABSENT)
def test_the_windows_of_a_recorded_rollout_come_into_the_report(tmp_path: Path):
    (path,) = RECORDED.rglob("rollout-*.jsonl")
    assert not [one for one in read(SOURCE, path) if isinstance(one, Quota)]
    resets = datetime(2026, 11, 22, 8, tzinfo=UTC)
    parts = path.read_bytes().split(b'"primary":null,"secondary":null')
    assert len(parts) > 2
    said = [PLAN % (f"{7 + n}.0".encode(), resets.timestamp(), resets.timestamp() + 86_400) for n in range(len(parts))]
    rollout = tmp_path / path.name
    rollout.write_bytes(parts[0] + b"".join(window + part for window, part in zip(said, parts[1:], strict=False)))
    with closing(Ledger.open(tmp_path / "ledger")) as ledger:
        feed(ledger, requests([(SOURCE, read(SOURCE, rollout))]))
        with ledger.reader() as reader:
            made = views.compute(reader, "quotas", views.asked_of("quotas", now=resets - timedelta(hours=1)))
    assert [(row["service"], row["window"], row["used_percent"], row["window_s"]) for row in made["rows"]] == [
        ("codex", "primary", 5.0 + len(parts), 5 * 3600.0),
        ("codex", "secondary", 77.0, 7 * 86_400.0),
    ]
    assert {row["state"] for row in made["rows"]} == {"open"}
