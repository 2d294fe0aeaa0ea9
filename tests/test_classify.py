"""Classify: only what a vendor bills becomes a row; what cannot be stored is a fault, whatever it is."""

import pytest

from spanledger.processors.classify import EARLIEST_NS, FAULTS, LATEST_NS, LEFT_OUT, classify
from spanledger.processors.decode import decode
from spanledger.processors.dialects import BILLABLE, COUNTS, ROLL_UPS
from spanledger.processors.spans import spans as spans_of
from tests.otlp_requests import STARTED_NS, body, span


def class_of(attributes: dict[str, object], **fields: object) -> str:
    """ "call", the reason for leaving the span out, or its fault."""
    classes = classify(spans_of(decode("traces", [body(span(attributes, **fields))])))
    (fault,), (left_out,), (call,) = classes.fault.tolist(), classes.left_out.tolist(), classes.calls.tolist()
    assert call == (not fault and not left_out)
    return FAULTS[fault - 1] if fault else LEFT_OUT[left_out - 1] if left_out else "call"


@pytest.mark.parametrize("operation", sorted(BILLABLE))
def test_what_a_vendor_bills_is_a_call_in_any_case(operation):
    assert class_of({"gen_ai.operation.name": operation}) == "call"
    assert class_of({"gen_ai.operation.name": operation.upper()}) == "call"


@pytest.mark.parametrize("operation", sorted(ROLL_UPS))
def test_a_roll_up_is_no_call_even_with_a_model_and_usage(operation):
    assert class_of(
        {"gen_ai.operation.name": operation, "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 9}
    ) == ("roll_up")


@pytest.mark.parametrize("operation", ["dance", "create_memory", "chat ", "chat,completion", 1, True, ["chat", "x"]])
def test_an_operation_that_no_list_names_is_left_out_under_a_reason_of_its_own(operation):
    assert class_of({"gen_ai.operation.name": operation}) == "unknown_operation"


@pytest.mark.parametrize("operation", [..., "", None, b"chat", {"chat": 1}, []])
@pytest.mark.parametrize("model", ["gen_ai.request.model", "gen_ai.response.model"])
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
    assert all(name == name.lower() for name in BILLABLE | ROLL_UPS)
