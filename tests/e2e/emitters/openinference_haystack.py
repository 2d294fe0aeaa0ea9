"""OpenInference's instrumentation of Haystack."""

from exporting import exporting
from haystack_calls import call_haystack
from openinference.instrumentation.haystack import HaystackInstrumentor

with exporting() as tracer:
    HaystackInstrumentor().instrument()
    call_haystack(tracer)
