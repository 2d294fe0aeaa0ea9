"""OpenInference's instrumentation of Anthropic's SDK."""

from anthropic_calls import call_anthropic
from exporting import exporting
from openinference.instrumentation.anthropic import AnthropicInstrumentor

with exporting() as tracer:
    AnthropicInstrumentor().instrument()
    call_anthropic(tracer)
