"""The official instrumentation of Anthropic's SDK."""

from anthropic_calls import call_anthropic
from exporting import exporting
from opentelemetry.instrumentation.genai.anthropic import AnthropicInstrumentor

with exporting() as tracer:
    AnthropicInstrumentor().instrument()
    call_anthropic(tracer)
