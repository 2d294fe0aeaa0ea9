"""The older official instrumentation of OpenAI's SDK."""

from exporting import exporting
from openai_calls import call_openai
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor

with exporting() as tracer:
    OpenAIInstrumentor().instrument()
    call_openai(tracer)
