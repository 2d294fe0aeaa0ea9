"""Real instrumentations, recorded against a stand-in for the vendors: one row a served call, equal to what was served.

`truth.jsonl` is what the stand-in served, `heard.jsonl` what a perfect receiver could know of it.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanledger.processors.dialects.registry import named
from tests.feeding import Request, Row, fed
from tests.oracle import microseconds

RECORDINGS = Path(__file__).resolve().parents[2] / "shared" / "fixtures" / "emitters"
CASES = (
    "google-adk", "langchain-double", "litellm-otel", "openinference-openai", "openlit-anthropic",
    "otel-botocore-bedrock", "otel-genai-anthropic", "otel-genai-openai", "otel-openai-v2", "pydantic-ai-openai",
    "strands-openai", "traceloop-anthropic",
)  # fmt: skip
FIELDS = {
    "input": ("input_tokens", "input_total"),
    "output": ("output_tokens", "output"),
    "cache_read": ("cache_read_tokens", "cache_read"),
    "cache_write": ("cache_write_tokens", "cache_write"),
    "cache_write_5m": ("cache_write_5m_tokens", "cache_write_5m"),
    "cache_write_1h": ("cache_write_1h_tokens", "cache_write_1h"),
    "reasoning": ("reasoning_tokens", "reasoning"),
    "response_id": ("response_id", "response_id"),
    "request_id": ("request_id", "request_id"),
}
MESSAGES = {
    "traces": (ExportTraceServiceRequest, "resource_spans", "scope_spans", "spans"),
    "logs": (ExportLogsServiceRequest, "resource_logs", "scope_logs", "log_records"),
}


def requests_of(case: str) -> list[Request]:
    """The export requests of a case, in the order in which they came; metrics make no calls."""
    folder = RECORDINGS / case
    if not folder.is_dir():
        pytest.skip(f"the recordings of {case} are not beside this repository")
    found = [(path.name.split("-")[1], path.read_bytes()) for path in sorted(folder.glob("*.binpb"))]
    return [(signal, body) for signal, body in found if signal != "metrics"]


def lines(case: str, name: str) -> dict[int, Row]:
    return {line["n"]: line for line in map(json.loads, (RECORDINGS / case / name).read_text().splitlines())}


def one_by_one(requests: Sequence[Request]) -> list[list[Request]]:
    return [[one] for one in requests]


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[Row]]:
    """A case and its rows, all of its requests in one batch."""
    name = request.param
    (rows,) = fed(tmp_path_factory.mktemp(name), [requests_of(name)])
    return name, rows


def told_of(served: Row, rows: Sequence[Row]) -> list[Row]:
    """The rows of a served call: by its ids, else by the time at which it was served."""
    for name in ("response_id", "request_id"):
        same = [row for row in rows if served[name] and served[name] == row[name]]
        if same:
            return same
    at = microseconds(served["started_unix_nano"])
    return [row for row in rows if row["started_at"] <= at <= (row["ended_at"] or row["started_at"])]


def assigned(case: str, rows: list[Row]) -> Iterator[tuple[Row, Row, list[Row]]]:
    """(served, heard, its rows) of every call; ids first, so that what is left is found by time."""
    truth, heard = lines(case, "truth.jsonl"), lines(case, "heard.jsonl")
    left = list(rows)
    names = {row[name] for row in rows for name in ("response_id", "request_id")} - {None}
    numbers = sorted(truth, key=lambda number: not names & {truth[number]["response_id"], truth[number]["request_id"]})
    for number in numbers:
        mine = told_of(truth[number], left)
        left = [row for row in left if row not in mine]
        yield truth[number], heard[number], mine
    assert not left, f"{len(left)} rows of {case} are of no call"


def test_each_served_call_is_one_row_and_a_refused_one_has_no_tokens(case):
    name, rows = case
    for served, heard, mine in assigned(name, rows):
        call = f"call {served['n']} of {name}"
        if served["status"] != 200:
            assert all(row[column] is None for row in mine for column in ("input_tokens", "output_tokens")), call
        else:
            assert len(mine) == (heard["records"] > 0), f"{call}: {len(mine)} rows"


def test_what_was_said_is_what_was_served_and_nothing_is_made_up(case):
    name, rows = case
    for served, heard, mine in assigned(name, rows):
        if served["status"] != 200 or not mine:
            continue
        (row,) = mine
        for field, (column, fact) in FIELDS.items():
            call, said = f"call {served['n']} of {name}: {field}", row[column]
            if field == "response_id" and named(row["dialect"]).own_ids and said != served[fact]:
                continue  # a gateway's own id stands for the vendor's, which no record says
            if heard[field] == "no":
                assert not said or said == served[fact], f"{call} {said} was made up"
            elif heard[field] in ("said", "inside"):
                expected = served[fact] or None
                assert (said or None) == expected, f"{call} {said}, served {served[fact]}"
            elif heard[field] == "excluding cache":
                assert said == served[fact] or row["partial"], f"{call} {said}, served {served[fact]}"
            else:
                pytest.fail(f"{call} was heard {heard[field]!r}")


def test_one_by_one_and_then_all_of_it_twice_in_one_batch_are_the_same_rows(case, tmp_path):
    name, rows = case
    requests = requests_of(name)
    assert fed(tmp_path, one_by_one(requests), [[*requests, *requests]]) == [rows, rows]


def test_in_reverse_and_then_again_in_order_are_the_same_rows(case, tmp_path):
    name, rows = case
    requests = requests_of(name)
    assert fed(tmp_path, one_by_one(requests[::-1]), one_by_one(requests)) == [rows, rows]


def test_span_by_span_in_reverse_are_the_same_rows(case, tmp_path):
    """Within a request, too, no span or event may depend on those before it."""
    name, rows = case
    pieces = [one for request in requests_of(name) for one in taken_apart(*request)]
    assert fed(tmp_path, [pieces[::-1]]) == [rows]


def taken_apart(signal: str, body: bytes) -> Iterator[Request]:
    """A request as many, each with one span or event."""
    kind, resources, scopes, records = MESSAGES[signal]
    whole = kind.FromString(body)
    for resource in getattr(whole, resources):
        for scope in getattr(resource, scopes):
            for record in getattr(scope, records):
                one = kind()
                of_resource = getattr(one, resources).add(resource=resource.resource)
                getattr(getattr(of_resource, scopes).add(scope=scope.scope), records).append(record)
                yield signal, one.SerializeToString()
