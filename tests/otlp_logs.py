"""Log requests for the tests, built by hand."""

from collections.abc import Mapping
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from tests.otlp_requests import STARTED_NS, pairs, value


def event(attributes: Mapping[str, Any], body: object = None, **fields: Any) -> LogRecord:
    """A log record of the time that the spans of the tests start, outside any span, but for what `fields` say."""
    record = LogRecord(attributes=pairs(attributes.items()), **({"time_unix_nano": STARTED_NS} | fields))
    if body is not None:
        record.body.CopyFrom(value(body))
    return record


def log_body(*records: LogRecord, scope: str = "", resource: Mapping[str, Any] | None = None) -> bytes:
    """A request with these records under one scope."""
    message = ExportLogsServiceRequest()
    resource_logs = message.resource_logs.add()
    if resource is not None:
        resource_logs.resource.attributes.extend(pairs(resource.items()))
    scope_logs = resource_logs.scope_logs.add(log_records=records)
    scope_logs.scope.name = scope
    return message.SerializeToString()
