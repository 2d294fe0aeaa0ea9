"""Serve an ASGI application over HTTP/1.1, on a thread and an event loop of its own."""

import asyncio
import contextlib
import math
import socket
import ssl
import threading
import time
from concurrent.futures import Future
from typing import Final, Self

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from spanledger.receiver.http_connection import Connection
from spanledger.receiver.limits import Limits
from spanledger.receiver.tls import Tls

BACKLOG: Final = 1024
"""Connections that wait to be accepted."""
LAST_WORDS_S: Final = 1.0
"""For telling those who wait that the grace is over."""

STOP_POLL_S: Final = 0.01
DATE_EVERY_S: Final = 1.0
"""The Date header of answers shows seconds."""


class HttpServer:
    """An HTTP/1.1 listener on a thread of its own. `start` it, read its `port`, `stop` it."""

    def __init__(self, app: ASGIApp, host: str, port: int, limits: Limits, tls: Tls | None = None) -> None:
        self.port = port
        self._host = host
        self._tls = tls
        self._server = _Server(app, limits)
        self._thread: threading.Thread | None = None

    def start(self) -> Self:
        """Listen; from here on `port` is the real one.

        Raises OSError, in one sentence, if the address cannot be had, and ValueError if a TLS file cannot be used.
        """
        self._server.tls = None if self._tls is None else self._tls.context()
        self._server.listener = _listener(self._host, self.port)
        self.port = self._server.listener.getsockname()[1]
        self._thread = threading.Thread(target=self._server.run, name="http", daemon=True)
        self._thread.start()
        self._server.listening.result()
        return self

    def stop(self, grace_s: float = 1.0) -> None:
        """Take no more connections, give the requests under way `grace_s` to be answered, and close."""
        if self._thread is None or not self._thread.is_alive():
            return
        self._server.grace_s = grace_s
        self._server.listening.result().call_soon_threadsafe(self._server.stop_asked.set)
        self._thread.join()


def _listener(host: str, port: int) -> socket.socket:
    """A bound socket, so that a taken port is the caller's error and not a thread's."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    # Without its protocol asyncio does not know a socket for TCP and leaves Nagle's algorithm on: 40 ms per answer.
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"Cannot listen on {host}:{port} for HTTP: {error.strerror}.") from error
    return listener


class _Server(uvicorn.Server):
    """uvicorn, on a socket that is open already, with our connections and a limit on how long a TLS handshake takes."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        config = uvicorn.Config(
            app,
            http=HttpToolsProtocol,
            loop="asyncio",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=math.ceil(limits.idle_timeout_s),
        )
        super().__init__(config)
        self.limits = limits
        self.listener: socket.socket
        self.tls: ssl.SSLContext | None = None
        self.grace_s = 0.0
        self.listening: Future[asyncio.AbstractEventLoop] = Future()
        self.stop_asked = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections."""
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(
                lambda: Connection(self.limits, self.config, self.server_state),
                sock=self.listener,
                ssl=self.tls,
                ssl_handshake_timeout=None if self.tls is None else self.limits.header_timeout_s,
                backlog=BACKLOG,
            )
        except OSError as error:
            self.listening.set_exception(error)
            raise
        self.servers = [server]
        self.started = True
        self.listening.set_result(loop)

    async def main_loop(self) -> None:
        """Keep the date of the answers right until the server is to stop."""
        while not self.stop_asked.is_set():
            await self.on_tick(0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stop_asked.wait(), DATE_EVERY_S)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more, wait for what is under way as long as the grace lasts, then let go of the rest."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        deadline_s = time.monotonic() + self.grace_s
        state = self.server_state
        while (state.connections or state.tasks) and time.monotonic() < deadline_s:  # noqa: ASYNC110 - no event says so
            await asyncio.sleep(STOP_POLL_S)
        for task in self.server_state.tasks:
            task.cancel()
        if self.server_state.tasks:  # each still says so to its client
            await asyncio.wait(self.server_state.tasks, timeout=LAST_WORDS_S)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
