"""MLflow's autolog of OpenAI's SDK, exporting by OpenTelemetry only."""

import mlflow
from openai_calls import call_openai
from opentelemetry import trace

mlflow.openai.autolog()
call_openai(trace.get_tracer("app"))
mlflow.flush_trace_async_logging()
