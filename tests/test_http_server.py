"""The HTTP listener and clients that are slow, silent, many or rude: what each may cost, and that nobody else pays."""

import asyncio
import contextlib
import http.client
import select
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from spanledger.receiver.http_server import HttpServer
from spanledger.receiver.limits import Limits
from spanledger.receiver.tls import Tls

TIMEOUT_S = 30
OPENSSL = shutil.which("openssl")
GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


class Echo:
    """Answers with what it was sent; to /wait once `go` is set, to /early without reading the body."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.waiting = threading.Event()
        self.read: list[bytes] = []
        self.left = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", scope["path"] != "/early"
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.left += 1
                return
            body += message["body"]
            more = message["more_body"]
        self.read.append(body)
        if scope["path"] == "/wait":
            self.waiting.set()
            while not self.go.is_set():
                try:
                    await asyncio.sleep(0.005)
                except asyncio.CancelledError:
                    body = b"cancelled"
                    break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["path"].encode() + b":" + body})


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def serve(echo: Echo) -> Iterator[Callable[..., HttpServer]]:
    with ExitStack() as stack:

        def start(tls: Tls | None = None, **limits: float) -> HttpServer:
            server = HttpServer(echo, "127.0.0.1", 0, Limits(**limits), tls).start()
            stack.callback(server.stop)
            return server

        yield start


@contextmanager
def connected(server: HttpServer) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_S) as connection:
        yield connection


def received(connection: socket.socket) -> bytes:
    """Everything that comes until the other side closes."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := connection.recv(65536):
            data += chunk
    return data


def post(path: str, body: bytes, *headers: str, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    lines = [f"POST {path} HTTP/1.1", "host: x", f"content-length: {size}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def get(server: HttpServer, path: str = "/") -> str:
    return httpx2.get(f"http://127.0.0.1:{server.port}{path}", timeout=TIMEOUT_S, verify=False).text


def until(condition: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline_s, "it never came true"
        time.sleep(0.005)


# Start and stop


def test_port_zero_becomes_a_free_port(serve):
    server = serve()
    assert server.port > 0
    assert get(server) == "/:"


def test_a_taken_port_is_the_callers_error_at_once(serve, echo):
    port = serve().port
    with pytest.raises(OSError, match=rf"Cannot listen on 127\.0\.0\.1:{port} for HTTP: Address already in use\.$"):
        HttpServer(echo, "127.0.0.1", port, Limits()).start()


def test_a_port_is_free_again_after_a_stop(serve, echo):
    server = serve()
    assert get(server) == "/:"
    server.stop()
    server.stop()
    again = HttpServer(echo, "127.0.0.1", server.port, Limits()).start()
    assert get(again) == "/:"
    again.stop()


def test_a_server_that_was_never_started_stops(echo):
    HttpServer(echo, "127.0.0.1", 0, Limits()).stop()


def test_answers_have_a_date_and_do_not_name_the_server(serve):
    response = httpx2.get(f"http://127.0.0.1:{serve().port}/", verify=False)
    assert "date" in response.headers
    assert "server" not in response.headers


def test_a_stop_lets_requests_under_way_be_answered_and_takes_no_more(serve, echo):
    server = serve()
    with connected(server) as waiting, connected(server) as idle:
        waiting.sendall(post("/wait", b"x"))
        assert echo.waiting.wait(TIMEOUT_S)
        stopping = threading.Thread(target=server.stop, args=(TIMEOUT_S,))
        stopping.start()
        assert received(idle) == b""  # closed
        with pytest.raises(ConnectionRefusedError), connected(server):
            pass
        echo.go.set()
        answer = received(waiting)
        stopping.join()
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"/wait:x" in answer


def test_after_the_grace_the_application_is_told_and_can_still_answer(serve, echo):
    server = serve()
    with connected(server) as waiting:
        waiting.sendall(post("/wait", b"x"))
        assert echo.waiting.wait(TIMEOUT_S)
        server.stop(0.1)
        assert b"/wait:cancelled" in received(waiting)


# Rude clients


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


# Many clients


def test_two_hundred_idle_and_fifty_trickling_connections_do_not_keep_others_from_being_served(serve):
    server = serve()
    with ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(connected(server))
        tricklers = [stack.enter_context(connected(server)) for _ in range(50)]
        for number, slow in enumerate(tricklers):
            slow.sendall(b"POST / HTTP/1.1\r\nhost: x\r\n" if number % 2 else post("/", b"", length=1000))
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT_S)
        took_s = []
        for _ in range(50):
            for slow in tricklers:
                slow.sendall(b"x")
            started_s = time.perf_counter()
            connection.request("POST", "/", b"body")
            assert connection.getresponse().read() == b"/:body"
            took_s.append(time.perf_counter() - started_s)
        connection.close()
    print(f"50 requests beside 250 connections: {1000 * sorted(took_s)[24]:.1f} ms at the median")
    assert sorted(took_s)[24] < 0.5


def test_connections_beyond_the_limit_are_told_to_come_back(serve):
    server = serve(connections_max=3)
    with ExitStack() as stack:
        for _ in range(3):
            client = stack.enter_context(connected(server))
            client.sendall(GET)
            assert client.recv(15) == b"HTTP/1.1 200 OK"
        fourth = stack.enter_context(connected(server))
        answer = received(fourth)
        assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n")
    until(lambda: answers(server))


def answers(server: HttpServer) -> bool:
    """The places of connections that were closed are free again."""
    with connected(server) as client:
        client.sendall(GET)
        return received_start(client) == b"HTTP/1.1 200 OK"


def received_start(client: socket.socket) -> bytes:
    try:
        return client.recv(15)
    except ConnectionResetError:
        return b""


# TLS


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority (ca.pem), and certificates of it for a server on 127.0.0.1 and for a client."""
    if OPENSSL is None:
        pytest.skip("openssl is not installed, so there are no certificates to test with")
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*arguments: str) -> None:
        subprocess.run([OPENSSL, *arguments], cwd=folder, check=True, capture_output=True)

    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    usage = "basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"
    (folder / "ca.cnf").write_text(
        "[req]\ndistinguished_name=name\nx509_extensions=ca\n[name]\n[ca]\n" + "\n".join(usage)
    )
    authority = ("-config", "ca.cnf", "-subj", "/CN=authority", "-days", "2")
    openssl("req", "-x509", *new_key, *authority, "-keyout", "ca.key", "-out", "ca.pem")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    for name in ("server", "client"):
        openssl("req", *new_key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
        openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *signed)
    return folder


def trusting(certificates: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificates / "ca.pem")


def test_tls_serves_those_who_trust_its_authority(serve, certificates):
    server = serve(tls=Tls(certificates / "server.pem", certificates / "server.key"))
    url = f"https://127.0.0.1:{server.port}/"
    assert httpx2.get(url, verify=trusting(certificates)).text == "/:"
    with pytest.raises(httpx2.ConnectError, match="certificate verify failed"):
        httpx2.get(url, verify=ssl.create_default_context())
    with connected(server) as plain:
        plain.sendall(GET)
        assert b"200" not in received(plain)


def test_mutual_tls_serves_those_who_show_a_certificate(serve, certificates):
    files = Tls(certificates / "server.pem", certificates / "server.key", certificates / "ca.pem")
    server = serve(tls=files)
    url = f"https://127.0.0.1:{server.port}/"
    known = trusting(certificates)
    known.load_cert_chain(certificates / "client.pem", certificates / "client.key")
    assert httpx2.get(url, verify=known).text == "/:"
    with pytest.raises(httpx2.TransportError):
        httpx2.get(url, verify=trusting(certificates))


def test_a_tls_handshake_that_does_not_come_is_not_waited_for(serve, certificates):
    server = serve(tls=Tls(certificates / "server.pem", certificates / "server.key"), header_timeout_s=0.2)
    with connected(server) as silent:
        assert received(silent) == b""


def test_tls_files_that_cannot_be_used_are_told_at_the_start(echo, tmp_path):
    server = HttpServer(echo, "127.0.0.1", 0, Limits(), Tls(tmp_path / "no.pem", tmp_path / "no.key"))
    with pytest.raises(
        ValueError, match=r"^The TLS certificate .*no\.pem cannot be read: No such file or directory\.$"
    ):
        server.start()
