"""HTTP requests as they come in: headers, a body that never takes more memory than it may, and the sending of answers.

What every path that takes data has in common: OTLP's and the JSON doors'.
"""

import asyncio
import io
import logging
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, ParamSpec, Protocol, TypeAlias, TypeVar
from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send

from spanledger.receiver import contract
from spanledger.receiver.bodies import decompress, encoding_name
from spanledger.receiver.contract import TooLarge, Unavailable
from spanledger.receiver.counters import Counters
from spanledger.receiver.http_answers import OUTCOMES, Answer, Forbidden, Headers, problem
from spanledger.receiver.in_flight import Share

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

KEY_PARAMETER: Final = "key"
"""An API key in the query: for Gemini CLI, which sends no headers of one's choice."""


Submit: TypeAlias = Callable[[contract.Request], "Future[contract.Answer]"]
"""Hand over a request; the future says what became of it. Raises Busy or Unavailable at once where nothing fits in."""


class Keys(Protocol):
    """Knows whose a request is."""

    def identify(self, headers: Mapping[str, str]) -> contract.Identity:
        """The identity behind a request's headers (names in lower case). Raises Unauthenticated."""


class GoneError(Exception):
    """The client left before its request was complete; nobody is there to be answered."""


class Bodies:
    """Reads bodies of at most `body_bytes_max`, as sent and decompressed; converts JSON, one large one at a time."""

    def __init__(self, body_bytes_max: int) -> None:
        self._body_bytes_max = body_bytes_max
        self._workers = ThreadPoolExecutor(WORKERS, "otlp-http")
        self._one_large_json = asyncio.Semaphore(1)  # takes ten times its size in memory while it is converted

    async def read(
        self, headers: Mapping[str, str], receive: Receive, share: Share, limit_bytes: int | None = None
    ) -> bytes:
        """The body of a request, decompressed; `limit_bytes` where less is allowed than usual.

        Raises Refused, TooLarge, UnknownEncoding, Busy and GoneError.
        """
        limit_bytes = min(limit_bytes or self._body_bytes_max, self._body_bytes_max)
        encoding = encoding_name(headers.get("content-encoding", ""))
        _check_size(int(headers.get("content-length", "0")), limit_bytes)
        sent = await _sent(receive, share, limit_bytes)
        if encoding == "identity":
            return sent
        inline = encoding != "zstd" and len(sent) <= INLINE_COMPRESSED_BYTES_MAX
        body = await self.run(inline, decompress, sent, encoding, limit_bytes)
        share.hold(len(body))
        return body

    async def convert(self, size_bytes: int, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What a function makes of JSON of that size, without keeping everybody else waiting. Raises what it raises."""
        if size_bytes <= INLINE_JSON_BYTES_MAX:
            return function(*args, **kwargs)
        async with self._one_large_json:
            return await self.run(False, function, *args, **kwargs)

    async def run(self, inline: bool, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function, on a thread unless it is quick, so that nobody else has to wait for it."""
        if inline:
            return function(*args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._workers, lambda: function(*args, **kwargs))


async def outcome_of(work: Coroutine[object, object, T], counters: Counters) -> T | Answer:
    """What a request is answered by the `work` on it, or why it was not done. Only GoneError leaves this function."""
    try:
        return await work
    except OUTCOMES as error:
        return problem(error)
    except asyncio.CancelledError:
        # The server stops and waits no longer. Stored or not, the same data may come again.
        return problem(Unavailable("The server is stopping: send this again."))
    except GoneError:
        raise
    except Exception:
        # Not 500: a client would drop data that may be perfectly good.
        log.exception("A request failed for a reason nobody foresaw; its client is told to try again.")
        counters.add("unforeseen errors")
        return problem(Unavailable("Something failed here: send this again.", RETRY_AFTER_DEFECT_S))


async def _sent(receive: Receive, share: Share, limit_bytes: int) -> bytes:
    """The body as it was sent, never holding more of it than is allowed."""
    chunks = io.BytesIO()  # gives its buffer away without a copy
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise GoneError
        chunk: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        size_bytes = chunks.tell() + len(chunk)
        _check_size(size_bytes, limit_bytes)
        share.hold(size_bytes)
        chunks.write(chunk)
    return chunks.getvalue()


def _check_size(size_bytes: int, limit_bytes: int) -> None:
    if size_bytes > limit_bytes:
        raise TooLarge(f"The body is larger than the limit of {limit_bytes} bytes: send smaller batches.")


def headers_of(scope: Scope) -> dict[str, str]:
    """Headers by their lower-case name, an API key of the query among them where they show none themselves.

    One sent several times has its values joined, as HTTP reads it.
    """
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    query: bytes = scope["query_string"]
    if not query or "authorization" in headers or "x-api-key" in headers:
        return headers
    shown = parse_qs(query.decode("latin-1")).get(KEY_PARAMETER)
    return headers | {"x-api-key": shown[0]} if shown else headers


def sender_of(headers: Mapping[str, str], keys: Keys) -> contract.Identity:
    """Whose a request that brings data is. Raises Unauthenticated, and Forbidden for a key that may not send."""
    identity = keys.identify(headers)
    if "ingest" not in identity.scopes:
        raise Forbidden("This key may not send data: use one with the scope ingest.")
    return identity


def content_type_of(headers: Mapping[str, str]) -> str:
    """The content type of a request, in lower case and without parameters."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


async def send_bytes(send: Send, status: int, data: bytes, headers: Headers) -> None:
    """Send an answer."""
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    if status != 204:  # which has no body, not even an empty one
        pairs.append((b"content-length", str(len(data)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": data})
