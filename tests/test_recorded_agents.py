"""Recorded coding agents: whatever part of a session's telemetry arrives, in any order and twice, the calls are right.

The expectation is what the vendor served. `KNOWS` says what each signal of each agent can know of that, and why.
"""

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import pytest

from spanledger.cli.wiring import wire
from spanledger.receiver.contract import Request, Stored
from spanledger.storage.ledger import Ledger
from tests.agent_sessions import ABSENT, Sent, Session, sessions

SIGNALS: Final = ("traces", "logs", "metrics")
SUBSETS: Final = [subset for size in (1, 2, 3) for subset in combinations(SIGNALS, size)]
ORDERS: Final = ("arrival", "reversed", "shuffled 1", "shuffled 2", "shuffled 3", "together")

COUNTS: Final = frozenset({"input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens"})
SPLIT: Final = frozenset({"cache_write_5m_tokens", "cache_write_1h_tokens"})
REASONING: Final = frozenset({"reasoning_tokens"})
MODEL: Final = frozenset({"request_model"})
FIELDS: Final = (*sorted(COUNTS | SPLIT | REASONING | MODEL), "response_id", "request_id", "partial")


@dataclass(frozen=True)
class Knows:
    """What a signal says of a call that it knows at all.

    `lacks` are the calls it does not know, by session: their numbers in the truth. `without_names` are sessions whose
    names it does not know. `hides_reasoning`: its output is what was seen of it, and is marked as partial.
    """

    fields: frozenset[str]
    why: str
    lacks: dict[str, frozenset[int]]
    without_names: frozenset[str] = frozenset()
    hides_reasoning: bool = False


KNOWS: Final[dict[str, dict[str, Knows]]] = {
    "claude-code": {
        "logs": Knows(
            COUNTS | SPLIT | MODEL | {"request_id"},
            "api_request, one a call, is the only record with the split of cache writes; no reasoning, no response id",
            lacks={},
            without_names=frozenset({"s8-gateway-norequestid-grpc"}),
        ),
        "traces": Knows(
            COUNTS | MODEL | {"request_id"},
            "llm_request, one a call, says cache writes as one number; its response id is the request's",
            lacks={},
            without_names=frozenset({"s8-gateway-norequestid-grpc"}),
        ),
    },
    "codex": {
        "logs": Knows(
            COUNTS | REASONING | MODEL,
            "sse_event response.completed, one a call, compactions among them; no ids",
            lacks={},
        ),
        "traces": Knows(
            COUNTS | REASONING,
            "handle_responses, one a call except for compactions; the model stands on a span further up",
            lacks={"s5-compact-grpc": frozenset({3})},
        ),
    },
    "gemini-cli": {
        "logs": Knows(
            COUNTS - {"cache_write_tokens"} | REASONING | MODEL | {"response_id"},
            "api_response has all counts, the details event the id",
            lacks={},
        ),
        "traces": Knows(
            frozenset({"input_tokens", "output_tokens"}) | MODEL,
            "llm_call says neither cached tokens nor thoughts, and its output is without them",
            lacks={},
            hides_reasoning=True,
        ),
    },
    "qwen-code": {
        "logs": Knows(
            COUNTS - {"cache_write_tokens"} | REASONING | MODEL | {"response_id"}, "api_response has all", lacks={}
        ),
        "traces": Knows(
            COUNTS - {"cache_write_tokens"} | REASONING | MODEL | {"response_id"}, "llm_request has all", lacks={}
        ),
    },
    "opencode": {
        "traces": Knows(
            COUNTS | SPLIT | REASONING | MODEL | {"response_id"},
            "ai.streamText.doStream, but the last spans of a process are lost before they are sent",
            lacks={"s1-fresh-httpjson": frozenset({4}), "s2-resume-fork-responses-httpjson": frozenset({3, 5})},
        ),
    },
}
"""Agent → signal → what it knows; a signal that is not named knows no call. Metrics never do: they add calls up."""

OF_ANTHROPIC: Final = "anthropic.messages"


def expected(session: Session, subset: Sequence[str]) -> list[dict[str, Any]]:
    """The calls that this part of a session tells of, each with what it tells."""
    rows = []
    for call in session.billed():
        telling = {
            signal: knows
            for signal, knows in KNOWS[session.agent].items()
            if signal in subset and call["n"] not in knows.lacks.get(session.path.name, ())
        }
        if telling:
            rows.append(_as_told(session, call, list(telling.values())))
    return sorted(rows, key=_order)


def _as_told(session: Session, call: dict[str, Any], telling: Sequence[Knows]) -> dict[str, Any]:
    fields = frozenset[str]().union(*(knows.fields for knows in telling))
    if any(session.path.name in knows.without_names for knows in telling):
        fields -= {"request_id", "response_id"}
    if call["api"] != OF_ANTHROPIC:  # only Anthropic has cache writes of two lifetimes
        fields -= SPLIT
    whole = not all(knows.hides_reasoning for knows in telling)
    true = {
        "input_tokens": call["input_total"],
        "cache_read_tokens": call["cache_read"],
        "cache_write_tokens": call["cache_write_5m"] + call["cache_write_1h"],
        "cache_write_5m_tokens": call["cache_write_5m"],
        "cache_write_1h_tokens": call["cache_write_1h"],
        "output_tokens": call["output"] if whole else call["output"] - call["reasoning"],
        "reasoning_tokens": call["reasoning"],
        "request_model": call["model"],
        "response_id": call["response_id"],
        "request_id": call["request_id"],
    }
    return {name: true[name] if name in fields else None for name in true} | {"partial": not whole}


def _order(row: dict[str, Any]) -> tuple[int, int]:
    return row["input_tokens"], row["output_tokens"]


def in_order(sent: Sequence[Sent], order: str) -> list[list[Sent]]:
    """The groups in which the requests arrive."""
    if order == "together":
        return [list(sent)]
    if order == "reversed":
        sent = sent[::-1]
    elif order.startswith("shuffled"):
        sent = random.Random(order).sample(sent, len(sent))
    return [[one] for one in sent]


TWICE: Final = " twice"

Calls = dict[str, list[dict[str, Any]]]
"""The calls of each tenant."""


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Calls:
    """Every part of every session in every order, each as a tenant of its own, all of them fed at the same time."""
    parts = [(session, subset, order) for session in sessions() for subset in SUBSETS for order in ORDERS]
    ledger = Ledger.open(tmp_path_factory.mktemp("agents"))
    try:
        once = [_queue(*part, again) for part in parts for again in ("", TWICE)]
        _feed(ledger, once)
        _feed(ledger, [_queue(*part, TWICE) for part in parts])
        with ledger.reader() as reader:
            rows = reader.query(f"select tenant, {', '.join(FIELDS)} from calls").to_pylist()
    finally:
        ledger.close()
    found: Calls = {}
    for row in rows:
        found.setdefault(row.pop("tenant"), []).append(row)
    return found


def _queue(session: Session, subset: Sequence[str], order: str, again: str) -> list[list[Request]]:
    groups = in_order([sent for sent in session.requests() if sent.signal in subset], order)
    name = tenant(session, subset, order) + again
    return [[Request(sent.body, name, signal=sent.signal) for sent in group] for group in groups]


def _feed(ledger: Ledger, queues: Sequence[Sequence[Sequence[Request]]]) -> None:
    """One group of each queue at a time."""
    prepare, store = wire(ledger)
    for step in range(max(len(queue) for queue in queues)):
        requests = [request for queue in queues if step < len(queue) for request in queue[step]]
        answers = store(prepare(requests))
        assert all(answer == Stored() for answer in answers), set(map(str, answers))


def tenant(session: Session, subset: Sequence[str], order: str) -> str:
    return f"{session.name} {'+'.join(subset)} {order}"


@pytest.mark.skipif(not sessions(), reason=ABSENT)
@pytest.mark.parametrize("subset", SUBSETS, ids="+".join)
@pytest.mark.parametrize("session", sessions(), ids=lambda session: session.name)
def test_the_calls_are_those_that_were_billed(calls: Calls, session: Session, subset: tuple[str, ...]):
    wanted = expected(session, subset)
    for order in ORDERS:
        for again in ("", TWICE):
            found = calls.get(tenant(session, subset, order) + again, [])
            assert sorted(found, key=_order) == wanted, f"{order}{again}"


Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """The rows of calls and of spans of all sessions."""
    ledger = Ledger.open(tmp_path_factory.mktemp("rows"))
    try:
        _feed(ledger, [_queue(session, SIGNALS, "together", "") for session in sessions()])
        with ledger.reader() as reader:
            return {table: reader.query(f"select * from {table}").to_pylist() for table in ("calls", "spans")}
    finally:
        ledger.close()


@pytest.mark.skipif(not sessions(), reason=ABSENT)
@pytest.mark.parametrize("table", ["calls", "spans"])
def test_nothing_that_was_said_is_stored(rows: Rows, table: str):
    """The prompts of the sessions begin with TASK-; answers, and tools with what they found, speak of these files."""
    assert rows[table]
    for row in rows[table]:
        assert not re.search(r"TASK-|notes\.txt|README|echo hi|You are ", str(row)), row


@pytest.mark.skipif(not sessions(), reason=ABSENT)
def test_prompts_tools_and_agents_are_kept_beside_the_calls(rows: Rows):
    assert Counter((row["dialect"], row["operation"]) for row in rows["spans"]) == {
        ("claude-code", "invoke_agent"): 7,
        ("claude-code", "execute_tool"): 8,
        ("claude-code", "blocked_on_user"): 8,
        ("claude-code-event", "prompt"): 7,
        ("claude-code-event", "execute_tool"): 8,
        ("claude-code-event", "invoke_agent"): 1,
        ("codex-spans", "invoke_agent"): 5,
        ("codex-events", "session"): 5,
        ("codex-events", "prompt"): 5,
        ("codex-events", "execute_tool"): 6,
        ("gemini-cli", "invoke_agent"): 1,
        ("gemini-cli", "execute_tool"): 5,
        ("gemini-cli", "schedule_tool_calls"): 5,
        ("gemini-cli-event", "prompt"): 2,
        ("gemini-cli-event", "execute_tool"): 5,
        ("gemini-cli-event", "invoke_agent"): 1,
        ("qwen-code", "invoke_agent"): 1,
        ("qwen-code", "execute_tool"): 2,
        ("qwen-code-event", "session"): 1,
        ("qwen-code-event", "prompt"): 1,
        ("qwen-code-event", "execute_tool"): 2,
        ("opencode", "invoke_agent"): 7,
        ("opencode", "execute_tool"): 4,
    }
    assert all(row["session_id"] for row in rows["spans"])
    assert all(row["tool_name"] for row in rows["spans"] if row["operation"] == "execute_tool")


@pytest.mark.skipif(not sessions(), reason=ABSENT)
def test_a_call_costs_what_claude_code_says(rows: Rows):
    told = [row for row in rows["calls"] if row["dialect"] == "claude-code"]
    assert len(told) == 16
    assert [row["cost_usd"] for row in told] == [row["reported_cost_usd"] for row in told]


@pytest.mark.skipif(not sessions(), reason=ABSENT)
def test_calls_end_when_the_vendor_was_done(rows: Rows):
    for session in sessions():
        ended = {call["output"]: call["time_end"] for call in session.billed()}
        mine = [row for row in rows["calls"] if row["tenant"].startswith(session.name)]
        assert mine
        for row in mine:
            assert row["started_at"] <= row["ended_at"]
            assert abs(row["ended_at"].timestamp() - ended[row["output_tokens"]]) < CLOCKS_S, row


CLOCKS_S: Final = 0.5
"""The agents and the vendor's stand-in ran on one machine; an agent is done a little later."""
