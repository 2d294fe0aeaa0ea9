"""Two families at once: OpenInference on LangChain, the official instrumentation on the SDK below it."""

from exporting import exporting
from langchain_calls import call_langchain_openai
from openinference.instrumentation.langchain import LangChainInstrumentor
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

with exporting() as tracer:
    LangChainInstrumentor().instrument()
    OpenAIInstrumentor().instrument()
    call_langchain_openai(tracer)
