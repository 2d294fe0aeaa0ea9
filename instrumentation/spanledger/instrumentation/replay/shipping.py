"""Shipping: export requests to an OTLP/HTTP endpoint, until they are taken."""

import gzip
import http.client
import random
import ssl
import time
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from spanledger.instrumentation.replay.otlp_spans import Export

ATTEMPTS_MAX: Final = 8
FIRST_WAIT_S: Final = 0.5
WAIT_MAX_S: Final = 30.0
"""Waits between attempts double up to this: a server that restarts is back by then."""
RETRY_AFTER_MAX_S: Final = 300.0
TIMEOUT_S: Final = 60.0
RETRYABLE: Final = frozenset({408, 429, 502, 503, 504})
"""What OTLP says may be sent again, and a time-out."""


class ShippingFailed(Exception):
    """What was read cannot be delivered; one sentence says why. Nothing is lost: it is read again the next time."""


class OtlpEndpoint:
    """An OTLP/HTTP endpoint, as `http://host:4318`; one connection that is kept open."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
        attempts: int = ATTEMPTS_MAX,
    ) -> None:
        """Raises ShippingFailed for what is no address."""
        address = urllib.parse.urlsplit(url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ShippingFailed(f"{url!r} is no address of an endpoint: write it as http://127.0.0.1:4318.")
        self._address = address
        self._base = address.path.rstrip("/")
        self._url = url
        self._headers = {
            "Content-Type": "application/x-protobuf", "Content-Encoding": "gzip", "User-Agent": "spanledger",
        } | dict(headers or {})  # fmt: skip
        self._sleep = sleep
        self._attempts = attempts
        self._connection: http.client.HTTPConnection | None = None

    def __call__(self, exports: Sequence[Export]) -> int:
        """Deliver requests; returns how many records the endpoint refused. Raises ShippingFailed."""
        return sum(self._deliver(export.signal, gzip.compress(export.body, 1, mtime=0)) for export in exports)

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _deliver(self, signal: str, body: bytes) -> int:
        wait_s = FIRST_WAIT_S
        for attempt in range(1, self._attempts + 1):
            try:
                status, headers, answer = self._post(f"{self._base}/v1/{signal}", body)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                reason, asked_s = f"does not answer ({error or type(error).__name__})", None
            else:
                if status == 200:
                    return rejected(answer)
                if status not in RETRYABLE:
                    raise ShippingFailed(_refused(self._url, status, answer))
                reason, asked_s = f"answers {status}", _retry_after(headers.get("Retry-After"))
            if attempt < self._attempts:
                self._sleep(_jittered(wait_s) if asked_s is None else min(asked_s, RETRY_AFTER_MAX_S))
                wait_s = min(2 * wait_s, WAIT_MAX_S)
        raise ShippingFailed(f"The endpoint {self._url} {reason}: see that it runs, and start the replay again.")

    def _post(self, path: str, body: bytes) -> tuple[int, http.client.HTTPMessage, bytes]:
        if self._connection is None:
            host, port = self._address.hostname or "", self._address.port
            if self._address.scheme == "https":
                context = ssl.create_default_context()
                self._connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=context)
            else:
                self._connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
        self._connection.request("POST", path, body, self._headers)
        response = self._connection.getresponse()
        answer = response.read()
        if response.will_close:
            self.close()
        return response.status, response.headers, answer


def rejected(answer: bytes) -> int:
    """How many records an Export…ServiceResponse says were not taken: partial_success (1), its count (1)."""
    if len(answer) < 3 or answer[0] != 0x0A:
        return 0
    _, at = _number(answer, 1)
    if at >= len(answer) or answer[at] != 0x08:
        return 0
    return _number(answer, at + 1)[0]


def _number(content: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(content):
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
    return value, at


def _retry_after(said: str | None) -> float | None:
    """Seconds to wait, from a number of them or a date; None where nothing usable is said."""
    if not said:
        return None
    try:
        return max(0.0, float(said))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def _jittered(wait_s: float) -> float:
    """About as long: machines that were turned away together must not come back together."""
    return wait_s * random.uniform(0.8, 1.2)  # noqa: S311 - nothing secret depends on it


def _refused(url: str, status: int, answer: bytes) -> str:
    if status in (401, 403):
        return f"The endpoint {url} wants another key (it answers {status}): set SPANLEDGER_API_KEY."
    said = "".join(sign for sign in answer[:200].decode("utf-8", "replace") if sign.isprintable()).strip()
    return f"The endpoint {url} refuses what was read (it answers {status}{': ' + said if said else ''})."
