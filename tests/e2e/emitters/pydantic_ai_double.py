"""Two families at once: pydantic-ai's own spans, and the official instrumentation on the SDK below it."""

from exporting import exporting
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai_agents import call_agents

with exporting() as tracer:
    OpenAIInstrumentor().instrument()
    call_agents(tracer, OpenAIChatModel("gpt-5-mini"), OpenAIResponsesModel("gpt-5"), OpenAIChatModel("gpt-6-sol"))
