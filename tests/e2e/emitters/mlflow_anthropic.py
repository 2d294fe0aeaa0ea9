"""MLflow's autolog of Anthropic's SDK, exporting by OpenTelemetry only."""

import mlflow
from anthropic_calls import call_anthropic
from opentelemetry import trace

mlflow.anthropic.autolog()
call_anthropic(trace.get_tracer("app"))
mlflow.flush_trace_async_logging()
