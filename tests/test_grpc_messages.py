"""OTLP over gRPC: messages that are compressed, broken, too large, slow to come or missing, and what they may cost."""

import gzip
import os
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import grpc
import pytest

from benchmarks.server import cpu_s
from spanledger.receiver.contract import Answer, Request, Stored
from spanledger.receiver.grpc_server import GrpcServer
from spanledger.receiver.keys import Keys, create
from spanledger.receiver.limits import Limits
from tests.grpc_serving import TIMEOUT_S, TRACES, a_request, connected, export, failed_export, retry_after_s, serving
from tests.sinks import Sink


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def server(sink: Sink) -> Iterator[GrpcServer]:
    with serving(sink) as running:
        yield running


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
            began = cpu_s(process.pid)
            for _ in range(5):
                with pytest.raises(grpc.RpcError) as refused:
                    call(bomb, timeout=TIMEOUT_S)
                assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
                assert retry_after_s(refused.value) is None
            assert peak_mib() - before_mib <= 32
            assert (cpu_s(process.pid) - began) / 5 <= within_s, "of the processor"
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
