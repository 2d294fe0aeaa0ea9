"""One OTLP request at a time, with everything that was answered: what the tests of bad input and a full disk need."""

import http.client
from dataclasses import dataclass
from typing import Self

import grpc
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from benchmarks.load import EXPORT
from benchmarks.server import Server

TIMEOUT_S = 30.0
PROTOBUF = "application/x-protobuf"
JSON = "application/json"


@dataclass(frozen=True)
class GrpcAnswer:
    """`retry_after_s` is None where the status carries no RetryInfo."""

    code: grpc.StatusCode
    details: str
    rejected_spans: int = 0
    reason: str = ""
    retry_after_s: float | None = None


@dataclass(frozen=True)
class HttpAnswer:
    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes


class GrpcClient:
    """A connection of its own to a server's gRPC port."""

    def __init__(self, target: str, compression: grpc.Compression = grpc.Compression.NoCompression):
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)]
        self.channel = grpc.insecure_channel(target, options, compression)
        self.call = self.channel.unary_unary(EXPORT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object):
        self.channel.close()

    def export(self, body: bytes) -> GrpcAnswer:
        """Send a body as it is; the status is an answer, not an error."""
        try:
            answer = self.call(body, timeout=TIMEOUT_S)
        except grpc.RpcError as error:
            return GrpcAnswer(error.code(), error.details(), retry_after_s=retry_after_s(error))
        partial = ExportTraceServiceResponse.FromString(answer).partial_success
        return GrpcAnswer(grpc.StatusCode.OK, "", partial.rejected_spans, partial.error_message)


def retry_after_s(error: grpc.RpcError) -> float | None:
    """The delay of the RetryInfo that a status carries."""
    said = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
    if said is not None:
        for detail in status_pb2.Status.FromString(said).details:
            info = error_details_pb2.RetryInfo()
            if detail.Unpack(info):
                return info.retry_delay.ToTimedelta().total_seconds()
    return None


class HttpClient:
    """A kept-alive connection to a server's HTTP port; opened again when the server closed it."""

    def __init__(self, server: Server):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.ports.http, timeout=TIMEOUT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object):
        self.connection.close()

    def request(self, method: str, path: str, body: bytes = b"", **headers: str) -> HttpAnswer:
        """Send a request; underscores in header names stand for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            self.connection.request(method, path, body, named)
            answer = self.connection.getresponse()
            text = answer.read()
        except (BrokenPipeError, ConnectionResetError, http.client.HTTPException):
            self.connection.close()
            raise
        if answer.will_close:
            self.connection.close()
        return HttpAnswer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, text)

    def export(self, body: bytes, content_type: str = PROTOBUF, **headers: str) -> HttpAnswer:
        """POST to /v1/traces."""
        return self.request("POST", "/v1/traces", body, Content_Type=content_type, **headers)
