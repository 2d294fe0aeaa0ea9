"""Bad input: a clear answer in OTLP's terms, the good spans of the same request stored, and the service goes on."""

import contextlib
import gzip
import http.client
import itertools
import json
import socket
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
import zstandard
from google.rpc import status_pb2

from benchmarks.server import Server, status_mb
from benchmarks.workload import NANOSECONDS_PER_S, Workload
from tests.hostile_spans import (
    ACCEPTED,
    BROKEN_UTF8,
    HUGE_COUNTS,
    PLACEHOLDER,
    REFUSED,
    TOKENS,
    AnyValue,
    bottomless,
    broken_utf8,
    json_of,
    middle,
    tokens,
)
from tests.mutation import mutated
from tests.otlp_client import JSON, PROTOBUF, GrpcClient, HttpClient

OK, INVALID = grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT
GOOD = Workload(spans=3, from_ns=time.time_ns() - 600 * NANOSECONDS_PER_S, seed=11)
VICTIMS = Workload(spans=3, from_ns=time.time_ns() - 600 * NANOSECONDS_PER_S, seed=12)

MUTATED_GRPC = 8_000
MUTATED_HTTP = 2_000
MUTATED_JSON = 1_000
CLIENTS = 32
BOMB_BYTES = 1 << 30
BOMB_ANSWER_S = 0.1
BOMB_RSS_MB = 32
SHARED_MACHINE = 3
"""How many times the promised time a test may take: other things run beside it."""


class Target:
    """The server under attack, and the good requests sent to it in between."""

    def __init__(self, server: Server):
        self.server = server
        self.grpc = GrpcClient(server.target)
        self.http = HttpClient(server)
        self.good = itertools.count()
        self.victims = itertools.count()

    def check(self):
        """The service goes on: it says so, and it takes a good request."""
        assert self.http.request("GET", "/healthz").status == 200
        answer = self.grpc.export(GOOD.request(next(self.good)))
        assert answer.code is OK, answer
        assert answer.rejected_spans == 0, answer

    def stored(self, victim: int) -> list[dict[str, Any]]:
        """What the ledger says of the spans of one victim, in the order of the request (less what is missing)."""
        spans = VICTIMS.ids([victim]).to_pylist()
        wanted = ", ".join(f"('{span['span_id']}', {place})" for place, span in enumerate(spans))
        return self.server.sql(
            f"""select place, user_id, input_tokens, cost_usd, price_status
                from calls join (values {wanted}) as wanted (span_id, place) using (span_id) order by place""",
        )

    def count(self, trace_ids: list[str]) -> int:
        """How many calls have one of these trace ids."""
        wanted = ", ".join(f"'{trace_id}'" for trace_id in trace_ids)
        return int(self.server.sql(f"select count(*) as n from calls where trace_id in ({wanted})")[0]["n"])


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with Server(tmp_path_factory.mktemp("hostile") / "data") as server:
        attacked = Target(server)
        with attacked.grpc, attacked.http:
            yield attacked
            assert server.process is not None
            assert server.process.poll() is None, f"the server died: {server.last_words()}"


@pytest.fixture(autouse=True)
def service_goes_on(target: Target) -> Iterator[None]:
    yield
    target.check()


def in_parallel(work: Callable[[int], None]):
    """Let CLIENTS clients, numbered from 0, work at the same time; the first failure is raised."""
    with ThreadPoolExecutor(CLIENTS) as clients:
        for done in [clients.submit(work, client) for client in range(CLIENTS)]:
            done.result()


def places(calls: list[dict[str, Any]]) -> list[int]:
    return [int(call["place"]) for call in calls]


@pytest.mark.parametrize(("damage", "words"), REFUSED.values(), ids=REFUSED)
def test_a_span_that_cannot_be_stored_is_rejected_with_the_reason_and_its_neighbours_are_stored(target, damage, words):
    victim = next(target.victims)
    answer = target.grpc.export(middle(VICTIMS.request(victim), damage))
    assert answer.code is OK, answer
    assert answer.rejected_spans == 1
    assert words in answer.reason
    trace_ids = [span["trace_id"] for span in VICTIMS.ids([victim]).to_pylist()]
    assert target.count([trace_ids[0], trace_ids[2]]) == 2
    assert set(places(target.stored(victim))) <= {0, 1, 2}


@pytest.mark.parametrize("damage", ACCEPTED.values(), ids=ACCEPTED)
def test_an_odd_span_is_still_a_call(target, damage):
    victim = next(target.victims)
    answer = target.grpc.export(middle(VICTIMS.request(victim), damage))
    assert answer.code is OK, answer
    assert answer.rejected_spans == 0, answer
    assert places(target.stored(victim)) == [0, 1, 2]


@pytest.mark.parametrize(("value", "expected"), TOKENS.values(), ids=TOKENS)
def test_a_token_count_is_read_leniently_or_is_unknown_but_never_wrong(target, value, expected):
    victim = next(target.victims)
    answer = target.grpc.export(middle(VICTIMS.request(victim), tokens(value)))
    assert answer.code is OK, answer
    calls = target.stored(victim)
    assert places(calls) == [0, 1, 2]
    assert calls[1]["input_tokens"] == expected


@pytest.mark.parametrize("count", HUGE_COUNTS)
def test_a_huge_token_count_never_stops_the_request_and_never_costs_a_wrong_amount(target, count):
    victim = next(target.victims)
    answer = target.grpc.export(middle(VICTIMS.request(victim), tokens(AnyValue(int_value=count))))
    assert answer.code is OK, answer
    calls = target.stored(victim)
    assert places(calls) == [0, 1, 2]
    assert calls[1]["input_tokens"] in (count, str(count), None)
    if calls[1]["cost_usd"] is None:
        assert calls[1]["price_status"] != "priced"
    else:
        assert 0 < float(calls[1]["cost_usd"]) < 1_000_000


@pytest.mark.parametrize("damage", [damage for _, damage in broken_utf8()], ids=[place for place, _ in broken_utf8()])
def test_text_that_is_no_utf8_does_not_cost_anybody_a_call(target, damage):
    victim = next(target.victims)
    body = middle(VICTIMS.request(victim), damage).replace(PLACEHOLDER.encode(), BROKEN_UTF8)
    assert target.grpc.export(body).code is OK
    assert places(target.stored(victim)) == [0, 1, 2]


def test_a_span_twice_in_one_request_is_one_call(target):
    victim = next(target.victims)
    body = VICTIMS.request(victim)
    answer = target.grpc.export(body + body)  # concatenated messages are one message, in protobuf
    assert answer.code is OK, answer
    assert places(target.stored(victim)) == [0, 1, 2]


@pytest.mark.parametrize(
    "body",
    [b"", b"\x0a\x00", b"\x0a\x02\x12\x00", b"\x0a\x04\x12\x02\x12\x00", b"\x10\x07"],
    ids=["nothing", "an empty resource", "an empty scope", "an empty span", "an unknown field"],
)
def test_a_request_without_a_real_span_is_taken(target, body):
    answer = target.grpc.export(body)
    assert answer.code is OK, answer
    assert target.http.export(body).status == 200


@pytest.mark.parametrize(
    "length", [b"\xff" * 9 + b"\x01", b"\xff" * 8 + b"\x7f", b"\xff\xff\xff\xff\x0f", b"\x80" * 11]
)
def test_a_length_beyond_all_memory_is_called_invalid(target, length):
    assert target.grpc.export(b"\x0a" + length).code is INVALID
    assert target.http.export(b"\x0a" + length).status == 400


@pytest.mark.parametrize("levels", [40, 48, 100, 3_000])
def test_values_nested_without_end_get_an_answer(target, levels):
    assert target.grpc.export(bottomless(levels)).code in (OK, INVALID)
    assert target.http.export(bottomless(levels)).status in (200, 400)


def test_ten_thousand_mutated_messages_are_each_taken_or_called_invalid(target):
    valid = [VICTIMS.request(10_000 + number) for number in range(20)] + [b"\x0a\x00"]

    def over_grpc(client: int):
        with GrpcClient(target.server.target) as connection:
            for seed in range(client, MUTATED_GRPC, CLIENTS):
                answer = connection.export(mutated(seed, valid))
                assert answer.code in (OK, INVALID), f"seed {seed}: {answer}"
                assert answer.code is OK or answer.details, f"seed {seed}: {answer}"
                if seed % 500 == 0:
                    target.check()

    def over_http(client: int):
        with HttpClient(target.server) as connection:
            for seed in range(MUTATED_GRPC + client, MUTATED_GRPC + MUTATED_HTTP, CLIENTS):
                answer = connection.export(mutated(seed, valid))
                assert answer.status in (200, 400), f"seed {seed}: {answer}"
                assert answer.headers["content-type"] == PROTOBUF
                if answer.status == 400:
                    assert status_pb2.Status.FromString(answer.body).message, f"seed {seed}"

    in_parallel(over_grpc)
    in_parallel(over_http)


def test_mutated_json_is_each_taken_or_called_invalid(target):
    valid = [json_of(VICTIMS.request(20_000 + number)) for number in range(5)]

    def over_http(client: int):
        with HttpClient(target.server) as connection:
            for seed in range(client, MUTATED_JSON, CLIENTS):
                answer = connection.export(mutated(seed, valid), JSON)
                assert answer.status in (200, 400), f"seed {seed}: {answer}"
                assert answer.headers["content-type"] == JSON
                assert answer.status == 200 or json.loads(answer.body)["message"], f"seed {seed}"

    in_parallel(over_http)


@pytest.mark.parametrize(
    "body",
    [
        b"null",
        b"[]",
        b'"resourceSpans"',
        b"7",
        b"{",
        b"\xff\xfe{}",
        b'{"resourceSpans": {}}',
        b'{"resourceSpans": [7]}',
        b'{"resourceSpans": [{"scopeSpans": "none"}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": 12}]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "not hexadecimal"}]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": "yesterday"}]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": -1}]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": 99999999999999999999999}]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"attributes": {"a": 1}}]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"attributes": [{"key": "a", "value": 1}]}]}]}]}',
        b"[" * 100_000,
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"a","value":'
        + b'{"arrayValue":{"values":[' * 5_000
        + b"]}}" * 5_000
        + b"}]}]}]}]}",
    ],
    ids=lambda body: body[:70].decode("latin-1"),
)
def test_json_of_the_wrong_shape_is_refused_in_json_with_a_reason(target, body):
    answer = target.http.export(body, JSON)
    assert answer.status == 400, answer
    assert answer.headers["content-type"] == JSON
    assert json.loads(answer.body)["message"]


def test_one_request_that_cannot_be_read_does_not_spoil_those_beside_it(target):
    before = [next(target.victims) for _ in range(CLIENTS * 3)]

    def over_grpc(client: int):
        with GrpcClient(target.server.target) as connection:
            for victim in before[client::CLIENTS]:
                assert connection.export(b"\xff" * 50).code is INVALID
                assert connection.export(VICTIMS.request(victim)).code is OK

    in_parallel(over_grpc)
    ids = VICTIMS.ids(before).column("trace_id").to_pylist()
    assert target.count(ids) == len(ids)


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
    taken_s = []
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # forget the peak
    before = status_mb(pid, "VmHWM")
    for _ in range(5):
        began = time.perf_counter()
        answer = target.http.export(body, Content_Encoding=encoding)
        taken_s.append(time.perf_counter() - began)
        assert answer.status == 413, answer
    assert min(taken_s) <= BOMB_ANSWER_S * SHARED_MACHINE, taken_s
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


def test_every_good_request_in_between_is_stored_exactly_once(target):
    sent = next(target.good)
    assert target.grpc.export(GOOD.request(sent)).code is OK
    assert sent > len(REFUSED) + len(ACCEPTED) + len(TOKENS)
    trace_ids = GOOD.ids(range(sent + 1)).column("trace_id").to_pylist()
    assert target.count(trace_ids) == len(trace_ids)
    assert len(trace_ids) == len(set(trace_ids))


def test_a_client_that_hangs_up_in_the_middle_is_no_error(target):
    with socket.create_connection(("127.0.0.1", target.server.ports.http)) as connection:
        connection.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + bytes(1000))
    connection = http.client.HTTPConnection("127.0.0.1", target.server.ports.http, timeout=10)
    connection.putrequest("POST", "/v1/traces")
    connection.putheader("Content-Length", "100")
    connection.endheaders(b"half of it")
    connection.close()
