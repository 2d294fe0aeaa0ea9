"""The pipeline: bodies in, rows out, the same as by the oracle; what is no row has a number and a reason."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanledger.processors import decode
from spanledger.processors.classify import FAULTS
from spanledger.processors.identify import identify
from spanledger.processors.normalise import Sender
from spanledger.processors.pipeline import Rejection, process
from spanledger.storage.schema import CALLS, Batch, Completeness, Hashes, Mask, Times
from tests import oracle, otlp_requests
from tests.oracle import answered, calls, expected, processed
from tests.otlp_requests import GARBAGE, body, span

CHAT = {"gen_ai.operation.name": "chat"}
RECORDINGS = Path(__file__).resolve().parents[2] / "shared" / "fixtures" / "emitters"

at_random = settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])
a_few = settings(at_random, max_examples=20)


@at_random
@given(st.lists(otlp_requests.bodies, max_size=3), st.booleans())
def test_any_group_of_messages_becomes_the_rows_that_the_oracle_says(bodies, keep_content):
    assert answered(bodies, keep_content=keep_content) == expected(bodies, keep_content=keep_content)


@a_few
@given(
    st.lists(
        st.one_of(otlp_requests.bodies, st.sampled_from(GARBAGE), otlp_requests.bodies.map(lambda good: good[:-1])),
        max_size=5,
    )
)
def test_garbage_between_good_bodies_fails_alone(bodies):
    assert answered(bodies) == expected(bodies)


@a_few
@given(st.binary(max_size=60))
def test_any_bytes_are_decoded_or_refused_and_never_an_exception(noise):
    good = body(span(CHAT))
    result = processed([good, noise, good])
    assert {0, 2} <= set(result.call_request.tolist())
    assert set(result.failures) <= {1}
    try:
        ExportTraceServiceRequest.FromString(noise)
    except DecodeError:
        return
    assert not result.failures, "protobuf reads it"


@a_few
@given(st.lists(otlp_requests.bodies, min_size=2, max_size=5), st.integers(1, 400))
def test_the_size_of_the_pieces_that_are_decoded_at_once_changes_nothing(bodies, piece_bytes):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decode, "PIECE_BYTES", piece_bytes)
        assert answered(bodies) == expected(bodies)


@a_few
@given(st.lists(otlp_requests.bodies, min_size=2, max_size=4))
def test_a_body_becomes_the_same_rows_alone_and_in_a_group(bodies):
    def rows(group: Sequence[bytes]) -> list[dict[str, Any]]:
        return processed(group, (identify,)).calls.to_pylist()

    assert rows(bodies) == [row for one in bodies for row in rows([one])]


@pytest.mark.parametrize("bodies", [[], [b""], [b"", b""], [b"\xff"], [body()], [body(span({}))]])
def test_a_group_without_a_call_is_a_batch_without_rows(bodies):
    result = processed(bodies, (identify,))
    assert len(result.calls) == len(result.call_request) == 0
    assert result.calls.schema == CALLS


def test_every_kind_of_bad_span_is_rejected_under_its_request_and_reason():
    first = body(span(CHAT, trace_id=b""), span(CHAT), span(CHAT, trace_id=bytes(16)), span({}, span_id=b"short"))
    second = body(span(CHAT, start_time_unix_nano=0), span(CHAT, start_time_unix_nano=1_795_000_000))
    result = processed([first, body(span(CHAT)), second])
    assert result.rejections == [
        Rejection(0, "the trace id is not 16 bytes with a bit set", 2),
        Rejection(0, "the span id is not 8 bytes with a bit set", 1),
        Rejection(2, "the start time is missing", 1),
        Rejection(2, "the start time is not between the years 2000 and 2200", 1),
    ]
    assert result.call_request.tolist() == [0, 1]
    assert {rejection.reason for rejection in result.rejections} == set(FAULTS)


def test_good_spans_that_are_no_calls_are_counted_by_reason_and_a_bad_one_is_not_counted_twice():
    others = [span({}), span({}), span({"gen_ai.operation.name": "invoke_agent"}), span({"gen_ai.operation.name": "x"})]
    result = processed([body(*others, span({}, trace_id=b""))])
    assert result.left_out == {"not_genai": 2}
    assert result.spans.column("operation").to_pylist() == ["invoke_agent", "x"]
    assert [rejection.spans for rejection in result.rejections] == [1]


def test_a_failure_says_what_the_body_is_not():
    assert processed([b"<html>"]).failures[0].startswith("the body is no ExportTraceServiceRequest: ")


def test_every_row_belongs_to_the_sender_of_its_request():
    bodies = [body(span(CHAT)), body(span(CHAT), span(CHAT))]
    result = process([oracle.traces(bodies, [Sender("acme", "key-1"), Sender("zeta", "")])], oracle.INGESTED_US, ())
    assert [(row["tenant"], row["api_key_id"]) for row in result.calls.to_pylist()] == [
        ("acme", "key-1"),
        ("zeta", None),
        ("zeta", None),
    ]


def test_steps_run_in_order_each_on_the_batch_of_the_one_before():
    seen = []

    def step(name: str):
        def run(batch: Batch) -> Batch:
            seen.append((name, len(batch)))
            return batch.slice(1)

        return run

    result = processed([body(span(CHAT), span(CHAT), span(CHAT))], (step("first"), step("second")))
    assert seen == [("first", 3), ("second", 2)]
    assert len(result.calls) == 1


# Recordings of real instrumentations, against what the vendor's stand-in served -------------------------------------

FIELDS = {
    "input": ("input_tokens", "input_total"),
    "output": ("output_tokens", "output"),
    "cache_read": ("cache_read_tokens", "cache_read"),
    "cache_write": ("cache_write_tokens", "cache_write"),
    "cache_write_5m": ("cache_write_5m_tokens", "cache_write_5m"),
    "cache_write_1h": ("cache_write_1h_tokens", "cache_write_1h"),
    "reasoning": ("reasoning_tokens", "reasoning"),
}

SAID_BEFORE_THE_END = {("otel-genai-anthropic", 12)}
"""A stream that was left early: the instrumentation says the output of its first message, and the row is partial."""


def lines(path: Path) -> dict[int, dict[str, Any]]:
    return {line["n"]: line for line in map(json.loads, path.read_text().splitlines())}


def recorded(case: str) -> tuple[list[dict[str, Any]], dict[int, dict[str, Any]], dict[int, dict[str, Any]]]:
    """The rows of a case, what was served and what of it was heard."""
    folder = RECORDINGS / case
    if not folder.is_dir():
        pytest.skip(f"the recordings of {case} are not beside this repository")
    bodies = [path.read_bytes() for path in sorted(folder.glob("*traces*.binpb"))]
    assert bodies
    return calls(*bodies), lines(folder / "truth.jsonl"), lines(folder / "heard.jsonl")


def records_of(served: dict[str, Any], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of one served call: by its ids, else by the time at which it was served."""
    same = [
        row
        for row in rows
        if (served["response_id"] and row["response_id"] == served["response_id"])
        or (served["request_id"] and row["request_id"] == served["request_id"])
    ]
    if same:
        return same
    at = oracle.microseconds(served["started_unix_nano"])
    return [row for row in rows if row["response_id"] is None and row["started_at"] <= at <= row["ended_at"]]


@pytest.mark.parametrize(
    ("case", "agreeing"),
    [("otel-genai-openai", 38), ("otel-genai-anthropic", 119), ("otel-openai-v2", 15), ("otel-botocore-bedrock", 20)],
)
def test_what_a_record_says_of_its_tokens_is_what_was_served(case, agreeing):
    rows, truth, heard = recorded(case)
    agreed = 0
    for number, served in truth.items():
        records = records_of(served, rows)
        if served["status"] != 200:
            assert all(row["input_tokens"] is None and row["output_tokens"] is None for row in records)
            continue
        # A record without cache counts of a call that had some cannot know its whole input (Bedrock's InvokeModel).
        cached = served["cache_read"] + served["cache_write"]
        for field, (column, name) in FIELDS.items():
            said = [row[column] for row in records if row[column] is not None]
            if field == "input" and heard[number]["input"] == "excluding cache":
                said = [
                    row[column]
                    for row in records
                    if not cached or row["cache_read_tokens"] or row["cache_write_tokens"]
                ]
            elif heard[number][field] == "no":
                early = (case, number) in SAID_BEFORE_THE_END and all(row["partial"] for row in records)
                assert early or not said, f"call {number} of {case}: {field} was made up"
                continue
            if heard[number][field] == "said" and served[name]:
                assert said, f"call {number} of {case}: {field} was said and not heard"
            wrong = [count for count in said if count != served[name]]
            assert not wrong, f"call {number} of {case}: {field} {wrong}, served {served[name]}"
            agreed += len(said)
    assert agreed == agreeing


@pytest.mark.parametrize(
    "case", ["otel-genai-openai", "otel-genai-anthropic", "otel-openai-v2", "otel-botocore-bedrock"]
)
def test_a_recording_agrees_with_the_oracle(case):
    recorded(case)
    bodies = [path.read_bytes() for path in sorted((RECORDINGS / case).glob("*traces*.binpb"))]
    assert answered(bodies) == expected(bodies)


class Knowing:
    """A ledger that knows some spans by their hash, as complete as `output` tokens."""

    def __init__(self, hashes: Iterable[int], output: int) -> None:
        self.hashes, self.output = np.array(list(hashes), np.uint64), output
        self.asked: list[int] = []

    def perhaps_stored(self, record_hash: Hashes, started_us: Times) -> Mask:
        return np.isin(record_hash, self.hashes)

    def repeats(self, record_hash: Hashes, started_us: Times, complete: Completeness) -> Mask:
        self.asked += record_hash.tolist()
        return np.asarray(complete[:, 0] <= self.output)


def test_calls_that_the_ledger_has_are_left_out_and_counted():
    numbers = [5, 6, 7, 8]
    spans = [span(CHAT | {"gen_ai.usage.output_tokens": number}, span_id=bytes([number]) * 8) for number in numbers]
    whole = processed([body(spans[0], spans[1]), body(spans[2], spans[3])])
    hashes = whole.calls.column("record_hash").to_pylist()
    ledger = Knowing(hashes[1:], output=7)
    group = oracle.traces([body(spans[0], spans[1]), body(spans[2], spans[3])], [oracle.SENDER] * 2)
    result = process([group], oracle.INGESTED_US, (), sieve=ledger)
    assert result.repeated == 2
    assert result.calls.column("output_tokens").to_pylist() == [5, 8], "8 tokens are more than the ledger has"
    assert result.call_request.tolist() == [0, 1]
    assert ledger.asked == hashes[1:], "what is certainly new is not looked up"
