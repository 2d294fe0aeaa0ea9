"""pydantic-ai's own spans, on Anthropic."""

from exporting import exporting
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai_agents import call_agents

with exporting() as tracer:
    call_agents(tracer, AnthropicModel("claude-sonnet-4-5"), AnthropicModel("claude-haiku-4-5"))
