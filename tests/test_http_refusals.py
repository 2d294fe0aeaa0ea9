"""OTLP over HTTP: what is not stored, in which words it is said, and what may be sent again."""

import gzip
import http.client
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import httpx2
import orjson
import pytest
from google.rpc import code_pb2
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceResponse,
)

from spanledger.receiver.contract import Answer, Busy, Refused, Request, Stored, TooLarge, Unavailable
from spanledger.receiver.limits import Limits
from tests.http_serving import BODIES, JSON, PROTOBUF, TIMEOUT_S, Service, serving, status_of, until


@pytest.fixture
def serve() -> Iterator[Callable[..., Service]]:
    with serving() as start:
        yield start


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
