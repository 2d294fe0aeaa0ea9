"""One call that several tell of is counted once, whoever tells first, in whatever pieces it arrives.

What real packages sent together (`tests/emitter_recordings`, see docs/emitters.md) is taken apart into single records,
shuffled, cut into batches anywhere, and some of it sent again: the ledger is the same, and holds what the vendors had
served.
"""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise, permutations
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanledger.cli.wiring import wire
from spanledger.receiver.contract import Request, Stored
from spanledger.storage.ledger import Ledger
from spanledger.storage.schema import WHERE
from tests.agent_sessions import ABSENT, sessions
from tests.e2e.emitter_gaps import sort_out
from tests.e2e.emitter_judge import judge
from tests.e2e.recordings import read_recording
from tests.otlp_logs import event
from tests.otlp_metrics import CLAUDE, counter, metric_body, number
from tests.otlp_requests import pairs, span
from tests.telling import OF_TENANT, USAGE, at, logs, said, telling, times, traces

MESSAGES = {"traces": ExportTraceServiceRequest, "logs": ExportLogsServiceRequest}
Row = dict[str, Any]


def single(signal: str, body: bytes) -> list[Request]:
    """A request as requests of one record each."""
    kind = MESSAGES[signal]
    requests = []
    for around in getattr(kind.FromString(body), f"resource_{'spans' if signal == 'traces' else 'logs'}"):
        members = "scope_spans" if signal == "traces" else "scope_logs"
        for scope in getattr(around, members):
            records = "spans" if signal == "traces" else "log_records"
            for record in getattr(scope, records):
                alone = kind()
                resource = getattr(alone, f"resource_{'spans' if signal == 'traces' else 'logs'}").add()
                resource.resource.CopyFrom(around.resource)
                within = getattr(resource, members).add()
                within.scope.CopyFrom(scope.scope)
                getattr(within, records).add().CopyFrom(record)
                requests.append(Request(alone.SerializeToString(), "default", signal=signal))
    return requests


def records_of(name: str) -> list[Request]:
    """The single records of a recording, but for its metrics: those never make a call."""
    bodies = [body for body in read_recording(name).bodies if body.signal in MESSAGES]
    return [record for body in bodies for record in single(body.signal, body.data)]


def shuffled(records: Sequence[Request], seed: int) -> list[list[Request]]:
    """The records in any order, a third of them twice, in batches of any size."""
    chance = random.Random(seed)
    order = chance.sample([*records, *chance.sample(records, len(records) // 3)], k=len(records) + len(records) // 3)
    cuts = sorted({0, len(order), *(chance.randrange(len(order)) for _ in range(chance.randrange(12)))})
    return [order[start:end] for start, end in pairwise(cuts)]


ADDED = {"host.name": "collector-1", "k8s.pod.name": "shop-7f", "cloud.region": "eu-central-1", "route": "second"}


def by_second_route(record: Request) -> Request:
    """The same record with what a Collector's processors add to its resource."""
    message = MESSAGES[record.signal].FromString(record.body)
    for around in message.resource_spans if record.signal == "traces" else message.resource_logs:
        there = {pair.key for pair in around.resource.attributes}
        around.resource.attributes.extend(pair for pair in pairs(ADDED.items()) if pair.key not in there)
    return replace(record, body=message.SerializeToString())


def arriving(records: Sequence[Request], order: str) -> list[list[Request]]:
    """The batches in which records arrive, one after the other."""
    if order == "together":
        return [list(records)]
    if order.startswith("two routes"):
        return shuffled([*records, *map(by_second_route, records)], SEEDS + ROUTES.index(order))
    if order.startswith("shuffled"):
        return shuffled(records, SHUFFLES.index(order))
    return [[one] for one in (records if order == "one by one" else records[::-1])]


SEEDS = 6
SHUFFLES = tuple(f"shuffled {seed}" for seed in range(SEEDS))
ROUTES = tuple(f"two routes {seed}" for seed in range(3))
ORDERS = ("one by one", "reversed", "together", *SHUFFLES)

TWO_OF_ONE_SDK = ("openai-double", "openai-v2-double")
FRAMEWORK_OVER_SDK = ("langchain-double", "pydantic-ai-double", "logfire", "pydantic-ai-anthropic")
PROGRAM_AND_GATEWAY = ("litellm-gateway", "litellm-gateway-v2")
SPAN_AND_EVENT = ("otel-genai-anthropic-events", "openlit-anthropic", "google-adk")
DOUBLES = (*TWO_OF_ONE_SDK, *FRAMEWORK_OVER_SDK, *PROGRAM_AND_GATEWAY, *SPAN_AND_EVENT)
CLAUDE_CODE = {session.name: session for session in sessions() if session.agent == "claude-code"}

Stories = dict[tuple[str, str], list[Row]]


def fed(folder: Path, stories: Mapping[tuple[str, str], Sequence[Sequence[Request]]]) -> Stories:
    """The rows of calls of each story, which is a tenant of its own; all are fed at the same time."""
    rows: Stories = {story: [] for story in stories}
    ledger = Ledger.open(folder)
    try:
        prepare, store = wire(ledger)
        for step in range(max(len(batches) for batches in stories.values())):
            batch = [
                replace(record, tenant=" / ".join(story))
                for story, batches in stories.items()
                for record in (batches[step] if step < len(batches) else ())
            ]
            assert store(prepare(batch)) == [Stored()] * len(batch)
        with ledger.reader() as reader:
            for row in reader.query("select * from calls order by started_at, span_id, record_hash").to_pylist():
                name, _, order = row["tenant"].rpartition(" / ")
                rows[name, order].append({key: value for key, value in row.items() if key not in OF_TENANT})
    finally:
        ledger.close()
    return {story: sorted(found, key=str) for story, found in rows.items()}


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> Stories:
    """What each recording comes to in each order."""
    records = {name: records_of(name) for name in DOUBLES} | {
        name: [one for sent in session.requests() if sent.signal in MESSAGES for one in single(sent.signal, sent.body)]
        for name, session in CLAUDE_CODE.items()
    }
    orders = (*ORDERS, *ROUTES)
    return fed(
        tmp_path_factory.mktemp("doubles"),
        {(name, order): arriving(ones, order) for name, ones in records.items() for order in orders},
    )


@pytest.mark.parametrize("name", DOUBLES)
def test_any_order_and_any_batching_end_in_the_same_ledger(stories: Stories, name: str):
    for order in ORDERS:
        assert stories[name, order] == stories[name, ORDERS[0]], order


@pytest.mark.parametrize("name", DOUBLES)
def test_what_comes_by_two_routes_of_a_collector_is_counted_once(stories: Stories, name: str):
    # Which route was faster decides where a record came from, and nothing else.
    for order in ROUTES:
        routes, once = (
            [{key: value for key, value in row.items() if key not in WHERE} for row in stories[name, one]]
            for one in (order, ORDERS[0])
        )
        assert sorted(routes, key=str) == sorted(once, key=str), order


@pytest.mark.parametrize("name", DOUBLES)
def test_each_served_call_is_counted_once(stories: Stories, name: str):
    sorted_out = sort_out(name, judge(stories[name, ORDERS[0]], read_recording(name).truth))
    assert [str(difference) for difference in sorted_out.unexplained] == []


def answered(stories: Stories, name: str) -> list[Row]:
    return [row for row in stories[name, ORDERS[0]] if row["status"] != "error"]


def seen_by(stories: Stories, name: str) -> Counter[str]:
    return Counter(row["sources"] for row in answered(stories, name))


def test_two_instrumentations_of_one_sdk_tell_of_every_call_together(stories: Stories):
    assert seen_by(stories, "openai-double") == {"openinference-openai,otel-genai-openai": 20}


def test_an_instrumentation_that_misses_an_interface_leaves_it_to_the_other(stories: Stories):
    # openai-v2 does not know the Responses API; OpenLLMetry sees nothing of streams that openai-v2 wraps.
    assert seen_by(stories, "openai-v2-double") == {
        "openllmetry-openai,otel-util-genai": 8,
        "openllmetry-openai,otel-openai-v2": 1,
        "openllmetry-openai": 5,
        "otel-util-genai": 6,
    }


def test_a_framework_and_the_sdk_below_it_tell_of_every_call_together(stories: Stories):
    assert seen_by(stories, "pydantic-ai-double") == {"otel-genai-openai,pydantic-ai": 18}
    seen = seen_by(stories, "langchain-double")
    assert seen == {"openinference-langchain,otel-genai-openai": 10, "otel-genai-openai": 1}, "no callback: embeddings"


@pytest.mark.parametrize("name", PROGRAM_AND_GATEWAY)
def test_a_gateway_says_what_was_called_and_the_program_says_who_called(stories: Stories, name: str):
    rows = answered(stories, name)
    assert all({"litellm", "otel-genai-openai"} <= set(row["sources"].split(",")) for row in rows)
    assert {row["service_name"] for row in rows} == {name}, "the program's, not the gateway's"
    of_anthropic = [row for row in rows if row["provider"] == "anthropic"]
    assert len(of_anthropic) == 2, "the program asked OpenAI's SDK for a model named sonnet"
    assert {row["request_model"] for row in of_anthropic} == {"claude-sonnet-4-5"}
    assert all(row["reported_cost_usd"] is not None for row in rows if row["operation"] != "embeddings")


# Claude Code --------------------------------------------------------------------------------------------------------


def test_claude_codes_event_span_and_metric_of_one_request_are_one_call(tmp_path):
    shared = {"session.id": "s-1", "request_id": "req_011C4zV7JQEg8r83MDUbvS9K", "model": "claude-opus-5-5"}
    usage = {"input_tokens": 113, "output_tokens": 472, "cache_read_tokens": 0, "cache_creation_tokens": 10644}
    ids = {"trace_id": bytes(range(1, 17)), "span_id": bytes(range(1, 9))}
    told_by_event = event(
        shared | usage | {"event.name": "api_request", "duration_ms": 500, "cost_usd": 0.09},
        "claude_code.api_request", time_unix_nano=at(500), **ids,
    )  # fmt: skip
    told_by_span = span(
        shared | usage | {"gen_ai.system": "anthropic", "gen_ai.request.model": "claude-opus-5-5"},
        name="claude_code.llm_request", **ids | {"span_id": bytes([9] * 8), "parent_span_id": ids["span_id"]},
        **times(0, 501),
    )  # fmt: skip
    kinds = {"input": 113, "output": 472, "cacheCreation": 10644, "cacheRead": 0}
    points = [number(count, shared | {"type": kind}) for kind, count in kinds.items()]
    requests = (
        logs(told_by_event, scope="com.anthropic.claude_code.events", service="claude-code"),
        traces(told_by_span, scope="com.anthropic.claude_code.tracing", service="claude-code"),
        Request(metric_body(counter(CLAUDE, *points), scope="com.anthropic.claude_code"), "default", signal="metrics"),
    )
    with telling(tmp_path) as told:
        for order in permutations(requests):
            (call,) = told(*order)
            assert said(call, "sources", *USAGE) == ("claude-code,claude-code-event", 10757, 0, 10644, 472, None)
        assert told(requests[2]) == [], "metrics never make a call"


@pytest.mark.skipif(not CLAUDE_CODE, reason=ABSENT)
@pytest.mark.parametrize("name", CLAUDE_CODE)
def test_a_recorded_session_of_claude_code_is_the_calls_that_were_billed(stories: Stories, name: str):
    for order in ORDERS:
        rows = stories[name, order]
        assert len(rows) == len(CLAUDE_CODE[name].billed()), order
        assert {row["sources"] for row in rows} == {"claude-code,claude-code-event"}, order
        assert rows == stories[name, ORDERS[0]], order
