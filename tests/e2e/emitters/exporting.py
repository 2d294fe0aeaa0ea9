"""OpenTelemetry as a program sets it up: traces, logs and metrics by the real OTLP exporters.

`OTEL_EXPORTER_OTLP_PROTOCOL` chooses "grpc" or "http/protobuf"; `OTEL_EXPORTER_OTLP_ENDPOINT` is read by the exporters
themselves.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import metrics, trace
from opentelemetry._logs import set_logger_provider
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

if os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"] == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
else:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

SOME_TEXT = os.environ["CANARY"]
"""Stands in every prompt, so that it can be looked for where no prompt should be."""


@contextmanager
def exporting() -> Iterator[trace.Tracer]:
    """Export everything of the block; flushed at its end. The tracer is the program's own."""
    tracing = TracerProvider()
    tracing.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(tracing)
    logging = LoggerProvider()
    logging.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    set_logger_provider(logging)
    metering = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())])
    metrics.set_meter_provider(metering)
    try:
        yield trace.get_tracer("app")
    finally:
        for provider in (tracing, logging, metering):
            provider.shutdown()


@contextmanager
def refused() -> Iterator[None]:
    """The block must be refused by the vendor; a program would log it and go on."""
    try:
        yield
    except Exception:  # noqa: BLE001 - each SDK and framework has its own
        return
    raise AssertionError("the call was served, and should have been refused")
