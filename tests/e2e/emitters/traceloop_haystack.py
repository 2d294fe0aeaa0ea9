"""OpenLLMetry's instrumentations of Haystack and of OpenAI's SDK below it."""

from exporting import exporting
from haystack_calls import call_haystack
from opentelemetry.instrumentation.haystack import HaystackInstrumentor
from opentelemetry.instrumentation.openai import OpenAIInstrumentor

with exporting() as tracer:
    HaystackInstrumentor().instrument()
    OpenAIInstrumentor().instrument()
    call_haystack(tracer)
