"""A receiver of OTLP over HTTP with a sink behind it, and a client of it."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import httpx2
import orjson
from google.protobuf.json_format import Parse
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)

from spanledger.receiver.contract import Answer, Request
from spanledger.receiver.http import OtlpHttp
from spanledger.receiver.http_server import HttpServer
from spanledger.receiver.intake import Intake
from spanledger.receiver.keys import Keys
from spanledger.receiver.limits import Limits
from tests.sinks import Sink

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


@contextmanager
def serving() -> Iterator[Callable[..., Service]]:
    """Starts receivers; each is stopped at the end."""
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

    try:
        yield start
    finally:
        for close in closing:
            close()


def status_of(response: httpx2.Response) -> Status:
    """The google.rpc.Status of an answer, in whichever content type it came."""
    if response.headers["content-type"] == JSON:
        return Parse(response.content, Status())
    assert response.headers["content-type"] == PROTOBUF
    return Status.FromString(response.content)


def until(condition: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline_s, "it never came true"
        time.sleep(0.005)
