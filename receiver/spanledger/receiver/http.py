"""OTLP over HTTP: `POST …/v1/traces`, logs and metrics likewise, in protobuf or JSON, and the two health pages.

An ASGI application: `doors` take JSON that is not OTLP, and whatever is neither goes to `fallback`. A request is judged
by its headers first (key, content type, encoding, length); then its body is read, counted as it comes, and handed to
`submit`; the answer is sent when the future says that the data is stored.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from spanledger.receiver import contract
from spanledger.receiver.counters import Counters
from spanledger.receiver.doors import Door, Doors
from spanledger.receiver.http_answers import (
    FORMATS,
    JSON,
    NO_SUCH_METHOD,
    NOT_FOUND,
    OUTCOMES,
    PATHS,
    Answer,
    Headers,
    NotReceived,
    UnknownContentType,
    WrongMethod,
    problem,
)
from spanledger.receiver.http_requests import (
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
from spanledger.receiver.limits import Limits
from spanledger.receiver.otlp_json import request_from_json
from spanledger.receiver.signals import NOT_RECEIVED, SIGNALS, Signal

PREFLIGHT_HEADERS: Final[Headers] = (
    ("access-control-allow-methods", "POST"),
    ("access-control-allow-headers", "content-type, content-encoding, authorization, x-api-key"),
    ("access-control-max-age", "600"),  # a browser asks again after ten minutes
)

ENDINGS: Final[Mapping[str, Signal | None]] = {signal.path: signal for signal in SIGNALS} | dict.fromkeys(NOT_RECEIVED)
"""The end of a path → what is received there; None: a signal of OTLP that is not received (501)."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request to a path of OTLP, its body not yet read."""

    signal: Signal | None
    method: str
    headers: Mapping[str, str]
    content_type: str
    receive: Receive
    share: Share


class OtlpHttp:
    """The ASGI application.

    `submit` takes the requests, `keys` says whose they are, `ready` is what /readyz tells. Pages of `cors_origins`
    (such as "https://app.example") may send OTLP from a browser; none by default. What is refused before `submit` sees
    it is counted in `counters`. `doors` are the paths that take other JSON than OTLP's.
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
        doors: Sequence[Door] = (),
    ) -> None:
        self.counters = counters or Counters()
        self._submit = submit
        self._keys = keys
        self._bodies = Bodies(limits.body_bytes_max)
        self._in_flight = InFlight(limits.in_flight_bytes_max)
        self._doors = Doors(doors, submit, keys, self._bodies, self._in_flight, self.counters)
        self._ready = ready
        self._fallback = fallback
        self._cors_origins = cors_origins

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
            if (door := self._doors.at(path)) is not None:
                await self._doors.answer(door, scope, receive, send)
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
            await send_bytes(send, 200, orjson.dumps({"status": "ok"}), (("content-type", JSON),))
        else:
            await send_bytes(send, 503, orjson.dumps({"status": "not ready"}), (("content-type", JSON),))

    async def _otlp(self, signal: Signal | None, scope: Scope, receive: Receive, send: Send) -> None:
        headers = headers_of(scope)
        more_headers = self._cors_headers(headers)
        if scope["method"] == "OPTIONS" and more_headers:
            await send_bytes(send, 204, b"", (*more_headers, *PREFLIGHT_HEADERS))
            return
        content_type = content_type_of(headers)
        try:
            with self._in_flight.share() as share:
                asked = _Asked(signal, scope["method"], headers, content_type, receive, share)
                answer = await outcome_of(self._answer(asked), self.counters)
        except GoneError:
            self.counters.add("client gone")
            return
        if "expect" in headers and answer.status != 200:
            # Perhaps the body was never asked for; then nobody can know where the next request begins.
            more_headers += (("connection", "close"),)
        await _send_answer(send, answer, content_type if content_type in FORMATS else JSON, more_headers)

    async def _answer(self, asked: _Asked) -> Answer:
        """The answer to a request. Raises any of OUTCOMES, and GoneError."""
        try:
            signal, request = await self._received(asked)
        except OUTCOMES as error:
            self.counters.add(f"refused: {type(error).__name__}")
            raise
        # Shielded: who waits no longer must not cancel what is on its way to the ledger.
        outcome = await asyncio.shield(asyncio.wrap_future(self._submit(request)))
        if isinstance(outcome, contract.Stored):
            return Answer(200, signal.answer(outcome))
        return problem(outcome)

    async def _received(self, asked: _Asked) -> tuple[Signal, contract.Request]:
        """The request as it is to be stored. Raises any of OUTCOMES, and GoneError."""
        if asked.method != "POST":
            raise WrongMethod("OTLP is sent with POST.")
        identity = sender_of(asked.headers, self._keys)
        if asked.signal is None:
            raise NotReceived(f"Of OTLP {PATHS} are received here: switch the exporter of this signal off.")
        if asked.content_type not in FORMATS:
            raise UnknownContentType(
                f"The content type {asked.content_type[:60]!r} is not OTLP's: send {' or '.join(FORMATS)}."
            )
        body = await self._bodies.read(asked.headers, asked.receive, asked.share)
        if asked.content_type == JSON:
            body = await self._bodies.convert(len(body), request_from_json, asked.signal, body)
            asked.share.hold(len(body))
        return asked.signal, contract.Request(body, identity.tenant, identity.key_id, asked.signal.name)

    def _cors_headers(self, headers: Mapping[str, str]) -> Headers:
        """What lets a page of an allowed origin send and read the answer; nothing for anyone else."""
        origin = headers.get("origin", "")
        if origin not in self._cors_origins:
            return ()
        exposed = ("access-control-expose-headers", "retry-after")
        return (("access-control-allow-origin", origin), exposed, ("vary", "origin"))


async def _send_answer(send: Send, answer: Answer, content_type: str, headers: Headers = ()) -> None:
    data = FORMATS[content_type](answer.message)
    await send_bytes(send, answer.status, data, (("content-type", content_type), *answer.headers, *headers))
