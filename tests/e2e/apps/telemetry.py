"""OpenTelemetry as a program sets it up: the official SDK and the real OTLP exporter of the protocol asked for.

`OTEL_EXPORTER_OTLP_PROTOCOL` chooses "grpc" or "http/protobuf"; `OTEL_EXPORTER_OTLP_ENDPOINT` is read by the exporters
themselves.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

CANARY = os.environ["CANARY"]
"""A text that stands in every prompt, so that it can be looked for where no prompt should be."""


class Witness(SpanProcessor):
    """Counts the spans that were handed to the exporter, and those of them that hold content."""

    def __init__(self) -> None:
        self.spans = 0
        self.with_content = 0
        self.failed_calls = 0

    def on_end(self, span: ReadableSpan) -> None:
        """Look at one span as it ends."""
        attributes = dict(span.attributes or {})
        self.spans += 1
        self.with_content += (
            CANARY in f"{attributes} {span.status.description} {[dict(e.attributes) for e in span.events]}"
        )
        self.failed_calls += "error.type" in attributes


@contextmanager
def exported_spans() -> Iterator[trace.Tracer]:
    """Export every span of the block; flush, and say on standard output what was exported, at its end."""
    if os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"] == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    else:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    witness = Witness()
    provider = TracerProvider()
    provider.add_span_processor(witness)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(), schedule_delay_millis=200))
    trace.set_tracer_provider(provider)
    yield trace.get_tracer("app")
    provider.shutdown()
    print(json.dumps(vars(witness)))


@contextmanager
def refused(error: type[Exception]) -> Iterator[None]:
    """The block must be refused by the vendor with this error; a program would log it and go on."""
    try:
        yield
    except error:
        return
    raise AssertionError(f"the call was served, and should have raised {error.__name__}")
