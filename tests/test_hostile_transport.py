"""Bombs, broken compression, wrong types and bytes that are no request: refused at once, and the service goes on."""

import contextlib
import gzip
import http.client
import socket
import zlib
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
import zstandard
from google.rpc import status_pb2

from benchmarks.server import cpu_s, status_mb
from tests.attacked import GOOD, Target, under_attack
from tests.otlp_client import GrpcClient, HttpClient

BOMB_BYTES = 1 << 30
BOMB_ANSWER_S = 0.1
"""Of the processor: what else the machine does is no matter."""
BOMB_RSS_MB = 32


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with under_attack(tmp_path_factory.mktemp("hostile")) as attacked:
        yield attacked


@pytest.fixture(autouse=True)
def service_goes_on(target: Target) -> Iterator[None]:
    yield
    target.check()


def gzip_bomb() -> bytes:
    """A gibibyte of zeros in one gzip stream: the same flushed block again and again."""
    block = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    piece = block.compress(bytes(1 << 24)) + block.flush(zlib.Z_FULL_FLUSH)
    return gzip.compress(b"")[:10] + piece * (BOMB_BYTES >> 24) + b"\x03\x00" + bytes(8)


def deflate_bomb() -> bytes:
    return b"\x78\x9c" + gzip_bomb()[10:-8] + bytes(4)


def zstd_bomb() -> bytes:
    stream = zstandard.ZstdCompressor(level=1).compressobj()
    return b"".join([*(stream.compress(bytes(1 << 24)) for _ in range(BOMB_BYTES >> 24)), stream.flush()])


BOMBS = {
    "gzip": ("gzip", gzip_bomb),
    "gzip in many streams": ("gzip", lambda: gzip.compress(bytes(1 << 24)) * (BOMB_BYTES >> 24)),
    "deflate": ("deflate", deflate_bomb),
    "zstd": ("zstd", zstd_bomb),
}


@pytest.mark.parametrize(("encoding", "bomb"), BOMBS.values(), ids=BOMBS)
def test_a_compression_bomb_is_refused_at_once_and_costs_no_memory(target, encoding, bomb):
    body = bomb()
    assert len(body) < 2 << 20
    target.check()
    pid = target.server.pid
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # forget the peak
    before = status_mb(pid, "VmHWM")
    began = cpu_s(pid)
    for _ in range(5):
        answer = target.http.export(body, Content_Encoding=encoding)
        assert answer.status == 413, answer
    assert (cpu_s(pid) - began) / 5 <= BOMB_ANSWER_S
    assert status_mb(pid, "VmHWM") - before <= BOMB_RSS_MB


def test_a_compressed_grpc_message_beyond_the_limit_is_refused_for_good(target):
    with GrpcClient(target.server.target, grpc.Compression.Gzip) as client:
        answer = client.export(bytes(65 << 20))
    assert answer.code is grpc.StatusCode.RESOURCE_EXHAUSTED, answer
    assert answer.retry_after_s is None, "a client would send it again and again"


def test_a_body_beyond_the_limit_is_refused_for_good(target):
    answer = target.grpc.export(bytes(65 << 20))
    assert answer.code is grpc.StatusCode.RESOURCE_EXHAUSTED, answer
    assert answer.retry_after_s is None, "a client would send it again and again"
    # Over HTTP the server may answer and close without reading all of it: http.client then sees only that.
    with HttpClient(target.server) as client, contextlib.suppress(BrokenPipeError, ConnectionResetError):
        assert client.export(bytes(65 << 20)).status == 413


@pytest.mark.parametrize("encoding", ["br", "snappy", "gzip, gzip", "gzip, br", "x" * 200])
def test_an_unknown_encoding_is_named_unsupported(target, encoding):
    answer = target.http.export(gzip.compress(b""), Content_Encoding=encoding)
    assert answer.status == 415, answer
    assert status_pb2.Status.FromString(answer.body).message


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_broken_compression_is_refused(target, encoding):
    for body in (b"\x1f\x8b\x08" + b"noise" * 20, b"\x28\xb5\x2f\xfd" + b"noise" * 20, b"\0"):
        answer = target.http.export(body, Content_Encoding=encoding)
        assert answer.status == 400, answer


def test_an_encoding_that_grpc_clients_may_try_is_unimplemented(target):
    with GrpcClient(target.server.target, grpc.Compression.Deflate) as client:
        answer = client.export(GOOD.request(0) * 2)
    assert answer.code is grpc.StatusCode.UNIMPLEMENTED, answer


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "", "application/xml; a=b"]
)
def test_an_unknown_content_type_is_named_unsupported(target, content_type):
    assert target.http.export(GOOD.request(0), content_type).status == 415


RAW = {
    "nothing": b"",
    "noise": bytes(range(256)) * 40,
    "a TLS hello": bytes.fromhex("16030100f4010000f00303") + bytes(200),
    "another protocol": b"EHLO example.com\r\n",
    "a header without end": b"POST /v1/traces HTTP/1.1\r\nX-Long: " + b"x" * 200_000,
    "a thousand headers": b"POST /v1/traces HTTP/1.1\r\n" + b"X: y\r\n" * 1_000 + b"\r\n",
    "a negative length": b"POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\nabc",
    "a length that is no number": b"POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Length: ten\r\n\r\nabc",
    "two lengths": b"POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    "a length and chunks": b"POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk without size": b"POST /v1/traces HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "a length of 2^60": b"POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Length: 1152921504606846976\r\n\r\n",
    "HTTP/2 frames out of order": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x08\x07\x00\x00\x00\x00\x05" * 20,
}


@pytest.mark.parametrize("sent", RAW.values(), ids=RAW)
def test_bytes_that_are_no_request_are_refused_or_hung_up_on(target, sent):
    for port in (target.server.ports.grpc, target.server.ports.http):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            try:
                connection.sendall(sent)
                connection.shutdown(socket.SHUT_WR)
                answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))  # until it hangs up
            except OSError:  # reset, or closed before all was sent
                continue
        if port == target.server.ports.http and answer:
            status = int(answer.split()[1])
            assert 400 <= status < 500, answer


def test_a_client_that_hangs_up_in_the_middle_is_no_error(target):
    with socket.create_connection(("127.0.0.1", target.server.ports.http)) as connection:
        connection.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + bytes(1000))
    connection = http.client.HTTPConnection("127.0.0.1", target.server.ports.http, timeout=10)
    connection.putrequest("POST", "/v1/traces")
    connection.putheader("Content-Length", "100")
    connection.endheaders(b"half of it")
    connection.close()
