"""opencode: files and both eras of its database, forks that copy messages, sub-agents, tools."""

import json
import sqlite3
from contextlib import closing

import pytest

from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.sources.opencode import SOURCE
from tests.log_fixtures import AGENTS, LOGS, agents, assert_is_its_script, calls, copied, prompts, tools
from tests.replaying import ABSENT, SHARED_LOGS, ledger_of, read, totals

ROOT = LOGS / "opencode"
FIRST_ERA, SECOND_ERA = ROOT / "opencode.db", ROOT / "opencode-next.db"
FILES = ROOT / "storage" / "message"


@pytest.fixture
def root(tmp_path):
    return copied(ROOT, tmp_path)


@pytest.mark.parametrize("database", [FIRST_ERA, SECOND_ERA], ids=["first era", "second era"])
def test_a_database_among_the_fixtures_is_its_script(database):
    assert_is_its_script(database)


def test_what_a_fork_copied_is_not_paid_again(root):
    found = totals(read(SOURCE, root / "opencode.db"))
    assert (found["calls"], found["uncached"], found["output_tokens"]) == (4, 100 + 30 + 40 + 7, 50 + 82 + 10 + 8)


def test_what_a_fork_copied_is_not_paid_again_in_the_second_era(root):
    found = totals(read(SOURCE, root / "opencode-next.db"))
    assert (found["calls"], found["uncached"], found["output_tokens"]) == (3, 31, 13)


def test_a_copy_counts_for_the_session_that_was_first(root):
    found = calls(read(SOURCE, root / "opencode.db"))
    assert {call.session.id for call in found if call.started_ns < 1767312010 * 10**9} == {"ses_a"}


def test_a_copy_whose_origin_is_gone_still_joins_it_in_the_ledger(root, tmp_path):
    before = root / "opencode.db"
    after = root / "opencode-after.db"
    after.write_bytes(before.read_bytes())
    with closing(sqlite3.connect(after)) as connection, connection:
        connection.execute("delete from message where session_id = 'ses_a'")
        connection.execute("delete from session where id = 'ses_a'")
    assert totals(read(SOURCE, after))["calls"] == 4
    assert len(ledger_of(tmp_path / "one", (SOURCE, before), (SOURCE, after))) == 4
    assert len(ledger_of(tmp_path / "two", (SOURCE, after), (SOURCE, before))) == 4


def test_counts_are_made_inclusive_and_reasoning_is_output(root):
    call = next(c for c in calls(read(SOURCE, root / "opencode.db")) if c.key == "ses_a/msg_2")
    usage = call.usage
    assert (usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens) == (165, 130, 5)
    assert (usage.output_tokens, usage.reasoning_tokens) == (82, 12)


def test_its_ids_are_never_taken_for_the_vendors(root):
    assert not any(c.vendor_ids or c.response_id for c in calls(read(SOURCE, root / "opencode.db")))


def test_a_cost_of_nothing_is_no_cost(root):
    costs = {call.key: call.cost_usd for call in calls(read(SOURCE, root / "opencode.db"))}
    assert str(costs["ses_a/msg_1"]) == "0.02"
    assert costs["ses_fork/msg_6"] is None


def test_a_sub_agents_session_is_its_agents_work(root):
    found = read(SOURCE, root / "opencode.db")
    (agent,) = agents(found)
    (call,) = [call for call in calls(found) if call.session.id == "ses_sub"]
    assert (agent.key, agent.name, agent.ended_ns - agent.started_ns) == ("ses_sub", "explore", 5_000_000_000)
    assert (call.parent, call.agent, call.session.plan) == ("ses_sub", "explore", "copilot")


def test_tools_and_prompts_are_told_once_though_forks_copy_them(root):
    found = read(SOURCE, root / "opencode.db")
    assert [(tool.name, tool.call_id, tool.ended_ns - tool.started_ns) for tool in tools(found)] == [
        ("bash", "call_1", 500_000_000)
    ]
    assert [prompt.key for prompt in prompts(found)] == ["ses_a/msg_0"]


def test_tools_of_the_second_era_stand_in_the_message(root):
    (tool,) = tools(read(SOURCE, root / "opencode-next.db"))
    assert (tool.name, tool.error, tool.ended_ns - tool.started_ns) == ("read", "error", 100_000_000)


def test_a_damaged_row_is_counted_and_the_rest_is_taken(root):
    log = Log(root / "opencode.db")
    read(SOURCE, log.path, log)
    assert log.skipped["not valid JSON"] > 0


def test_only_rows_that_changed_are_read_again(root):
    database = root / "opencode.db"
    log = Log(database)
    read(SOURCE, database, log)
    assert calls(read(SOURCE, database, Log(database, state=dict(log.state)))) != []
    with closing(sqlite3.connect(database)) as connection, connection:
        later = 1767312000000 + 10**9
        data = connection.execute("select data from message where id = 'msg_6'").fetchone()[0]
        changed = json.loads(data)
        changed["time"] = {"created": later, "completed": later + 1}
        connection.execute(
            "insert into message values ('msg_new', 'ses_a', ?, ?, ?)", (later, later, json.dumps(changed))
        )
    again = Log(database, state=dict(log.state))
    assert [call.key for call in calls(read(SOURCE, database, again))] == ["ses_fork/msg_6", "ses_a/msg_new"]
    assert [call.key for call in calls(read(SOURCE, database, Log(database, state=dict(again.state))))] == [
        "ses_a/msg_new"
    ]


def test_a_message_that_is_being_written_waits(root):
    assert "ses_a/msg_8" not in {call.key for call in calls(read(SOURCE, root / "opencode.db"))}


def test_files_from_before_the_database_are_the_same_calls(root, tmp_path):
    file = root / "storage" / "message" / "ses_a" / "msg_1.json"
    rows = ledger_of(tmp_path, (SOURCE, file), (SOURCE, root / "opencode.db"), (SOURCE, file))
    assert len(rows) == 4


def test_a_file_tells_one_message():
    (call,) = calls(read(SOURCE, FILES / "ses_old" / "msg_x.json"))
    assert (call.session.id, call.session.project, call.usage.input_tokens) == ("ses_old", "webshop", 11 + 13 + 14)
    assert read(SOURCE, FILES / "ses_old" / "msg_w.json") == []


@pytest.mark.skipif(not SHARED_LOGS.exists(), reason=ABSENT)
def test_a_fork_gives_what_is_expected(tmp_path):
    folder = copied(SHARED_LOGS / "opencode" / "ours-v1-fork", tmp_path)
    expected = json.loads((folder / "EXPECTED.json").read_text())
    files = list((folder / "storage").rglob("*.json"))
    database = folder / "opencode.db"
    records = [record for path in [database, *files] for record in read(SOURCE, path)]
    found = totals(records)
    assert {
        "calls": found["calls"],
        "input": found["uncached"],
        "output": found["output_tokens"],
        "cache_read": found["cache_read_tokens"],
        "cache_write": found["cache_write_tokens"],
        "cost_reported": float(sum(c.cost_usd or 0 for c in {c.key: c for c in calls(records)}.values())),
    } == {name: value for name, value in expected.items() if name != "naive_calls"}
    rows = ledger_of(tmp_path / "ledger", *[(SOURCE, path) for path in [*files, database]])
    assert len(rows) == expected["calls"]


@pytest.mark.skipif(not SHARED_LOGS.exists(), reason=ABSENT)
def test_other_collections_of_logs_are_read(tmp_path):
    others = copied(SHARED_LOGS / "opencode" / "git-ai", tmp_path)
    found = read(SOURCE, others / "opencode-sqlite" / "opencode.db")
    assert (totals(found)["uncached"], totals(found)["output_tokens"], len(tools(found))) == (10, 20, 1)
    assert read(SOURCE, others / "opencode-sqlite-empty" / "opencode.db") == []
    (message,) = (SHARED_LOGS / "opencode" / "tokscale-core").rglob("msg_*.json")
    assert totals(read(SOURCE, message))["input_tokens"] == 1000 + 200 + 100


@pytest.mark.skipif(not SHARED_LOGS.exists(), reason=ABSENT)
def test_a_database_of_another_channel_is_read(tmp_path):
    folder = SHARED_LOGS / "opencode" / "ccusage-tests" / "loads_channel_sqlite_database"
    message = (folder / "literals.jsonl").read_text().strip()
    database = tmp_path / "opencode-dev.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("create table message (id, session_id, time_created integer, time_updated integer, data)")
        connection.execute("insert into message values ('m', 'channel-session-a', 1, 1, ?)", (message,))
    (call,) = calls(read(SOURCE, database))
    assert (call.session.id, call.usage.input_tokens, call.usage.output_tokens) == ("channel-session-a", 80, 40)


@pytest.mark.skipif(not AGENTS.exists(), reason=ABSENT)
@pytest.mark.parametrize("session", ["s1-fresh-httpjson", "s2-resume-fork-responses-httpjson"])
def test_recorded_databases_hold_every_call_but_those_for_titles(session, tmp_path):
    folder = AGENTS / "opencode" / session
    truth = [json.loads(line) for line in (folder / "truth.jsonl").read_text().splitlines()]
    served = sorted(
        (r["input_total"], r["cache_read"], r["output"], r["reasoning"]) for r in truth if r["kind"] == "main"
    )
    data = copied(folder / "home" / ".local" / "share" / "opencode", tmp_path)
    found = calls(read(SOURCE, data / "opencode.db"))
    assert served == sorted(
        (u.input_tokens, u.cache_read_tokens, u.output_tokens, u.reasoning_tokens) for u in (c.usage for c in found)
    )


def tokens(input_: int, output: int) -> dict[str, object]:
    return {"input": input_, "output": output, "reasoning": 0, "cache": {"read": 0, "write": 0}}


LONG_MESSAGE = {
    "id": "msg_long", "sessionID": "ses_old", "role": "assistant", "modelID": "claude-sonnet-4", "cost": 0.6,
    "providerID": "anthropic", "time": {"created": 1_755_000_000_000, "completed": 1_755_000_060_000},
    "tokens": tokens(300, 30),
}  # fmt: skip
"""As versions of 2025 wrote one that took three calls: the tokens of the last one, the cost of all."""
STEPS = [
    {"type": "step-finish", "tokens": tokens(100, 10), "cost": 0.1},
    {"type": "step-finish", "tokens": tokens(200, 20), "cost": 0.2},
    {"type": "step-finish", "tokens": tokens(300, 30), "cost": 0.3},
]


def long_message(root, *, files: bool):
    """The message with its parts, as files or as rows."""
    if files:
        message = root / "storage" / "message" / "ses_old" / "msg_long.json"
        parts = root / "storage" / "part" / "msg_long"
        parts.mkdir(parents=True)
        message.write_text(json.dumps(LONG_MESSAGE), "utf-8")
        for number, step in enumerate(STEPS):
            (parts / f"prt_{number}.json").write_text(json.dumps(step), "utf-8")
        (parts / "prt_9.json").write_text('{"type": "text", "text": "CANARY-7f3a"}', "utf-8")
        return message
    with closing(sqlite3.connect(root / "opencode.db")) as connection, connection:
        created = LONG_MESSAGE["time"]["created"]
        connection.execute(
            "insert into message values ('msg_long', 'ses_old', ?, ?, ?)", (created, created, json.dumps(LONG_MESSAGE))
        )
        for number, step in enumerate(STEPS):
            connection.execute(
                "insert into part values (?, 'msg_long', 'ses_old', ?, ?, ?)",
                (f"prt_z{number}", created + 20_000 * (number + 1), created, json.dumps(step)),
            )
    return root / "opencode.db"


@pytest.mark.parametrize("files", [True, False], ids=["files", "database"])
def test_each_step_of_a_message_that_took_several_is_a_call(root, files):
    found = [call for call in calls(read(SOURCE, long_message(root, files=files))) if "msg_long" in call.key]
    assert [call.key for call in found] == ["ses_old/msg_long/0", "ses_old/msg_long/1", "ses_old/msg_long"]
    assert [(call.usage.input_tokens, call.usage.output_tokens) for call in found] == [(100, 10), (200, 20), (300, 30)]
    assert [str(call.cost_usd) for call in found] == ["0.1", "0.2", "0.3"]
    assert len({call.request_id for call in found}) == 3


def test_the_database_says_when_a_step_ended(root):
    found = [call for call in calls(read(SOURCE, long_message(root, files=False))) if "msg_long" in call.key]
    assert [(call.ended_ns - call.started_ns) // 10**9 for call in found] == [20, 20, 20]


def test_steps_in_files_and_in_the_database_they_moved_to_count_once(root, tmp_path):
    rows = ledger_of(
        tmp_path / "ledger",
        (SOURCE, long_message(root, files=True)),
        (SOURCE, long_message(root, files=False)),
    )
    assert len([row for row in rows if row["session_id"] == "ses_old" and row["input_tokens"] in (100, 200, 300)]) == 3
