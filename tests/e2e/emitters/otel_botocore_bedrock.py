"""The official instrumentation of botocore, which knows Bedrock."""

from bedrock_calls import call_bedrock
from exporting import exporting
from opentelemetry.instrumentation.botocore import BotocoreInstrumentor

with exporting() as tracer:
    BotocoreInstrumentor().instrument()
    call_bedrock(tracer)
