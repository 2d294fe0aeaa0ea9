"""Logfire's instrumentations of OpenAI's and Anthropic's SDKs, exporting to another receiver than Logfire's."""

import logfire
from anthropic_calls import call_anthropic
from openai_calls import call_openai
from opentelemetry import trace

logfire.configure(send_to_logfire=False, console=False)
logfire.instrument_openai()
logfire.instrument_anthropic()
tracer = trace.get_tracer("app")
call_openai(tracer)
call_anthropic(tracer)
logfire.shutdown()
