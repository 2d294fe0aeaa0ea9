"""The signals of OTLP that are received: where each comes in, and the messages it is asked and answered with.

Another signal is another row of `SIGNALS`; both listeners and the JSON reader go by it.
"""

from dataclasses import dataclass
from typing import Final

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from spanledger.receiver.contract import Stored

MESSAGE_BYTES_MAX: Final = 1024
"""The text of an answer. The specification allows 4 MiB for all of an answer; a reason needs a line."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One signal of OTLP: `name` is its word in a request of the contract.

    It comes as a call of the gRPC `method`, or as a POST to a path that ends in `path`, which holds a message of
    `request` and is answered by one of `response`. `rejected` is the field of its partial success that counts what can
    never be stored.
    """

    name: str
    method: str
    path: str
    request: type[Message]
    response: type[Message]
    rejected: str

    def answer(self, outcome: Stored) -> Message:
        """The answer to a request that was stored; `partial_success` is set only where there is something to say."""
        message = self.response()
        if outcome.rejected or outcome.message:
            partial = getattr(message, "partial_success")  # noqa: B009 - the three responses share no type that has it
            setattr(partial, self.rejected, outcome.rejected)
            partial.error_message = shortened(outcome.message)
        return message


_COLLECTOR: Final = "/opentelemetry.proto.collector"

SIGNALS: Final[tuple[Signal, ...]] = (
    Signal(
        name="traces",
        method=f"{_COLLECTOR}.trace.v1.TraceService/Export",
        path="/v1/traces",
        request=ExportTraceServiceRequest,
        response=ExportTraceServiceResponse,
        rejected="rejected_spans",
    ),
    Signal(
        name="logs",
        method=f"{_COLLECTOR}.logs.v1.LogsService/Export",
        path="/v1/logs",
        request=ExportLogsServiceRequest,
        response=ExportLogsServiceResponse,
        rejected="rejected_log_records",
    ),
    Signal(
        name="metrics",
        method=f"{_COLLECTOR}.metrics.v1.MetricsService/Export",
        path="/v1/metrics",
        request=ExportMetricsServiceRequest,
        response=ExportMetricsServiceResponse,
        rejected="rejected_data_points",
    ),
)

NOT_RECEIVED: Final = ("/v1development/profiles",)
"""Paths of OTLP's other signals, which are answered 501. gRPC answers UNIMPLEMENTED to any method that nobody has."""


def shortened(text: str) -> str:
    """A text of at most MESSAGE_BYTES_MAX bytes, as UTF-8."""
    encoded = text.encode(errors="replace")
    if len(encoded) <= MESSAGE_BYTES_MAX:
        return encoded.decode()
    return encoded[: MESSAGE_BYTES_MAX - len("…".encode())].decode(errors="ignore") + "…"
