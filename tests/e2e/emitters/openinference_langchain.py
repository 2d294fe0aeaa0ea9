"""OpenInference's instrumentation of LangChain."""

from exporting import exporting
from langchain_calls import call_langchain
from openinference.instrumentation.langchain import LangChainInstrumentor

with exporting() as tracer:
    LangChainInstrumentor().instrument()
    call_langchain(tracer)
