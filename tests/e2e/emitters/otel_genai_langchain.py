"""The official instrumentation of LangChain."""

from exporting import exporting
from langchain_calls import call_langchain
from opentelemetry.instrumentation.genai.langchain import LangChainInstrumentor

with exporting() as tracer:
    LangChainInstrumentor().instrument()
    call_langchain(tracer)
