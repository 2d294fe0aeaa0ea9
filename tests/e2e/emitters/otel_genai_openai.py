"""The official instrumentation of OpenAI's SDK."""

from exporting import exporting
from openai_calls import call_openai
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

with exporting() as tracer:
    OpenAIInstrumentor().instrument()
    call_openai(tracer)
