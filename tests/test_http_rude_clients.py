"""The HTTP listener and clients that are slow, silent or rude: what each may cost, and that nobody else pays."""

import contextlib
import http.client
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from spanledger.receiver.http_server import HttpServer
from tests.echo_server import GET, TIMEOUT_S, Echo, connected, post, received, serving, until


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def serve(echo: Echo) -> Iterator[Callable[..., HttpServer]]:
    with serving(echo) as start:
        yield start


@pytest.mark.parametrize("sent", [b"", b"\r\n", b"POST /", b"POST / HTTP/1.1\r\nhost: x\r\ncontent-le"])
def test_headers_that_do_not_arrive_in_time_close_the_connection(serve, echo, sent):
    server = serve(header_timeout_s=0.2)
    with connected(server) as slow:
        slow.sendall(sent)
        assert received(slow).startswith(b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n")
    assert echo.read == []


@pytest.mark.parametrize(("start", "trickle"), [(b"GET / HTTP/1.1\r\nx-slow: ", b"x"), (b"", b"\r\n")])
def test_a_trickle_of_headers_does_not_put_the_deadline_off(serve, start, trickle):
    """Nor do line breaks after a request was answered, which look like nothing."""
    server = serve(header_timeout_s=0.3)
    with connected(server) as slow:
        slow.sendall(GET)
        until(lambda: b"/:" in slow.recv(65536))
        slow.sendall(start)
        slow.setblocking(False)
        answer = b""
        deadline_s = time.monotonic() + TIMEOUT_S
        while b"408" not in answer:
            assert time.monotonic() < deadline_s
            try:
                slow.send(trickle)
                answer += slow.recv(65536)
            except BlockingIOError:
                time.sleep(0.01)


def test_endless_headers_are_cut_off(serve, echo):
    server = serve(header_bytes_max=10_000)
    with connected(server) as rude:
        with contextlib.suppress(OSError):  # cut off while it sends
            rude.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nx-long: " + b"y" * (4 << 20))
        answer = received(rude)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert echo.read == []
    with connected(server) as rude:
        rude.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n")
        until(lambda: echo.read == [] and rude.send(b"x-more: " + b"y" * 1000 + b"\r\n") and has_answer(rude))
        assert received(rude).startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")


def has_answer(connection: socket.socket) -> bool:
    return bool(select.select([connection], [], [], 0)[0])


def test_many_requests_at_once_are_not_taken_for_long_headers(serve):
    server = serve(header_bytes_max=1000)
    with connected(server) as hasty:
        hasty.sendall(GET * 100 + GET[:10])
        hasty.sendall(GET[10:])
        answer = b""
        while answer.count(b"200 OK") < 101:
            answer += hasty.recv(65536)


@pytest.mark.parametrize("sent", [b"", b"half"])
def test_a_body_that_does_not_arrive_in_time_is_answered_408_and_nobody_gets_it(serve, echo, sent):
    server = serve(body_timeout_s=0.2)
    with connected(server) as slow:
        slow.sendall(post("/", sent, length=100))
        assert received(slow).startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    until(lambda: echo.left == 1)
    assert echo.read == []


def test_a_body_cut_short_by_its_client_reaches_nobody(serve, echo):
    server = serve()
    with connected(server) as leaving:
        leaving.sendall(post("/", b"half", length=100))
    until(lambda: echo.left == 1)
    assert echo.read == []


def test_a_body_longer_than_it_says_is_the_start_of_a_bad_request(serve, echo):
    server = serve()
    with connected(server) as lying:
        lying.sendall(post("/", b"four and more", length=4))
        answer = received(lying)
    assert b"/:four" in answer or b"400 Bad Request" in answer
    assert b"and more" not in answer
    assert all(body == b"four" for body in echo.read)


def test_garbage_is_answered_400(serve):
    with connected(serve()) as rude:
        rude.sendall(b"\x16\x03\x01 hello")
        assert received(rude).startswith(b"HTTP/1.1 400 Bad Request\r\n")


def test_a_body_nobody_wants_is_read_to_its_end_so_that_the_answer_arrives(serve):
    """Closing instead would reset the connection, and the client might never see why."""
    connection = http.client.HTTPConnection("127.0.0.1", serve().port, timeout=TIMEOUT_S)
    for _ in range(2):
        connection.request("POST", "/early", bytes(10 << 20))
        assert connection.getresponse().read() == b"/early:"
    connection.close()


def test_a_body_nobody_wants_has_the_same_deadline(serve):
    server = serve(body_timeout_s=0.3)
    with connected(server) as slow:
        slow.sendall(post("/early", b"half", length=100))
        assert b"/early:" in received(slow)


def test_an_idle_connection_is_closed(serve):
    server = serve(idle_timeout_s=1)
    with connected(server) as idle:
        idle.sendall(GET)
        started_s = time.monotonic()
        assert received(idle).startswith(b"HTTP/1.1 200 OK\r\n")
    assert time.monotonic() - started_s >= 0.9


def test_the_application_may_take_longer_than_any_deadline(serve, echo):
    server = serve(header_timeout_s=0.1, body_timeout_s=0.1, idle_timeout_s=0.1)
    with connected(server) as patient:
        patient.sendall(post("/wait", b"x") + b"GET /next HTTP/1.1\r\nho")
        threading.Timer(0.5, echo.go.set).start()
        answer = received(patient)
    assert b"/wait:x" in answer


def test_a_pipelined_request_is_answered_in_its_turn(serve, echo):
    server = serve()
    with connected(server) as hasty:
        hasty.sendall(post("/wait", b"1") + post("/second", b"2"))
        assert echo.waiting.wait(TIMEOUT_S)
        echo.go.set()
        answer = b""
        while b"/second:2" not in answer:
            answer += hasty.recv(65536)
    assert answer.index(b"/wait:1") < answer.index(b"/second:2")


@pytest.mark.parametrize("chunk_bytes", [1, 50, 1000])
def test_an_offer_to_upgrade_is_not_taken_and_the_body_is_read(serve, chunk_bytes):
    """Java's client offers h2c with its first request; taken for HTTP/2, its body would be stored as nothing."""
    offer = ("connection: Upgrade, HTTP2-Settings", "upgrade: h2c", "http2-settings: A")
    server = serve()
    with connected(server) as client:
        for body in (b"first", b"second"):
            request = post("/", body, *offer)
            for start in range(0, len(request), chunk_bytes):
                client.sendall(request[start : start + chunk_bytes])
            answer = b""
            while b"/:" + body not in answer:
                answer += client.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


def test_there_are_no_tunnels(serve):
    with connected(serve()) as client:
        client.sendall(b"CONNECT example.org:443 HTTP/1.1\r\nhost: example.org:443\r\n\r\n")
        assert received(client).startswith(b"HTTP/1.1 400 Bad Request\r\n")


def test_a_client_that_asks_before_it_sends_is_told_to_go_on(serve):
    server = serve()
    with connected(server) as polite:
        polite.sendall(post("/", b"", "expect: 100-continue", length=4))
        assert polite.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        polite.sendall(b"body")
        answer = b""
        while b"/:body" not in answer:
            answer += polite.recv(65536)
