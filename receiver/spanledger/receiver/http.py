"""OTLP over HTTP: `POST …/v1/traces`, logs and metrics likewise, in protobuf or JSON, and the two health pages.

An ASGI application: whatever is not OTLP goes to `fallback`. A request is judged by its headers first (key, content
type, encoding, length); then its body is read, counted as it comes, and handed to `submit`; the answer is sent when the
future says that the data is stored.
"""

import asyncio
import io
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, ParamSpec, Protocol, TypeAlias, TypeVar
from urllib.parse import parse_qs

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from spanledger.receiver import contract
from spanledger.receiver.bodies import decompress, encoding_name
from spanledger.receiver.counters import Counters
from spanledger.receiver.http_answers import (
    FORMATS,
    JSON,
    NO_SUCH_METHOD,
    NOT_FOUND,
    OUTCOMES,
    PATHS,
    Answer,
    Forbidden,
    Headers,
    NotReceived,
    UnknownContentType,
    WrongMethod,
    problem,
)
from spanledger.receiver.in_flight import InFlight, Share
from spanledger.receiver.limits import Limits
from spanledger.receiver.otlp_json import request_from_json
from spanledger.receiver.signals import NOT_RECEIVED, SIGNALS, Signal

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

WORKERS: Final = 2
"""Threads for bodies whose reading would keep everyone else waiting; decompression releases the GIL."""
INLINE_COMPRESSED_BYTES_MAX: Final = 4096
"""A gzip or deflate body up to here is read on the spot: usually in 30 µs, where a thread costs 100, and at worst (it
can become 4 MiB) in 1 ms. Not zstd: 4 kB of it can take 265 ms."""
INLINE_JSON_BYTES_MAX: Final = 64 * 1024
"""JSON up to here is converted on the spot, in about 6 ms."""

RETRY_AFTER_DEFECT_S: Final = 5.0
"""After an error nobody foresaw: it is logged each time."""
PREFLIGHT_HEADERS: Final[Headers] = (
    ("access-control-allow-methods", "POST"),
    ("access-control-allow-headers", "content-type, content-encoding, authorization, x-api-key"),
    ("access-control-max-age", "600"),  # a browser asks again after ten minutes
)

Submit: TypeAlias = Callable[[contract.Request], "Future[contract.Answer]"]
"""Hand over a request; the future says what became of it. Raises Busy or Unavailable at once where nothing fits in."""


class Keys(Protocol):
    """Knows whose a request is."""

    def identify(self, headers: Mapping[str, str]) -> contract.Identity:
        """The identity behind a request's headers (names in lower case). Raises Unauthenticated."""


ENDINGS: Final[Mapping[str, Signal | None]] = {signal.path: signal for signal in SIGNALS} | dict.fromkeys(NOT_RECEIVED)
"""The end of a path → what is received there; None: a signal of OTLP that is not received (501)."""

KEY_PARAMETER: Final = "key"
"""An API key in the query: for Gemini CLI, which sends no headers of one's choice."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request to a path of OTLP, its body not yet read."""

    signal: Signal | None
    method: str
    headers: Mapping[str, str]
    content_type: str
    receive: Receive
    share: Share


class _GoneError(Exception):
    """The client left before its request was complete; nobody is there to be answered."""


class OtlpHttp:
    """The ASGI application.

    `submit` takes the requests, `keys` says whose they are, `ready` is what /readyz tells. Pages of `cors_origins`
    (such as "https://app.example") may send from a browser; none by default. What is refused before `submit` sees it
    is counted in `counters`.
    """

    def __init__(
        self,
        submit: Submit,
        keys: Keys,
        limits: Limits,
        ready: Callable[[], bool],
        fallback: ASGIApp | None = None,
        cors_origins: frozenset[str] = frozenset(),
        counters: Counters | None = None,
    ) -> None:
        self.counters = counters or Counters()
        self._submit = submit
        self._keys = keys
        self._body_bytes_max = limits.body_bytes_max
        self._in_flight = InFlight(limits.in_flight_bytes_max)
        self._ready = ready
        self._fallback = fallback
        self._cors_origins = cors_origins
        self._workers = ThreadPoolExecutor(WORKERS, "otlp-http")
        self._one_large_json = asyncio.Semaphore(1)  # takes ten times its size in memory while it is converted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it."""
        if scope["type"] == "http":
            path: str = scope["path"]
            for ending, signal in ENDINGS.items():
                if path.endswith(ending):
                    await self._otlp(signal, scope, receive, send)
                    return
            if path in ("/healthz", "/readyz"):
                await self._health(path, scope["method"], send)
                return
        if self._fallback is not None:
            await self._fallback(scope, receive, send)
        elif scope["type"] == "http":
            await _send_answer(send, Answer(404, NOT_FOUND), JSON)
        else:
            raise ValueError(f"Nothing serves the ASGI scope {scope['type']!r}: only HTTP is spoken here.")

    async def _health(self, path: str, method: str, send: Send) -> None:
        if method not in ("GET", "HEAD"):
            await _send_answer(send, Answer(405, NO_SUCH_METHOD, (("allow", "GET, HEAD"),)), JSON)
        elif path == "/healthz" or self._ready():
            await _send(send, 200, orjson.dumps({"status": "ok"}), (("content-type", JSON),))
        else:
            await _send(send, 503, orjson.dumps({"status": "not ready"}), (("content-type", JSON),))

    async def _otlp(self, signal: Signal | None, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _with_key(_headers(scope), scope["query_string"])
        more_headers = self._cors_headers(headers)
        if scope["method"] == "OPTIONS" and more_headers:
            await _send(send, 204, b"", (*more_headers, *PREFLIGHT_HEADERS))
            return
        content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        try:
            with self._in_flight.share() as share:
                answer = await self._answer(_Asked(signal, scope["method"], headers, content_type, receive, share))
        except _GoneError:
            self.counters.add("client gone")
            return
        if "expect" in headers and answer.status != 200:
            # Perhaps the body was never asked for; then nobody can know where the next request begins.
            more_headers += (("connection", "close"),)
        await _send_answer(send, answer, content_type if content_type in FORMATS else JSON, more_headers)

    async def _answer(self, asked: _Asked) -> Answer:
        """The answer to a request, whatever becomes of it. Only _GoneError leaves this function."""
        try:
            try:
                signal, request = await self._received(asked)
            except OUTCOMES as error:
                self.counters.add(f"refused: {type(error).__name__}")
                return problem(error)
            try:
                # Shielded: who waits no longer must not cancel what is on its way to the ledger.
                outcome = await asyncio.shield(asyncio.wrap_future(self._submit(request)))
            except OUTCOMES as error:
                return problem(error)
            if isinstance(outcome, contract.Stored):
                return Answer(200, signal.answer(outcome))
            return problem(outcome)
        except asyncio.CancelledError:
            # The server stops and waits no longer. Stored or not, the same data may come again.
            return problem(contract.Unavailable("The server is stopping: send this again."))
        except _GoneError:
            raise
        except Exception:
            # Not 500: a client would drop data that may be perfectly good.
            log.exception("A request failed for a reason nobody foresaw; its client is told to try again.")
            self.counters.add("unforeseen errors")
            return problem(contract.Unavailable("Something failed here: send this again.", RETRY_AFTER_DEFECT_S))

    async def _received(self, asked: _Asked) -> tuple[Signal, contract.Request]:
        """The request as it is to be stored. Raises any of OUTCOMES, and _GoneError."""
        if asked.method != "POST":
            raise WrongMethod("OTLP is sent with POST.")
        identity = self._keys.identify(asked.headers)
        if "ingest" not in identity.scopes:
            raise Forbidden("This key may not send data: use one with the scope ingest.")
        if asked.signal is None:
            raise NotReceived(f"Of OTLP {PATHS} are received here: switch the exporter of this signal off.")
        if asked.content_type not in FORMATS:
            raise UnknownContentType(
                f"The content type {asked.content_type[:60]!r} is not OTLP's: send {' or '.join(FORMATS)}."
            )
        body = await self._body(asked)
        if asked.content_type == JSON:
            body = await self._from_json(asked.signal, body)
            asked.share.hold(len(body))
        return asked.signal, contract.Request(body, identity.tenant, identity.key_id, asked.signal.name)

    async def _body(self, asked: _Asked) -> bytes:
        """The body of a request, decompressed."""
        encoding = encoding_name(asked.headers.get("content-encoding", ""))
        self._check_size(int(asked.headers.get("content-length", "0")))
        sent = await self._sent(asked.receive, asked.share)
        if encoding == "identity":
            return sent
        inline = encoding != "zstd" and len(sent) <= INLINE_COMPRESSED_BYTES_MAX
        body = await self._run(inline, decompress, sent, encoding, self._body_bytes_max)
        asked.share.hold(len(body))
        return body

    async def _sent(self, receive: Receive, share: Share) -> bytes:
        """The body as it was sent, never holding more of it than is allowed."""
        chunks = io.BytesIO()  # gives its buffer away without a copy
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _GoneError
            chunk: bytes = message.get("body", b"")
            more = message.get("more_body", False)
            size_bytes = chunks.tell() + len(chunk)
            self._check_size(size_bytes)
            share.hold(size_bytes)
            chunks.write(chunk)
        return chunks.getvalue()

    def _check_size(self, size_bytes: int) -> None:
        if size_bytes > self._body_bytes_max:
            raise contract.TooLarge(
                f"The body is larger than the limit of {self._body_bytes_max} bytes: send smaller batches."
            )

    async def _from_json(self, signal: Signal, body: bytes) -> bytes:
        if len(body) <= INLINE_JSON_BYTES_MAX:
            return request_from_json(signal, body)
        async with self._one_large_json:
            return await self._run(False, request_from_json, signal, body)

    async def _run(self, inline: bool, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function, on a thread unless it is quick, so that nobody else has to wait for it."""
        if inline:
            return function(*args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._workers, lambda: function(*args, **kwargs))

    def _cors_headers(self, headers: Mapping[str, str]) -> Headers:
        """What lets a page of an allowed origin send and read the answer; nothing for anyone else."""
        origin = headers.get("origin", "")
        if origin not in self._cors_origins:
            return ()
        exposed = ("access-control-expose-headers", "retry-after")
        return (("access-control-allow-origin", origin), exposed, ("vary", "origin"))


def _headers(scope: Scope) -> dict[str, str]:
    """Headers by their lower-case name; one sent several times has its values joined, as HTTP reads it."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _with_key(headers: dict[str, str], query: bytes) -> dict[str, str]:
    """The headers, with the API key of the query among them where they show none themselves."""
    if not query or "authorization" in headers or "x-api-key" in headers:
        return headers
    shown = parse_qs(query.decode("latin-1")).get(KEY_PARAMETER)
    return headers | {"x-api-key": shown[0]} if shown else headers


async def _send_answer(send: Send, answer: Answer, content_type: str, headers: Headers = ()) -> None:
    data = FORMATS[content_type](answer.message)
    await _send(send, answer.status, data, (("content-type", content_type), *answer.headers, *headers))


async def _send(send: Send, status: int, data: bytes, headers: Headers) -> None:
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    if status != 204:  # which has no body, not even an empty one
        pairs.append((b"content-length", str(len(data)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": data})
