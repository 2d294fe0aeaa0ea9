"""The one place where the contract's errors become gRPC status codes (OTLP specification, "OTLP/gRPC Response")."""

from dataclasses import dataclass
from typing import Final

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from spanledger.receiver.contract import Busy, Refused, TooLarge, Unauthenticated, Unavailable

MESSAGE_CHARACTERS_MAX: Final = 1000
"""A status travels in HTTP/2 trailers, of which clients take 8 KiB."""
DETAILS_KEY: Final = "grpc-status-details-bin"


class MissingScope(Exception):
    """The key is known but not allowed to do this: PERMISSION_DENIED. The message names the scope."""


CODES: Final[tuple[tuple[type[Exception], grpc.StatusCode], ...]] = (
    (Unauthenticated, grpc.StatusCode.UNAUTHENTICATED),
    (MissingScope, grpc.StatusCode.PERMISSION_DENIED),
    (TooLarge, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (Refused, grpc.StatusCode.INVALID_ARGUMENT),
    (Busy, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (Unavailable, grpc.StatusCode.UNAVAILABLE),
)
"""The first that fits. Clients send again after UNAVAILABLE, and after RESOURCE_EXHAUSTED only with a RetryInfo."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A status other than OK, as `context.abort` takes it."""

    code: grpc.StatusCode
    details: str
    trailing_metadata: tuple[tuple[str, bytes], ...]


def failure(error: Exception) -> Failure | None:
    """The status of an error of the contract, or of `MissingScope`; None for any other."""
    code = next((code for kind, code in CODES if isinstance(error, kind)), None)
    if code is None:
        return None
    if isinstance(error, Unavailable):
        return _retryable(code, error)
    return Failure(code, str(error)[:MESSAGE_CHARACTERS_MAX], ())


def _retryable(code: grpc.StatusCode, error: Unavailable) -> Failure:
    details = str(error)[:MESSAGE_CHARACTERS_MAX]
    delay = Duration()
    delay.FromNanoseconds(int(error.retry_after_s * 1e9))
    status = Status(code=code.value[0], message=details)
    status.details.add().Pack(RetryInfo(retry_delay=delay))
    return Failure(code, details, ((DETAILS_KEY, status.SerializeToString()),))


UNEXPECTED: Final = _retryable(
    grpc.StatusCode.UNAVAILABLE,
    Unavailable("Something went wrong here: send this again later; the log has the cause."),
)
"""The status of what nobody foresaw: the client keeps its data and tries again."""
