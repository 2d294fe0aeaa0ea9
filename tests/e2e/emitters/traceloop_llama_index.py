"""OpenLLMetry's instrumentations of LlamaIndex and of OpenAI's SDK below it."""

from exporting import exporting
from llama_index_calls import call_llama_index
from opentelemetry.instrumentation.llamaindex import LlamaIndexInstrumentor
from opentelemetry.instrumentation.openai import OpenAIInstrumentor

with exporting() as tracer:
    LlamaIndexInstrumentor().instrument()
    OpenAIInstrumentor().instrument()
    call_llama_index(tracer)
