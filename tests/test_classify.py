"""Classify: only what a vendor bills becomes a row; what cannot be stored is a fault, whatever it is."""

import pytest

from spanledger.processors.classify import EARLIEST_NS, FAULTS, LATEST_NS, LEFT_OUT, Classes, classify
from spanledger.processors.decode import decode
from spanledger.processors.dialects.columns import COUNTS, LABELS
from spanledger.processors.dialects.operations import BILLABLE, NO_OUTPUT, ROLL_UPS, SAYING
from spanledger.processors.events import events as events_of
from spanledger.processors.spans import spans as spans_of
from tests.otlp_requests import STARTED_NS, body, log_body, span


def class_of(attributes: dict[str, object], scope: str = "", *, keep_all_spans: bool = False, **fields: object) -> str:
    """ "call", "span" for what is kept beside calls, the reason for leaving the span out, or its fault."""
    records = spans_of(decode("traces", [body(span(attributes, **fields), scope=scope)]))
    return told(classify(records, keep_all_spans=keep_all_spans))


def class_of_event(name: str, attributes: dict[str, object], scope: str = "", **fields: object) -> str:
    """The same of an event."""
    return told(classify(events_of(decode("logs", [log_body(name, attributes, scope=scope, **fields)]))))


def told(classes: Classes) -> str:
    (fault,), (left_out,), (call,) = classes.fault.tolist(), classes.left_out.tolist(), classes.calls.tolist()
    (kept,) = classes.kept.tolist()
    assert kept == (not fault and not left_out)
    assert kept or not call
    return FAULTS[fault - 1] if fault else LEFT_OUT[left_out - 1] if left_out else "call" if call else "span"


@pytest.mark.parametrize("operation", sorted(BILLABLE))
def test_what_a_vendor_bills_is_a_call_in_any_case(operation):
    assert class_of({"gen_ai.operation.name": operation}) == "call"
    assert class_of({"gen_ai.operation.name": operation.upper()}) == "call"


@pytest.mark.parametrize("operation", sorted(ROLL_UPS))
def test_a_roll_up_is_kept_and_no_call_even_with_a_model_and_usage(operation):
    usage = {"gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 9}
    assert class_of({"gen_ai.operation.name": operation} | usage) == "span"


@pytest.mark.parametrize("operation", ["dance", "create_memory", "chat ", "chat,completion", 1, True, ["chat", "x"]])
def test_an_operation_that_no_list_names_is_kept_and_no_call(operation):
    assert class_of({"gen_ai.operation.name": operation, "gen_ai.usage.input_tokens": 9}) == "span"


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in SAYING.items() for value in values])
def test_each_emitters_word_for_what_it_did_is_understood_in_any_case(key, value):
    means = SAYING[key][value]
    expected = "call" if means in BILLABLE else "span" if means else "says_nothing"
    assert class_of({key: value}) == class_of({key: value.upper()}) == expected


def test_a_kind_that_is_written_as_json_is_the_same():
    assert class_of({"mlflow.spanType": '"CHAT_MODEL"'}) == "call"


def test_the_first_key_that_says_an_operation_decides():
    assert class_of({"openinference.span.kind": "LLM", "gen_ai.operation.name": "invoke_agent"}) == "span"
    assert class_of({"openinference.span.kind": "LLM", "gen_ai.operation.name": ""}) == "call"
    assert class_of({"langsmith.span.kind": "retriever", "gen_ai.operation.name": "embeddings"}) == "span"


@pytest.mark.parametrize(
    ("scope", "name", "attributes", "expected"),
    [
        ("haystack", "haystack.pipeline.run", {}, "span"),
        ("haystack", "other", {}, "not_genai"),
        ("my.app", "haystack.pipeline.run", {}, "not_genai"),
        ("vllm.llm_engine", "llm_request", {}, "call"),
        ("litellm", "raw_gen_ai_request", {}, "says_nothing"),
        ("litellm", "raw_gen_ai_request", {"llm.openai.usage": "{}"}, "call"),
        ("kong", "kong.gen_ai", {}, "call"),
        ("kong", "kong.gen_ai", {"gen_ai.tool.call.id": "call_1"}, "span"),
        ("kong", "kong.balancer", {}, "says_nothing"),
        ("Experimental.Microsoft.Extensions.AI", "orchestrate_tools", {"gen_ai.operation.name": "chat"}, "span"),
    ],
)
def test_where_no_attribute_says_an_operation_the_name_does_in_its_emitters_words(scope, name, attributes, expected):
    assert class_of(attributes, scope, name=name) == expected


@pytest.mark.parametrize("keep_all_spans", [False, True])
def test_spans_that_are_no_genai_are_kept_only_where_the_operator_wants_them(keep_all_spans):
    assert class_of({}, keep_all_spans=keep_all_spans) == ("span" if keep_all_spans else "not_genai")
    noise = class_of({}, "litellm", name="raw_gen_ai_request", keep_all_spans=keep_all_spans)
    assert noise == ("span" if keep_all_spans else "says_nothing")
    assert class_of({}, keep_all_spans=keep_all_spans, trace_id=b"") == FAULTS[0]


DETAILS = "gen_ai.client.inference.operation.details"
USED = {"gen_ai.usage.input_tokens": 9}


@pytest.mark.parametrize("scope", ["", "my.app", "gcp.vertex.agent", "openlit.instrumentation.openai"])
def test_the_details_event_is_a_call_whoever_sends_it(scope):
    assert class_of_event(DETAILS, USED, scope) == "call"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, "says_nothing"),
        ({"gen_ai.request.model": "m"}, "says_nothing"),
        ({"gen_ai.response.id": "resp_1"}, "call"),
        ({"error.type": "timeout"}, "call"),
        ({"gen_ai.usage.output_tokens": 0}, "call"),
    ],
)
def test_an_event_that_tells_of_no_outcome_is_but_the_beginning_of_a_call(said, expected):
    assert class_of_event(DETAILS, said) == expected


@pytest.mark.parametrize(
    "name", ["gen_ai.choice", "gen_ai.user.message", "gen_ai.client.operation.exception", "exception", "chat", ""]
)
@pytest.mark.parametrize("scope", ["", "gcp.vertex.agent", "litellm"])
def test_any_other_event_is_none_even_with_the_attributes_of_a_call(name, scope):
    said = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 9}
    assert class_of_event(name, said, scope) == "not_genai"


@pytest.mark.parametrize("ids", [{}, {"trace_id": b""}, {"span_id": bytes(8)}, {"trace_id": b"short", "span_id": b""}])
def test_an_event_needs_no_ids_but_a_time(ids):
    assert class_of_event(DETAILS, USED, **ids) == "call"
    assert class_of_event(DETAILS, USED, **ids, time_unix_nano=0) == "the start time is missing"
    assert class_of_event(DETAILS, USED, **ids, time_unix_nano=5) == FAULTS[3]


@pytest.mark.parametrize("operation", [..., "", None, b"chat", {"chat": 1}, []])
@pytest.mark.parametrize("model", ["gen_ai.request.model", *LABELS["response_model"]])
@pytest.mark.parametrize("count", [*COUNTS["input_tokens"], *COUNTS["output_tokens"]])
def test_without_an_operation_a_model_with_a_count_is_a_call(operation, model, count):
    said = {} if operation is ... else {"gen_ai.operation.name": operation}
    assert class_of(said | {model: "m", count: 1}) == "call"


@pytest.mark.parametrize(
    "attributes",
    [{}, {"gen_ai.request.model": "m"}, {"gen_ai.usage.input_tokens": 1}, {"http.route": "/"}, {"gen_ai.system": "x"}],
)
def test_without_an_operation_anything_else_is_not_ours(attributes):
    assert class_of(attributes) == "not_genai"


@pytest.mark.parametrize("length", [0, 1, 8, 15, 17, 32])
def test_a_trace_id_of_another_length_is_a_fault(length):
    assert class_of({}, trace_id=b"\x01" * length) == "the trace id is not 16 bytes with a bit set"


@pytest.mark.parametrize("length", [0, 1, 7, 9, 16])
def test_a_span_id_of_another_length_is_a_fault(length):
    assert class_of({}, span_id=b"\x01" * length) == "the span id is not 8 bytes with a bit set"


def test_an_id_of_zeros_is_a_fault_and_one_bit_is_enough():
    assert class_of({}, trace_id=bytes(16)) == FAULTS[0]
    assert class_of({}, span_id=bytes(8)) == FAULTS[1]
    last_bit = {"trace_id": bytes(15) + b"\x01", "span_id": bytes(7) + b"\x01"}
    assert class_of({"gen_ai.operation.name": "chat"}, **last_bit) == "call"


@pytest.mark.parametrize(
    ("started_ns", "verdict"),
    [
        (0, "the start time is missing"),
        (1, "the start time is not between the years 2000 and 2200"),
        (STARTED_NS // 10**9, "the start time is not between the years 2000 and 2200"),
        (EARLIEST_NS - 1, "the start time is not between the years 2000 and 2200"),
        (EARLIEST_NS, "call"),
        (LATEST_NS - 1, "call"),
        (LATEST_NS, "the start time is not between the years 2000 and 2200"),
        (2**63, "the start time is not between the years 2000 and 2200"),
        (2**64 - 1, "the start time is not between the years 2000 and 2200"),
    ],
)
def test_a_time_that_no_clock_shows_is_a_fault(started_ns, verdict):
    assert class_of({"gen_ai.operation.name": "chat"}, start_time_unix_nano=started_ns) == verdict


def test_of_two_faults_the_first_is_told():
    assert class_of({}, trace_id=b"", span_id=b"", start_time_unix_nano=0) == FAULTS[0]


def test_no_name_of_an_operation_is_on_both_lists():
    assert not BILLABLE & ROLL_UPS
    assert NO_OUTPUT <= BILLABLE
    assert all(name == name.lower() for name in BILLABLE | ROLL_UPS)
