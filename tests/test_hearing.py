"""Hearing: who speaks, when an event's call began, and which span it tells of."""

import numpy as np
import pyarrow as pa
import pytest

from spanledger.processors.dialects.dialect import STARTED_MS_AGO
from spanledger.processors.identify import context_hashes, tenant_seeds
from tests.oracle import SENDER, microseconds, processed
from tests.otlp_requests import STARTED_NS, body, log_body, span

DETAILS = "gen_ai.client.inference.operation.details"
GENAI, OPENLIT = "opentelemetry.instrumentation.genai.openai", "openlit.instrumentation.openai"
USED = {"gen_ai.usage.input_tokens": 3, "gen_ai.usage.output_tokens": 1}


def row_of_event(attributes: dict[str, object], scope: str = "", **fields: object) -> dict[str, object]:
    request = log_body(DETAILS, USED | attributes, scope=scope, **fields)
    (row,) = processed([request], signal="logs").calls.to_pylist()
    return row


@pytest.mark.parametrize(
    ("duration_ms", "before_us"),
    [(250, 250_000), (1.5, 1500), ("250", 250_000), (0, 0), (-1, 0), (24 * 3600 * 1000 + 1, 0), ("long", 0), (None, 0)],
)
def test_an_event_that_says_how_long_its_call_took_began_before(duration_ms, before_us):
    row = row_of_event({STARTED_MS_AGO: duration_ms})
    assert row["ended_at"] == microseconds(STARTED_NS)
    assert abs((row["ended_at"] - row["started_at"]).total_seconds() * 1e6 - before_us) <= 1


def test_an_event_in_the_span_of_its_call_bears_that_spans_hash():
    request = body(span(USED | {"gen_ai.operation.name": "chat"}), scope=GENAI)
    (of_span,) = processed([request]).calls.column("record_hash").to_pylist()
    assert row_of_event({}, GENAI)["context_hash"] == of_span


def test_the_hash_is_that_of_the_tenant():
    row = row_of_event({}, GENAI)
    trace, one = pa.array([bytes(range(1, 17))]), pa.array([bytes(range(0xA1, 0xA9))])
    (mine,) = context_hashes(trace, one, tenant_seeds([SENDER.tenant], np.zeros(1, np.int64))).tolist()
    (other,) = context_hashes(trace, one, tenant_seeds(["zeta"], np.zeros(1, np.int64))).tolist()
    assert row["context_hash"] == mine != other


@pytest.mark.parametrize("ids", [{"trace_id": b""}, {"span_id": b""}, {"span_id": bytes(8)}, {"trace_id": b"short"}])
def test_an_event_in_no_span_bears_none_and_names_no_ids(ids):
    row = row_of_event({}, GENAI, **ids)
    assert row["context_hash"] is None
    assert row["span_id" if "span_id" in ids else "trace_id"] is None


def test_an_event_of_an_emitter_whose_events_lie_anywhere_bears_none():
    row = row_of_event({}, OPENLIT)
    assert row["context_hash"] is None
    assert (row["span_id"], row["parent_span_id"]) == (None, bytes(range(0xA1, 0xA9)).hex()), "it is around the call"
