"""An HTTP server whose application answers with what it was sent, and clients that speak to it byte by byte."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx2

from spanledger.receiver.http_server import HttpServer
from spanledger.receiver.limits import Limits
from spanledger.receiver.tls import Tls

TIMEOUT_S = 30
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


@contextmanager
def serving(echo: Echo) -> Iterator[Callable[..., HttpServer]]:
    """Starts servers on free ports of loopback, with any limits; they are stopped at the end."""
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
