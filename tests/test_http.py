"""OTLP over HTTP, seen from real clients: what is answered, in which content type, and what may be sent again."""

import gzip
import http.client
import logging
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
import zstandard
from google.protobuf.json_format import Parse
from google.rpc import code_pb2
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from spanledger.receiver.contract import Answer, Busy, Refused, Request, Stored, TooLarge, Unavailable
from spanledger.receiver.http import OtlpHttp
from spanledger.receiver.http_server import HttpServer
from spanledger.receiver.intake import Intake
from spanledger.receiver.keys import Keys, create
from spanledger.receiver.limits import Limits

JSON, PROTOBUF = "application/json", "application/x-protobuf"
SPANS = ExportTraceServiceRequest(
    resource_spans=[{"scope_spans": [{"spans": [{"trace_id": b"t" * 16, "span_id": b"s" * 8, "name": "chat"}]}]}]
)
BODIES = {
    PROTOBUF: SPANS.SerializeToString(),
    JSON: orjson.dumps(
        {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "74" * 16, "spanId": "73" * 8, "name": "chat"}]}]}]}
    ),
}
TIMEOUT_S = 30


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


class Service:
    """A receiver on loopback with a sink behind it, and a client of it."""

    def __init__(self, sink: Sink, app: OtlpHttp, server: HttpServer) -> None:
        self.sink = sink
        self.app = app
        self.port = server.port
        self.url = f"http://127.0.0.1:{server.port}"
        self.client = httpx2.Client(base_url=self.url, timeout=TIMEOUT_S, verify=False)

    def send(self, body: bytes, content_type: str = PROTOBUF, **headers: str) -> httpx2.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post("/v1/traces", content=body, headers={"content-type": content_type} | named)


@pytest.fixture
def serve() -> Iterator[Callable[..., Service]]:
    closing: list[Callable[[], object]] = []

    def start(
        keys: Keys | None = None,
        limits: Limits | None = None,
        submit: Callable[[Request], Future[Answer]] | None = None,
        ready: Callable[[], bool] = lambda: True,
        **options: Any,
    ) -> Service:
        sink = Sink()
        intake = Intake(lambda requests: requests, sink.store)
        limits = limits or Limits()
        app = OtlpHttp(submit or intake.submit, keys or Keys.none(), limits, ready, **options)
        server = HttpServer(app, "127.0.0.1", 0, limits).start()
        service = Service(sink, app, server)
        closing.extend([service.client.close, server.stop, intake.stop])
        return service

    yield start
    for close in closing:
        close()


def status_of(response: httpx2.Response) -> Status:
    """The google.rpc.Status of an answer, in whichever content type it came."""
    if response.headers["content-type"] == JSON:
        return Parse(response.content, Status())
    assert response.headers["content-type"] == PROTOBUF
    return Status.FromString(response.content)


# Stored


@pytest.mark.parametrize(("content_type", "empty"), [(PROTOBUF, b""), (JSON, b"{}")])
def test_stored_spans_are_answered_200_and_an_empty_response_in_the_content_type_they_came_in(
    serve, content_type, empty
):
    service = serve()
    response = service.send(BODIES[content_type], content_type)
    assert (response.status_code, response.headers["content-type"], response.content) == (200, content_type, empty)
    assert "server" not in response.headers
    [request] = service.sink.stored
    assert ExportTraceServiceRequest.FromString(request.body) == SPANS
    assert request.tenant == "default"


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON;charset=UTF-8"])
def test_parameters_and_the_case_of_the_content_type_do_not_matter(serve, content_type):
    service = serve()
    response = service.send(BODIES[JSON], content_type)
    assert (response.status_code, response.headers["content-type"]) == (200, JSON)


def test_any_prefix_may_stand_before_the_path(serve):
    service = serve()
    response = service.client.post("/some/prefix/v1/traces", content=b"", headers={"content-type": PROTOBUF})
    assert response.status_code == 200


@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
def test_an_empty_body_is_an_empty_request(serve, content_type):
    service = serve()
    assert service.send(b"", content_type).status_code == 200
    assert [request.body for request in service.sink.stored] == [b""]


@pytest.mark.parametrize("outcome", [Stored(3, "3 spans have no trace id"), Stored(0, "the clock is off")])
def test_partial_success_and_warnings_are_said_in_the_content_type_of_the_request(serve, outcome):
    service = serve()
    service.sink.says = outcome
    answers = {kind: service.send(body, kind) for kind, body in BODIES.items()}
    assert {answer.status_code for answer in answers.values()} == {200}
    for message in (
        ExportTraceServiceResponse.FromString(answers[PROTOBUF].content),
        Parse(answers[JSON].content, ExportTraceServiceResponse()),
    ):
        assert message.partial_success.rejected_spans == outcome.rejected
        assert message.partial_success.error_message == outcome.message


@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
@pytest.mark.parametrize(
    ("encoding", "compress"),
    [("identity", bytes), ("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstandard.compress)],
)
def test_bodies_come_compressed(serve, encoding, compress, content_type):
    service = serve()
    assert service.send(compress(BODIES[content_type]), content_type, content_encoding=encoding).status_code == 200
    [request] = service.sink.stored
    assert ExportTraceServiceRequest.FromString(request.body) == SPANS


@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_large_bodies_take_the_same_way_on_a_thread(serve, compress, content_type):
    service = serve()
    names = [f"{number:>9}" for number in range(20_000)]
    if content_type == JSON:
        body = orjson.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{"name": name} for name in names]}]}]})
    else:
        spans = [{"name": name} for name in names]
        body = ExportTraceServiceRequest(resource_spans=[{"scope_spans": [{"spans": spans}]}]).SerializeToString()
    encoding = "identity" if compress is bytes else "gzip"
    assert service.send(compress(body), content_type, content_encoding=encoding).status_code == 200
    [request] = service.sink.stored
    stored = ExportTraceServiceRequest.FromString(request.body).resource_spans[0].scope_spans[0].spans
    assert [span.name for span in stored] == names


# Not stored


OUTCOMES = [
    (Refused("span 3: no trace id"), 400, code_pb2.INVALID_ARGUMENT, {}),
    (TooLarge("more than 10,000 spans"), 413, code_pb2.RESOURCE_EXHAUSTED, {}),
    (Busy("the queue is full", 0.2), 429, code_pb2.RESOURCE_EXHAUSTED, {"retry-after": "1"}),
    (Unavailable("the disk is full", 4.2), 503, code_pb2.UNAVAILABLE, {"retry-after": "5"}),
]


@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
@pytest.mark.parametrize("when", ["at once", "as a value", "as an exception"])
@pytest.mark.parametrize(("outcome", "status", "code", "headers"), OUTCOMES, ids=lambda value: type(value).__name__)
def test_every_outcome_has_its_status_and_says_why(serve, outcome, status, code, headers, when, content_type):
    def submit(_: Request) -> Future[Answer]:
        future: Future[Answer] = Future()
        if when == "at once":
            raise outcome
        if when == "as a value" and isinstance(outcome, Refused):
            future.set_result(outcome)
        else:
            future.set_exception(outcome)
        return future

    response = serve(submit=submit).send(BODIES[content_type], content_type)
    assert response.status_code == status
    assert response.headers["content-type"] == content_type
    assert status_of(response) == Status(code=code, message=str(outcome))
    assert {name: response.headers[name] for name in ("retry-after",) if name in response.headers} == headers


def test_an_error_nobody_foresaw_is_logged_and_answered_503_so_that_nothing_is_dropped(serve, caplog):
    def submit(_: Request) -> Future[Answer]:
        raise ZeroDivisionError("a defect")

    service = serve(submit=submit)
    response = service.send(BODIES[PROTOBUF])
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert status_of(response).message == "Something failed here: send this again."
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.exc_info is not None
    assert "a defect" in caplog.text
    assert service.app.counters.snapshot() == {"unforeseen errors": 1}


def test_an_answer_is_cut_to_one_kibibyte_between_two_characters(serve):
    service = serve()
    service.sink.says = Refused("ä" * 5000)
    message = status_of(service.send(BODIES[JSON], JSON)).message
    assert message == "ä" * 510 + "…"
    service.sink.says = Stored(1, "x" * 5000)
    response = ExportTraceServiceResponse.FromString(service.send(BODIES[PROTOBUF]).content)
    assert len(response.partial_success.error_message.encode()) == 1024


@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
@pytest.mark.parametrize(
    ("body", "encoding", "status", "code", "message"),
    [
        (b"xx", "gzip", 400, code_pb2.INVALID_ARGUMENT, "The gzip body is broken before byte 2: "),
        (b"xx", "br", 415, code_pb2.UNIMPLEMENTED, "The content encoding 'br' is not one we read: "),
        (b"xx", "gzip, gzip", 415, code_pb2.UNIMPLEMENTED, "The content encoding 'gzip, gzip' is not one we read: "),
        (bytes(1001), "identity", 413, code_pb2.RESOURCE_EXHAUSTED, "The body is larger than the limit of 1000 bytes"),
        (gzip.compress(bytes(1001)), "gzip", 413, code_pb2.RESOURCE_EXHAUSTED, "The decompressed body is larger than"),
    ],
    ids=["broken", "unknown encoding", "nested encodings", "too large", "too large when decompressed"],
)
def test_bodies_that_cannot_be_read_are_refused(serve, body, encoding, status, code, message, content_type):
    service = serve(limits=Limits(body_bytes_max=1000))
    response = service.send(body, content_type, content_encoding=encoding)
    assert (response.status_code, status_of(response).code) == (status, code)
    assert response.headers["content-type"] == content_type
    assert status_of(response).message.startswith(message)
    assert service.sink.stored == []
    assert sum(service.app.counters.snapshot().values()) == 1


def test_json_of_a_wrong_shape_is_refused_with_its_place(serve):
    response = serve().send(b'{"resourceSpans": {}}', JSON)
    assert response.status_code == 400
    assert (
        status_of(response).message == "The body is not OTLP/JSON at resourceSpans: expected a list, found an object."
    )


def test_encodings_on_two_header_lines_are_two_encodings(serve):
    headers = [("content-type", PROTOBUF), ("content-encoding", "gzip"), ("content-encoding", "gzip")]
    response = serve().client.post("/v1/traces", content=gzip.compress(gzip.compress(b"")), headers=headers)
    assert response.status_code == 415


@pytest.mark.parametrize("content_type", ["text/plain", "application/protobuf", "application/x-www-form-urlencoded"])
def test_other_content_types_are_refused_in_json(serve, content_type):
    response = serve().send(BODIES[PROTOBUF], content_type)
    assert (response.status_code, response.headers["content-type"]) == (415, JSON)
    assert status_of(response).message == (
        f"The content type {content_type!r} is not OTLP's: send application/x-protobuf or application/json."
    )


def test_no_content_type_is_none_of_ours(serve):
    response = serve().client.post("/v1/traces", content=b"")
    assert response.status_code == 415


def test_a_chunked_body_is_cut_off_at_the_limit_whatever_it_says_of_itself(serve):
    service = serve(limits=Limits(body_bytes_max=100_000))
    chunks = iter([bytes(60_000), bytes(60_000), b""])
    response = service.client.post("/v1/traces", content=chunks, headers={"content-type": PROTOBUF})
    assert response.status_code == 413
    chunks = iter([BODIES[PROTOBUF][:5], BODIES[PROTOBUF][5:]])
    assert service.client.post("/v1/traces", content=chunks, headers={"content-type": PROTOBUF}).status_code == 200
    assert [request.body for request in service.sink.stored] == [BODIES[PROTOBUF]]


def test_a_body_announced_too_large_is_refused_before_it_is_sent(serve):
    service = serve()
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=TIMEOUT_S)
    connection.putrequest("POST", "/v1/traces")
    for name, value in (("content-type", JSON), ("content-length", str(10**12)), ("expect", "100-continue")):
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    assert (response.status, response.getheader("connection")) == (413, "close")
    connection.close()


def test_the_memory_for_bodies_is_shared_and_given_back(serve):
    limits = Limits(body_bytes_max=1000, in_flight_bytes_max=1500)
    waiting: list[Future[Answer]] = []

    def submit(request: Request) -> Future[Answer]:
        future: Future[Answer] = Future()
        waiting.append(future)
        return future

    service = serve(limits=limits, submit=submit)
    first: list[int] = []
    thread = threading.Thread(target=lambda: first.append(service.send(bytes(1000)).status_code))
    thread.start()
    until(lambda: waiting)
    with httpx2.Client(base_url=service.url, verify=False) as other:
        response = other.post("/v1/traces", content=bytes(1000), headers={"content-type": PROTOBUF})
    assert (response.status_code, response.headers["retry-after"]) == (429, "1")
    assert status_of(response) == Status(
        code=code_pb2.RESOURCE_EXHAUSTED,
        message="The requests being read take all the memory set aside for them: send this again later.",
    )
    waiting.pop().set_result(Stored())
    thread.join()
    assert first == [200]

    thread = threading.Thread(target=lambda: first.append(service.send(bytes(1000)).status_code))
    thread.start()
    until(lambda: waiting)
    waiting.pop().set_result(Stored())
    thread.join()
    assert first == [200, 200]


def until(condition: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline_s, "it never came true"
        time.sleep(0.005)


def test_a_client_that_leaves_does_not_stop_its_request_from_being_stored(serve):
    waiting: list[Future[Answer]] = []

    def submit(request: Request) -> Future[Answer]:
        waiting.append(Future())
        return waiting[-1]

    service = serve(submit=submit)
    with socket.create_connection(("127.0.0.1", service.port)) as leaving:
        body = BODIES[PROTOBUF]
        head = f"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: {PROTOBUF}\r\ncontent-length: {len(body)}\r\n\r\n"
        leaving.sendall(head.encode() + body)
        until(lambda: waiting)
    assert service.client.get("/healthz").status_code == 200
    assert waiting[0].set_running_or_notify_cancel()  # not cancelled
    waiting[0].set_result(Stored())
    assert service.client.get("/healthz").status_code == 200


def test_a_large_document_keeps_nobody_waiting(serve):
    service = serve()
    body = orjson.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "chat"}] * 100_000}]}]})
    done: list[int] = []
    thread = threading.Thread(target=lambda: done.append(service.send(body, JSON).status_code))
    thread.start()
    served = 0
    with httpx2.Client(base_url=service.url, verify=False) as other:
        while not done:
            served += other.get("/healthz").status_code == 200
    thread.join()
    assert done == [200]
    assert served > 3


# Who may send


@pytest.fixture
def keyed(serve, tmp_path: Path) -> tuple[Service, str, str]:
    path = tmp_path / "keys.toml"
    sender, reader = create(path, "acme", ["ingest"]), create(path, "acme", ["read"])
    return serve(keys=Keys.load(path)), sender, reader


def test_without_a_key_that_is_known_the_answer_is_401(keyed):
    service, _, _ = keyed
    for headers in ({}, {"authorization": "Bearer wrong"}, {"x_api_key": "wrong"}):
        for content_type, body in BODIES.items():
            response = service.send(body, content_type, **headers)
            assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
            assert status_of(response).code == code_pb2.UNAUTHENTICATED
            assert "wrong" not in status_of(response).message
    assert service.app.counters.snapshot() == {"refused: Unauthenticated": 6}


def test_a_key_that_may_only_read_is_answered_403(keyed):
    service, _, reader = keyed
    response = service.send(BODIES[JSON], JSON, authorization=f"Bearer {reader}")
    assert response.status_code == 403
    assert status_of(response) == Status(
        code=code_pb2.PERMISSION_DENIED, message="This key may not send data: use one with the scope ingest."
    )


def test_a_key_says_whose_the_request_is(keyed):
    service, sender, _ = keyed
    assert service.send(BODIES[JSON], JSON, authorization=f"Bearer {sender}").status_code == 200
    assert service.send(BODIES[PROTOBUF], x_api_key=sender).status_code == 200
    assert {(request.tenant, bool(request.api_key_id)) for request in service.sink.stored} == {("acme", True)}


# Paths and methods


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_other_methods_are_answered_405_with_the_one_that_works(serve, method):
    response = serve().client.request(method, "/v1/traces")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("path", ["/v1/logs", "/v1/metrics", "/v1development/profiles", "/prefix/v1/logs"])
@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
def test_signals_that_are_not_received_are_answered_501(serve, path, content_type):
    response = serve().client.post(path, content=b"{}", headers={"content-type": content_type})
    assert (response.status_code, response.headers["content-type"]) == (501, content_type)
    assert status_of(response) == Status(
        code=code_pb2.UNIMPLEMENTED,
        message="Of OTLP only traces are received here: send to /v1/traces, or switch this exporter off.",
    )


def test_there_is_nothing_else_without_a_fallback(serve):
    response = serve().client.get("/")
    assert (response.status_code, status_of(response).code) == (404, code_pb2.NOT_FOUND)
    assert status_of(response).message == "There is nothing here: OTLP is received at /v1/traces."


def test_a_fallback_gets_everything_else(serve):
    async def page(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": scope["path"].encode()})

    client = serve(fallback=page).client
    assert client.get("/v1/traces/of/today").text == "/v1/traces/of/today"
    assert client.post("/anything").text == "/anything"
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/v1/traces").status_code == 405


def test_health_is_alive_at_once_and_ready_when_it_is(serve):
    ready = threading.Event()
    client = serve(ready=ready.is_set).client
    assert (client.get("/healthz").status_code, client.get("/healthz").json()) == (200, {"status": "ok"})
    assert (client.get("/readyz").status_code, client.get("/readyz").json()) == (503, {"status": "not ready"})
    ready.set()
    assert (client.get("/readyz").status_code, client.get("/readyz").json()) == (200, {"status": "ok"})
    assert client.head("/healthz").status_code == 200
    refused = client.post("/healthz")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")


# Browsers


def test_pages_of_a_listed_origin_may_send_and_read_the_answer(serve):
    service = serve(cors_origins=frozenset({"https://app.example"}))
    asking = {"origin": "https://app.example", "access-control-request-method": "POST"}
    preflight = service.client.options("/v1/traces", headers=asking)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "https://app.example"
    assert preflight.headers["access-control-allow-methods"] == "POST"
    assert "content-type" in preflight.headers["access-control-allow-headers"]
    sent = service.send(BODIES[JSON], JSON, origin="https://app.example")
    assert (sent.status_code, sent.headers["access-control-allow-origin"]) == (200, "https://app.example")
    assert sent.headers["vary"] == "origin"


@pytest.mark.parametrize("origins", [frozenset(), frozenset({"https://app.example"})])
def test_pages_of_other_origins_may_not(serve, origins):
    service = serve(cors_origins=origins)
    asking = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    preflight = service.client.options("/v1/traces", headers=asking)
    assert preflight.status_code == 405
    assert "access-control-allow-origin" not in preflight.headers


# The real exporter


def test_the_real_exporter_is_stored_compressed_and_tries_again_when_told_to(serve):
    told: list[int] = []
    sink = Sink()
    intake = Intake(lambda requests: requests, sink.store)

    def busy_once(request: Request) -> Future[Answer]:
        told.append(len(request.body))
        if len(told) == 1:
            raise Busy("the queue is full")
        return intake.submit(request)

    service = serve(submit=busy_once)
    exporter = OTLPSpanExporter(f"{service.url}/v1/traces", compression=Compression.Gzip, timeout=TIMEOUT_S)
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    for number in range(200):
        provider.get_tracer("test").start_span(f"chat {number}").end()
    assert provider.force_flush()
    provider.shutdown()
    intake.stop()
    assert len(told) == 2
    [request] = sink.stored
    spans = ExportTraceServiceRequest.FromString(request.body).resource_spans[0].scope_spans[0].spans
    assert {span.name for span in spans} == {f"chat {number}" for number in range(200)}
