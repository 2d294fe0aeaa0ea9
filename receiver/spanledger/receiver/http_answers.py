"""The one place where what became of a request turns into an HTTP answer, as OTLP asks for it.

Clients try again after 429, 502, 503 and 504 only, and drop their data after anything else, 500 included. So whatever
may work later is 429 or 503, with Retry-After, and everything that will never work is said with its reason.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from google.protobuf.message import Message
from google.rpc import code_pb2
from google.rpc.status_pb2 import Status

from spanledger.receiver.bodies import UnknownEncoding
from spanledger.receiver.contract import Busy, Refused, TooLarge, Unauthenticated, Unavailable
from spanledger.receiver.otlp_json import to_json
from spanledger.receiver.signals import SIGNALS, shortened

Headers: TypeAlias = tuple[tuple[str, str], ...]

JSON: Final = "application/json"
PROTOBUF: Final = "application/x-protobuf"
FORMATS: Final[Mapping[str, Callable[[Message], bytes]]] = {
    PROTOBUF: lambda message: message.SerializeToString(),
    JSON: to_json,
}
"""Content type → how a message is written in it. An answer has the content type of its request."""

PATHS: Final = ", ".join(signal.path for signal in SIGNALS)
NOT_FOUND: Final = Status(code=code_pb2.NOT_FOUND, message=f"There is nothing here: OTLP is received at {PATHS}.")
NO_SUCH_METHOD: Final = Status(code=code_pb2.UNIMPLEMENTED, message="This page is read with GET.")


class Forbidden(Exception):
    """A known key that may not do this: PERMISSION_DENIED / 403."""


class WrongMethod(Exception):
    """Not POST: UNIMPLEMENTED / 405."""


class UnknownContentType(Exception):
    """Neither protobuf nor JSON: UNIMPLEMENTED / 415."""


class NotReceived(Exception):
    """A signal of OTLP that is not received here: UNIMPLEMENTED / 501."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, its message not yet written in a content type."""

    status: int
    message: Message
    headers: Headers = ()


Outcome: TypeAlias = (
    Refused | Unauthenticated | Unavailable | Forbidden | WrongMethod | UnknownContentType | NotReceived
)
"""Every way in which a request can fail."""

STATUSES: Final[tuple[tuple[type[Outcome], int, int], ...]] = (
    (UnknownEncoding, 415, code_pb2.UNIMPLEMENTED),
    (TooLarge, 413, code_pb2.RESOURCE_EXHAUSTED),
    (Refused, 400, code_pb2.INVALID_ARGUMENT),
    (Unauthenticated, 401, code_pb2.UNAUTHENTICATED),
    (Forbidden, 403, code_pb2.PERMISSION_DENIED),
    (WrongMethod, 405, code_pb2.UNIMPLEMENTED),
    (UnknownContentType, 415, code_pb2.UNIMPLEMENTED),
    (NotReceived, 501, code_pb2.UNIMPLEMENTED),
    (Busy, 429, code_pb2.RESOURCE_EXHAUSTED),
    (Unavailable, 503, code_pb2.UNAVAILABLE),
)
"""Outcome → HTTP status and google.rpc code. The first that fits counts: a kind stands before what it is a kind of."""

OUTCOMES: Final = tuple(kind for kind, _, _ in STATUSES)
"""What to catch: everything `problem` can answer."""


def problem(outcome: Outcome) -> Answer:
    """The answer to a request that was not stored."""
    status, code = next((status, code) for kind, status, code in STATUSES if isinstance(outcome, kind))
    return Answer(status, Status(code=code, message=shortened(str(outcome))), _headers(outcome))


def _headers(outcome: Outcome) -> Headers:
    if isinstance(outcome, Unavailable):
        return (("retry-after", str(max(1, math.ceil(outcome.retry_after_s)))),)
    if isinstance(outcome, Unauthenticated):
        return (("www-authenticate", "Bearer"),)
    if isinstance(outcome, WrongMethod):
        return (("allow", "POST"),)
    return ()
