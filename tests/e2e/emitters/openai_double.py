"""Two instrumentations of one library at once: the official one, and OpenInference's."""

from exporting import exporting
from openai_calls import call_openai
from openinference.instrumentation.openai import OpenAIInstrumentor as OpenInference
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

with exporting() as tracer:
    OpenAIInstrumentor().instrument()
    OpenInference().instrument()
    call_openai(tracer)
