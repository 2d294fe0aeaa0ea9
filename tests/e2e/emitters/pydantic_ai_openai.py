"""pydantic-ai's own spans, on OpenAI's two interfaces."""

from exporting import exporting
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai_agents import call_agents

with exporting() as tracer:
    call_agents(tracer, OpenAIChatModel("gpt-5-mini"), OpenAIResponsesModel("gpt-5"), OpenAIChatModel("gpt-6-sol"))
