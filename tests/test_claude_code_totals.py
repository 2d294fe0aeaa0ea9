"""The totals of Claude Code's sessions: never calls, but what shows that there were some of which no line tells."""

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from spanledger.dashboards.reconcile import Reconciliation, asked, compute
from spanledger.instrumentation.replay.log import Log
from spanledger.instrumentation.replay.records import Bucket, Call, Usage
from spanledger.instrumentation.replay.sources.claude_code import SOURCE
from spanledger.receiver.contract import Request
from spanledger.storage.ledger import Ledger
from tests.agent_sessions import ABSENT, Session, sessions
from tests.log_fixtures import assert_cuts_do_not_matter
from tests.replaying import feed, read, requests

MODEL = "claude-opus-4-6"
S = 10**9
NINE = 1_793_696_400 * S
"""2026-11-03T09:00:00Z."""
UNEXPLAINED = ("only_in_metrics", "only_in_calls")
SESSIONS = [session for session in sessions() if session.agent == "claude-code"]


def answer(number: int, minute: int, **changed: object) -> dict[str, Any]:
    """100 tokens without the cache, 1000 from it, 200 into it, and 50 of output."""
    usage = {"input_tokens": 100, "cache_read_input_tokens": 1000, "cache_creation_input_tokens": 200}
    message = {"id": f"msg_{number}", "model": MODEL, "content": [], "usage": usage | {"output_tokens": 50}}
    return {
        "type": "assistant", "sessionId": "s", "requestId": f"req_{number}", "message": message,
        "timestamp": f"2026-11-03T09:{minute:02}:00.000Z",
    } | changed  # fmt: skip


def total(calls: int, session: str = "s", model: str = MODEL, **changed: object) -> dict[str, Any]:
    """What so many of the answers above add up to."""
    used = {
        "inputTokens": 100 * calls, "cacheReadInputTokens": 1000 * calls, "cacheCreationInputTokens": 200 * calls,
        "outputTokens": 50 * calls, "thinkingTokens": 0, "costUSD": 0.01 * calls,
    }  # fmt: skip
    return {"type": "cost-state", "sessionId": session, "modelUsage": {model: used | changed}}


def written(folder: Path, *lines: dict[str, Any], name: str = "s.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return path


def totals(path: Path, log: Log | None = None) -> list[Bucket]:
    return [record for record in read(SOURCE, path, log) if isinstance(record, Bucket)]


def reconciled(folder: Path, *groups: Sequence[Request]) -> Reconciliation:
    ledger = Ledger.open(folder)
    feed(ledger, *groups)
    with ledger.reader() as reader:
        made = compute(reader, asked("session,model"))
    ledger.close()
    return made


def unexplained(made: Reconciliation) -> dict[str, Any]:
    """Kind → what only metrics saw, of which there must be no other."""
    assert not [one for one in made["total"] if Decimal(one["only_in_calls"])]
    return {one["kind"]: one["only_in_metrics"] for one in made["total"] if Decimal(one["only_in_metrics"])}


def test_the_last_line_says_what_the_session_used_in_all(tmp_path: Path):
    path = written(tmp_path, answer(1, 0), total(1), answer(2, 5), total(3))
    (bucket,) = totals(path)
    assert bucket == Bucket(
        f"s/{MODEL}", NINE, NINE + 300 * S, Usage(3900, 3000, 600, None, None, 150), MODEL, "anthropic",
        Decimal("0.03"), session="s",
    )  # fmt: skip


def test_calls_that_no_line_tells_of_are_what_a_reconciliation_does_not_explain(tmp_path: Path):
    """Two compactions, in a session of two answers."""
    path = written(tmp_path, answer(1, 0), answer(2, 5), total(4))
    sent = requests([(SOURCE, read(SOURCE, path))])
    made = reconciled(tmp_path / "ledger", sent, sent[::-1])
    assert made["calls"] == 2
    hidden = unexplained(made)
    assert Decimal(hidden.pop("cost")) > 0
    assert hidden == {"input": 2600, "cache_read": 2000, "cache_write": 400, "output": 100}


def test_sessions_of_which_no_log_has_totals_are_not_compared(tmp_path: Path):
    with_totals = written(tmp_path, answer(1, 0), total(1))
    without = written(tmp_path, answer(2, 5, sessionId="old"), name="old.jsonl")
    made = reconciled(tmp_path / "ledger", requests([(SOURCE, read(SOURCE, path)) for path in (with_totals, without)]))
    assert {group["session"] for group in made["groups"]} == {"s"}
    assert (made["calls"], made["calls_without_metrics"]) == (2, 1)


def test_a_resumed_session_continues_its_totals(tmp_path: Path):
    first = written(tmp_path, answer(1, 0), total(1))
    log = Log(first)
    begun = requests([(SOURCE, read(SOURCE, first, log))])
    whole = written(tmp_path, answer(1, 0), total(1), answer(2, 5), total(2))
    rest = requests([(SOURCE, read(SOURCE, whole, Log(whole, offset=log.offset, state=log.state)))])
    again = requests([(SOURCE, read(SOURCE, whole))])
    made = reconciled(tmp_path / "ledger", begun, rest, again)
    assert {one["kind"]: one["in_metrics"] for one in made["total"]} == {
        "input": 2600, "cache_read": 2000, "cache_write": 400, "output": 100, "cost": "0.020000000000",
    }  # fmt: skip


def test_an_earlier_time_after_the_first_total_begins_no_other_sum(tmp_path: Path):
    path = written(tmp_path, answer(1, 10), total(1), answer(2, 5), total(2))
    log = Log(written(tmp_path, answer(1, 10), total(1), name="begun.jsonl"))
    (begun,) = totals(log.path, log)
    (rest,) = totals(path, Log(path, offset=log.offset, state=log.state))
    (whole,) = totals(path)
    assert begun.started_ns == rest.started_ns == whole.started_ns == NINE + 600 * S


def test_a_total_that_falls_says_nothing(tmp_path: Path):
    path = written(tmp_path, answer(1, 0), total(2), total(1))
    (bucket,) = totals(path)
    assert bucket.usage.output_tokens == 100


def test_a_fork_has_no_totals_of_its_own(tmp_path: Path):
    copied = answer(1, 0, sessionId="fork", requestSessionId="s")
    path = written(tmp_path, copied, answer(2, 5, sessionId="fork"), total(2, "fork"), name="fork.jsonl")
    assert totals(path) == []
    log = Log(written(tmp_path, copied, name="begun.jsonl"))
    read(SOURCE, log.path, log)
    assert totals(path, Log(path, offset=log.offset, state=log.state)) == []


def test_models_are_named_without_the_size_of_their_context(tmp_path: Path):
    (bucket,) = totals(written(tmp_path, answer(1, 0), total(1, model="claude-opus-4-6[1m]")))
    assert bucket.model == MODEL


@pytest.mark.parametrize("used", [None, 5, [], {}, {MODEL: None}, {MODEL: {}}, {MODEL: {"inputTokens": "x"}}])
def test_totals_of_another_form_say_nothing(tmp_path: Path, used: object):
    path = written(tmp_path, answer(1, 0), total(1) | {"modelUsage": used})
    log = Log(path)
    records = read(SOURCE, path, log)
    assert [type(record) for record in records] == [Call]
    assert not log.skipped


def test_totals_before_any_time_are_counted(tmp_path: Path):
    path = written(tmp_path, total(1))
    log = Log(path)
    assert totals(path, log) == []
    assert log.skipped == {"totals without a time": 1}


def test_cuts_do_not_matter(tmp_path: Path):
    path = written(tmp_path, answer(1, 0), total(1), answer(2, 5), total(3), answer(3, 6), total(3, model="m-2"))
    folder = tmp_path / "cut"
    folder.mkdir()
    assert_cuts_do_not_matter(SOURCE, path, folder)


def transcripts(session: Session, leave_out: str | None = None) -> list[Request]:
    """The requests of a recorded session's transcripts, without the lines of an answer."""
    found = []
    for path in sorted((session.path / "home").rglob("projects/**/*.jsonl")):
        records = [
            one
            for one in read(SOURCE, path)
            if leave_out is None or not (isinstance(one, Call) and one.request_id == leave_out)
        ]
        found += requests([(SOURCE, records)])
    return found


@pytest.mark.skipif(not SESSIONS, reason=ABSENT)
@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: session.name)
def test_the_totals_of_a_recorded_session_are_those_of_its_calls(session: Session, tmp_path: Path):
    """But for a fork, of whose calls there is no total."""
    made = reconciled(tmp_path, transcripts(session))
    known = [group for group in made["groups"] if group["metrics"]]
    assert known
    assert not [group for group in known if any(Decimal(str(group[name])) for name in UNEXPLAINED)]


@pytest.mark.skipif(not SESSIONS, reason=ABSENT)
def test_what_telemetry_tells_of_a_hidden_call_explains_it(tmp_path: Path):
    session = next(one for one in SESSIONS if one.path.name.startswith("s1-"))
    hidden = session.billed()[0]
    told = [Request(sent.body, "", signal=sent.signal) for sent in session.requests()]
    transcribed = transcripts(session, leave_out=hidden["request_id"])
    alone = reconciled(tmp_path / "alone", transcribed)
    assert alone["calls"] == len(session.billed()) - 1
    missing = unexplained(alone)
    assert missing["input"] == hidden["input_total"]
    assert missing["output"] == hidden["output"]
    for name, groups in {"after": [transcribed, told], "before": [told, transcribed]}.items():
        both = reconciled(tmp_path / name, *groups)
        assert both["calls"] == len(session.billed())
        assert unexplained(both) == {}
        in_all = {one["kind"]: one["in_metrics"] for one in both["total"]}
        assert in_all["output"] == sum(row["output"] for row in session.billed()), "counted by one metric alone"
