"""An OTLP endpoint that keeps what it is sent: the raw bodies of all signals, over gRPC and HTTP, in order."""

import gzip
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc

GRPC_METHODS = {
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export": "traces",
    "/opentelemetry.proto.collector.logs.v1.LogsService/Export": "logs",
    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export": "metrics",
}
HTTP_PATHS = {"/v1/traces": "traces", "/v1/logs": "logs", "/v1/metrics": "metrics"}


@dataclass(frozen=True)
class Body:
    """One export request: `signal` is traces, logs or metrics, `kind` binpb or json."""

    signal: str
    transport: str
    kind: str
    data: bytes


@dataclass
class Sink:
    """Where it listens, and what has come, in order of arrival."""

    grpc_url: str = ""
    http_url: str = ""
    bodies: list[Body] = field(default_factory=list)


class _Methods(grpc.GenericRpcHandler):
    """The three export methods without any parsing; an empty answer is a full success."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        signal = GRPC_METHODS.get(call.method)
        if signal is None:
            return None

        def export(request: bytes, context: grpc.ServicerContext) -> bytes:
            self.sink.bodies.append(Body(signal, "grpc", "binpb", request))
            return b""

        return grpc.unary_unary_rpc_method_handler(export)


def _handler(sink: Sink) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            data = self._body()
            if self.headers.get("content-encoding") == "gzip":
                data = gzip.decompress(data)
            content_type = self.headers.get("content-type", "")
            kind = "json" if "json" in content_type else "binpb"
            signal = next((name for path, name in HTTP_PATHS.items() if self.path.endswith(path)), None)
            if signal is not None:
                sink.bodies.append(Body(signal, "http", kind, data))
            answer = b"{}" if kind == "json" else b""
            self.send_response(200 if signal else 404)
            self.send_header("content-type", content_type)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def _body(self) -> bytes:
            if self.headers.get("transfer-encoding") != "chunked":  # as the exporters for Node send it
                return self.rfile.read(int(self.headers["content-length"]))
            chunks = []
            while size := int(self.rfile.readline(), 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(chunks)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the standard library
            pass

    return Handler


@contextmanager
def running_sink() -> Iterator[Sink]:
    """Run it on free ports of loopback until the block ends."""
    sink = Sink()
    http_server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(sink))
    http_server.daemon_threads = True  # exporters keep their connections open
    thread = threading.Thread(target=http_server.serve_forever)
    thread.start()
    grpc_server = grpc.server(ThreadPoolExecutor(max_workers=4), handlers=[_Methods(sink)])
    port = grpc_server.add_insecure_port("127.0.0.1:0")
    grpc_server.start()
    sink.grpc_url = f"http://127.0.0.1:{port}"
    sink.http_url = f"http://127.0.0.1:{http_server.server_port}"
    try:
        yield sink
    finally:
        grpc_server.stop(grace=1).wait()
        http_server.shutdown()
        thread.join()
        http_server.server_close()
