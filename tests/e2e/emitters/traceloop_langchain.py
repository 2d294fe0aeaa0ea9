"""OpenLLMetry's instrumentation of LangChain."""

from exporting import exporting
from langchain_calls import call_langchain
from opentelemetry.instrumentation.langchain import LangchainInstrumentor

with exporting() as tracer:
    LangchainInstrumentor().instrument()
    call_langchain(tracer)
