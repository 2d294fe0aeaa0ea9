"""Shipping: requests reach an OTLP/HTTP endpoint, whatever it answers first."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from spanledger.instrumentation.replay.otlp_spans import Export
from spanledger.instrumentation.replay.shipping import OtlpEndpoint, ShippingFailed, rejected

EXPORTS = [Export("traces", b"some spans", 2), Export("metrics", b"some points", 1)]
Answer = tuple[int, dict[str, str], bytes]


class Endpoint:
    """What an endpoint on loopback was sent; it answers as told, then 200."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.url = ""


@contextmanager
def endpoint(*answers: Answer) -> Iterator[Endpoint]:
    told = Endpoint(*answers)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.requests.append((self.path, dict(self.headers.items()), gzip.decompress(body)))
            status, headers, answer = told.answers.pop(0) if told.answers else (200, {}, b"")
            if status == 0:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        told.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield told
        finally:
            server.shutdown()
            thread.join()


def test_each_signal_goes_to_its_path_compressed_with_the_key():
    with endpoint() as told, closing(OtlpEndpoint(f"{told.url}/base/", {"Authorization": "Bearer x"})) as ship:
        assert ship(EXPORTS) == 0
    assert [(path, body) for path, _, body in told.requests] == [
        ("/base/v1/traces", b"some spans"),
        ("/base/v1/metrics", b"some points"),
    ]
    assert told.requests[0][1]["Authorization"] == "Bearer x"
    assert told.requests[0][1]["Content-Type"] == "application/x-protobuf"


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
def test_a_busy_endpoint_is_asked_again_with_longer_and_longer_waits(status: int):
    waits: list[float] = []
    with endpoint(*[(status, {}, b"")] * 3) as told, closing(OtlpEndpoint(told.url, sleep=waits.append)) as ship:
        assert ship(EXPORTS[:1]) == 0
    assert len(told.requests) == 4
    assert 0.4 <= waits[0] <= 0.6
    assert waits == sorted(waits)


def test_it_waits_as_long_as_it_is_told():
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    answers = [(503, {"Retry-After": "7"}, b""), (503, {"Retry-After": date}, b""), (503, {"Retry-After": "soon"}, b"")]
    waits: list[float] = []
    with endpoint(*answers) as told, closing(OtlpEndpoint(told.url, sleep=waits.append)) as ship:
        ship(EXPORTS[:1])
    assert waits[0] == 7
    assert 15 < waits[1] <= 20
    assert 1 < waits[2] < 3


def test_a_broken_connection_is_made_again():
    with endpoint((0, {}, b"")) as told, closing(OtlpEndpoint(told.url, sleep=lambda _: None)) as ship:
        assert ship(EXPORTS) == 0
    assert len(told.requests) == 3


def test_nobody_there_is_one_sentence():
    ship = OtlpEndpoint("http://127.0.0.1:9", sleep=lambda _: None, attempts=2)
    with pytest.raises(
        ShippingFailed, match=r"^The endpoint http://127.0.0.1:9 does not answer \(.*\): see that it runs"
    ):
        ship(EXPORTS)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ((400, {}, b"bad\x00 request"), r"refuses what was read \(it answers 400: bad request\)"),
        ((401, {}, b""), "wants another key"),
    ],
)
def test_a_refusal_is_final(answer: Answer, sentence: str):
    with (
        endpoint(answer) as told,
        closing(OtlpEndpoint(told.url)) as ship,
        pytest.raises(ShippingFailed, match=sentence),
    ):
        ship(EXPORTS)
    assert len(told.requests) == 1


def test_records_that_were_not_taken_are_counted():
    partial = ExportTraceServiceResponse(
        partial_success=ExportTracePartialSuccess(rejected_spans=300, error_message="x")
    )
    with endpoint((200, {}, partial.SerializeToString())) as told, closing(OtlpEndpoint(told.url)) as ship:
        assert ship(EXPORTS) == 300
    warning = ExportTraceServiceResponse(partial_success=ExportTracePartialSuccess(error_message="only a warning"))
    assert [rejected(answer) for answer in (b"", warning.SerializeToString(), b"\x0a\x00", b"\xff" * 5)] == [0, 0, 0, 0]


@pytest.mark.parametrize("url", ["127.0.0.1:4318", "ftp://x", "http://", "nonsense"])
def test_what_is_no_address_is_said_at_once(url: str):
    with pytest.raises(ShippingFailed, match="is no address of an endpoint: write it as"):
        OtlpEndpoint(url)
