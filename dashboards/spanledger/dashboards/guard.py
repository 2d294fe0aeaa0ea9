"""Who may ask: decided from a request's headers, before anything of its body is read or a query runs.

Without keys, whoever reaches the port may read. That is right for programs of this machine, and must not hold for web
pages: a page elsewhere may send requests here (so `Origin` must be our own, and a body must be declared as JSON, which
a form cannot do), and a page may make its own host name point here (DNS rebinding: so `Host` must be loopback's).
"""

import ipaddress
from collections.abc import Mapping
from typing import Final, Protocol
from urllib.parse import urlsplit

import orjson
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

GUARDED: Final = "/api/v1/"
UNGUARDED: Final = "/api/v1/openapi.json"
"""Says what there is to ask, and nothing of what is in the ledger."""

SCOPE: Final = "read"
BODY_BYTES_MAX: Final = 1 << 20
"""A statement has 100,000 characters at most."""


class Identified(Protocol):
    """Who asks."""

    @property
    def scopes(self) -> frozenset[str]:
        """What they may do."""


class Keys(Protocol):
    """The API keys that are known."""

    @property
    def required(self) -> bool:
        """Whether a request must show one."""

    def identify(self, headers: Mapping[str, str]) -> Identified:
        """Who shows the key in these headers (names in lower case). Raises the exception that `Guard` is told of."""


class Guard:
    """Lets a request through to `app`, or answers it with 401, 403, 413 or 415."""

    def __init__(self, app: ASGIApp, keys: Keys, unauthenticated: type[Exception]) -> None:
        self._app = app
        self._keys = keys
        self._unauthenticated = unauthenticated

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it."""
        path = scope.get("path", "")
        if scope["type"] != "http" or not path.startswith(GUARDED) or path == UNGUARDED:
            await self._app(scope, receive, send)
            return
        headers = dict(reversed(Headers(scope=scope).items()))  # of a name that comes twice, the first
        refusal = self._refusal(scope["method"], headers)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, method: str, headers: Mapping[str, str]) -> Response | None:
        try:
            identity = self._keys.identify(headers)
        except self._unauthenticated as error:
            return answer({"error": str(error)}, 401, {"WWW-Authenticate": "Bearer"})
        if SCOPE not in identity.scopes:
            return answer({"error": "This API key may not read: use one with the scope read."}, 403)
        host = headers.get("host", "")
        if not self._keys.required and not _is_loopback(host):
            return answer({"error": f"Without API keys, ask at localhost or 127.0.0.1, not at {host[:100]!r}."}, 403)
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return answer({"error": f"A page of {origin[:100]!r} may not ask here."}, 403)
        if method == "POST":
            return _body_refusal(headers)
        return None


def answer(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON response that nobody keeps."""
    private = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(orjson.dumps(content), status, private | dict(headers or {}), "application/json")


def _body_refusal(headers: Mapping[str, str]) -> Response | None:
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return answer({"error": "Send the body as JSON, with the header Content-Type: application/json."}, 415)
    length = headers.get("content-length", "")
    # A body of unknown length is refused, too: who sends a few lines of SQL knows how long they are.
    if (
        "transfer-encoding" in headers
        or not (length.isascii() and length.isdigit())
        or int(length[:20]) > BODY_BYTES_MAX
    ):
        return answer({"error": f"Send a body of known length, up to {BODY_BYTES_MAX:,} bytes."}, 413)
    return None


def _is_loopback(host: str) -> bool:
    name = urlsplit(f"//{host}").hostname if _is_sound(host) else None
    if name is None:
        return False
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _is_sound(host: str) -> bool:
    """A host and perhaps a port, nothing with a path or a user in it."""
    return host.isascii() and not any(mark in host for mark in "/\\@?#% ") and host.count("[") == host.count("]")
