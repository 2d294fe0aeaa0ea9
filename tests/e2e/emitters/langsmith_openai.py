"""LangSmith's wrapper of OpenAI's SDK, exporting by OpenTelemetry only."""

import os

os.environ["LANGSMITH_ENDPOINT"] = os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"]

from exporting import exporting
from langsmith import Client
from langsmith.wrappers import wrap_openai
from openai import OpenAI
from openai_calls import agent_loop, chat_calls, other_calls, troubled_calls

with exporting():
    langsmith = Client()
    client = wrap_openai(OpenAI(), tracing_extra={"client": langsmith})
    chat_calls(client)
    agent_loop(client)
    other_calls(client)
    troubled_calls(client)
    langsmith.flush()
