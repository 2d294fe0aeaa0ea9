"""Langfuse's drop-in for OpenAI's SDK, with its own exporter, pointed at another receiver."""

import os

from langfuse import Langfuse
from langfuse import openai as _patched  # noqa: F401 - importing it patches the SDK
from openai_calls import call_openai
from opentelemetry import trace

langfuse = Langfuse(
    public_key="pk-stand-in", secret_key="sk-stand-in", base_url=os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"]
)
call_openai(trace.get_tracer("app"))
langfuse.shutdown()
