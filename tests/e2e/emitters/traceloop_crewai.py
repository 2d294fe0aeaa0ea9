"""OpenLLMetry's instrumentations of CrewAI and of OpenAI's SDK below it."""

from crewai_calls import call_crewai
from exporting import exporting
from opentelemetry.instrumentation.crewai import CrewAIInstrumentor
from opentelemetry.instrumentation.openai import OpenAIInstrumentor

with exporting() as tracer:
    CrewAIInstrumentor().instrument()
    OpenAIInstrumentor().instrument()
    call_crewai(tracer)
