"""OpenInference's instrumentation of LlamaIndex."""

from exporting import exporting
from llama_index_calls import call_llama_index
from openinference.instrumentation.llama_index import LlamaIndexInstrumentor

with exporting() as tracer:
    LlamaIndexInstrumentor().instrument()
    call_llama_index(tracer)
