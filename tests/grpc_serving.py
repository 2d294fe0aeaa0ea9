"""A gRPC server with a sink behind it, and its clients: what is sent, and what a client makes of the answer."""

from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)

from spanledger.receiver.grpc_server import GrpcServer
from spanledger.receiver.intake import Intake
from spanledger.receiver.keys import Keys
from spanledger.receiver.limits import Limits
from spanledger.receiver.signals import SIGNALS
from spanledger.receiver.tls import Tls
from tests.sinks import Sink

TIMEOUT_S = 20
TRACES = SIGNALS[0].method


@contextmanager
def serving(sink: Sink, keys: Keys | None = None, limits: Limits | None = None, tls: Tls | None = None, **intake):
    taking = Intake(lambda requests: requests, sink.store, **intake)
    server = GrpcServer(taking.submit, keys or Keys.none(), limits or Limits(), port=0, tls=tls).start()
    try:
        yield server
    finally:
        taking.stop(TIMEOUT_S)
        server.stop(0)


@contextmanager
def connected(server: GrpcServer, compression=None) -> Iterator[grpc.Channel]:
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(f"127.0.0.1:{server.port}", options, compression) as channel:
        yield channel


def export(server: GrpcServer, body: bytes = b"", metadata=(), compression=None, method: str = TRACES) -> bytes:
    with connected(server, compression) as channel:
        return channel.unary_unary(method)(body, metadata=metadata, timeout=TIMEOUT_S)


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
