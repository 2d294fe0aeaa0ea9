"""One HTTP connection whose client may be slow, silent or rude.

uvicorn speaks the protocol; the deadlines are ours. They belong to the connection and not to the application, so that
they hold for every page behind the same port.
"""

import asyncio
from enum import Enum, auto
from typing import Final

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from spanledger.receiver.limits import Limits

LATE: Final = "408 Request Timeout"
HEADERS_TOO_LARGE: Final = "431 Request Header Fields Too Large"
TOO_MANY: Final = "503 Service Unavailable\r\nretry-after: 1"


class _Phase(Enum):
    """What the client has to send next."""

    REQUEST = auto()
    """Nothing, or a new request."""
    HEADERS = auto()
    """The rest of the headers."""
    BODY = auto()
    """The rest of the body, whether it is still wanted or not."""


class Connection(HttpToolsProtocol):
    """A connection with deadlines: for the headers and the body of each request, from their start to their end.

    Between two requests uvicorn's own timeout holds; while the application works there is none.
    """

    def __init__(self, limits: Limits, config: uvicorn.Config, server_state: ServerState) -> None:
        super().__init__(config, server_state, app_state={})
        self.access_log = False  # whatever logging is set up to: a path may hold a key in its query
        self._limits = limits
        self._phase = _Phase.REQUEST
        self._header_bytes = 0
        self._began = False  # by what was received last; where in it, nobody knows, so it is not counted
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """The client may send its headers, unless there are too many like it."""
        super().connection_made(transport)
        if len(self.connections) > self._limits.connections_max:
            self._refuse(TOO_MANY)
        else:
            self._expect_within(self._limits.header_timeout_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing will come any more."""
        self._expect_nothing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read what came."""
        if self._phase is _Phase.REQUEST and self._deadline is None:
            # Not only at the first byte of a request: a client could send line breaks for ever.
            self._expect_within(self._limits.header_timeout_s)
        self._unset_keepalive_if_required()
        self._began = False
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
            return
        if self._phase is _Phase.HEADERS and not self._began:
            self._header_bytes += len(data)
            if self._header_bytes > self._limits.header_bytes_max:
                self._refuse(HEADERS_TOO_LARGE)

    def _feed(self, data: bytes) -> None:
        """Parse. An offer to speak another protocol is not taken, as HTTP allows: the request is read without it.

        httptools takes the body of such a request for the other protocol, so the request would look empty. Java's
        client offers HTTP/2 with every first request.
        """
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            method = self.parser.get_method()
            if method == b"CONNECT":
                raise httptools.HttpParserError("There is no tunnel here.") from offer
            fields = [(name, value) for name, value in self.headers if name != b"upgrade"]
            head = [b"%s %s HTTP/1.1" % (method, self.url), *(b"%s: %s" % field for field in fields), b"", b""]
            self.parser = httptools.HttpRequestParser(self)
            self._feed(b"\r\n".join(head) + data[offer.args[0] :])

    def on_message_begin(self) -> None:
        """The first byte of a request is there."""
        self._phase = _Phase.HEADERS
        self._began = True
        self._header_bytes = 0
        self._expect_within(self._limits.header_timeout_s)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The headers are there; the request begins."""
        if self.parser.should_upgrade():  # comes again, without the offer
            return
        self._phase = _Phase.BODY
        self._expect_within(self._limits.body_timeout_s)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """All of the request is there."""
        if self.parser.should_upgrade():
            return
        self._phase = _Phase.REQUEST
        self._expect_nothing()
        if self.cycle.response_complete:  # answered before it was complete: the connection is idle only from here on
            self._expect_within(self._limits.idle_timeout_s)
        super().on_message_complete()

    def _expect_within(self, timeout_s: float) -> None:
        self._expect_nothing()
        self._deadline = self.loop.call_later(timeout_s, self._late, timeout_s)

    def _expect_nothing(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self, timeout_s: float) -> None:
        answered = self.cycle is None or self.cycle.response_complete
        if self.pipeline or (self._phase is not _Phase.BODY and not answered):
            self._expect_within(timeout_s)  # an earlier request is still being answered, on time or not
        elif self._phase is _Phase.BODY and (answered or self.cycle.response_started):
            self.transport.close()
        else:
            self._refuse(LATE)

    def _refuse(self, status: str) -> None:
        """Answer a request that is not complete enough for the application, and close."""
        self._expect_nothing()
        if not self.transport.is_closing():
            self.transport.write(f"HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".encode())
            self.transport.close()
