"""What a receiver hands over, and what it is told in return.

The receiver knows nothing of spans or tables: it is given two functions, `Prepare` and `Store`, by whoever wires the
program, and turns their answers into OTLP's status codes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Request:
    """One export request: the serialised message, decompressed, whose it is, and the signal it carries.

    `signal` is OTLP's word: "traces" for an ExportTraceServiceRequest, "logs", "metrics".
    """

    body: bytes
    tenant: str
    api_key_id: str = ""
    signal: str = "traces"


@dataclass(frozen=True, slots=True)
class Stored:
    """The request is in the ledger, durably. `rejected` spans of it never can be; `message` says why.

    OTLP calls that partial success.
    """

    rejected: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who sent a request: the tenant it is booked to and the id of the key that was shown (empty without keys)."""

    tenant: str = "default"
    key_id: str = ""
    scopes: frozenset[str] = frozenset({"ingest", "read"})


class Unauthenticated(Exception):
    """No key, or none that we know: UNAUTHENTICATED / 401. The message never repeats what was shown."""


class Refused(Exception):
    """The same input will always fail: INVALID_ARGUMENT / 400. The message says what is wrong and where."""


class TooLarge(Refused):
    """Refused for its size: RESOURCE_EXHAUSTED without RetryInfo / 413."""


class Unavailable(Exception):
    """It may work later: UNAVAILABLE with RetryInfo / 503 with Retry-After. Nothing of the request was stored."""

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Busy(Unavailable):
    """The queue is full: RESOURCE_EXHAUSTED with RetryInfo / 429 with Retry-After."""


Answer: TypeAlias = Stored | Refused
"""What became of one request of a group."""

Prepare: TypeAlias = Callable[[Sequence[Request]], Any]
"""Decode and process a group of requests, without touching the ledger. What it returns only `Store` understands."""

Store: TypeAlias = Callable[[Any], Sequence[Answer]]
"""Commit a prepared group durably and answer each request of it, in order. Raises `Unavailable` if none was stored."""
