"""The HTTP listener: start and stop, many connections at once, TLS."""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest

from spanledger.receiver.http_server import HttpServer
from spanledger.receiver.limits import Limits
from spanledger.receiver.tls import Tls
from tests.certificates import make_certificates
from tests.echo_server import GET, TIMEOUT_S, Echo, connected, get, post, received, serving, until


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def serve(echo: Echo) -> Iterator[Callable[..., HttpServer]]:
    with serving(echo) as start:
        yield start


"""The HTTP listener and clients that are slow, silent, many or rude: what each may cost, and that nobody else pays."""


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
    return make_certificates(tmp_path_factory.mktemp("certificates"))


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
