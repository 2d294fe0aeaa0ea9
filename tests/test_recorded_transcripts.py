"""Recorded coding agents: their transcripts alone, or with their telemetry, in any order and twice, give right calls.

The expectation is what the vendor served. `KNOWN` says what the transcripts of each agent can know of that, and why;
for telemetry that says the other file.
"""

import random
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from spanledger.instrumentation.replay.discovery import known_logs
from spanledger.instrumentation.replay.registry import SOURCES
from spanledger.instrumentation.replay.walking import Search
from spanledger.receiver.contract import Request
from spanledger.storage.ledger import Ledger
from tests.agent_sessions import ABSENT, Session, sessions
from tests.replaying import feed, read, requests
from tests.test_recorded_agents import COUNTS, FIELDS, KNOWS, MODEL, OF_ANTHROPIC, REASONING, SPLIT, Knows

ORDERS: Final = ("transcripts alone", "transcripts first", "telemetry first", "shuffled", "together")
GROUPS: Final = 3
TWICE: Final = " twice"

KNOWN: Final[dict[str, Knows]] = {
    "claude-code": Knows(
        COUNTS | SPLIT | REASONING | MODEL | {"response_id", "request_id"},
        "every line of an answer has all of its counts and both ids, but no request id where the vendor sent none",
        lacks={},
    ),
    "codex": Knows(COUNTS | REASONING | {"response_id"}, "token_usage_record, one a call", lacks={}),
    "gemini-cli": Knows(
        COUNTS - {"cache_write_tokens"} | REASONING,
        "answers, without the vendor's ids; the router's calls are in no transcript",
        lacks={"s1-fresh-grpc": frozenset({1}), "s3-subagent-grpc": frozenset({1, 3})},
    ),
    "qwen-code": Knows(
        COUNTS - {"cache_write_tokens"} | REASONING | {"response_id"}, "ui_telemetry, one a call", lacks={}
    ),
    "opencode": Knows(
        COUNTS | REASONING,
        "messages, under ids of its own; the calls that make titles are not kept",
        lacks={"s1-fresh-httpjson": frozenset({1}), "s2-resume-fork-responses-httpjson": frozenset({1})},
    ),
}
"""What the transcripts of each agent say."""

NO_REQUEST_ID: Final = frozenset({"s8-gateway-norequestid-grpc"})


def transcripts(session: Session, home: Path) -> list[Request]:
    """The export requests of a session's transcripts in a copy of its home, one a file."""
    found = list(known_logs(SOURCES, Search(), {"HOME": str(home), "SPANLEDGER_ROOT": str(home / "no-root")}, "linux"))
    assert found, session.name
    return [request for one in found for request in requests([(one.source, read(one.source, one.path))])]


def arranged(told: Sequence[Request], transcribed: Sequence[Request], order: str) -> list[list[Request]]:
    """The groups in which both arrive."""
    if order == "transcripts alone":
        return in_groups(transcribed)
    if order == "together":
        return [[*told, *transcribed]]
    everything = [*transcribed, *told] if order == "transcripts first" else [*told, *transcribed]
    if order.startswith("shuffled"):
        everything = random.Random(order).sample(everything, len(everything))
    return in_groups(everything)


def in_groups(everything: Sequence[Request]) -> list[list[Request]]:
    """A few groups, so that records meet within one and across."""
    size = -(-len(everything) // GROUPS)
    return [list(everything[at : at + size]) for at in range(0, len(everything), size)]


def expected(session: Session, order: str) -> list[dict[str, Any]]:
    """The calls that are known then, each with what is known of it."""
    agent = session.agent
    telling = {"transcripts": KNOWN[agent]} | ({} if order == "transcripts alone" else KNOWS[agent])
    rows = []
    for call in session.billed():
        heard = [
            (signal, knows)
            for signal, knows in telling.items()
            if call["n"] not in knows.lacks.get(session.path.name, ())
        ]
        if heard:
            rows.append(_as_told(session, call, heard))
    return sorted(rows, key=_order)


def _as_told(session: Session, call: dict[str, Any], heard: Sequence[tuple[str, Knows]]) -> dict[str, Any]:
    fields = frozenset[str]()
    for signal, knows in heard:
        hidden = set()
        if session.path.name in NO_REQUEST_ID:
            hidden = {"request_id"} if signal == "transcripts" else {"request_id", "response_id"}
        fields |= knows.fields - hidden
    if call["api"] != OF_ANTHROPIC:
        fields -= SPLIT
    if session.agent == "opencode" and [signal for signal, _ in heard] == ["transcripts"]:
        fields -= SPLIT
    whole = not all(knows.hides_reasoning for _, knows in heard)
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


Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory):
    opened = Ledger.open(tmp_path_factory.mktemp("ledger"))
    yield opened
    opened.close()


def rows(ledger: Ledger, tenant: str, table: str, columns: str = "*") -> Rows:
    with ledger.reader() as reader:
        return reader.query(f"select {columns} from {table} where tenant = '{tenant}'").to_pylist()


@pytest.mark.skipif(not sessions(), reason=ABSENT)
@pytest.mark.parametrize("session", sessions(), ids=lambda session: session.name)
def test_the_calls_are_those_that_were_billed(ledger: Ledger, tmp_path: Path, session: Session):
    home = tmp_path / "home"
    shutil.copytree(session.path / "home", home)
    transcribed = transcripts(session, home)
    told = [Request(sent.body, "", signal=sent.signal) for sent in session.requests()]
    minted = {call[name] for call in session.billed() for name in ("response_id", "request_id")}
    for order in ORDERS:
        tenant = f"{session.name} {order}"
        groups = [
            [Request(one.body, tenant, signal=one.signal) for one in group]
            for group in arranged(told, transcribed, order)
        ]
        wanted = expected(session, order)
        for again in ("", TWICE):
            feed(ledger, *groups)
            found = rows(
                ledger, tenant, "calls", ", ".join((*FIELDS, "coalesce(response_model, request_model) as model"))
            )
            models = {row.pop("model") for row in found}
            for row in found:  # ids that an agent made up name its own calls only
                row |= {name: row[name] if row[name] in minted else None for name in ("response_id", "request_id")}
            assert sorted(found, key=_order) == wanted, f"{order}{again}"
            assert models <= {call["model"] for call in session.billed()}, f"{order}{again}"
            assert None not in models, f"{order}{again}"


@pytest.mark.skipif(not sessions(), reason=ABSENT)
def test_nothing_that_was_said_is_stored_and_all_is_told_whose_it_is(ledger: Ledger):
    """The prompts of the sessions begin with TASK-; answers, and tools with what they found, speak of these files."""
    stored = [row for table in ("calls", "spans") for row in rows(ledger, "", table)]
    for session in sessions():
        for table in ("calls", "spans"):
            stored += rows(ledger, f"{session.name} transcripts alone", table)
    assert stored
    for row in stored:
        assert not re.search(r"TASK-|notes\.txt|README|echo hi|You are ", str(row)), row
        assert row["session_id"], row
        assert row["machine"], row
    assert {row["project"] for row in stored if row["project"]} == {"project"}
