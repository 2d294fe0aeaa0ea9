"""OpenInference's instrumentation of LiteLLM."""

from exporting import exporting
from openinference.instrumentation.litellm import LiteLLMInstrumentor

with exporting() as tracer:
    LiteLLMInstrumentor().instrument()
    from litellm_calls import call_litellm

    call_litellm(tracer, more=False)
