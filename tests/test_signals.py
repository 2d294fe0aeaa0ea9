"""The three signals of OTLP: each is received, handed on under its name and answered in its own message."""

import gzip
import time
from collections.abc import Iterator

import grpc
import orjson
import pytest
from google.protobuf.json_format import MessageToDict, Parse
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetricExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetricExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

from spanledger.receiver.contract import Refused, Stored, Unavailable
from spanledger.receiver.grpc_server import GrpcServer
from spanledger.receiver.limits import Limits
from spanledger.receiver.otlp_json import request_from_json
from spanledger.receiver.signals import SIGNALS, Signal, shortened
from tests.agent_sessions import ABSENT, sessions
from tests.grpc_serving import TIMEOUT_S, export, failed_export
from tests.grpc_serving import serving as grpc_serving
from tests.http_serving import JSON, PROTOBUF, Service, status_of
from tests.http_serving import serving as http_serving
from tests.sinks import Sink
from tests.test_otlp_json import with_hexadecimal_ids

TRACE_ID, SPAN_ID = "0a" * 16, "0b" * 8

DOCUMENTS = {
    "traces": {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": TRACE_ID, "spanId": SPAN_ID}]}]}]},
    "logs": {
        "resourceLogs": [
            {
                "scopeLogs": [
                    {
                        "logRecords": [
                            {
                                "timeUnixNano": "0",
                                "observedTimeUnixNano": "1795000000000000000",
                                "severityNumber": "SEVERITY_NUMBER_INFO",
                                "eventName": "event otel/src/events.rs:1",
                                "traceId": TRACE_ID.upper(),
                                "spanId": SPAN_ID,
                                "attributes": [
                                    {"key": "input_token_count", "value": {"intValue": "123"}},
                                    {"key": "email", "value": {}},
                                ],
                            }
                        ]
                    }
                ]
            }
        ]
    },
    "metrics": {
        "resourceMetrics": [
            {
                "scopeMetrics": [
                    {
                        "metrics": [
                            {
                                "name": "gen_ai.client.token.usage",
                                "sum": {
                                    "aggregationTemporality": 1,
                                    "isMonotonic": True,
                                    "dataPoints": [
                                        {
                                            "asInt": "12",
                                            "exemplars": [{"asDouble": 1, "traceId": TRACE_ID, "spanId": SPAN_ID}],
                                        }
                                    ],
                                },
                            },
                            {
                                "name": "codex.turn.token_usage",
                                "exponentialHistogram": {
                                    "aggregationTemporality": "AGGREGATION_TEMPORALITY_DELTA",
                                    "dataPoints": [
                                        {
                                            "count": "2",
                                            "sum": 7,
                                            "scale": -1,
                                            "positive": {"offset": -3, "bucketCounts": ["1", 1]},
                                            "min": "NaN",
                                        }
                                    ],
                                },
                            },
                        ]
                    }
                ]
            }
        ]
    },
}
"""One request of each signal in OTLP/JSON, with what its senders write differently."""


@pytest.fixture(params=SIGNALS, ids=lambda signal: signal.name)
def signal(request: pytest.FixtureRequest) -> Signal:
    return request.param


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def grpc_server(sink: Sink) -> Iterator[GrpcServer]:
    with grpc_serving(sink) as running:
        yield running


@pytest.fixture
def service() -> Iterator[Service]:
    with http_serving() as start:
        yield start()


def as_protobuf(signal: Signal) -> bytes:
    return request_from_json(signal, orjson.dumps(DOCUMENTS[signal.name]))


def post(service: Service, signal: Signal, body: bytes, content_type: str = PROTOBUF, prefix: str = ""):
    return service.client.post(f"{prefix}{signal.path}", content=body, headers={"content-type": content_type})


# gRPC


@pytest.mark.parametrize("compression", [None, grpc.Compression.Gzip])
def test_a_call_is_handed_on_under_its_signal(grpc_server, sink, signal, compression):
    body = as_protobuf(signal)
    assert export(grpc_server, body, compression=compression, method=signal.method) == b""
    assert [(request.signal, request.body) for request in sink.stored] == [(signal.name, body)]


def test_partial_success_over_grpc_is_said_in_the_signals_own_words(grpc_server, sink, signal):
    sink.says = Stored(rejected=3, message="3 have no time")
    answer = signal.response.FromString(export(grpc_server, b"", method=signal.method))
    assert getattr(answer.partial_success, signal.rejected) == 3
    assert answer.partial_success.error_message == "3 have no time"


@pytest.mark.parametrize(
    ("says", "code"),
    [(Refused("no message"), grpc.StatusCode.INVALID_ARGUMENT), (Unavailable("full"), grpc.StatusCode.UNAVAILABLE)],
)
def test_a_failed_call_has_the_same_status_whatever_its_signal(grpc_server, sink, signal, says, code):
    sink.says = says
    assert failed_export(grpc_server, b"", method=signal.method).code() is code


def test_a_call_has_the_same_limit_whatever_its_signal(sink, signal):
    with grpc_serving(sink, limits=Limits(body_bytes_max=1000)) as small:
        for body in (bytes(1001), gzip.compress(bytes(100_000))):
            error = failed_export(small, body, method=signal.method)
            assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


# HTTP


@pytest.mark.parametrize("prefix", ["", "/some/prefix"])
@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
def test_a_post_is_handed_on_under_its_signal(service, signal, content_type, prefix):
    body = as_protobuf(signal) if content_type == PROTOBUF else orjson.dumps(DOCUMENTS[signal.name])
    response = post(service, signal, body, content_type, prefix)
    assert (response.status_code, response.headers["content-type"]) == (200, content_type)
    [request] = service.sink.stored
    assert request.signal == signal.name
    assert signal.request.FromString(request.body) == signal.request.FromString(as_protobuf(signal))


def test_partial_success_over_http_is_said_in_the_signals_own_words(service, signal):
    service.sink.says = Stored(rejected=3, message="3 have no time")
    for message in (
        signal.response.FromString(post(service, signal, b"").content),
        Parse(post(service, signal, b"{}", JSON).content, signal.response()),
    ):
        assert getattr(message.partial_success, signal.rejected) == 3
        assert message.partial_success.error_message == "3 have no time"


def test_a_body_of_another_shape_is_refused_with_its_place(service, signal):
    name = {"traces": "resourceSpans", "logs": "resourceLogs", "metrics": "resourceMetrics"}[signal.name]
    response = post(service, signal, orjson.dumps({name: [7]}), JSON)
    assert response.status_code == 400
    assert status_of(response).message == (
        f"The body is not OTLP/JSON at {name}[0]: expected an object, found a number."
    )


# JSON


def test_the_json_of_logs_means_what_it_says():
    request = ExportLogsServiceRequest.FromString(as_protobuf(SIGNALS[1]))
    [record] = request.resource_logs[0].scope_logs[0].log_records
    assert (record.trace_id.hex(), record.span_id.hex()) == (TRACE_ID, SPAN_ID)
    assert (record.time_unix_nano, record.observed_time_unix_nano) == (0, 1_795_000_000_000_000_000)
    assert record.severity_number == SeverityNumber.INFO.value
    assert [one.value.WhichOneof("value") for one in record.attributes] == ["int_value", None]
    assert record.attributes[0].value.int_value == 123


def test_the_json_of_metrics_means_what_it_says():
    request = ExportMetricsServiceRequest.FromString(as_protobuf(SIGNALS[2]))
    usage, turn = request.resource_metrics[0].scope_metrics[0].metrics
    [point] = usage.sum.data_points
    assert (usage.sum.aggregation_temporality, usage.sum.is_monotonic, point.as_int) == (1, True, 12)
    assert (point.exemplars[0].trace_id.hex(), point.exemplars[0].span_id.hex()) == (TRACE_ID, SPAN_ID)
    [point] = turn.exponential_histogram.data_points
    assert (point.count, point.sum, point.scale, point.positive.offset) == (2, 7.0, -1, -3)
    assert list(point.positive.bucket_counts) == [1, 1]
    assert turn.exponential_histogram.aggregation_temporality == 1


@pytest.mark.skipif(not sessions(), reason=ABSENT)
@pytest.mark.parametrize("as_integers", [False, True])
def test_what_agents_sent_comes_back_from_its_json(as_integers):
    by_name = {signal.name: signal for signal in SIGNALS}
    sent = {(one.signal, one.body) for session in sessions() for one in session.requests() if one.signal != "traces"}
    assert {name for name, _ in sent} == {"logs", "metrics"}
    for name, body in sent:
        message = by_name[name].request.FromString(body)
        document = with_hexadecimal_ids(MessageToDict(message, use_integers_for_enums=as_integers))
        assert by_name[name].request.FromString(request_from_json(by_name[name], orjson.dumps(document))) == message


def test_a_metric_of_two_kinds_is_refused():
    body = b'{"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"sum": {}, "gauge": {}}]}]}]}'
    with pytest.raises(Refused, match="gauge is a second value where there can be one"):
        request_from_json(SIGNALS[2], body)


def test_a_long_reason_is_cut_to_what_an_answer_may_hold():
    assert shortened("short") == "short"
    assert len(shortened("é" * 1000).encode()) <= 1024
    assert shortened("é" * 1000).endswith("é…")


# The real exporters


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_the_real_log_exporter_sends_into_it(grpc_server, sink, service, protocol):
    if protocol == "grpc":
        stored = sink.stored
        exporter = GrpcLogExporter(
            endpoint=f"http://127.0.0.1:{grpc_server.port}", insecure=True, compression=grpc.Compression.Gzip
        )
    else:
        stored = service.sink.stored
        exporter = HttpLogExporter(endpoint=f"{service.url}/v1/logs", compression=Compression.Gzip, timeout=TIMEOUT_S)
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    logger = provider.get_logger("a.program")
    for number in range(300):
        logger.emit(
            event_name=f"event {number}", severity_number=SeverityNumber.INFO, attributes={"input_token_count": number}
        )
    assert provider.force_flush(TIMEOUT_S * 1000)
    provider.shutdown()
    assert {request.signal for request in stored} == {"logs"}
    requests = [ExportLogsServiceRequest.FromString(request.body) for request in stored]
    names = {
        record.event_name
        for one in requests
        for r in one.resource_logs
        for s in r.scope_logs
        for record in s.log_records
    }
    assert names == {f"event {number}" for number in range(300)}


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_the_real_metric_exporter_sends_into_it(grpc_server, sink, service, protocol):
    if protocol == "grpc":
        stored = sink.stored
        exporter = GrpcMetricExporter(endpoint=f"http://127.0.0.1:{grpc_server.port}", insecure=True)
    else:
        stored = service.sink.stored
        exporter = HttpMetricExporter(endpoint=f"{service.url}/v1/metrics", timeout=TIMEOUT_S)
    provider = MeterProvider([PeriodicExportingMetricReader(exporter)], shutdown_on_exit=False)
    provider.get_meter("a.program").create_counter("tokens").add(12, {"type": "input"})
    assert provider.force_flush(TIMEOUT_S * 1000)
    provider.shutdown()
    assert {request.signal for request in stored} == {"metrics"}
    request = ExportMetricsServiceRequest.FromString(stored[0].body)
    assert request.resource_metrics[0].scope_metrics[0].metrics[0].name == "tokens"


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_an_event_that_tells_of_a_call_becomes_one(server, sql, protocol):
    if protocol == "grpc":
        exporter = GrpcLogExporter(endpoint=f"http://127.0.0.1:{server.ports.grpc}", insecure=True)
    else:
        exporter = HttpLogExporter(endpoint=f"http://127.0.0.1:{server.ports.http}/v1/logs", timeout=TIMEOUT_S)
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    usage = {"model": "claude-opus-4-5", "input_tokens": 100, "output_tokens": 20, "request_id": "req_011C4zV7JQEg8r"}
    provider.get_logger("com.anthropic.claude_code.events").emit(
        event_name="api_request", timestamp=time.time_ns(), body="claude_code.api_request", attributes=usage
    )
    assert provider.force_flush(TIMEOUT_S * 1000)
    provider.shutdown()
    (call,) = sql("select request_id, input_tokens, output_tokens, provider, price_status from calls")
    assert call == {
        "request_id": "req_011C4zV7JQEg8r", "input_tokens": 100, "output_tokens": 20, "provider": "anthropic",
        "price_status": "priced",
    }  # fmt: skip
