"""JSON doors: paths that take what cannot send OTLP, turned into OTLP and handed to the same `submit`.

A door says what it takes; what it is turned into by is given to it, as the receiver knows nothing of spans. Who may
send, how large bodies may be and how they are compressed, what is answered when all is full: as for OTLP. Every error
is `{"error": "one sentence"}`.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import orjson
from google.rpc.status_pb2 import Status
from starlette.types import Receive, Scope, Send

from spanledger.receiver import contract
from spanledger.receiver.counters import Counters
from spanledger.receiver.http_answers import JSON, OUTCOMES, Answer, Forbidden, Headers, UnknownContentType, WrongMethod
from spanledger.receiver.http_requests import (
    INLINE_JSON_BYTES_MAX,
    Bodies,
    GoneError,
    Keys,
    Submit,
    content_type_of,
    headers_of,
    outcome_of,
    send_bytes,
    sender_of,
)
from spanledger.receiver.in_flight import InFlight, Share
from spanledger.receiver.multipart import MULTIPART, parts_of


@dataclass(frozen=True, slots=True)
class Posted:
    """What came in at a door: its decompressed body, or the `parts` of a multipart one, and when that was.

    `headers` have lower-case names; `at_ns` is in nanoseconds since 1970.
    """

    body: bytes
    parts: Mapping[str, bytes]
    headers: Mapping[str, str]
    identity: contract.Identity
    at_ns: int


@dataclass(frozen=True, slots=True)
class Converted:
    """What it is turned into: requests of OTLP, as (signal, body), and what is answered once they are stored.

    Each of `requests` is made when the one before is stored, so that they are never all in memory; nothing can be wrong
    with the body any more. `answer` is given how many records the ledger has refused, and how long all took, in
    seconds; it returns JSON.
    """

    requests: Iterable[tuple[str, bytes]]
    answer: Callable[[int, float], object]
    status: int = 200


Convert: TypeAlias = Callable[[Posted], Converted]
"""Turns into OTLP what came in. Raises Refused, or Forbidden for what its sender may not send."""


@dataclass(frozen=True, slots=True)
class Door:
    """One path, the content types and the size of body that it takes (None: as OTLP has it), and how it is turned."""

    path: str
    convert: Convert
    content_types: tuple[str, ...] = (JSON,)
    body_bytes_max: int | None = None


@dataclass(frozen=True, slots=True)
class _Done:
    """The answer to what was stored."""

    status: int
    content: object
    headers: Headers = ()


NO_STORE: Final[Headers] = (("content-type", JSON), ("cache-control", "no-store"))


class Doors:
    """All doors of a listener; its other paths share its limits (`bodies`, `in_flight`) with them."""

    def __init__(
        self,
        doors: Sequence[Door],
        submit: Submit,
        keys: Keys,
        bodies: Bodies,
        in_flight: InFlight,
        counters: Counters,
    ) -> None:
        self._doors = {door.path: door for door in doors}
        self._submit = submit
        self._keys = keys
        self._bodies = bodies
        self._in_flight = in_flight
        self._counters = counters
        self._one_large = asyncio.Semaphore(1)  # takes ten times its size in memory until it is stored

    def at(self, path: str) -> Door | None:
        """The door at a path, if there is one."""
        return self._doors.get(path)

    async def answer(self, door: Door, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it."""
        headers = headers_of(scope)
        try:
            with self._in_flight.share() as share:
                work = self._take(door, scope["method"], headers, receive, share)
                done = await outcome_of(work, self._counters)
        except GoneError:
            self._counters.add("client gone")
            return
        content = done.content if isinstance(done, _Done) else {"error": _sentence(done)}
        more: Headers = (*NO_STORE, *done.headers)
        if "expect" in headers and isinstance(done, Answer):
            more += (("connection", "close"),)
        await send_bytes(send, done.status, orjson.dumps(content), more)

    async def _take(self, door: Door, method: str, headers: Mapping[str, str], receive: Receive, share: Share) -> _Done:
        """Store what was posted. Raises any of OUTCOMES, and GoneError."""
        began_s = time.monotonic()
        try:
            identity = self._admitted(door, method, headers)
            body = await self._bodies.read(headers, receive, share, door.body_bytes_max)
        except OUTCOMES as error:
            self._counters.add(f"refused: {type(error).__name__}")
            raise
        posted = Posted(body, {}, headers, identity, time.time_ns())
        if len(body) <= INLINE_JSON_BYTES_MAX:
            return await self._store(door, posted, began_s)
        async with self._one_large:
            return await self._store(door, posted, began_s)

    async def _store(self, door: Door, posted: Posted, began_s: float) -> _Done:
        """Convert and store what was posted, a request after the other. Raises any of OUTCOMES.

        What is stored before one fails is known when all of it is sent again.
        """
        inline, identity = len(posted.body) <= INLINE_JSON_BYTES_MAX, posted.identity
        try:
            converted = await self._bodies.run(inline, _converted, door, posted)
        except OUTCOMES as error:
            self._counters.add(f"refused: {type(error).__name__}")
            raise
        rejected = 0
        requests = iter(converted.requests)
        while (request := await self._bodies.run(inline, next, requests, None)) is not None:
            signal, body = request
            handed = contract.Request(body, identity.tenant, identity.key_id, signal)
            # Shielded: who waits no longer must not cancel what is on its way to the ledger.
            outcome = await asyncio.shield(asyncio.wrap_future(self._submit(handed)))
            if isinstance(outcome, contract.Refused):
                raise outcome
            rejected += outcome.rejected
        return _Done(converted.status, converted.answer(rejected, time.monotonic() - began_s))

    def _admitted(self, door: Door, method: str, headers: Mapping[str, str]) -> contract.Identity:
        """Whose a request is, judged by its headers. Raises any of OUTCOMES."""
        if method != "POST":
            raise WrongMethod(f"{door.path} takes POST only.")
        identity = sender_of(headers, self._keys)
        if "origin" in headers:
            # A form of a page elsewhere may send multipart to this machine without asking first.
            raise Forbidden(f"Web pages may not post to {door.path}: send from a program.")
        content_type = content_type_of(headers)
        if content_type not in door.content_types:
            raise UnknownContentType(
                f"The content type {content_type[:60]!r} is not taken at {door.path}: "
                f"send {' or '.join(door.content_types)}."
            )
        return identity


def _converted(door: Door, posted: Posted) -> Converted:
    content_type = posted.headers.get("content-type", "")
    if content_type_of(posted.headers) == MULTIPART:
        parts = parts_of(content_type, posted.body)
        posted = Posted(b"", parts, posted.headers, posted.identity, posted.at_ns)
    return door.convert(posted)


def _sentence(answer: Answer) -> str:
    assert isinstance(answer.message, Status)
    return str(answer.message.message)
