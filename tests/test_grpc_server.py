"""OTLP over gRPC, seen from real clients: what is answered, what may be sent again, and what nobody can send at all."""

import gzip
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from spanledger.receiver.contract import Answer, Busy, Refused, Request, Stored, TooLarge, Unavailable
from spanledger.receiver.grpc_server import TRACES, GrpcServer
from spanledger.receiver.intake import Intake
from spanledger.receiver.keys import Keys, create
from spanledger.receiver.limits import Limits
from spanledger.receiver.tls import Tls

TIMEOUT_S = 20
OPENSSL = shutil.which("openssl")


class Sink:
    """Stores requests in memory and answers as it is told to."""

    def __init__(self) -> None:
        self.stored: list[Request] = []
        self.says: Answer | Exception = Stored()

    def store(self, requests: Sequence[Request]) -> Sequence[Answer]:
        if isinstance(self.says, Exception) and not isinstance(self.says, Refused):
            raise self.says
        self.stored.extend(requests)
        return [self.says] * len(requests)


@contextmanager
def serving(sink: Sink, keys: Keys | None = None, limits: Limits | None = None, tls: Tls | None = None, **intake):
    taking = Intake(lambda requests: requests, sink.store, **intake)
    server = GrpcServer(taking.submit, keys or Keys.none(), limits or Limits(), port=0, tls=tls).start()
    try:
        yield server
    finally:
        taking.stop(TIMEOUT_S)
        server.stop(0)


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def server(sink: Sink) -> Iterator[GrpcServer]:
    with serving(sink) as running:
        yield running


@contextmanager
def connected(server: GrpcServer, compression=None) -> Iterator[grpc.Channel]:
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(f"127.0.0.1:{server.port}", options, compression) as channel:
        yield channel


def export(server: GrpcServer, body: bytes = b"", metadata=(), compression=None) -> bytes:
    with connected(server, compression) as channel:
        return channel.unary_unary(TRACES)(body, metadata=metadata, timeout=TIMEOUT_S)


def failed_export(server: GrpcServer, *args, **options) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as failed:
        export(server, *args, **options)
    return failed.value


def retry_after_s(error: grpc.RpcError) -> float | None:
    """The delay of the RetryInfo, None without one: as a client's exporter reads it."""
    for name, value in error.trailing_metadata():
        if name == "grpc-status-details-bin":
            status = Status.FromString(value)
            assert (status.code, status.message) == (error.code().value[0], error.details())
            for detail in status.details:
                info = RetryInfo()
                if detail.Unpack(info):
                    return info.retry_delay.ToTimedelta().total_seconds()
    return None


def a_request(spans: int = 1) -> bytes:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for n in range(spans):
        scope.spans.add(name=f"chat {n}", trace_id=bytes(16), span_id=n.to_bytes(8, "big"))
    return request.SerializeToString()


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


@pytest.mark.parametrize("size", ["small", "large"])
def test_gzip_is_read(server, sink, size):
    body = a_request(5 if size == "small" else 50_000)
    assert export(server, body, compression=grpc.Compression.Gzip) == b""
    assert [request.body for request in sink.stored] == [body]


def test_deflate_is_unimplemented_as_otlp_names_gzip_only(server):
    error = failed_export(server, a_request(), compression=grpc.Compression.Deflate)
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED
    assert "'deflate' is disabled" in error.details()


@pytest.mark.parametrize("harm", ["cut", "garbage"])
def test_broken_gzip_is_an_invalid_argument(server, harm):
    packed = gzip.compress(os.urandom(9000))
    error = failed_export(server, packed[:-100] if harm == "cut" else packed[:500] + bytes(500) + packed[1000:])
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "gzip body" in error.details()


@pytest.mark.parametrize("compression", [None, grpc.Compression.Gzip])
def test_too_large_is_resource_exhausted_for_good(sink, compression):
    with serving(sink, limits=Limits(body_bytes_max=100_000)) as server:
        error = failed_export(server, a_request(20_000), compression=compression)
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert retry_after_s(error) is None, "with RetryInfo the client would send it again and again"
        assert export(server, a_request(100)) == b"", "the connection's others are served on"
        counts = server.counters.snapshot()
    assert sum(count for reason, count in counts.items() if reason.startswith("refused")) == 1


def test_requests_being_read_are_bounded_together(sink):
    limits = Limits(body_bytes_max=100_000, in_flight_bytes_max=100_000)
    gate = threading.Event()
    submitted = threading.Event()
    held: list[Future[Answer]] = []

    def submit(_: Request) -> Future[Answer]:
        future: Future[Answer] = Future()
        held.append(future)
        submitted.set()
        return future

    server = GrpcServer(submit, Keys.none(), limits, port=0).start()
    try:
        with connected(server) as channel:
            first = channel.unary_unary(TRACES).future(b"\x0a" + bytes(60_000), timeout=TIMEOUT_S)
            assert submitted.wait(TIMEOUT_S)
            error = failed_export(server, b"\x0a" + bytes(60_000))
            assert (error.code(), retry_after_s(error)) == (grpc.StatusCode.RESOURCE_EXHAUSTED, 1.0)
            held[0].set_result(Stored())
            assert first.result(TIMEOUT_S) == b""
    finally:
        gate.set()
        server.stop(0)


BOMB_SERVER = """
import sys
from concurrent.futures import Future
from spanledger.receiver.contract import Stored
from spanledger.receiver.grpc_server import GrpcServer
from spanledger.receiver.keys import Keys
from spanledger.receiver.limits import Limits

def submit(request):
    stored = Future()
    stored.set_result(Stored())
    return stored

server = GrpcServer(submit, Keys.none(), Limits(), port=0).start()
print(server.port, flush=True)
sys.stdin.read()
server.stop(0)
"""


def one_member() -> bytes:
    """1 GiB of zeros that says so, except for a checksum that nobody should get to."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    head = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
    return head + block * 1024 + packer.flush() + bytes(4) + (1 << 30).to_bytes(4, "little")


def many_members() -> bytes:
    """1 GiB of zeros in 1024 streams, of which the last, the only one to look at beforehand, says 1 MiB."""
    return gzip.compress(bytes(1 << 20), 9) * 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize(
    ("make", "within_s"),
    [(one_member, 0.1), (many_members, 0.5)],  # the second has to be inflated up to the limit before it shows
)
def test_a_gzip_bomb_is_refused_at_once_and_costs_no_memory(make, within_s):
    bomb = make()
    assert len(bomb) < 2 << 20
    process = subprocess.Popen([sys.executable, "-c", BOMB_SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        port = int(process.stdout.readline())

        def peak_mib() -> int:
            lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
            return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) >> 10

        with grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.max_send_message_length", -1)]) as channel:
            call = channel.unary_unary(TRACES)
            # As big on the wire as the bomb, so that only what inflating costs is compared.
            call(b"\x0a" + bytes(len(bomb)), timeout=TIMEOUT_S)
            before_mib = peak_mib()
            took_s = []
            for _ in range(5):
                began = time.perf_counter()
                with pytest.raises(grpc.RpcError) as refused:
                    call(bomb, timeout=TIMEOUT_S)
                took_s.append(time.perf_counter() - began)
                assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
                assert retry_after_s(refused.value) is None
            assert peak_mib() - before_mib <= 32
            assert min(took_s) <= within_s, took_s
    finally:
        process.communicate(timeout=TIMEOUT_S)


def test_a_sender_that_never_finishes_is_given_up(sink):
    never = threading.Event()

    def trickle() -> Iterator[bytes]:
        never.wait(TIMEOUT_S)
        yield b""

    with serving(sink, limits=Limits(body_timeout_s=0.2)) as server, connected(server) as channel:
        with pytest.raises(grpc.RpcError) as failed:
            channel.stream_unary(TRACES)(trickle(), timeout=TIMEOUT_S)
        never.set()
    assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
    assert failed.value.details() == "The message did not arrive within 0.2 s: send it again."


def test_slow_senders_do_not_hold_up_the_others(server, sink):
    never = threading.Event()

    def trickle() -> Iterator[bytes]:
        never.wait(TIMEOUT_S)
        yield b""

    with connected(server) as channel:
        slow = [channel.stream_unary(TRACES).future(trickle(), timeout=TIMEOUT_S) for _ in range(300)]
        try:
            for _ in range(20):
                assert export(server, a_request()) == b""
        finally:
            for call in slow:
                call.cancel()
            never.set()


def test_a_call_without_a_message_is_refused(server):
    with connected(server) as channel, pytest.raises(grpc.RpcError) as failed:
        channel.stream_unary(TRACES)(iter(()), timeout=TIMEOUT_S)
    assert failed.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert failed.value.details() == "The call holds no message."


@pytest.mark.parametrize(("stub", "what"), [(LogsServiceStub, "logs"), (MetricsServiceStub, "metrics")])
def test_other_signals_are_unimplemented(server, stub, what):
    with connected(server) as channel, pytest.raises(grpc.RpcError) as failed:
        stub(channel).Export(_empty_request(what), timeout=TIMEOUT_S)
    assert failed.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert failed.value.details() == f"Spanledger does not take {what}: send traces."


def _empty_request(what: str):
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

    return ExportLogsServiceRequest() if what == "logs" else ExportMetricsServiceRequest()


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


def test_nothing_is_read_of_a_message_without_a_key(sink, tmp_path):
    create(tmp_path / "keys.toml")
    never = threading.Event()

    def trickle() -> Iterator[bytes]:
        never.wait(TIMEOUT_S)
        yield b""

    with serving(sink, Keys.load(tmp_path / "keys.toml")) as server, connected(server) as channel:
        with pytest.raises(grpc.RpcError) as failed:
            channel.stream_unary(TRACES)(trickle(), timeout=TIMEOUT_S)
        never.set()
    assert failed.value.code() is grpc.StatusCode.UNAUTHENTICATED


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


@pytest.fixture(scope="module")
def certificates(tmp_path_factory) -> Path:
    """An authority, a server's certificate for 127.0.0.1 and a client's, both by it."""
    if OPENSSL is None:
        pytest.skip("openssl is not installed, so there are no certificates to test with")
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*arguments: str) -> None:
        subprocess.run([OPENSSL, *arguments], cwd=folder, check=True, capture_output=True)

    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca", "-days", "2")
    (folder / "san").write_text("subjectAltName = IP:127.0.0.1\n")
    for name in ("server", "client"):
        openssl("req", *new_key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "san", "-days", "2")
        openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *signed)
    return folder


def secure_export(server: GrpcServer, credentials: grpc.ChannelCredentials) -> bytes:
    with grpc.secure_channel(f"127.0.0.1:{server.port}", credentials) as channel:
        return channel.unary_unary(TRACES)(a_request(), timeout=TIMEOUT_S)


def test_tls_serves_who_trusts_it_and_nobody_in_the_clear(sink, certificates):
    tls = Tls(certificates / "server.pem", certificates / "server.key")
    with serving(sink, tls=tls) as server:
        trusting = grpc.ssl_channel_credentials((certificates / "ca.pem").read_bytes())
        assert secure_export(server, trusting) == b""
        assert failed_export(server, a_request()).code() is grpc.StatusCode.UNAVAILABLE
    assert len(sink.stored) == 1


def test_mutual_tls_serves_only_clients_of_its_authority(sink, certificates):
    tls = Tls(certificates / "server.pem", certificates / "server.key", certificates / "ca.pem")
    authority = (certificates / "ca.pem").read_bytes()
    known = grpc.ssl_channel_credentials(
        authority, (certificates / "client.key").read_bytes(), (certificates / "client.pem").read_bytes()
    )
    with serving(sink, tls=tls) as server:
        assert secure_export(server, known) == b""
        with pytest.raises(grpc.RpcError) as failed:
            secure_export(server, grpc.ssl_channel_credentials(authority))
        assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
    assert len(sink.stored) == 1


def test_a_tls_file_that_is_missing_is_named(tmp_path):
    server = GrpcServer(lambda _: Future(), Keys.none(), Limits(), port=0, tls=Tls(tmp_path / "c.pem", tmp_path / "k"))
    with pytest.raises(ValueError, match=r"c\.pem cannot be read: No such file or directory\."):
        server.start()
