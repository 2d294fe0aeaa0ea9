"""The official instrumentation of Bedrock."""

from bedrock_calls import call_bedrock
from exporting import exporting
from opentelemetry.instrumentation.genai.bedrock import BedrockInstrumentor

with exporting() as tracer:
    BedrockInstrumentor().instrument()
    call_bedrock(tracer)
