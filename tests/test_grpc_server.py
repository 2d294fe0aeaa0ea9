"""OTLP over gRPC, seen from real clients: what is answered, who may send, and what may be sent again."""

import socket
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from spanledger.receiver.contract import Answer, Busy, Refused, Request, Stored, TooLarge, Unavailable
from spanledger.receiver.grpc_server import GrpcServer
from spanledger.receiver.intake import Intake
from spanledger.receiver.keys import Keys, create
from spanledger.receiver.limits import Limits
from tests.grpc_serving import TIMEOUT_S, TRACES, a_request, connected, export, failed_export, retry_after_s, serving
from tests.sinks import Sink


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def server(sink: Sink) -> Iterator[GrpcServer]:
    with serving(sink) as running:
        yield running


def test_a_stored_request_is_answered_with_an_empty_response(server, sink):
    body = a_request()
    assert export(server, body) == b""
    assert sink.stored == [Request(body, "default")]


def test_an_empty_request_is_a_success(server):
    assert export(server, b"") == b""


def test_what_could_not_be_stored_of_a_request_is_a_partial_success(server, sink):
    sink.says = Stored(rejected=3, message="3 spans have no id")
    response = ExportTraceServiceResponse.FromString(export(server, a_request()))
    assert response.partial_success == ExportTracePartialSuccess(rejected_spans=3, error_message="3 spans have no id")


def test_nothing_is_answered_before_it_is_stored():
    stored: Future[Answer] = Future()
    submitted = threading.Event()

    def submit(_: Request) -> Future[Answer]:
        submitted.set()
        return stored

    server = GrpcServer(submit, Keys.none(), Limits(), port=0).start()
    try:
        with connected(server) as channel:
            answer = channel.unary_unary(TRACES).future(a_request(), timeout=TIMEOUT_S)
            assert submitted.wait(TIMEOUT_S)
            with pytest.raises(grpc.FutureTimeoutError):
                answer.result(0.05)
            stored.set_result(Stored())
            assert answer.result(TIMEOUT_S) == b""
    finally:
        server.stop(0)


@pytest.mark.parametrize(
    ("says", "code", "delay_s"),
    [
        (Refused("span 7: no trace id"), grpc.StatusCode.INVALID_ARGUMENT, None),
        (TooLarge("too many spans"), grpc.StatusCode.RESOURCE_EXHAUSTED, None),
        (Unavailable("the disk is full", 2.5), grpc.StatusCode.UNAVAILABLE, 2.5),
        (Busy("come back later", 1.0), grpc.StatusCode.RESOURCE_EXHAUSTED, 1.0),
    ],
)
def test_every_answer_has_its_status_and_only_what_may_work_later_a_retry_info(server, sink, says, code, delay_s):
    sink.says = says
    error = failed_export(server, a_request())
    assert (error.code(), error.details(), retry_after_s(error)) == (code, str(says), delay_s)


def test_a_defect_of_ours_is_logged_and_may_be_sent_again(caplog):
    def submit(_: Request) -> Future[Answer]:
        raise ZeroDivisionError("a defect")

    server = GrpcServer(submit, Keys.none(), Limits(), port=0).start()
    try:
        error = failed_export(server, a_request())
    finally:
        server.stop(0)
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert error.details() == "Something went wrong here: send this again later; the log has the cause."
    assert retry_after_s(error) == 1.0
    assert "ZeroDivisionError: a defect" in caplog.text


def test_a_long_message_fits_in_the_trailers_clients_take(server, sink):
    sink.says = Unavailable("é" * 100_000)
    error = failed_export(server, a_request())
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert error.details() == "é" * 1000


def test_a_full_queue_is_resource_exhausted_with_retry_info(sink):
    gate = threading.Event()
    waits = threading.Event()

    def store(requests: Sequence[Request]) -> Sequence[Answer]:
        waits.set()
        assert gate.wait(TIMEOUT_S)
        return sink.store(requests)

    intake = Intake(lambda requests: requests, store, linger_s=0, group_bytes_max=1, queue_bytes_max=1000)
    server = GrpcServer(intake.submit, Keys.none(), Limits(), port=0).start()
    try:
        with connected(server) as channel:
            call = channel.unary_unary(TRACES)
            calls = []
            # One is being stored, one is prepared, one fills the queue, and one finds it full.
            for reached in (
                waits.is_set,
                lambda: intake._handed_over is not None,
                lambda: intake.waiting_bytes == 1000,
            ):
                calls.append(call.future(b"\x0a" + b"x" * 999, timeout=TIMEOUT_S))
                with intake._changed:
                    while not reached():
                        assert intake._changed.wait(0.01) or not calls[-1].done()
            with pytest.raises(grpc.RpcError) as failed:
                call(b"\x0a", timeout=TIMEOUT_S)
            gate.set()
            assert [one.result(TIMEOUT_S) for one in calls] == [b""] * 3
    finally:
        gate.set()
        intake.stop(TIMEOUT_S)
        server.stop(0)
    assert failed.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert retry_after_s(failed.value) == 1.0
    assert intake.counters.snapshot()["busy"] == 1
    assert len(sink.stored) == 3


def test_while_stopping_clients_are_told_to_come_back(sink):
    intake = Intake(lambda requests: requests, sink.store)
    server = GrpcServer(intake.submit, Keys.none(), Limits(), port=0).start()
    try:
        assert intake.stop(TIMEOUT_S)
        error = failed_export(server, a_request())
    finally:
        server.stop(0)
    assert (error.code(), retry_after_s(error)) == (grpc.StatusCode.UNAVAILABLE, 5.0)


@pytest.mark.parametrize(
    "method",
    [
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export",
        "/nothing/Here",
    ],
)
def test_there_is_no_reflection_and_nothing_else(server, method):
    with connected(server) as channel, pytest.raises(grpc.RpcError) as failed:
        channel.unary_unary(method)(b"", timeout=TIMEOUT_S)
    assert failed.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("compression", [None, grpc.Compression.Gzip])
def test_the_health_service_says_serving_without_a_key(sink, tmp_path, compression):
    create(tmp_path / "keys.toml")
    with serving(sink, Keys.load(tmp_path / "keys.toml")) as server, connected(server, compression) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        answer = health.Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        watched = health.Watch(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
        assert next(iter(watched)).status == health_pb2.HealthCheckResponse.SERVING
        watched.cancel()
        with pytest.raises(grpc.RpcError) as failed:
            health.Check(health_pb2.HealthCheckRequest(service="nobody"), timeout=TIMEOUT_S)
        assert failed.value.code() is grpc.StatusCode.NOT_FOUND


def test_keys_decide_who_may_send_and_whose_it_is(sink, tmp_path):
    path = tmp_path / "keys.toml"
    good, reader = create(path, "acme", ["ingest"]), create(path, "acme", ["read"])
    with serving(sink, Keys.load(path)) as server:
        for metadata in ((("authorization", f"Bearer {good}"),), (("x-api-key", good),)):
            assert export(server, a_request(), metadata) == b""
        none = failed_export(server, a_request())
        unknown = failed_export(server, a_request(), (("x-api-key", "sl_guess"),))
        may_not = failed_export(server, a_request(), (("x-api-key", reader),))
        counts = server.counters.snapshot()
    assert {request.tenant for request in sink.stored} == {"acme"}
    assert {request.api_key_id for request in sink.stored} == {good.split("_")[1]}
    assert (none.code(), retry_after_s(none)) == (grpc.StatusCode.UNAUTHENTICATED, None)
    assert none.details().startswith("An API key is needed")
    assert unknown.code() is grpc.StatusCode.UNAUTHENTICATED
    assert "sl_guess" not in unknown.details()
    assert may_not.code() is grpc.StatusCode.PERMISSION_DENIED
    assert may_not.details() == "The API key may not send: it lacks the scope 'ingest'."
    assert counts == {"refused: Unauthenticated": 2, "refused: MissingScope": 1}


def test_two_hundred_clients_of_one_span_each_are_all_served(server, sink):
    body = a_request()
    channels = [grpc.insecure_channel(f"127.0.0.1:{server.port}", [("grpc.channel_number", n)]) for n in range(20)]
    try:
        for _ in range(3):
            calls = [channels[n % 20].unary_unary(TRACES).future(body, timeout=TIMEOUT_S) for n in range(200)]
            assert [call.result(TIMEOUT_S) for call in calls] == [b""] * 200
    finally:
        for channel in channels:
            channel.close()
    assert len(sink.stored) == 600


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_the_real_exporter_sends_into_it(server, sink, compression):
    exporter = OTLPSpanExporter(f"http://127.0.0.1:{server.port}", insecure=True, compression=compression)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("a.program")
    for n in range(1000):
        tracer.start_span(f"chat {n}").end()
    assert provider.force_flush(TIMEOUT_S * 1000)
    provider.shutdown()
    requests = [ExportTraceServiceRequest.FromString(request.body) for request in sink.stored]
    names = {span.name for r in requests for group in r.resource_spans for s in group.scope_spans for span in s.spans}
    assert names == {f"chat {n}" for n in range(1000)}


def test_a_taken_port_is_an_error_in_one_sentence(server, capfd):
    with pytest.raises(OSError, match=rf"^Cannot listen on 127.0.0.1:{server.port} for gRPC: address already in use"):
        GrpcServer(lambda _: Future(), Keys.none(), Limits(), port=server.port).start()
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("host", "why"), [("192.0.2.1", "cannot assign requested address"), ("no.such.invalid", "")])
def test_an_address_that_is_not_ours_is_an_error_in_one_sentence(host, why):
    with pytest.raises(OSError, match=rf"^Cannot listen on {host}:0 for gRPC: {why}.*; choose another address\.$"):
        GrpcServer(lambda _: Future(), Keys.none(), Limits(), host, 0).start()


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not _has_ipv6(), reason="this machine has no IPv6 loopback")
def test_ipv6_works(sink):
    intake = Intake(lambda requests: requests, sink.store)
    server = GrpcServer(intake.submit, Keys.none(), Limits(), "::1", 0).start()
    try:
        with grpc.insecure_channel(f"[::1]:{server.port}") as channel:
            assert channel.unary_unary(TRACES)(a_request(), timeout=TIMEOUT_S) == b""
    finally:
        intake.stop(TIMEOUT_S)
        server.stop(0)


def test_stopping_twice_and_stopping_what_never_started_are_fine(sink):
    never_started = GrpcServer(lambda _: Future(), Keys.none(), Limits(), port=0)
    never_started.stop()
    with serving(sink) as server:
        server.stop(0)
        server.stop(0)
