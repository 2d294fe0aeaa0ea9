"""OTLP over HTTP, seen from real clients: what is answered, in which content type, and who may send."""

import gzip
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

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

from spanledger.receiver.contract import Answer, Busy, Request, Stored
from spanledger.receiver.intake import Intake
from spanledger.receiver.keys import Keys, create
from tests.http_serving import BODIES, JSON, PROTOBUF, SPANS, TIMEOUT_S, Service, serving, status_of
from tests.sinks import Sink


@pytest.fixture
def serve() -> Iterator[Callable[..., Service]]:
    with serving() as start:
        yield start


"""OTLP over HTTP, seen from real clients: what is answered, in which content type, and what may be sent again."""


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


def test_a_key_may_stand_in_the_query_for_senders_without_headers(keyed):
    service, sender, _ = keyed
    headers = {"content-type": PROTOBUF}
    for query, status in ((f"key={sender}", 200), (f"a=b&key={sender}&key=x", 200), ("key=wrong", 401), ("key=", 401)):
        assert service.client.post(f"/v1/logs?{query}", content=b"", headers=headers).status_code == status
    assert {request.tenant for request in service.sink.stored} == {"acme"}


def test_a_key_in_the_headers_counts_before_one_in_the_query(keyed):
    service, sender, reader = keyed
    response = service.client.post(
        f"/v1/traces?key={sender}", content=b"", headers={"content-type": PROTOBUF, "x-api-key": reader}
    )
    assert response.status_code == 403


OURS = ("spanledger", "uvicorn", "asyncio")
"""Loggers of the server; the client of these tests logs its own URLs."""


def test_a_key_in_the_query_is_never_logged(keyed, caplog, capfd):
    service, sender, _ = keyed
    with caplog.at_level("DEBUG"):
        for content in (b"", b"x" * 10, b"{"):
            for kind in (PROTOBUF, JSON, "text/plain"):
                service.client.post(f"/v1/metrics?key={sender}", content=content, headers={"content-type": kind})
    assert sender not in "".join(record.getMessage() for record in caplog.records if record.name.startswith(OURS))
    assert sender not in "".join(capfd.readouterr())


# Paths and methods


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_other_methods_are_answered_405_with_the_one_that_works(serve, method):
    response = serve().client.request(method, "/v1/traces")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("path", ["/v1development/profiles", "/prefix/v1development/profiles"])
@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
def test_signals_that_are_not_received_are_answered_501(serve, path, content_type):
    response = serve().client.post(path, content=b"{}", headers={"content-type": content_type})
    assert (response.status_code, response.headers["content-type"]) == (501, content_type)
    assert status_of(response) == Status(
        code=code_pb2.UNIMPLEMENTED,
        message="Of OTLP /v1/traces, /v1/logs, /v1/metrics are received here: switch the exporter of this signal off.",
    )


def test_there_is_nothing_else_without_a_fallback(serve):
    response = serve().client.get("/")
    assert (response.status_code, status_of(response).code) == (404, code_pb2.NOT_FOUND)
    assert (
        status_of(response).message == "There is nothing here: OTLP is received at /v1/traces, /v1/logs, /v1/metrics."
    )


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
