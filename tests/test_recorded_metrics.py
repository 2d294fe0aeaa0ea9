"""Recorded sessions of coding agents: what their metrics say equals what their events say, to the token."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from spanledger.cli.wiring import wire
from spanledger.dashboards.reconcile import Reconciliation, asked, compute
from spanledger.receiver.contract import Request, Stored
from spanledger.storage.ledger import Ledger
from tests.agent_sessions import ABSENT, Sent, Session, sessions

TELLING = [session for session in sessions() if any(sent.signal == "metrics" for sent in session.requests())]
CLAUDE_CODE = [session for session in TELLING if session.agent == "claude-code"]

pytestmark = pytest.mark.skipif(not TELLING, reason=ABSENT)

COUNTS = {
    "input_tokens": "uncached_input",
    "cache_read_tokens": "cache_read",
    "cache_creation_tokens": "cache_write",
    "output_tokens": "output",
}
"""Attribute of Claude Code's event → kind of its metric."""


def reconciled(folder: Path, requests: Sequence[Sent]) -> Reconciliation:
    """The reconciliation of a ledger that got these requests one after the other."""
    ledger = Ledger.open(folder)
    prepare, store = wire(ledger)
    for sent in requests:
        (answer,) = store(prepare([Request(sent.body, "default", signal=sent.signal)]))
        assert isinstance(answer, Stored)
    with ledger.reader() as reader:
        made = compute(reader, asked("session,model"))
    ledger.close()
    return made


def unexplained(made: Reconciliation) -> list[Mapping[str, Any]]:
    return [one for one in made["total"] if Decimal(one["only_in_metrics"]) or Decimal(one["only_in_calls"])]


@pytest.mark.parametrize("session", TELLING, ids=lambda session: session.name)
def test_metrics_and_calls_of_a_session_explain_each_other(session: Session, tmp_path: Path) -> None:
    made = reconciled(tmp_path, session.requests())
    assert made["calls"] == len(session.billed())
    assert made["total"]
    assert unexplained(made) == []


@pytest.mark.parametrize("session", TELLING, ids=lambda session: session.name)
def test_metrics_alone_make_no_call_and_all_of_them_is_unexplained(session: Session, tmp_path: Path) -> None:
    metrics = [sent for sent in session.requests() if sent.signal == "metrics"]
    made = reconciled(tmp_path, [*metrics, *reversed(metrics)])
    assert made["calls"] == 0
    served = session.billed()
    told = {one["kind"]: one["only_in_metrics"] for one in made["total"]}
    assert told["cache_read"] == sum(row["cache_read"] for row in served)
    if "uncached_input" in told:
        assert told["uncached_input"] == sum(row["input_uncached"] for row in served)
    else:
        assert told["input"] == sum(row["input_total"] for row in served)
    if "output_without_reasoning" in told:
        assert told["output_without_reasoning"] + told["reasoning"] == sum(row["output"] for row in served)
    else:
        assert told["output"] == sum(row["output"] for row in served)


@pytest.mark.parametrize("session", CLAUDE_CODE, ids=lambda session: session.name)
def test_claude_codes_counters_equal_its_events(session: Session, tmp_path: Path) -> None:
    metrics = [sent for sent in session.requests() if sent.signal == "metrics"]
    made = reconciled(tmp_path, metrics)
    told = {
        (group["session"], group["model"], group["kind"]): Decimal(str(group["in_metrics"])) for group in made["groups"]
    }
    assert told == by_events(session)


def by_events(session: Session) -> dict[tuple[str, str, str], Decimal]:
    """What the events `api_request` add up to, read with plain protobuf, without kinds of which there is nothing."""
    sums: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for sent in session.requests():
        if sent.signal != "logs":
            continue
        for resource in ExportLogsServiceRequest.FromString(sent.body).resource_logs:
            for record in (record for scope in resource.scope_logs for record in scope.log_records):
                said = {pair.key: pair.value for pair in record.attributes}
                if said["event.name"].string_value != "api_request":
                    continue
                who = said["session.id"].string_value, said["model"].string_value
                for name, kind in COUNTS.items():
                    sums[*who, kind] += said[name].int_value
                sums[*who, "cost"] += round(Decimal(said["cost_usd"].double_value), 12)
    return {key: total for key, total in sums.items() if total}
