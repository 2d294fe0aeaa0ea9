"""Two instrumentations of one library at once: OpenTelemetry's older one, and OpenLLMetry's."""

from exporting import exporting
from openai_calls import call_openai
from opentelemetry.instrumentation.openai import OpenAIInstrumentor as OpenLLMetry
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor

with exporting() as tracer:
    OpenAIInstrumentor().instrument()
    OpenLLMetry().instrument()
    call_openai(tracer)
